"""Which documents have the same text as one, or nearly the same: whatever was decided of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mowa.corpus._read import find_document, manifest_of, row_at
from mowa.corpus._schema import read_frame
from mowa.errors import DataError


@dataclass(frozen=True, slots=True)
class Twin:
    """A copy of a document: `same` where the texts are equal but for case and white space."""

    doc_id: str
    source: str
    locator: str
    decision: str
    same: bool


def twins(corpus: Path, doc_id: str) -> Iterator[Twin]:
    """Every other document of the duplicate cluster of one, in the order of the corpus.

    A takedown of one of them concerns all. Near copies are of the cluster that the signal
    `duplicates` found, whether the corpus keeps one of them or all.

    Args:
        corpus: The folder of the corpus.
        doc_id: The document's id, or at least six of its first digits.

    Raises:
        UsageError: Where no document, or more than one, has an id that begins so.
        DataError: Where the corpus has no signal of duplicates.
    """
    document = find_document(corpus, doc_id)
    manifest = manifest_of(corpus)
    folders = [name for name in manifest["signals"] if name.startswith("duplicates@")]
    if not folders:
        raise DataError("nothing measured the duplicates of this corpus", where=str(corpus))
    signal = corpus / "signals" / folders[0]
    mine = row_at(signal / f"{document['shard']}.parquet", document["row"])
    same, near = mine["cluster"], mine["near_cluster"]
    alike = pl.lit(value=False)
    for column, value in (("cluster", same), ("near_cluster", near)):
        if value is not None:
            alike |= (pl.col(column) == value).fill_null(value=False)
    for shard in (str(entry["name"]) for entry in manifest["shards"]):
        frame = read_frame(signal / f"{shard}.parquet", ("cluster", "near_cluster"))
        rows = frame.with_row_index("row").filter(alike)
        if rows.is_empty():
            continue
        about = read_frame(
            corpus / "documents" / f"{shard}.parquet", ("doc_id", "source", "locator")
        )
        decided = read_frame(corpus / "decisions" / f"{shard}.parquet", ("decision",))
        found = about.hstack(decided)[rows["row"]].hstack(rows.select("cluster"))
        for other, source, locator, decision, cluster in found.iter_rows():
            if other != document["doc_id"]:
                yield Twin(
                    other, source, locator, decision, cluster is not None and cluster == same
                )
