"""The step `documents`: records of the inventories' files become documents, or are skipped."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from mowa.collect import (
    Place,
    ReaderOptions,
    Record,
    Skipped,
    file_at,
    read_file,
    repair_together,
    root_of,
)
from mowa.corpus._config import DocumentsConfig
from mowa.corpus._extract import extract
from mowa.corpus._normalise import normalised, normalised_line, without_surrogates
from mowa.corpus._parts import one_text
from mowa.corpus._report import documents_report
from mowa.corpus._schema import DOCUMENTS, SCHEMA_VERSION, SKIPPED, as_table
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Unit
from mowa.workspace import Artifact, Inputs, Metrics, writing

# Bytes of the files that one unit reads; of the text in one shard; of the text in memory at a time.
# They decide what the shards are, so they do not depend on the machine.
_UNIT_BYTES = 32 << 20
_PART_BYTES = 64 << 20
_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 8_192

_LINES = ("title", "author", "date", "language", "url", "locator")


@dataclass(frozen=True)
class _Work:
    """What one unit reads: consecutive files of one inventory."""

    name: str
    root: Place
    files: tuple[tuple[str, str], ...]
    source: dict[str, Any]
    reader: ReaderOptions
    main_content: bool
    extraction: Literal["fast", "exact"]
    part_bytes: int
    batch_bytes: int


@dataclass
class _Batch:
    """Rows on their way into a row group, as columns."""

    columns: dict[str, list[str | None]]
    bytes: int = 0

    @property
    def rows(self) -> int:
        return len(self.columns["doc_id"])


def run(config: DocumentsConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `documents/` and `skipped/`.

    Every record of every file is one row of the one or of the other.

    Raises:
        UsageError: Where no inventory is read, or two have one name.
        DataError: Where input is broken (`reader.bad_input`), a file changed since the inventory,
            or not one document came out.
    """
    inventories = inputs.all("inventory")
    if not inventories:
        raise UsageError("this step reads no inventory", fix="add one to its `reads`")
    steps = [_step(inventory) for inventory in inventories]
    if len(set(steps)) < len(steps):
        raise UsageError(
            f"two inventories have the same name: {', '.join(steps)}", fix="rename one of the steps"
        )
    units = [unit for inventory in inventories for unit in _units(config, inventory, context)]
    results = context.map(read_unit, units, out, label="documents")
    metrics = _summary(results)
    if config.extraction == "exact":
        metrics["exact"] = {
            "trafilatura": version("trafilatura"),
            **{
                name: sum(result["counts"].get(name, 0) for result in results)
                for name in ("html_too_large", "html_exact_empty")
            },
        }
    if not metrics["documents"]:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in metrics["skipped"].items())
        raise DataError(
            "not one document came out of the sources",
            where=", ".join(inventory.id for inventory in inventories),
            fix=f"of {metrics['records']:,} records these were skipped: {reasons or 'none'};"
            " check the reader's format and what the inventory's include takes",
        )
    documents_report(metrics, out / "report.html")
    return metrics


def _units(config: DocumentsConfig, inventory: Artifact, context: Context) -> Iterator[Unit]:
    record = _inventory(inventory)
    root = root_of(inventory, context)
    groups: list[list[tuple[str, str]]] = []
    filled = 0
    for file in record["files"]:
        if not groups or filled + file["bytes"] > _UNIT_BYTES:
            groups.append([])
            filled = 0
        groups[-1].append((file["path"], file["blake2b"]))
        filled += file["bytes"]
    for number, files in enumerate(groups):
        name = f"{_step(inventory)}-{number:05}"
        yield Unit(
            name,
            _Work(
                name=name,
                root=root,
                files=tuple(files),
                source=record["source"],
                reader=config.reader,
                main_content=config.main_content,
                extraction=config.extraction,
                part_bytes=_PART_BYTES,
                batch_bytes=_BATCH_BYTES,
            ),
        )


def _step(inventory: Artifact) -> str:
    return inventory.name.rpartition("/")[2]


def _inventory(inventory: Artifact) -> dict[str, Any]:
    path = inventory.path / "inventory.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"the inventory cannot be read ({error})",
            where=str(path),
            fix="remove the artifact and run the recipe again",
        ) from error
    return record


