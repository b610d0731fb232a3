"""Rows of a task's split, from files of its folder, of the user's data, or from a hub."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from mowa.errors import DataError, UsageError
from mowa.evaluation._task import Hub, Task

Split = Literal["test", "train"]
Row = dict[str, Any]

_MOST_BYTES = 2 << 30  # a line or a file that is larger is no set of questions


def read_rows(
    task: Task, split: Split, *, data: Path | None = None, hub: bool = False
) -> list[Row] | None:
    """The rows of a split; None where the task has none such.

    Looked for under the user's `data` first, then beside `task.toml`, then, where `hub` allows it,
    on the hub.

    Raises:
        UsageError: Where the task has the split, but it is not here.
        DataError: Where a file is damaged.
    """
    given = getattr(task.data, split)
    patterns = [given] if isinstance(given, str) else list(given)
    for root, tried in _places(task, split, patterns, data):
        for pattern in tried:
            if files := sorted(path for path in root.glob(pattern) if path.is_file()):
                return [row for path in files for row in _read(path, task)]
    on_hub = task.data.hub
    if on_hub is not None and getattr(on_hub, split):
        if hub:
            return _from_hub(on_hub, split)
    elif not patterns:
        return None
    name = f"{task.data.folder}/{split}.jsonl"
    fetch = f", or say --hub to fetch {on_hub.id}" if on_hub else ""
    raise UsageError(
        f"the {split} items of {task.name} are not here",
        where=str(data or task.root),
        fix=f"put {name} (or .parquet) under the folder that --data names{fetch}",
    )


def _places(
    task: Task, split: Split, patterns: list[str], data: Path | None
) -> Iterator[tuple[Path, list[str]]]:
    if data is not None:
        if not data.is_dir():
            raise UsageError("there is no such folder of data", where=str(data))
        yield data / str(task.data.folder), [f"{split}.jsonl", f"{split}.parquet", *patterns]
    yield task.root, patterns


def _read(path: Path, task: Task) -> Iterator[Row]:
    if path.stat().st_size > _MOST_BYTES:
        raise DataError("this file is too large for a set of questions", where=str(path))
    try:
        if path.suffix == ".parquet":
            yield from _parquet(path)
            return
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"this file cannot be read ({error})", where=str(path)) from error
    if path.suffix == ".jsonl":
        yield from _jsonl(text, path)
    elif path.suffix == ".json":
        yield from _json(text, path)
    elif path.suffix in (".csv", ".tsv"):
        yield from _table(text, path)
    elif task.data.columns:
        yield from _lines(text, path, task)
    else:
        raise UsageError(
            f"{task.name} does not say what the columns of a text file are",
            where=str(path),
            fix="name them in [data] columns, or give JSONL or Parquet",
        )


def _parquet(path: Path) -> list[Row]:
    import polars as pl

    try:
        return pl.read_parquet(path).to_dicts()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"this Parquet file cannot be read ({error})", where=str(path)) from error


def _jsonl(text: str, path: Path) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"this is not JSON ({error})", where=f"{path}:{number}") from error
        if not isinstance(row, dict):
            raise DataError("this line is no JSON object", where=f"{path}:{number}")
        yield row


def _json(text: str, path: Path) -> Iterator[Row]:
    """A list of objects, or a table of objects by their ids."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"this is not JSON ({error})", where=str(path)) from error
    rows = (
        [{"id": key, **value} for key, value in found.items() if isinstance(value, dict)]
        if isinstance(found, dict)
        else found
    )
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("this is no list and no table of JSON objects", where=str(path))
    yield from rows


def _table(text: str, path: Path) -> Iterator[Row]:
    """Columns by the names in the first line; quoted as spreadsheets do."""
    separator = "\t" if path.suffix == ".tsv" else ","
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            if None in row or None in row.values():
                raise DataError("a line has not as many columns as the first", where=str(path))
            yield dict(row)
    except csv.Error as error:
        raise DataError(f"this is no table ({error})", where=str(path)) from error


def _lines(text: str, path: Path, task: Task) -> Iterator[Row]:
    columns = task.data.columns
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        values = line.rstrip("\r").split(task.data.separator, len(columns) - 1)
        if len(values) != len(columns):
            raise DataError(
                f"{len(values)} columns, not {len(columns)} ({', '.join(columns)})",
                where=f"{path}:{number}",
            )
        yield dict(zip(columns, values, strict=True))


def _from_hub(hub: Hub, split: Split) -> list[Row]:
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise UsageError(
            "fetching from a hub needs the package datasets", fix="pip install datasets"
        ) from error
    try:
        found = datasets.load_dataset(
            hub.id, hub.config, split=getattr(hub, split), revision=hub.revision
        )
    except Exception as error:  # the library raises whatever it met on the way
        raise DataError(
            f"the hub did not give {hub.id} ({error})",
            fix="try again later, or put the files under --data",
        ) from error
    return [dict(row) for row in found]
