"""Plain text: the file is the record."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import open_stream, uncompressed


def read_text(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """The whole file as one record, known by its path."""
    raw = read_whole(path, relative, options)
    if isinstance(raw, Skipped):
        yield raw
        return
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        yield broken(relative, "invalid-utf-8", f"byte {error.start}: {error.reason}", options)
        return
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    yield Record(uncompressed(relative), relative, text)


def read_whole(path: Path, relative: str, options: ReaderOptions) -> bytes | Skipped:
    """The bytes of a file that is one record, decompressed; why not, where they are too many.

    Raises:
        DataError: Where it is broken, unless ``bad_input = "skip"``.
    """
    with open_stream(path) as stream:
        raw = bytearray()
        while len(raw) <= options.max_record_bytes and (chunk := stream.read(1 << 16)):
            raw += chunk
        failure = stream.failure
    if failure is not None:
        return broken(relative, failure.reason, failure.detail, options)
    if len(raw) > options.max_record_bytes:
        return broken(relative, "record-too-large", "", options)
    return bytes(raw)
