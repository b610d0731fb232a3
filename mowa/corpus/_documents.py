"""The step `documents`: records of the inventories' files become documents, or are skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from mowa.collect import (
    Place,
    ReaderOptions,
    Record,
    Skipped,
    file_at,
    groups_of,
    inventory_of,
    read_file,
    root_of,
)
from mowa.corpus._config import DocumentsConfig, Triage
from mowa.corpus._extract import Extraction, extract
from mowa.corpus._normalise import without_surrogates
from mowa.corpus._report import documents_report
from mowa.corpus._rows import Batch, add, doc_id_of, new_batch, repaired, table_of
from mowa.corpus._schema import DOCUMENTS, SKIPPED, as_table
from mowa.corpus.extraction import Markup
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Unit
from mowa.workspace import Artifact, Inputs, Metrics, writing

# Bytes of the files that one unit reads; of the text in one shard; of the text in memory at a time.
# They decide what the shards are, so they do not depend on the machine.
_UNIT_BYTES = 32 << 20
_PART_BYTES = 64 << 20
_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 8_192


@dataclass(frozen=True)
class _Work:
    """What one unit reads: consecutive files of one inventory."""

    name: str
    root: Place
    files: tuple[tuple[str, str], ...]
    source: dict[str, Any]
    reader: ReaderOptions
    main_content: bool
    extraction: Extraction
    markup: Markup
    triage: Triage | None
    part_bytes: int
    batch_bytes: int


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
    if config.extraction != "fast":
        names = ["html_too_large", f"html_{config.extraction}_empty"]
        if config.triage != Triage():
            names += ["html_spared_short", "html_spared_language"]
        metrics[config.extraction] = {
            name: sum(result["counts"].get(name, 0) for result in results) for name in names
        }
    if config.extraction == "exact":
        metrics["exact"]["trafilatura"] = version("trafilatura")
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
    record = inventory_of(inventory)
    root = root_of(inventory, context)
    for number, files in enumerate(groups_of(record["files"], _UNIT_BYTES)):
        name = f"{_step(inventory)}-{number:05}"
        yield Unit(
            name,
            _Work(
                name=name,
                root=root,
                files=files,
                source=record["source"],
                reader=config.reader,
                main_content=config.main_content,
                extraction=config.extraction,
                markup=config.markup,
                triage=config.triage if config.triage != Triage() else None,
                part_bytes=_PART_BYTES,
                batch_bytes=_BATCH_BYTES,
            ),
        )


def _step(inventory: Artifact) -> str:
    return inventory.name.rpartition("/")[2]


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
                    documents.write_table(table_of(batch, work.source, counts))
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
            frame = pl.DataFrame(self._rows, schema=dict.fromkeys(SKIPPED.names, pl.String))
            self._writer.write_table(as_table(frame, SKIPPED))
            self._rows.clear()


def _batches(
    work: _Work, skipped: _SkippedRows, counts: Counter[str], notes: Counter[str]
) -> Iterator[Batch]:
    keys: Counter[str] = Counter()
    batch = new_batch()
    for item in _records(work):
        counts["records"] += 1
        record = item
        if isinstance(item, Record) and item.html is not None:
            record = _from_html(item, work, counts)
        if isinstance(record, Skipped):
            skipped.add(record)
            continue
        record = repaired(record)
        notes.update(record.notes)
        counts["documents"] += 1
        add(batch, record, doc_id_of(work.source["name"], record.key, keys), work.source, counts)
        if batch.bytes >= work.batch_bytes or batch.rows >= _BATCH_ROWS:
            yield batch
            batch = new_batch()
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
        markup=work.markup,
        triage=work.triage,
        latest=record.captured or work.source.get("collected_at"),
    )
    if page.problem == "binary":
        return Skipped(record.locator, "binary", "what claims to be HTML is not text")
    if page.problem is not None:
        counts[f"html_{page.problem.replace('-', '_')}"] += 1
    if page.spared is not None:
        counts[f"html_spared_{page.spared}"] += 1
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
