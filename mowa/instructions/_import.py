"""The step `dialogues`: rows of the inventories' files become dialogues, or are rejected."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mowa.collect import Place as Root
from mowa.collect import file_at, groups_of, inventory_of, root_of
from mowa.corpus.duplicates import DuplicateOptions, buckets_for, find_duplicates
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Ledger, Unit
from mowa.instructions._candidates import (
    REJECTED,
    Candidate,
    Rejected,
    fault_in,
    limits_of,
    looked_at,
    without_personal_data,
)
from mowa.instructions._config import DialoguesConfig
from mowa.instructions._converter import Converter, load_converter
from mowa.instructions._dialogue import Dialogue
from mowa.instructions._drafts import ROWS, SIDES, SKETCHES, Drafts
from mowa.instructions._files import FOLDER
from mowa.instructions._read import FileCounts, Rules, candidates_in
from mowa.instructions._report import report
from mowa.instructions._take import TakeWork, take
from mowa.rights import is_licence, load_source
from mowa.workspace import Artifact, Inputs, Metrics, writing

_WORK = ".work"
_TAKE = "take"

# Bytes of the files that one unit reads, and of the rows in memory at a time. They decide what the
# parts are, so they do not depend on the machine.
_UNIT_BYTES = 32 << 20
_BATCH_CHARACTERS = 8 << 20

_BYTES_OF_A_ROW = 1_000  # about; how many rows there are is known too late
_CARRIED = {"name", "holder", "licence", "legal_basis", "agreement", "release", "attribution"}


@dataclass(frozen=True)
class _Work:
    """What one unit reads: consecutive files of one inventory."""

    name: str
    root: Root
    files: tuple[tuple[str, str], ...]
    rules: Rules
    options: DuplicateOptions | None


def observe(config: DialoguesConfig, context: Context, cache: Path | None) -> dict[str, Any]:
    """What the outer world adds to the fingerprint: the converter, and the register's source."""
    del cache  # both are small
    seen: dict[str, Any] = {}
    if config.converter:
        seen["converter"] = load_converter(config.converter, context.data)[1]
    if config.source is not None:
        source = load_source(context.sources, config.source)
        seen["source"] = source.model_dump(mode="json", include=_CARRIED)
    return seen


