"""Files as streams of bytes, decompressed in bounded memory; a broken end is told from an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from mowa.collect.readers._compressed import CHUNK, Blocks, Failure, Gzip, Stream, Zstd

__all__ = [
    "COMPRESSED_SUFFIXES",
    "MAGIC_BYTES",
    "Failure",
    "Stream",
    "holds_gzip",
    "lines",
    "open_stream",
    "uncompressed",
]

MAGIC_BYTES = 5

COMPRESSED_SUFFIXES = (".gz", ".zst", ".bz2", ".xz")


@contextmanager
def open_stream(path: Path, start: int = 0) -> Iterator[Stream]:
    """Open `path` at byte `start`, decompressed as its first bytes or its name say.

    What is compressed with zstd, bzip2 or xz is read from its first byte, whatever `start` is.
    """
    with path.open("rb") as file:
        head = file.read(MAGIC_BYTES)
        if path.suffix == ".zst":
            with closing(Zstd(path)) as stream:
                yield stream
            return
        if path.suffix in {".bz2", ".xz"}:
            file.seek(0)
            yield Blocks(file, path.suffix.removeprefix("."))
            return
        file.seek(start)
        yield Gzip(file) if holds_gzip(path, head) else _Plain(file)


def holds_gzip(path: Path, head: bytes) -> bool:
    """Is a file that begins with `head` gzip? By its first bytes, and by its name where they lie.

    A WARC file that some server unpacked on the way and that kept its name is read as it is.
    """
    return head.startswith(b"\x1f\x8b") or (path.suffix == ".gz" and head != b"WARC/")


def uncompressed(relative: str) -> str:
    """A file's name without the suffixes that only say how it is compressed."""
    for suffix in COMPRESSED_SUFFIXES:
        relative = relative.removesuffix(suffix)
    return relative


def lines(stream: Stream, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Number (from 1) and bytes of each line without its end; None for one longer than `limit`.

    Never holds more than `limit` bytes and one chunk. What follows the last line end is a line
    unless it is empty; where the stream fails there, it is left out.
    """
    number = 1
    head = bytearray()
    too_long = False
    while chunk := stream.read(CHUNK):
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            too_long = too_long or len(head) + len(piece) > limit
            yield number, None if too_long else bytes(head + piece)
            number += 1
            head.clear()
            too_long = False
        too_long = too_long or len(head) + len(rest) > limit
        if too_long:
            head.clear()
        else:
            head += rest
    if stream.failure is None and (head or too_long):
        yield number, None if too_long else bytes(head)


class _Plain:
    failure: Failure | None = None

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)

    def tell(self) -> int:
        return self._file.tell()

    def offset(self, position: int) -> int:
        return position
