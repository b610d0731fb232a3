"""Decompression in bounded memory: gzip, zstd, bzip2, xz, with a guard against bombs.

gzip is read with zlib, member by member, because neither fastwarc 2.0.1 nor its gzip reader tells a
file that was cut short from one that ends, and because the place of a member is what makes a WARC
record findable. zstd is read with Arrow, which does tell, and which refuses what asks for a window
of more than 128 MiB.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

CHUNK = 1 << 16

# A bomb is told by what it gives, so a decoder gets its input in pieces that are small beside what
# 64 MiB of output must cost (below).
_FEED = 1 << 13

_GUARDED_BYTES = 64 << 20
_MOST_EXPANSION = 1_000
"""No 64 MiB of output may come of less than a thousandth of it.

Prose shrinks 3 to 20 times, the most repetitive logs a few hundred times; zeros 1,030 times in gzip
(the format's ceiling is 1032:1), 33,000 in zstd, 850,000 in bzip2. Each 64 MiB are looked at by
themselves, so that a bomb may not hide behind honest megabytes; a file that gives less is no bomb,
since whoever reads it holds no more than a chunk.
"""

_MOST_XZ_MEMORY = 128 << 20
"""As zstd's widest window without `--long`; xz asks for 65 MiB at -9, its highest."""


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


class _Guard:
    """Watches what a stream gave for what it took."""

    def __init__(self, taken: int = 0) -> None:
        self._given = 0
        self._taken = taken

    def failure(self, given: int, taken: int, offset: int = 0) -> Failure | None:
        """A failure where the bytes `given` so far are too many for the bytes `taken`."""
        more = given - self._given
        if more < _GUARDED_BYTES:
            return None
        cost = taken - self._taken
        self._given, self._taken = given, taken
        if more <= _MOST_EXPANSION * cost:
            return None
        return Failure(
            "decompression-bomb", f"{cost:,} bytes became {more:,} and there is more", offset
        )


class Gzip:
    """Concatenated gzip members; zeros after the last are padding, as for `gzip`."""

    failure: Failure | None = None

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._guard = _Guard(file.tell())
        self._input = b""
        self._member: zlib._Decompress | None = None
        self._position = 0
        self._starts: deque[tuple[int, int]] = deque()  # position in the stream, offset in the file

    def read(self, size: int = -1, /) -> bytes:
        size = CHUNK if size < 0 else size
        while self.failure is None:
            if self._member is None and not self._next_member():
                return b""
            if data := self._decompress(size):
                self._position += len(data)
                taken = self._file.tell() - len(self._input)
                member = self._starts[-1][1]
                self.failure = self._guard.failure(self._position, taken, member)
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
            self._input = self._file.read(CHUNK)
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
            self._input = self._file.read(CHUNK)
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


class Blocks:
    """bzip2 or xz: streams that follow each other; zeros after the last are padding."""

    failure: Failure | None = None

    def __init__(self, file: IO[bytes], kind: str) -> None:
        self._file = file
        self._kind = kind
        self._guard = _Guard()
        self._input = b""
        self._decoder: bz2.BZ2Decompressor | lzma.LZMADecompressor | None = None
        self._position = 0
        self._empty = True

    def read(self, size: int = -1, /) -> bytes:
        size = CHUNK if size < 0 else size
        while self.failure is None:
            if self._decoder is None and not self._next_stream():
                return b""
            if data := self._decompress(size):
                self._position += len(data)
                self.failure = self._guard.failure(self._position, self._file.tell())
                return data
        return b""

    def tell(self) -> int:
        return self._position

    def offset(self, position: int) -> int:
        return position

    def _next_stream(self) -> bool:
        """Begin the next stream; False at the end of the file."""
        while True:
            if not self._empty:
                self._input = self._input.lstrip(b"\0")
            if self._input:
                break
            self._input = self._file.read(_FEED)
            if not self._input:
                if self._empty:
                    self.failure = Failure(f"truncated-{self._kind}", "the file is empty")
                return False
        self._empty = False
        self._decoder = (
            bz2.BZ2Decompressor()
            if self._kind == "bz2"
            else lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_XZ_MEMORY)
        )
        return True

    def _decompress(self, size: int) -> bytes:
        decoder = self._decoder
        assert decoder is not None
        if decoder.needs_input and not self._input:
            self._input = self._file.read(_FEED)
            if not self._input:
                self.failure = Failure(f"truncated-{self._kind}", "")
                return b""
        try:
            data = decoder.decompress(self._input, size)
        except (OSError, lzma.LZMAError) as error:
            wide = "emory" in str(error)
            reason = "window-too-large" if wide else f"corrupt-{self._kind}"
            self.failure = Failure(reason, str(error))
            return b""
        # Whatever was fed and not used yet, the decoder keeps.
        self._input = decoder.unused_data if decoder.eof else b""
        if decoder.eof:
            self._decoder = None
        return data


class Zstd:
    """zstd by Arrow: frames that follow each other."""

    failure: Failure | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = _Guard()
        self._feed = _Feed(path)
        self._stream = _arrow(self._feed)
        self._position = 0
        if path.stat().st_size == 0:
            self.failure = Failure("truncated-zstd", "the file is empty")

    def read(self, size: int = -1, /) -> bytes:
        if self.failure is not None:
            return b""
        try:
            data: bytes = self._stream.read(CHUNK if size < 0 else size)
        except OSError as error:
            if error.errno is not None:  # the disk, not the data
                raise
            self.failure = _zstd_failure(error)
            data = self._rest()
            self._position += len(data)
            return data
        self._position += len(data)
        self.failure = self._guard.failure(self._position, self._feed.taken)
        return data

    def tell(self) -> int:
        return self._position

    def offset(self, position: int) -> int:
        return position

    def close(self) -> None:
        self._stream.close()
        self._feed.close()

    def _rest(self) -> bytes:
        """What lies before the damage: a read that fails gives nothing of what it had decoded."""
        rest = bytearray()
        with closing(_Feed(self._path)) as feed, closing(_arrow(feed)) as stream:
            left = self._position
            while left:
                left -= len(stream.read(min(left, CHUNK)))
            try:
                while byte := stream.read(1):
                    rest += byte
            except OSError:
                return bytes(rest)
        raise AssertionError("the same bytes failed before")


class _Feed:
    """A file for Arrow that gives a little at a time and knows how much it gave."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.taken = 0
        self.closed = False

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(_FEED if size < 0 else min(size, _FEED))
        self.taken += len(data)
        return data

    def close(self) -> None:
        self.closed = True
        self._file.close()


def _arrow(feed: _Feed) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(feed, mode="r"), "zstd")


def _zstd_failure(error: OSError) -> Failure:
    message = str(error)
    if "runcated" in message:
        return Failure("truncated-zstd", "")
    # "Frame requires too much memory for decoding": a window of more than 128 MiB
    return Failure(
        "window-too-large" if "too much memory" in message else "corrupt-zstd", _short(error)
    )


def _short(error: Exception) -> str:
    """The library's words without its private numbers."""
    return str(error).rpartition(": ")[2].strip()
