"""Rows of Arrow's columns to records: the schema is checked once, the values one by one."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._fields import BrokenRecordError, all_fields, record_of, text_fields
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.errors import DataError

# Names in damaged metadata need not be UTF-8.
ERRORS = (pa.ArrowException, OSError, UnicodeDecodeError)

# Rows that are Python objects at a time: a row may be as large as a record may be.
_ROWS = 64


def wanted_columns(schema: pa.Schema, options: ReaderOptions, path: Path) -> list[str]:
    """The columns of `schema` that the options name, nested ones as paths where that can be.

    Raises:
        DataError: Where a column of the text is absent, or holds no text.
    """
    for field in text_fields(options):
        _, found = _resolve(schema, field)
        if found is None or not _is_text(found):
            raise _no_text(schema, field, found, path)
    # A dictionary, for the order.
    return list({name: 0 for field in all_fields(options) if (name := _resolve(schema, field)[0])})


def records_of(
    batch: pa.RecordBatch, first: int, relative: str, options: ReaderOptions
) -> Iterator[Record | Skipped]:
    """One `Record` or `Skipped` a row.

    Args:
        batch: The wanted columns.
        first: The number of its first row in the file, from 0.
        relative: The file's path; the row's number makes locators and, without an id, keys.
        options: The reader's.
    """
    plain = _plain(batch)
    for start in range(0, plain.num_rows, _ROWS):
        for offset, value in enumerate(row_values(plain.slice(start, _ROWS)), start):
            row = first + offset
            locator = f"{relative}#row={row}"
            if value is None:
                yield broken(locator, "unreadable-value", "", options)
                continue
            try:
                yield record_of(value, f"{relative}#{row}", locator, options)
            except BrokenRecordError as error:
                yield broken(locator, error.reason, error.detail, options)


def validate(batch: pa.RecordBatch) -> None:
    """Look at every offset of columns that nobody has decoded; texts may be other than UTF-8.

    Raises:
        pa.ArrowInvalid: Where a value lies outside its buffer.
    """
    for column in batch.columns:
        _as_bytes(column).validate(full=True)


def words(error: Exception) -> str:
    """What Arrow says of broken data, in a line.

    Raises:
        OSError: Where the disk is at fault, and not the data.
    """
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    return (str(error).splitlines() or [""])[0].strip()[:200]


def _resolve(schema: pa.Schema, path: str) -> tuple[str, pa.DataType | None]:
    """The column to read for a field, and the type of what the field leads to."""
    if (index := schema.get_field_index(path)) >= 0:
        return path, schema.field(index).type
    name, *steps = path.split(".")
    if (index := schema.get_field_index(name)) < 0:
        return "", None
    column, found = name, schema.field(index).type
    only_structs = True
    for step in steps:
        if pa.types.is_struct(found) and (place := found.get_field_index(step)) >= 0:
            found = found.field(place).type
            column = f"{column}.{step}" if only_structs else column
        elif _is_list(found) and step.isdecimal():
            found, only_structs = found.value_type, False
        else:
            return "", None
    return column, found


def _is_list(found: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(found)
        or pa.types.is_large_list(found)
        or pa.types.is_fixed_size_list(found)
    )


def _is_text(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    checks = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_binary,
        pa.types.is_large_binary,
    )
    return any(check(found) for check in checks)


def _no_text(schema: pa.Schema, field: str, found: pa.DataType | None, path: Path) -> DataError:
    problem = "is absent" if found is None else f"holds {found}, not text"
    texts = [column.name for column in schema if _is_text(column.type)]
    near = get_close_matches(field, texts, n=1, cutoff=0.4) or texts[:1]
    columns = ", ".join(f"{column.name} ({column.type})" for column in schema)[:600]
    return DataError(
        f"the column {field!r} {problem}",
        where=str(path),
        fix="name the column of the text in reader.text_field"
        + (f", such as {near[0]!r}" if near else "")
        + f"; there are {columns}",
    )


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Texts as bytes, which may be no UTF-8; times as text, which Python cannot all hold."""
    columns = [_as_bytes(_as_text(column)) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _as_bytes(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        return column.view(pa.binary())
    return column.view(pa.large_binary()) if pa.types.is_large_string(column.type) else column


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_date(column.type):
        return column.cast(pa.string())
    if not pa.types.is_timestamp(column.type):
        return column
    without_zone = column.cast(pa.int64()).cast(pa.timestamp(column.type.unit))
    return without_zone.cast(pa.timestamp("s"), safe=False).cast(pa.string())


def row_values(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | None]:
    """Rows as Python values; None for one that Python cannot hold."""
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError, LookupError):  # half a character, a date in the year 20,000
        if batch.num_rows == 1:
            yield None
            return
        for row in range(batch.num_rows):
            yield from row_values(batch.slice(row, 1))
        return
    yield from rows
