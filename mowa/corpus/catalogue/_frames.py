"""The frames that every question reads: documents, decisions and signals of a shard, side by side.

A shard is in memory at a time; whatever signals the manifest names are found, none is hard-coded.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus._read import kept_documents, manifest_of
from mowa.corpus._schema import DECISIONS, DOCUMENTS
from mowa.corpus._table import Signal
from mowa.errors import DataError, UsageError

VERDICT = ("decision", "reason", "detail", "split")
_TABLES = ("decisions", "reasons", "sources", "licences", "thresholds")


def checked_manifest(corpus: Path) -> dict[str, Any]:
    """The manifest, with the keys that all questions need.

    Raises:
        UsageError: Where there is no corpus, or its manifest is damaged.
    """
    try:
        manifest = manifest_of(corpus)
    except (DataError, RecursionError, OSError) as error:
        what = error.what if isinstance(error, DataError) else f"the manifest is damaged ({error})"
        raise UsageError(
            what, where=str(corpus), fix="name a corpus: recipe/step, or the folder of one"
        ) from error
    wrong = (
        ["the whole"]
        if not isinstance(manifest, dict)
        else [
            *(key for key in _TABLES if not isinstance(manifest.get(key), dict)),
            *(key for key in ("shards", "signals") if not isinstance(manifest.get(key), list)),
            *(["documents"] if not isinstance(manifest.get("documents"), int) else []),
        ]
    )
    if not wrong and not all(
        isinstance(shard, dict) and _is_name(shard.get("name")) for shard in manifest["shards"]
    ):
        wrong = ["shards"]
    if not wrong and not all(_is_name(name) for name in manifest["signals"]):
        wrong = ["signals"]
    if wrong:
        raise UsageError(
            f"the manifest is damaged: {', '.join(wrong)} is absent or of another kind",
            where=str(corpus / "manifest.json"),
            fix="`mowa verify` finds damaged artifacts; run the recipe again",
        )
    return manifest


def shards_of(corpus: Path) -> list[str]:
    """Names of the shards of a corpus, checked."""
    return [shard["name"] for shard in checked_manifest(corpus)["shards"]]


def signals_of(corpus: Path) -> list[Signal]:
    """Every signal with its columns, in the manifest's order."""
    manifest = checked_manifest(corpus)
    found = []
    for folder in manifest["signals"]:
        name, _, revision = folder.partition("@")
        schema = pa.schema([])
        for shard in manifest["shards"][:1]:
            path = corpus / "signals" / folder / f"{shard['name']}.parquet"
            try:
                schema = pq.read_schema(path)
            except (OSError, pa.ArrowException) as error:
                raise _other_schema(path, str(error).splitlines()[0]) from error
        found.append(Signal(name, int(revision) if revision.isdigit() else 0, schema))
    return found


def signal_columns(corpus: Path) -> dict[str, pa.DataType]:
    """Every column of every signal, with its type, in the manifest's order."""
    return {field.name: field.type for signal in signals_of(corpus) for field in signal.columns}


def columns_by_signal(corpus: Path) -> dict[str, tuple[str, pa.DataType]]:
    """The folder and the type of every column of every signal, in the manifest's order."""
    return {
        field.name: (signal.folder, field.type)
        for signal in signals_of(corpus)
        for field in signal.columns
    }


def known_signal(corpus: Path, name: str) -> str:
    """`name`, where a signal of the corpus is called so.

    Raises:
        UsageError: With the nearest one there is.
    """
    columns = signal_columns(corpus)
    if name in columns:
        return name
    near = difflib.get_close_matches(name, columns, n=1)
    raise UsageError(
        f"no signal is called {name!r}",
        where=str(corpus),
        fix=f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(columns)}",
    )


def known_column(name: str, columns: Sequence[str], what: str) -> str:
    """`name`, where it is one of `columns`; else the nearest is suggested."""
    if name in columns:
        return name
    near = difflib.get_close_matches(name, columns, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(columns)}"
    raise UsageError(f"no {what} is called {name!r}", fix=fix)


