"""Arrow files, as `datasets` saves them and as Feather: one record a row, mapped into memory.

A folder that ``Dataset.save_to_disk`` wrote holds ``data-00000-of-00002.arrow`` (IPC streams),
``state.json`` (which of the files are its data) and ``dataset_info.json`` (among others, its
licence); a ``DatasetDict`` is a folder of such folders with ``dataset_dict.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._columns import ERRORS, records_of, validate, wanted_columns, words
from mowa.collect.readers._fields import lookup
from mowa.collect.readers._licences import with_licence
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.errors import DataError

_FILE_MAGIC = b"ARROW1"
_MOST_JSON_BYTES = 16 << 20
_CONTINUATION = b"\xff\xff\xff\xff"  # before each message of an IPC stream
_END = _CONTINUATION + bytes(4)


def read_arrow(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a row, known by its id or its number from 0 in the file.

    The JSON files beside the data are no records, nor are Arrow files that ``state.json`` does not
    name: what ``Dataset.map`` keeps there holds the same texts again. A row without a licence of
    its own has the one that ``dataset_info.json`` declares.

    Raises:
        DataError: Where it is no Arrow file, or the column of the text is absent or of another
            type.
    """
    if path.suffix == ".json":
        yield Skipped(relative, "metadata", path.name)
        return
    state = _json_beside(path, "state.json")
    if state.get("_indices_data_files"):
        raise DataError(
            "this dataset is a choice of rows whose list lies in another file",
            where=str(path.with_name("state.json")),
            fix="save it again with `flatten_indices().save_to_disk(…)`",
        )
    listed = state.get("_data_files")
    named = [lookup(file, "filename") for file in listed] if isinstance(listed, list) else []
    if named and path.name not in named:
        yield Skipped(relative, "not-in-dataset", "state.json does not name the file")
        return
    declared = _json_beside(path, "dataset_info.json").get("license")
    for item in _rows(path, relative, options):
        yield with_licence(item, declared) if isinstance(item, Record) else item


def _json_beside(path: Path, name: str) -> dict[str, Any]:
    """An object in a small JSON file; empty where there is none that can be read."""
    found: Any = None
    with suppress(OSError, ValueError, RecursionError), path.with_name(name).open("rb") as file:
        found = json.loads(file.read(_MOST_JSON_BYTES))
    return found if isinstance(found, dict) else {}


def _rows(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    if path.stat().st_size == 0:
        yield broken(relative, "truncated-arrow", "the file is empty", options)
        return
    row = 0
    with pa.memory_map(str(path)) as source:
        try:
            schema, batches = _open(source)
            wanted = wanted_columns(schema, options, path)
            tops = {name if name in schema.names else name.partition(".")[0] for name in wanted}
            columns = [name for name in schema.names if name in tops]
        except ERRORS as error:
            yield _unopened(path, relative, words(error), options)
            return
        try:
            for batch in batches:
                chosen = batch.select(columns)
                validate(chosen)
                yield from records_of(chosen, row, relative, options)
                row += batch.num_rows
        except ERRORS as error:
            detail = words(error)
            yield broken(f"{relative}#row={row}", _reason(path), detail, options)
            return
    if not _is_finished(path):
        yield broken(f"{relative}#row={row}", "truncated-arrow", "it has no end mark", options)


def _open(source: pa.MemoryMappedFile) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    is_file = source.read(len(_FILE_MAGIC)) == _FILE_MAGIC
    source.seek(0)
    if is_file:
        reader = pa.ipc.open_file(source)
        return reader.schema, (reader.get_batch(at) for at in range(reader.num_record_batches))
    stream = pa.ipc.open_stream(source)
    return stream.schema, iter(stream)


def _unopened(path: Path, relative: str, detail: str, options: ReaderOptions) -> Skipped:
    with path.open("rb") as file:
        head = file.read(8)
    if not head.startswith((_CONTINUATION, _FILE_MAGIC)) and len(head) == 8:
        raise DataError(
            f"this is not an Arrow file ({detail})",
            where=str(path),
            fix="leave it out with the inventory's exclude, or name its format in reader.format",
        )
    return broken(relative, _reason(path), detail, options)


def _reason(path: Path) -> str:
    return "corrupt-arrow" if _is_finished(path) else "truncated-arrow"


def _is_finished(path: Path) -> bool:
    """Does the file end as its writer ends one: with the magic, or with a message of length 0?"""
    with path.open("rb") as file:
        end = _FILE_MAGIC if file.read(len(_FILE_MAGIC)) == _FILE_MAGIC else _END
        file.seek(-min(len(end), file.seek(0, 2)), 2)
        return file.read() == end