def run(config: DialoguesConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `dialogues/`, `rejected.parquet`, `statistics.json` and `report.html`.

    Every dialogue that a row makes, and every row that makes none, is in the one or the other.

    Raises:
        UsageError: Where two inventories have one name, a form cannot be told, or nobody says who
            made the answers.
        DataError: Where a file changed since the inventory, is not of its format at all, or not
            one dialogue came out.
    """
    _clear(out)
    if context.ledger.has(_TAKE, out):
        work = None
    else:
        work = _read(config, inputs.all("inventory"), out / _WORK, context)
    [result] = context.map(take, [Unit(_TAKE, work)], out, label="duplicates and files")
    statistics: Metrics = result["statistics"]
    report(statistics, result["shown"], out / "report.html")
    _clear(out)
    if not statistics["dialogues"]:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in statistics["rejected"].items())
        raise DataError(
            "not one dialogue came out of the files",
            where=", ".join(inventory.id for inventory in inputs.artifacts),
            fix=f"of {statistics['rows']:,} rows these were rejected: {reasons or 'none'}",
        )
    return {key: value for key, value in statistics.items() if key not in ("files", "histograms")}


def _clear(out: Path) -> None:
    """Remove what only the way to the result needs; once its name is gone it is never resumed."""
    work, gone = out / _WORK, out / f"{_WORK}.gone"
    shutil.rmtree(gone, ignore_errors=True)
    if (out / "report.html").exists() and work.exists():
        work.rename(gone)
        shutil.rmtree(gone)


def _read(
    config: DialoguesConfig, inventories: Sequence[Artifact], work: Path, context: Context
) -> TakeWork:
    names = [inventory.name.rpartition("/")[2] for inventory in inventories]
    if len(set(names)) < len(names):
        raise UsageError(
            f"two inventories have the same name: {', '.join(names)}", fix="rename one of the steps"
        )
    converter = load_converter(config.converter, context.data)[0] if config.converter else None
    records = [inventory_of(inventory) for inventory in inventories]
    for inventory, record in zip(inventories, records, strict=True):
        _refuse_whole_folder(inventory, record["files"])
    size = sum(file["bytes"] for record in records for file in record["files"])
    options = (
        DuplicateOptions(buckets=buckets_for(size // _BYTES_OF_A_ROW))
        if config.near_duplicates
        else None
    )
    work.mkdir(exist_ok=True)
    inner = replace(context, ledger=Ledger(work / "ledger.jsonl"))
    units = [
        Unit(unit.name, unit)
        for name, inventory, record in zip(names, inventories, records, strict=True)
        for unit in _units(
            _Work(
                name,
                root_of(inventory, context),
                (),
                Rules(_base(config, converter, record["source"], context), config, converter),
                options,
            ),
            record["files"],
        )
    ]
    results = inner.map(read_unit, units, work, label="dialogues")
    parts = [part for result in results for part in result["parts"]]
    if options is not None and parts:
        for side in SIDES:
            folder = work / side
            folder.mkdir(exist_ok=True)
            own = replace(context, ledger=Ledger(folder / "ledger.jsonl"))
            find_duplicates(parts, folder, own, options, SKETCHES)
    rejected = tuple(unit.key for unit in units)
    return TakeWork(_WORK, tuple(parts), rejected, options is not None, tuple(results))


def _refuse_whole_folder(inventory: Artifact, files: Sequence[dict[str, Any]]) -> None:
    """Say where the dialogues lie in a folder that a step or `mowa instruct` wrote."""
    paths = {file["path"] for file in files}
    if {f"{FOLDER}/00000.parquet", "statistics.json"} <= paths:
        folder = inventory.runtime.get("path", "")
        raise UsageError(
            "this folder is a set that Mowa made: not all its files are dialogues",
            where=inventory.id,
            fix=f'write path = "{folder}/{FOLDER}" in the step of the inventory',
        )


def _units(work: _Work, files: Sequence[dict[str, Any]]) -> Iterator[_Work]:
    for number, group in enumerate(groups_of(files, _UNIT_BYTES)):
        yield replace(work, name=f"{work.name}-{number:05}", files=group)


def _base(
    config: DialoguesConfig, converter: Converter | None, source: dict[str, Any], context: Context
) -> Dialogue:
    """What rows may leave open: the source's word, over it the converter's, then the step's."""
    name, licence = source["name"], source["licence"]
    if config.source is not None:
        name, licence = config.source, load_source(context.sources, config.source).licence
    of_source = licence if is_licence(licence) else None
    base = Dialogue("", (), licence=of_source, source=name, model=config.model)
    words: list[Converter | DialoguesConfig] = [converter, config] if converter else [config]
    for stated in words:
        base = replace(
            base,
            origin=stated.origin or base.origin,
            licence=stated.licence or base.licence,
            author=stated.author or base.author,
            language=stated.language or base.language,
        )
    return base


def read_unit(work: _Work, out: Path) -> dict[str, Any]:
    """Read the files of one unit; write its parts and what it rejected."""
    config = work.rules.config
    limits = limits_of(config)
    personal: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    files: list[FileCounts] = []
    drafts = Drafts(out, work.name, work.options)
    with ExitStack() as stack:
        partial = stack.enter_context(writing(out / "rejected" / f"{work.name}.parquet"))
        writer = stack.enter_context(pq.ParquetWriter(partial, REJECTED, compression="zstd"))

        def flush(batch: list[Candidate | Rejected]) -> None:
            checked = [
                (fault_in(one, limits) or one) if isinstance(one, Candidate) else one
                for one in batch
            ]
            good = iter(
                looked_at([one for one in checked if isinstance(one, Candidate)], config, personal)
            )
            decided = [next(good) if isinstance(one, Candidate) else one for one in checked]
            drafts.add([one for one in decided if isinstance(one, Candidate)])
            rejected = [one for one in decided if isinstance(one, Rejected)]
            reasons.update(one.reason for one in rejected)
            _write_rejected(writer, rejected, config)

        for batch in _batches(work, files):
            flush(batch)
        drafts.finish()
    return {
        "parts": drafts.parts,
        "files_read": [{"source": work.rules.base.source, **asdict(counts)} for counts in files],
        "reasons": dict(sorted(reasons.items())),
        "personal": {kind: count for kind, count in personal.items() if count},
    }


def _batches(work: _Work, files: list[FileCounts]) -> Iterator[list[Candidate | Rejected]]:
    batch: list[Candidate | Rejected] = []
    characters = 0
    for relative, mark in work.files:
        counts = FileCounts(relative)
        files.append(counts)
        with file_at(work.root, relative, mark) as path:
            for one in candidates_in(path, relative, work.rules, counts):
                batch.append(one)
                if isinstance(one, Candidate):
                    characters += _length(one.dialogue)
                if len(batch) >= ROWS or characters >= _BATCH_CHARACTERS:
                    yield batch
                    batch, characters = [], 0
    if batch:
        yield batch


def _length(dialogue: Dialogue) -> int:
    texts = [turn.content for turn in dialogue.messages]
    return sum(len(text or "") for text in [
        *texts, dialogue.chosen, dialogue.rejected, dialogue.details,
    ])  # fmt: skip


def _write_rejected(
    writer: pq.ParquetWriter, rejected: Sequence[Rejected], config: DialoguesConfig
) -> None:
    """Beginnings of rows are kept as discreetly as the rows themselves would be."""
    rows = [one.row() for one in rejected]
    if config.personal_data != "keep" and rows:
        beginnings = without_personal_data([row["beginning"] for row in rows])
        rows = [{**row, "beginning": text} for row, text in zip(rows, beginnings, strict=True)]
    if rows:
        writer.write_table(pa.Table.from_pylist(rows, REJECTED))