def read_unit(work: _Work, out: Path) -> dict[str, Any]:
    """Read the files of one unit; write its parts and what it skipped."""
    counts: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    files = [f"skipped/{work.name}.parquet"]
    with ExitStack() as stack:
        partial = stack.enter_context(writing(out / files[0]))
        writer = pq.ParquetWriter(partial, SKIPPED, compression="zstd")
        stack.enter_context(writer)
        rows = _SkippedRows(writer, work.source["name"], skipped)
        batches = _batches(work, rows, counts, notes)
        batch = next(batches, None)
        part = 0
        while batch is not None:
            files.append(f"documents/{work.name}-{part:03}.parquet")
            with (
                writing(out / files[-1]) as partial,
                pq.ParquetWriter(partial, DOCUMENTS, compression="zstd") as documents,
            ):
                filled = 0
                while batch is not None and filled < work.part_bytes:
                    documents.write_table(_table(batch, work.source, counts))
                    filled += batch.bytes
                    batch = next(batches, None)
            part += 1
        rows.flush()
    assert counts["records"] == counts["documents"] + skipped.total(), "a record was lost"
    return {
        "source": work.source["name"],
        "counts": dict(sorted(counts.items())),
        "skipped": dict(sorted(skipped.items())),
        "notes": dict(sorted(notes.items())),
        "files": files,
    }


class _SkippedRows:
    """Rows of `skipped/`, written a few thousand at a time: most of a WARC is not a page."""

    def __init__(self, writer: pq.ParquetWriter, source: str, counts: Counter[str]) -> None:
        self._writer = writer
        self._source = source
        self._counts = counts
        self._rows: list[dict[str, str]] = []

    def add(self, item: Skipped) -> None:
        self._counts[item.reason] += 1
        self._rows.append(
            {
                "source": self._source,
                "locator": without_surrogates(item.locator)[0],
                "reason": item.reason,
                "detail": without_surrogates(item.detail)[0],
            }
        )
        if len(self._rows) >= _BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, SKIPPED))
            self._rows.clear()


def _batches(
    work: _Work, skipped: _SkippedRows, counts: Counter[str], notes: Counter[str]
) -> Iterator[_Batch]:
    keys: Counter[str] = Counter()
    batch = _new_batch()
    for item in _records(work):
        counts["records"] += 1
        record = item
        if isinstance(item, Record) and item.html is not None:
            record = _from_html(item, work, counts)
        if isinstance(record, Skipped):
            skipped.add(record)
            continue
        record = _repaired(record)
        notes.update(record.notes)
        counts["documents"] += 1
        _add(batch, record, _doc_id(work.source["name"], record.key, keys), work.source, counts)
        if batch.bytes >= work.batch_bytes or batch.rows >= _BATCH_ROWS:
            yield batch
            batch = _new_batch()
    if batch.rows:
        yield batch


def _records(work: _Work) -> Iterator[Record | Skipped]:
    for relative, mark in work.files:
        with file_at(work.root, relative, mark) as path:
            yield from read_file(path, relative, work.reader)


def _from_html(record: Record, work: _Work, counts: Counter[str]) -> Record | Skipped:
    page = extract(
        record.html or b"",
        charset=record.encoding,
        main_content=work.main_content,
        extraction=work.extraction,
        latest=work.source.get("collected_at"),
    )
    if page.problem == "binary":
        return Skipped(record.locator, "binary", "what claims to be HTML is not text")
    if page.problem is not None:
        counts[f"html_{page.problem.replace('-', '_')}"] += 1
    return replace(
        record,
        text=page.text,
        html=None,
        url=record.url or page.url,
        title=record.title or page.title,
        author=record.author or page.author,
        date=record.date or page.date,
        # The steward's word about a source counts more than what a page says of itself.
        language=record.language or work.source.get("language") or page.language,
        licence=record.licence or page.licence,
        notes=(*record.notes, *page.notes),
    )


def _repaired(record: Record) -> Record:
    """The record without mojibake in its text or parts, title and author."""
    fields, notes = repair_together(
        (record.title, record.author, record.text, *(part.text for part in record.parts))
    )
    if not notes:
        return record
    title, author, text, *of_parts = fields
    parts = tuple(
        replace(part, text=mended or "")
        for part, mended in zip(record.parts, of_parts, strict=True)
    )
    return replace(
        record, title=title, author=author, text=text, parts=parts, notes=(*record.notes, *notes)
    )


