"""Files to records, one format a module; every input record gives one `Record` or one `Skipped`."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect._jsonl import read_jsonl
from mowa.collect._records import Record, Skipped, broken
from mowa.collect._squad import read_squad
from mowa.collect._streams import open_stream
from mowa.collect._warc import read_warc
from mowa.errors import DataError, UsageError

_SUFFIXES = {".txt": "text", ".jsonl": "jsonl", ".json": "squad", ".warc": "warc"}
_COMPRESSED = (".gz", ".zst")

Reader = Callable[[Path, str, ReaderOptions], Iterator[Record | Skipped]]


def read_file(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """Yield every record of one file, in its order.

    Args:
        path: The file.
        relative: Its path relative to its source's folder, with slashes; begins every locator.
        options: Format, field names, limits, and what to do with broken input.

    Raises:
        UsageError: Where the format cannot be told from the file's name.
        DataError: Where the file may not be read or is not of its format at all; and where
            anything in it is broken, unless ``bad_input = "skip"``.
    """
    reader = _READERS[format_of(relative, options)]
    try:
        yield from reader(path, relative, options)
    except OSError as error:
        fix = "put it back" if isinstance(error, FileNotFoundError) else "see that it can be read"
        raise DataError(
            f"this file cannot be read: {error.strerror or error}",
            where=str(path),
            fix=f"{fix}, or leave it out with the inventory's exclude",
        ) from error


def format_of(relative: str, options: ReaderOptions) -> str:
    """The format that `relative` is read as: ``text``, ``jsonl``, ``warc`` or ``squad``.

    Raises:
        UsageError: Under ``format = "auto"``, where the name says nothing.
    """
    if options.format != "auto":
        return options.format
    found = _SUFFIXES.get(Path(_uncompressed(relative)).suffix.lower())
    if found is None or (found == "warc" and relative.endswith(".zst")):
        known = ", ".join(_SUFFIXES)
        raise UsageError(
            "the name of this file does not say what its format is",
            where=relative,
            fix=f"known are {known} (with .gz, and all but .warc with .zst); name the format in"
            " reader.format, or leave the file out with the inventory's exclude",
        )
    return found


def _uncompressed(relative: str) -> str:
    for suffix in _COMPRESSED:
        relative = relative.removesuffix(suffix)
    return relative


def _read_text(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    with open_stream(path) as stream:
        raw = bytearray()
        while len(raw) <= options.max_record_bytes and (chunk := stream.read(1 << 16)):
            raw += chunk
        failure = stream.failure
    if failure is not None:
        yield broken(relative, failure.reason, failure.detail, options)
        return
    if len(raw) > options.max_record_bytes:
        yield broken(relative, "record-too-large", "", options)
        return
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        yield broken(relative, "invalid-utf-8", f"byte {error.start}: {error.reason}", options)
        return
    yield Record(_uncompressed(relative), relative, text.replace("\r\n", "\n").replace("\r", "\n"))


_READERS: dict[str, Reader] = {
    "text": _read_text,
    "jsonl": read_jsonl,
    "warc": read_warc,
    "squad": read_squad,
}
