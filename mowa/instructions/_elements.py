"""The members of a JSON list one by one, however long the list is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mowa.collect.readers._compressed import CHUNK, Failure, Stream

_OUTSIDE = re.compile(rb'["\[\]{},]')
_INSIDE = re.compile(rb'["\\]')
_KEPT = 512  # bytes of a member that is too long, to show how it begins


@dataclass(frozen=True, slots=True)
class Element:
    """One member of a list.

    Attributes:
        number: From 1.
        raw: Its bytes; of one that is too long, its beginning.
        failure: Why it, or what follows it, cannot be read.
    """

    number: int
    raw: bytes
    failure: Failure | None = None


def elements(stream: Stream, limit: int) -> Iterator[Element]:
    """The members of the JSON list that `stream` holds, of at most `limit` bytes each.

    What stands between brackets and commas is not looked into: whether it is JSON is seen when it
    is parsed. Never holds more than `limit` bytes and one chunk.
    """
    scanner = _Scanner(limit)
    while chunk := stream.read(CHUNK):
        yield from scanner.feed(chunk)
    if stream.failure is not None:
        yield Element(scanner.number, scanner.beginning, stream.failure)
    elif not scanner.ended:
        failure = Failure("truncated-json", "the list is not closed")
        yield Element(scanner.number, scanner.beginning, failure)
    elif scanner.extra:
        failure = Failure("invalid-json", "the list does not end where its bracket is")
        yield Element(scanner.number, b"", failure)


class _Scanner:
    """Where in the list the bytes so far have come to."""

    def __init__(self, limit: int) -> None:
        self.number = 1
        self.ended = False
        self.extra = False
        self._limit = limit
        self._head = bytearray()
        self._long = False
        self._depth = 0
        self._quoted = False
        self._skip = 0
        self._first = True

    @property
    def beginning(self) -> bytes:
        """How the member begins that is not finished."""
        return bytes(self._head[:_KEPT])

    def feed(self, chunk: bytes) -> Iterator[Element]:
        """The members that end in `chunk`."""
        if self._first:
            chunk, self._first = chunk.removeprefix(codecs.BOM_UTF8), False
        at, start = self._skip, 0
        self._skip = 0
        while not self.ended:
            found = (_INSIDE if self._quoted else _OUTSIDE).search(chunk, at)
            if found is None:
                break
            at = found.end()
            if found[0] == b"\\":
                at += 1
                self._skip = max(at - len(chunk), 0)
            elif found[0] == b'"':
                self._quoted = not self._quoted
            elif self._opens(found[0]):
                start = at
            elif self.ended or (found[0] == b"," and self._depth == 1):
                self._add(chunk[start : found.start()])
                yield from self._taken()
                start = at
        if self.ended:
            self.extra = self.extra or bool(chunk[start:].strip())
        elif self._depth:
            self._add(chunk[start:])

    def _opens(self, sign: bytes) -> bool:
        """Count a bracket; True for the one that opens the list."""
        if sign in b"[{":
            self._depth += 1
            return self._depth == 1
        if sign in b"]}":
            self._depth -= 1
            self.ended = self._depth == 0
            self.extra = self.ended and sign == b"}"
        return False

    def _add(self, piece: bytes) -> None:
        self._long = self._long or len(self._head) + len(piece) > self._limit
        self._head += piece[:_KEPT] if self._long else piece
        if self._long:
            del self._head[_KEPT:]

    def _taken(self) -> Iterator[Element]:
        """The member that ended; an empty list has none."""
        raw, is_long = bytes(self._head), self._long
        self._head.clear()
        self._long = False
        if self.ended and self.number == 1 and not raw.strip():
            return
        detail = f"more than {self._limit:,} bytes"
        yield Element(self.number, raw, Failure("record-too-large", detail) if is_long else None)
        self.number += 1
