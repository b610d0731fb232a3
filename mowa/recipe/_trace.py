"""Following one document from an artifact back to the record of the file that it came from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mowa.errors import UsageError
from mowa.workspace import Artifact, Workspace, lineage


@dataclass(frozen=True)
class Hop:
    """One station of a document on its road; `facts` are shown as they stand."""

    artifact: str
    kind: str
    fingerprint: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Trace:
    """Where a document lies in `artifact` and in all that it was made from, last station first."""

    doc_id: str
    hops: tuple[Hop, ...]
    record: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def trace(workspace: Workspace, artifact: Artifact, doc_id: str) -> Trace:
    """Follow `doc_id` (or the first six or more of its digits) up from `artifact`.

    Raises:
        UsageError: Where `artifact` was not made from a corpus that holds the document.
    """
    from mowa.corpus import find_document, part_labels

    nodes = lineage(workspace, artifact).walk()
    above = [node.artifact for node in nodes if node.artifact is not None]
    corpora = [item for item in above if item.kind == "corpus"]
    if not corpora:
        raise UsageError(
            "no corpus is among what this was made from",
            where=artifact.id,
            fix="name a corpus or something made from one",
        )
    row = find_document(corpora[0].path, doc_id)
    hops = [
        Hop(item.id, item.kind, item.fingerprint, facts)
        for item in above
        if (facts := _facts(item, row)) is not None
    ]
    keys = (
        "source",
        "licence",
        "legal_basis",
        "agreement",
        "release",
        "collected_at",
        "url",
        "title",
    )
    record = {key: row.get(key) for key in (*keys, "locator")}
    record["parts"] = part_labels(row.get("parts"))
    return Trace(row["doc_id"], tuple(hops), record)


def _facts(item: Artifact, row: dict[str, Any]) -> dict[str, Any] | None:
    """What `item` knows of the document; None where the document is no part of it."""
    if item.kind == "tokens":
        return _in_tokens(item, row)
    if item.kind == "corpus":
        return _in_corpus(item, row)
    if item.kind == "documents":
        here = (item.path / "documents" / f"{row['shard']}.parquet").exists()
        return {"shard": row["shard"], "row": row["row"]} if here else None
    if item.kind == "inventory":
        return _in_inventory(item, row)
    return {} if item.kind in ("model", "scores", "tokenizer") else None


def _in_corpus(item: Artifact, row: dict[str, Any]) -> dict[str, Any]:
    import polars as pl

    table = pl.scan_parquet(item.path / "decisions" / f"{row['shard']}.parquet")
    decided = table.slice(row["row"], 1).collect().row(0, named=True)
    keys = ("decision", "reason", "split")
    return {"shard": row["shard"], "row": row["row"], **{key: decided[key] for key in keys}}


def _in_tokens(item: Artifact, row: dict[str, Any]) -> dict[str, Any] | None:
    import polars as pl

    for split in ("train", "held_out"):
        table = item.path / split / f"{row['shard']}.documents.parquet"
        if table.exists():
            found = pl.scan_parquet(table).filter(pl.col("doc_id") == row["doc_id"]).collect()
            if len(found):
                place = found.row(0, named=True)
                file = f"{split}/{row['shard']}.npy"
                return {"file": file, "offset": place["offset"], "tokens": place["length"]}
    return None


def _in_inventory(item: Artifact, row: dict[str, Any]) -> dict[str, Any] | None:
    import json

    # A shard is named after the step whose files it holds; two steps may read one source.
    if str(row["shard"]).rsplit("-", 2)[0] != item.name.rpartition("/")[2]:
        return None
    record = json.loads((item.path / "inventory.json").read_text("utf-8"))
    # A file's name may hold a # too, so the longest that the locator begins with is the file.
    locator = f"{row['locator']}#"
    found = [file for file in record["files"] if locator.startswith(f"{file['path']}#")]
    if not found:
        return None
    file = max(found, key=lambda file: len(file["path"]))
    return {"file": file["path"], "bytes": file["bytes"], "blake2b": file["blake2b"]}
