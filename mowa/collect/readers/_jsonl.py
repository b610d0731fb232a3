"""JSON Lines: one object a line, its fields named by the reader's options."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._fields import BrokenRecordError, record_of
from mowa.collect.readers._json import parse
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import lines, open_stream, uncompressed


def read_jsonl(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a line; blank lines are none. A line without an id is known by its number."""
    yield from json_lines(path, relative, options, record_of)


def json_lines(
    path: Path,
    relative: str,
    options: ReaderOptions,
    make: Callable[[Any, str, str, ReaderOptions], Record],
) -> Iterator[Record | Skipped]:
    """What `make` makes of each line: of its value, a key that stands for its own, its locator.

    `make` raises `BrokenRecordError` for a line that is no record.
    """
    number = 0
    stem = uncompressed(relative)
    with open_stream(path) as stream:
        for number, line in lines(stream, options.max_record_bytes):
            locator = f"{relative}#line={number}"
            if line is None:
                yield broken(locator, "record-too-large", "", options)
                continue
            raw = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if not raw.strip():
                continue
            try:
                yield make(parse(raw), f"{stem}#{number}", locator, options)
            except BrokenRecordError as error:
                yield broken(locator, error.reason, error.detail, options)
        if stream.failure is not None:
            locator = f"{relative}#line={number + 1}"
            yield broken(locator, stream.failure.reason, stream.failure.detail, options)
