"""Text put together from marked-up pieces: paragraphs, verse lines, words broken over lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mowa.collect.readers._records import Part

# Signs that XML cannot hold, so that they never meet a text's own.
LINE_END = "\x01"
"""Where a printed line or page ended: a space, unless a word was broken there."""
JOINED = "\x02"
"""Where a printed line ended within a word, says the markup."""
NOTHING = "\x03"
"""Where something was taken out: keeps what stood on either side apart while signs are read."""
BREAK = "\x04"
"""Where a line of verse ends."""

_SPACES = re.compile(r"\s+")
# A hyphen behind a space is a dash, and breaks no word.
_BROKEN = re.compile("((?<=\\w)[-‐¬\xad])?( ?[\x01\x02][ \x01\x02]*)(-?)(.?)", re.DOTALL)


@dataclass
class Prose:
    """A text in the making, cut into parts where its reader says so.

    Nothing is kept past `limit` bytes; `too_large` then says so.

    Attributes:
        limit: The most bytes that it may hold.
        polish: What is done to each line before its white space is settled.
    """

    limit: int
    polish: Callable[[str], str] = str
    too_large: bool = False
    _bytes: int = 0
    _pieces: list[str] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _glued: int = -1
    _paragraphs: list[str] = field(default_factory=list)
    _headings_only: bool = True
    _parts: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        """Add to the current line; a `BREAK` in it ends the line."""
        self._bytes += len(text.encode())
        if self._bytes > self.limit:
            self.too_large = True
            self._pieces.clear()
            self._lines.clear()
            self._paragraphs.clear()
            self._parts.clear()
        else:
            self._pieces.append(text)

    def line(self) -> None:
        """End the line, if it holds anything."""
        if self._pieces:
            whole = self.polish("".join(self._pieces))
            self._pieces.clear()
            self._lines += [line for raw in whole.split(BREAK) if (line := _settled(raw))]

    def paragraph(self, *, heading: bool = False) -> None:
        """End the paragraph, if it holds anything; one that `glue` holds open goes on."""
        self.line()
        if self._lines and self._glued != len(self._lines):
            self._paragraphs.append("\n".join(self._lines))
            self._lines.clear()
            self._glued = -1
            self._headings_only = self._headings_only and heading

    def glue(self) -> None:
        """End the line and let what follows stand right under it: a speaker's name."""
        self.line()
        self._glued = len(self._lines)

    def loosen(self) -> None:
        """End the paragraph, also where its last line waits for what comes under it."""
        self._glued = -1
        self.paragraph()

    def part(self) -> None:
        """End the part, unless it holds headings alone: they belong to what follows."""
        self.loosen()
        if not self._headings_only:
            self._end_part()

    def parts(self) -> tuple[Part, ...]:
        """All that was written, as parts with the label ``chapter=N``; nothing is left."""
        self.loosen()
        self._end_part()
        found = tuple(Part(f"chapter={number}", text) for number, text in enumerate(self._parts, 1))
        self._parts.clear()
        return found

    def _end_part(self) -> None:
        if self._paragraphs:
            self._parts.append("\n\n".join(self._paragraphs))
            self._paragraphs.clear()
        self._headings_only = True


def _settled(line: str) -> str:
    """White space as single spaces; words that were broken over lines whole again."""
    line = _SPACES.sub(" ", line.replace(NOTHING, ""))
    if LINE_END in line or JOINED in line:
        line = _BROKEN.sub(_mended, line)
    return line.strip()


def _mended(found: re.Match[str]) -> str:
    hyphen, gap, second, following = found.groups()
    if JOINED in gap:
        return second + following
    if not hyphen:
        return f" {second}{following}"
    if second:  # Polish repeats the hyphen of a compound on the next line
        return f"-{following}"
    if hyphen in "¬\xad" or following.islower():
        return following
    return f"{hyphen} {following}"


def metadata(pieces: list[str]) -> str:
    """What a header says, on one line."""
    return _SPACES.sub(" ", "".join(pieces)).strip()
