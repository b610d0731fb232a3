"""Files as streams of bytes, decompressed in bounded memory; a broken end is told from an end.

gzip is read with zlib, member by member, because neither fastwarc 2.0.1 nor its gzip reader tells a
file that was cut short from one that ends, and because the place of a member is what makes a WARC
record findable. zstd is read with Arrow, which does tell.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

_CHUNK = 1 << 16
MAGIC_BYTES = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a stream ended before its end.

    `offset` is where in the file the damaged piece begins, where that can be told.
    """

    reason: str
    detail: str
    offset: int = 0


class Stream(Protocol):
    """A stream of bytes that ends, at a failure too; `failure` then says why."""

    failure: Failure | None

    def read(self, size: int = -1, /) -> bytes:
        """At least one byte and at most `size`; nothing at the end."""

    def tell(self) -> int:
        """How many bytes were read, before which `start` counts for uncompressed files."""

    def offset(self, position: int) -> int:
        """Where in the file one starts to read the byte at `position`; asked in rising order."""


@contextmanager
def open_stream(path: Path, start: int = 0) -> Iterator[Stream]:
    """Open `path` at byte `start`, decompressed as its first bytes or its name say."""
    with path.open("rb") as file:
        head = file.read(MAGIC_BYTES)
        if path.suffix == ".zst":
            with closing(_Zstd(path)) as stream:
                yield stream
            return
        file.seek(start)
        yield _Gzip(file) if holds_gzip(path, head) else _Plain(file)


def holds_gzip(path: Path, head: bytes) -> bool:
    """Is a file that begins with `head` gzip? By its first bytes, and by its name where they lie.

    A WARC file that some server unpacked on the way and that kept its name is read as it is.
    """
    return head.startswith(b"\x1f\x8b") or (path.suffix == ".gz" and head != b"WARC/")


def uncompressed(relative: str) -> str:
    """A file's name without the suffixes that only say how it is compressed."""
    for suffix in (".gz", ".zst"):
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
    while chunk := stream.read(_CHUNK):
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


class _Gzip:
    """Concatenated gzip members; zeros after the last are padding, as for `gzip`."""

    failure: Failure | None = None

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._input = b""
        self._member: zlib._Decompress | None = None
        self._position = 0
        self._starts: deque[tuple[int, int]] = deque()  # position in the stream, offset in the file

    def read(self, size: int = -1, /) -> bytes:
        size = _CHUNK if size < 0 else size
        while self.failure is None:
            if self._member is None and not self._next_member():
                return b""
            if data := self._decompress(size):
                self._position += len(data)
                return data
        return b""

    def tell(self) -> int:
        return self._position

    def offset(self, position: int) -> int:
        while len(self._starts) > 1 and self._starts[1][0] <= position:
            self._starts.popleft()
        return self._starts[0][1]

    def _next_member(self) -> bool:
        """Begin the next member; False at the end of the file."""
        while True:
            if self._starts:
                self._input = self._input.lstrip(b"\0")
            if self._input:
                break
            self._input = self._file.read(_CHUNK)
            if not self._input:
                if not self._starts:
                    self.failure = Failure("truncated-gzip", "the file is empty")
                return False
        self._starts.append((self._position, self._file.tell() - len(self._input)))
        self._member = zlib.decompressobj(wbits=31)
        return True

    def _decompress(self, size: int) -> bytes:
        assert self._member is not None
        if not self._input:
            self._input = self._file.read(_CHUNK)
        at_end = not self._input
        try:
            data = self._member.decompress(self._input, size)
        except zlib.error as error:
            self.failure = Failure("corrupt-gzip", _short(error), self._starts[-1][1])
            return b""
        if self._member.eof:
            self._input = self._member.unused_data
            self._member = None
        else:
            self._input = self._member.unconsumed_tail
            if at_end and not data:
                self.failure = Failure("truncated-gzip", "", self._starts[-1][1])
        return data


class _Zstd:
    failure: Failure | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = self._open()
        self._position = 0
        if path.stat().st_size == 0:
            self.failure = Failure("truncated-zstd", "the file is empty")

    def read(self, size: int = -1, /) -> bytes:
        if self.failure is not None:
            return b""
        try:
            data: bytes = self._stream.read(_CHUNK if size < 0 else size)
        except OSError as error:
            if error.errno is not None:  # the disk, not the data
                raise
            cut = "runcated" in str(error)
            reason = "truncated-zstd" if cut else "corrupt-zstd"
            self.failure = Failure(reason, "" if cut else _short(error))
            data = self._rest()
        self._position += len(data)
        return data

    def tell(self) -> int:
        return self._position

    def offset(self, position: int) -> int:
        return position

    def close(self) -> None:
        self._stream.close()

    def _open(self) -> Any:
        import pyarrow as pa

        return pa.input_stream(str(self._path), compression="zstd", buffer_size=_CHUNK)

    def _rest(self) -> bytes:
        """What lies before the damage: a read that fails gives nothing of what it had decoded."""
        rest = bytearray()
        with closing(self._open()) as stream:
            left = self._position
            while left:
                left -= len(stream.read(min(left, _CHUNK)))
            try:
                while byte := stream.read(1):
                    rest += byte
            except OSError:
                return bytes(rest)
        raise AssertionError("the same bytes failed before")


def _short(error: Exception) -> str:
    """The library's words without its private numbers."""
    return str(error).rpartition(": ")[2].strip()
