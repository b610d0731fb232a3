"""SQL dumps as tokens: names, words, strings and signs, read from a stream in bounded memory.

Two dialects differ in their strings: a backslash escapes in MySQL, and in PostgreSQL only in
``E'…'`` (and in all strings where ``standard_conforming_strings`` is off).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from mowa.collect.readers._streams import Stream

_CHUNK = 1 << 16
_LONGEST_NAME = 1 << 10  # no database takes names of more than 128 characters
_WORD = re.compile(rb"[A-Za-z_\x80-\xff][\w$\x80-\xff]*")
_NUMBER = re.compile(rb"\.?[0-9][0-9A-Za-z.]*(?:(?<=[eE])[+-][0-9]+)?")
_SPACE = re.compile(rb"[\s\0]*")
_DOLLAR = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$")
_ESCAPES = {
    ord("0"): b"\0",
    ord("b"): b"\b",
    ord("f"): b"\f",
    ord("n"): b"\n",
    ord("r"): b"\r",
    ord("t"): b"\t",
    ord("v"): b"\v",
    ord("Z"): b"\x1a",
    ord("%"): b"\\%",
    ord("_"): b"\\_",
}
_CODE = re.compile(rb"x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-7]{1,3}")


class Kind(Enum):
    """What a token is."""

    NAME = auto()
    WORD = auto()
    STRING = auto()
    NUMBER = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `value` is what it stands for, and None for a string that was too long to hold."""

    kind: Kind
    value: bytes | None

    def is_sign(self, sign: bytes) -> bool:
        """Is it this sign?"""
        return self.kind is Kind.SIGN and self.value == sign

    def is_word(self, *words: bytes) -> bool:
        """Is it one of these words, in upper case here?"""
        return self.kind is Kind.WORD and (self.value or b"").upper() in words


