"""Lines of text, and records that grow line by line up to a limit."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field

from mowa.collect.readers._streams import Stream, lines


@dataclass(frozen=True, slots=True)
class BadLine:
    """Why a line is no text."""

    reason: str
    detail: str


def text_lines(stream: Stream, limit: int) -> Iterator[tuple[int, str | BadLine]]:
    """Number (from 1) and text of each line, without its end and without a byte order mark."""
    for number, raw in lines(stream, limit):
        if raw is None:
            yield number, BadLine("record-too-large", f"line {number}")
            continue
        plain = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        try:
            yield number, plain.decode("utf-8").removesuffix("\r")
        except UnicodeDecodeError as error:
            yield number, BadLine("invalid-utf-8", f"line {number}, byte {error.start}")


@dataclass
class Growing:
    """A text that is put together of pieces, or the first reason why it cannot be.

    Attributes:
        limit: Bytes that it may have.
        bad: The first reason why it is no record.
        pieces: What it has so far; nothing is kept of a text that is `bad`.
    """

    limit: int
    bad: BadLine | None = None
    pieces: list[str] = field(default_factory=list)
    _bytes: int = 0

    def add(self, piece: str) -> None:
        """Take one more piece, unless they become too many bytes."""
        self._bytes += len(piece.encode())
        if self._bytes > self.limit:
            self.fail(BadLine("record-too-large", ""))
        if self.bad is None:
            self.pieces.append(piece)

    def fail(self, bad: BadLine) -> None:
        """Remember the first thing that is wrong."""
        self.bad = self.bad or bad
        self.pieces.clear()
