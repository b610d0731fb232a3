"""Rows of files that nobody vouches for: JSON Lines, JSON and Parquet, one row in memory at a time.

A row that cannot be read is a `BadRow` with its number, and reading goes on with the next.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mowa.collect import ReaderOptions, Skipped
from mowa.collect.readers._columns import row_values
from mowa.collect.readers._compressed import CHUNK
from mowa.collect.readers._fields import BrokenRecordError
from mowa.collect.readers._json import parse, read_document
from mowa.collect.readers._parquet import parquet_batches
from mowa.collect.readers._streams import lines, open_stream, uncompressed
from mowa.errors import UsageError
from mowa.instructions._elements import elements

SHOWN = 300
"""Characters of a row that is not taken, kept to be looked at."""

_ROWS = 64  # of a table that are Python objects at a time
_Form = Literal["lines", "list", "document", "table"]
_SUFFIXES: dict[str, _Form | None] = {
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".json": None,
    ".parquet": "table",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number from 1 (line, member of the list, row of the table) and its value."""

    number: int
    value: Any
    raw: bytes | None = None

    @property
    def beginning(self) -> str:
        """How it begins, as JSON."""
        if self.raw is not None:
            return _shown(self.raw)
        text = json.dumps(self.value, ensure_ascii=False, default=str)
        return _shown(text[:SHOWN].encode(errors="replace"))


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that cannot be read; `reason` is a word of the readers of `mowa.collect`."""

    number: int
    reason: str
    detail: str
    beginning: str = ""


def read_rows(path: Path, relative: str, most_bytes: int) -> Iterator[Row | BadRow]:
    """Every row of one file, in its order.

    A JSON document that is no list is one row.

    Args:
        path: The file.
        relative: Its path relative to its source's folder; its end says what it is.
        most_bytes: A longer line or member is not read into memory.

    Raises:
        UsageError: Where the file's name says nothing.
        DataError: Where it claims to be Parquet and is not, or is one JSON document of more than
            256 MiB.
    """
    form = _form_of(path, relative, most_bytes)
    options = ReaderOptions(bad_input="skip", max_record_bytes=most_bytes)
    if form == "table":
        yield from _of_table(path, relative, options)
    elif form == "lines":
        yield from _of_lines(path, most_bytes)
    elif form == "list":
        yield from _of_list(path, most_bytes)
    else:
        value = read_document(path, relative, options)
        if isinstance(value, Skipped):
            yield BadRow(1, value.reason, value.detail)
        else:
            yield Row(1, value)


def _form_of(path: Path, relative: str, most_bytes: int) -> _Form:
    plain = uncompressed(relative)
    suffix = Path(plain).suffix.lower()
    if suffix not in _SUFFIXES or (suffix == ".parquet" and plain != relative):
        raise UsageError(
            "the name of this file does not say what its format is",
            where=relative,
            fix="known are .jsonl, .ndjson and .json (also with .gz, .zst, .bz2 or .xz) and"
            " .parquet; leave other files out with the inventory's exclude",
        )
    return _SUFFIXES[suffix] or _form_of_json(path, most_bytes)


def _form_of_json(path: Path, most_bytes: int) -> _Form:
    """JSON Lines are often called .json too: then the first line is an object by itself."""
    with open_stream(path) as stream:
        head = b""
        while not head and (chunk := stream.read(CHUNK)):
            head = chunk.removeprefix(codecs.BOM_UTF8).lstrip()
        if head.startswith(b"["):
            return "list"
    with open_stream(path) as stream:
        full = (
            raw
            for _, raw in lines(stream, most_bytes)
            if raw is None or raw.removeprefix(codecs.BOM_UTF8).strip()
        )
        first = next(full, None)
        try:
            alone = isinstance(parse((first or b"").removeprefix(codecs.BOM_UTF8)), dict)
        except BrokenRecordError:
            alone = False
        return "lines" if alone and next(full, b"") != b"" else "document"


def _of_lines(path: Path, most_bytes: int) -> Iterator[Row | BadRow]:
    number = 0
    with open_stream(path) as stream:
        for number, line in lines(stream, most_bytes):
            if line is None:
                yield BadRow(number, "record-too-large", f"more than {most_bytes:,} bytes")
                continue
            raw = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if raw.strip():
                yield _parsed(number, raw)
        if stream.failure is not None:
            yield BadRow(number + 1, stream.failure.reason, stream.failure.detail)


def _of_list(path: Path, most_bytes: int) -> Iterator[Row | BadRow]:
    with open_stream(path) as stream:
        for found in elements(stream, most_bytes):
            if found.failure is None:
                yield _parsed(found.number, found.raw)
            else:
                failure = found.failure
                yield BadRow(found.number, failure.reason, failure.detail, _shown(found.raw))


def _of_table(path: Path, relative: str, options: ReaderOptions) -> Iterator[Row | BadRow]:
    for first, batch in parquet_batches(path, relative, options, lambda _: None):
        if isinstance(batch, Skipped):
            yield BadRow(first + 1, batch.reason, batch.detail)
            continue
        for start in range(0, batch.num_rows, _ROWS):
            for number, value in enumerate(
                row_values(batch.slice(start, _ROWS)), first + start + 1
            ):
                if value is None:
                    yield BadRow(number, "unreadable-value", "")
                else:
                    yield Row(number, value)


def _parsed(number: int, raw: bytes) -> Row | BadRow:
    try:
        return Row(number, parse(raw), raw)
    except BrokenRecordError as error:
        return BadRow(number, error.reason, error.detail, _shown(raw))


def _shown(raw: bytes) -> str:
    text = raw[: 4 * SHOWN].decode("utf-8", "replace").strip()
    return text[:SHOWN]