class Tokens:
    """The tokens of a stream.

    Attributes:
        backslash: Does a backslash escape in a plain string? Set by what only MySQL writes.
        cut: The stream ended within a string or a comment.
    """

    def __init__(self, stream: Stream, limit: int) -> None:
        self.backslash = False
        self.cut = False
        self._stream = stream
        self._limit = limit
        self._buffer = b""
        self._at = 0

    def next(self, *, keep: bool = True) -> Token:
        """The next token; the value of a string is only held where `keep` says so."""
        if not self._skip_space():
            return Token(Kind.END, b"")
        first = self._buffer[self._at : self._at + 1]
        if first == b"'":
            return self._string(keep=keep, escapes=self.backslash)
        if first in {b'"', b"`"}:
            self.backslash = self.backslash or first == b"`"
            return self._name(first)
        if mark := self._match(_DOLLAR):
            return Token(Kind.STRING, self._until(mark, self._limit if keep else 0))
        return self._plain(first, keep=keep)

    def line(self, limit: int) -> bytes | None:
        """What is left of the line, without its end; None where it is longer than `limit`."""
        line = self._until(b"\n", limit)
        return line if line is None else line.removesuffix(b"\r")

    @property
    def at_end(self) -> bool:
        """Is there nothing more?"""
        return not self._peek(1)

    def _plain(self, first: bytes, *, keep: bool) -> Token:
        """A word, a number, a sign; or a string with an E before it."""
        if word := self._match(_WORD):
            if word in {b"E", b"e"} and self._peek(1) == b"'":
                return self._string(keep=keep, escapes=True, codes=True)
            return Token(Kind.WORD, word)
        if number := self._match(_NUMBER):
            return Token(Kind.NUMBER, number)
        self._at += 1
        return Token(Kind.SIGN, first)

    def _more(self) -> bool:
        data = self._stream.read(_CHUNK)
        self._buffer = self._buffer[self._at :] + data
        self._at = 0
        return bool(data)

    def _peek(self, size: int) -> bytes:
        while len(self._buffer) - self._at < size and self._more():
            pass
        return self._buffer[self._at : self._at + size]

    def _match(self, pattern: re.Pattern[bytes]) -> bytes:
        self._peek(_LONGEST_NAME)
        found = pattern.match(self._buffer, self._at)
        if found is None:
            return b""
        self._at = found.end()
        return found[0]

    def _skip_space(self) -> bool:
        """Pass blanks and comments; False at the end."""
        while self._peek(1):
            found = _SPACE.match(self._buffer, self._at)
            assert found is not None
            self._at = found.end()
            start = self._peek(3)
            if start.startswith(b"--") or (start.startswith(b"#") and self.backslash):
                comment = self._until(b"\n", _LONGEST_NAME) or b""
                self.backslash |= b"MySQL dump" in comment or b"MariaDB dump" in comment
            elif start.startswith(b"/*"):
                self.backslash |= start == b"/*!"
                self._at += 2
                self._until(b"*/", 0)
            elif start and not start[:1].isspace() and start[:1] != b"\0":
                return True
        return False

    def _until(self, end: bytes, limit: int) -> bytes | None:
        """What comes before `end`, and pass it; None where that is longer than `limit`."""
        held = bytearray()
        whole = True
        while (at := self._buffer.find(end, self._at)) < 0:
            safe = max(len(self._buffer) - len(end) + 1, self._at)
            whole = whole and len(held) + safe - self._at <= limit
            if whole:
                held += self._buffer[self._at : safe]
            self._at = safe
            if not self._more():
                at = len(self._buffer)
                self.cut = self.cut or end != b"\n"
                break
        whole = whole and len(held) + at - self._at <= limit
        if whole:
            held += self._buffer[self._at : at]
        self._at = min(at + len(end), len(self._buffer))
        return bytes(held) if whole else None

    def _name(self, quote: bytes) -> Token:
        self._at += 1
        name = self._until(quote, self._limit)
        while self._peek(1) == quote:  # doubled
            self._at += 1
            rest = self._until(quote, self._limit)
            both = None if name is None or rest is None else name + quote + rest
            name = both if both is None or len(both) <= self._limit else None
        # What MySQL writes in double quotes may be a string.
        return Token(Kind.STRING if quote == b'"' and self.backslash else Kind.NAME, name)

    def _string(self, *, keep: bool, escapes: bool, codes: bool = False) -> Token:
        """A string from its quote on: doubled quotes, and escapes where they count."""
        self._at += 1
        stop = re.compile(rb"['\\]" if escapes else rb"'")
        held = bytearray()
        whole = True

        def hold(piece: bytes) -> None:
            nonlocal whole
            whole = whole and len(held) + len(piece) <= self._limit
            if keep and whole:
                held.extend(piece)

        while True:
            found = stop.search(self._buffer, self._at)
            hold(self._buffer[self._at : len(self._buffer) if found is None else found.start()])
            if found is None:
                self._at = len(self._buffer)
                if not self._more():
                    self.cut = True
                    break
                continue
            self._at = found.start()
            pair = self._peek(2)
            self._at += len(pair)
            if pair[:1] == b"\\":
                if len(pair) == 2:
                    hold(self._escaped(pair[1], codes=codes))
            elif pair == b"''":
                hold(b"'")
            else:
                self._at -= len(pair) - 1
                break
        return Token(Kind.STRING, bytes(held) if whole else None)

    def _escaped(self, character: int, *, codes: bool) -> bytes:
        """What a backslash and a character stand for; the character is passed already."""
        if codes:
            self._at -= 1
            found = _CODE.match(self._peek(9))
            if found is not None:
                self._at += found.end()
                return _coded(found[0])
            self._at += 1
        return _ESCAPES.get(character, bytes([character]))


def _coded(code: bytes) -> bytes:
    """The bytes that ``x41``, ``101``, ``u0105`` or ``U00000105`` stand for."""
    if code[:1] == b"x":
        return bytes([int(code[1:], 16)])
    if code[:1] not in {b"u", b"U"}:
        return bytes([int(code, 8) & 0xFF])
    try:
        return chr(int(code[1:], 16)).encode()
    except (ValueError, OverflowError):  # half of a surrogate pair, or beyond Unicode
        return b"\xff"
