"""Plain text: the file is the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._encoding import decode, text_in
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import open_stream, uncompressed


def read_text(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """The whole file as one record, known by its path."""
    found = read_decoded(path, relative, options)
    if isinstance(found, Skipped):
        yield found
        return
    text, notes = found
    yield Record(uncompressed(relative), relative, text, notes=notes)


def read_decoded(
    path: Path, relative: str, options: ReaderOptions
) -> tuple[str, tuple[str, ...]] | Skipped:
    """The text of a file that is one record, its lines ended by LF; and notes on its encoding.

    Raises:
        DataError: Where it is broken, unless ``bad_input = "skip"``.
    """
    raw = read_whole(path, relative, options)
    if isinstance(raw, Skipped):
        return raw
    if options.encoding == "auto":
        decoded = decode(raw, charset=None, markup=False)
        text, notes = decoded.text, decoded.notes
        if "bytes-replaced" in notes:
            return broken(relative, "invalid-utf-8", _first_error(raw), options)
    elif options.encoding == "mazovia":
        text, notes = text_in(raw, "mazovia"), ()
    else:
        try:
            text, notes = raw.decode(options.encoding).removeprefix("\ufeff"), ()
        except UnicodeDecodeError as error:
            utf_8 = error.encoding == "utf-8"
            reason = "invalid-utf-8" if utf_8 else "undecodable"
            detail = f"byte {error.start}: {error.reason}"
            return broken(relative, reason, detail, options)
    return text.replace("\r\n", "\n").replace("\r", "\n"), notes


def _first_error(raw: bytes) -> str:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"byte {error.start}: {error.reason}"
    return "it begins with the byte order mark of another encoding"


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
