"""Reading a corpus: its shards, the documents that are kept, and one document by its id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus._edits import edited, read_edits
from mowa.corpus._schema import read_frame, read_groups, shards_in
from mowa.errors import DataError, UsageError

_LEAST_DIGITS = 6


def manifest_of(corpus: Path) -> dict[str, Any]:
    """What `manifest.json` of a corpus says.

    Raises:
        DataError: Where there is none, or it is damaged.
    """
    path = corpus / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError("there is no corpus here", where=str(corpus)) from None
    except ValueError as error:
        raise DataError(f"the manifest is damaged ({error})", where=str(path)) from error
    return manifest


def shard_names(corpus: Path) -> list[str]:
    """Names of the shards, in the order of the corpus."""
    return [shard["name"] for shard in manifest_of(corpus)["shards"]]


def kept_documents(
    corpus: Path, shard: str, split: str, columns: Sequence[str] = ("doc_id", "text")
) -> pl.DataFrame:
    """Rows of one shard that are kept in `split` (``train`` or ``held_out``), in their order.

    Texts come with the edits of the corpus carried out: lines cut, personal data replaced.

    Args:
        corpus: The folder of the corpus.
        shard: A name that `shard_names` gave.
        split: ``train`` or ``held_out``.
        columns: Columns of `documents/`.
    """
    decisions = read_frame(corpus / "decisions" / f"{shard}.parquet", ("decision", "split"))
    kept = (decisions["decision"] == "keep") & (decisions["split"] == split).fill_null(value=False)
    frame = read_frame(corpus / "documents" / f"{shard}.parquet", columns).filter(kept)
    return edited(frame, read_edits(corpus, shard).filter(kept)) if "text" in columns else frame


def decided_documents(corpus: Path, columns: Sequence[str] = ("doc_id", "text")) -> pl.DataFrame:
    """Every document of a corpus, kept or not, with its `decision`, `reason` and `detail`.

    Args:
        corpus: The folder of the corpus.
        columns: Columns of `documents/`.
    """
    verdict = ("decision", "reason", "detail")
    parts = [
        read_frame(corpus / "documents" / f"{shard}.parquet", columns).hstack(
            read_frame(corpus / "decisions" / f"{shard}.parquet", verdict)
        )
        for shard in shard_names(corpus)
    ]
    return pl.concat(parts)


def skipped_records(documents: Path) -> pl.DataFrame:
    """`source`, `locator`, `reason` and `detail` of every record that became no document.

    Args:
        documents: The folder of a `documents` artifact.
    """
    folder = documents / "skipped"
    return pl.concat([read_frame(folder / f"{name}.parquet") for name in shards_in(folder)])


def find_document(corpus: Path, doc_id: str) -> dict[str, Any]:
    """All columns of one document, with `shard` and `row`, where it lies.

    Args:
        corpus: The folder of the corpus.
        doc_id: The document's id, or at least six of its first digits.

    Raises:
        UsageError: Where no document, or more than one, has an id that begins so.
    """
    wanted = doc_id.strip().lower()
    if len(wanted) < _LEAST_DIGITS:
        raise UsageError(
            f"{doc_id!r} is too short for a document id",
            fix=f"give at least {_LEAST_DIGITS} of its 32 digits",
        )
    found = []
    for shard in shard_names(corpus):
        path = corpus / "documents" / f"{shard}.parquet"
        ids = read_frame(path, ("doc_id",)).with_row_index("row")
        matches = ids.filter(pl.col("doc_id").str.starts_with(wanted))
        found += [(shard, row, whole) for row, whole in matches.rows()]
    if not found:
        raise UsageError(
            f"no document has an id that begins with {doc_id}",
            where=str(corpus),
            fix="ids are in the column doc_id of documents/ and decisions/",
        )
    if len(found) > 1:
        ids_found = ", ".join(whole for _, _, whole in found[:5])
        raise UsageError(
            f"{len(found)} documents have an id that begins with {doc_id}: {ids_found}",
            where=str(corpus),
            fix="give more digits",
        )
    shard, row, _ = found[0]
    return {"shard": shard, "row": row, **row_at(corpus / "documents" / f"{shard}.parquet", row)}


def row_at(path: Path, row: int, columns: Sequence[str] | None = None) -> dict[str, Any]:
    """One row of a Parquet file; only its row group is read into memory."""
    start = row
    for group in read_groups(path, columns):
        if start < group.height:
            return group.row(start, named=True)
        start -= group.height
    raise DataError(f"there is no row {row}", where=str(path))