def documents_of(
    corpus: Path, shard: str, columns: Sequence[str], *, kept: bool = True
) -> pl.DataFrame:
    """Documents of one shard: `columns` of documents/, the row, and the verdict.

    The text of a kept document is what is kept of it, read as training reads it; that of another
    is its whole text.

    Args:
        corpus: The folder of the corpus.
        shard: Its name.
        columns: Columns of documents/.
        kept: Only kept documents.

    Raises:
        UsageError: Where a file is absent, damaged, of another schema, or not aligned.
    """
    verdict = table(corpus / "decisions" / f"{shard}.parquet", VERDICT, of=DECISIONS.names)
    beside = verdict.with_row_index("row")
    texts = [name for name in columns if name == "text"]
    if not kept or not texts:
        path = corpus / "documents" / f"{shard}.parquet"
        whole = table(path, list(columns), of=DOCUMENTS.names)
        beside = aligned(corpus, shard, [whole, beside], verdict.height)
        if not texts:
            return beside.filter(pl.col("decision") == "keep") if kept else beside
    edited = _kept(corpus, shard, columns, beside)
    if kept:
        return edited
    others = beside.filter(pl.col("decision") != "keep")
    return pl.concat([edited.select(others.columns), others]).sort("row")


def measured(corpus: Path, shard: str, columns: Mapping[str, Sequence[str]]) -> list[pl.DataFrame]:
    """Signals of one shard, aligned with its documents: of each folder the columns named."""
    return [
        table(corpus / "signals" / name / f"{shard}.parquet", wanted)
        for name, wanted in columns.items()
    ]


def aligned(corpus: Path, shard: str, parts: Sequence[pl.DataFrame], rows: int) -> pl.DataFrame:
    """The parts side by side.

    Raises:
        UsageError: Where they do not have the same rows.
    """
    if any(part.height != rows for part in parts):
        raise UsageError(
            f"documents, decisions and signals of {shard} do not have the same rows",
            where=str(corpus),
            fix="`mowa verify` finds damaged artifacts; run the recipe again",
        )
    return pl.concat(parts, how="horizontal")


def table(
    path: Path, columns: Sequence[str] | None = None, *, of: Sequence[str] | None = None
) -> pl.DataFrame:
    """The columns of a Parquet file of a corpus.

    Raises:
        UsageError: Where it is absent, damaged, or does not have the columns of a corpus.
    """
    if columns is not None and not columns:
        columns = ["doc_id"]
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            absent = [name for name in (of or columns or ()) if name not in names]
            if absent:
                raise _other_schema(path, f"it has no column {', '.join(absent)}")
            read = file.read(columns=None if columns is None else list(columns))
    except (OSError, pa.ArrowException) as error:
        raise _other_schema(path, str(error).splitlines()[0]) from error
    frame = pl.from_arrow(read)
    assert isinstance(frame, pl.DataFrame)
    return frame if columns is None else frame.select(columns)


def each_shard(
    corpus: Path, columns: Sequence[str], *, kept: bool = True
) -> Iterator[pl.DataFrame]:
    """`documents_of` every shard, in the order of the corpus."""
    for shard in shards_of(corpus):
        yield documents_of(corpus, shard, columns, kept=kept)


def _kept(corpus: Path, shard: str, columns: Sequence[str], beside: pl.DataFrame) -> pl.DataFrame:
    """Kept documents in their order, whose text is what `kept_documents` gives."""
    parts = []
    for split in ("train", "held_out"):
        rows = beside.filter((pl.col("decision") == "keep") & (pl.col("split") == split))
        texts = kept_documents(corpus, shard, split, list(columns))
        rows = rows.select(pl.exclude(columns))
        parts.append(aligned(corpus, shard, [texts, rows], rows.height))
    return pl.concat(parts).sort("row")


def _is_name(name: object) -> bool:
    """Is this the name of a file in its folder, and nothing that leads out of it?"""
    return isinstance(name, str) and bool(name) and "/" not in name and name not in {".", ".."}


def _other_schema(path: Path, why: str) -> UsageError:
    return UsageError(
        f"this is no Parquet file of a corpus: {why}",
        where=str(path),
        fix="`mowa verify` finds damaged artifacts; run the recipe again",
    )