def _doc_id(source: str, key: str, keys: Counter[str]) -> str:
    """Hash of the source's name and the record's key; a key that the unit had before gets #2."""
    keys[key] += 1
    while keys[key] > 1:
        key = f"{key}#{keys[key]}"
        keys[key] += 1
    return document_id(source, key)


def document_id(source: str, key: str) -> str:
    """The id of the document that the record `key` of `source` becomes: BLAKE2b-128 of both."""
    return _blake(f"{source}\0{key}")


def _blake(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _new_batch() -> _Batch:
    return _Batch({name: [] for name in ("doc_id", "text", "host", "licence", "parts", *_LINES)})


def _add(
    batch: _Batch, record: Record, doc_id: str, source: dict[str, Any], counts: Counter[str]
) -> None:
    parts = None
    text, replaced = without_surrogates(record.text or "")
    if record.parts:
        text, parts, replaced = one_text(record.parts)
    counts["replaced_characters"] += replaced
    licence = source["licence"]
    if record.licence is not None and record.licence.strip():
        own = _canonical(record.licence.strip())
        counts["unknown_licences"] += own is None
        licence = own or licence
    columns = batch.columns
    columns["doc_id"].append(doc_id)
    columns["text"].append(text)
    columns["host"].append(_host(record.url))
    columns["licence"].append(licence)
    columns["parts"].append(parts)
    for name in _LINES:
        value = getattr(record, name)
        columns[name].append(None if value is None else without_surrogates(value)[0])
    batch.bytes += len(text.encode())


@lru_cache(maxsize=4096)
def _canonical(licence: str) -> str | None:
    """The SPDX expression in its one spelling; None where it is not one."""
    try:
        return str(canonicalize_license_expression(licence))
    except InvalidLicenseExpression:
        return None


def _host(url: str | None) -> str | None:
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return without_surrogates(host)[0] if host else None


def _table(batch: _Batch, source: dict[str, Any], counts: Counter[str]) -> pa.Table:
    strings = pl.DataFrame(batch.columns, schema=dict.fromkeys(batch.columns, pl.String))
    # A locator is an address, not prose: it stays as the reader gave it.
    lines = [name for name in _LINES if name not in ("url", "locator")]
    frame = strings.with_columns(
        normalised(pl.col("text")), *(normalised_line(pl.col(name)) for name in lines)
    ).with_columns(pl.col("language").fill_null(pl.lit(source.get("language"), pl.String)))
    texts = frame["text"].to_list()
    counts["characters"] += int(frame["text"].str.len_chars().sum())
    counts["bytes"] += int(frame["text"].str.len_bytes().sum())
    counts["empty"] += int((frame["text"] == "").sum())
    frame = frame.with_columns(
        pl.Series("content_hash", [_blake(text) for text in texts], pl.String),
        pl.lit(SCHEMA_VERSION, pl.Int16).alias("schema"),
        pl.lit(None, pl.String).alias("reservation"),
        *(
            pl.lit(source.get(key), pl.String).alias(column)
            for column, key in (
                ("source", "name"),
                ("legal_basis", "legal_basis"),
                ("agreement", "agreement"),
                ("release", "release"),
                ("collected_at", "collected_at"),
            )
        ),
    )
    return as_table(frame, DOCUMENTS)


def _summary(results: list[dict[str, Any]]) -> Metrics:
    total: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    sources: dict[str, Counter[str]] = {}
    for result in results:
        total.update(result["counts"])
        skipped.update(result["skipped"])
        notes.update(result["notes"])
        own = sources.setdefault(result["source"], Counter())
        own.update({key: result["counts"].get(key, 0) for key in _PER_SOURCE})
        own["skipped"] += sum(result["skipped"].values())
    assert total["records"] == total["documents"] + skipped.total(), "counts do not add up"
    return {
        **{key: total[key] for key in (*_PER_SOURCE, *_NOTES)},
        "skipped": dict(skipped.most_common()),
        "notes": dict(sorted(notes.items())),
        "sources": {name: dict(own) for name, own in sorted(sources.items())},
    }


_PER_SOURCE = ("records", "documents", "characters", "bytes")
_NOTES = ("empty", "unknown_licences", "replaced_characters", "html_cut", "html_too_deep")
