"""Characters of many texts at once, each with its classes, for sums that need no pattern."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mowa.corpus._hashing import mix, runs, segment_hashes

Array = npt.NDArray[Any]

SPACE, LETTER, MARK, DIGIT, UPPER, SYMBOL = (np.uint8(1 << bit) for bit in range(6))
WORD = LETTER | MARK
_SEEN = np.uint8(1 << 7)

# Classes are those of Polars' own patterns, so that both ways of counting agree on every character.
# A symbol is what is neither letter, mark, digit, white space nor the punctuation of running text.
_PATTERNS = {
    SPACE: r"\s",
    LETTER: r"\p{L}",
    MARK: r"\p{M}",
    DIGIT: r"\p{Nd}",
    UPPER: r"\p{Lu}",
    SYMBOL: r"""[^\p{L}\p{M}\p{Nd}\s.,;:!?…()\[\]{}"'„”“«»–—\-/%§&*+=<>@#|\\_~^`$€°’‘‚]""",
}
_POINTS = 0x110000
_PAGE = 256
_SURROGATES = range(0xD800, 0xE000)
_NEWLINE = 0x0A


@dataclass(frozen=True)
class Runs:
    """Stretches of texts: where each begins and ends among all characters, and in which text."""

    starts: Array
    ends: Array
    rows: Array

    @property
    def lengths(self) -> Array:
        """Characters of each."""
        return np.asarray(self.ends - self.starts)

    def where(self, wanted: Array) -> Runs:
        """Those for which `wanted` is true."""
        return Runs(self.starts[wanted], self.ends[wanted], self.rows[wanted])


class Characters:
    """The characters of some texts, one text after the other.

    Attributes:
        codes: Code points (uint32).
        offsets: Where each text begins, and the end of the last: one entry more than texts.
        classes: For each character the sum of its classes (``LETTER``, ``SPACE`` ...).
    """

    def __init__(self, texts: pl.Series) -> None:
        whole = "".join(texts.fill_null("").to_list())
        self.codes: Array = np.frombuffer(whole.encode("utf-32-le"), np.uint32)
        lengths = texts.str.len_chars().fill_null(0).to_numpy()
        self.offsets: Array = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        self.classes: Array = _tables().classes_of(self.codes)

    @property
    def texts(self) -> int:
        """How many texts there are."""
        return len(self.offsets) - 1

    @property
    def per_text(self) -> Array:
        """How many characters each text has."""
        return np.diff(self.offsets)

    @cached_property
    def lines(self) -> Runs:
        """The pieces between line breaks, empty ones among them; a text has one at least."""
        breaks = np.flatnonzero(self.codes == _NEWLINE)
        starts = np.sort(np.concatenate((self.offsets[:-1], breaks + 1)))
        ends = np.sort(np.concatenate((self.offsets[1:], breaks)))
        of_text = 1 + np.diff(np.searchsorted(breaks, self.offsets))
        return Runs(starts, ends, np.repeat(np.arange(self.texts), of_text))

    def are(self, classes: Any) -> Array:
        """Whether each character is of one of the classes."""
        return np.asarray((self.classes & classes) != 0)

    def among(self, signs: str) -> Array:
        """Whether each character is one of `signs`."""
        wanted = np.array(sorted(set(map(ord, signs))), dtype=np.uint32)
        known = np.zeros(int(wanted.max(initial=0)) + 2, dtype=bool)
        known[wanted] = True
        return np.asarray(known[np.minimum(self.codes, len(known) - 1)])

    def runs(self, inside: Array) -> Runs:
        """The longest stretches of characters that are `inside`, each within its text."""
        starts, ends = runs(inside, self.offsets)
        of_text = np.diff(np.searchsorted(starts, self.offsets))
        return Runs(starts, ends, np.repeat(np.arange(self.texts), of_text))

    def sums(self, values: Array) -> Array:
        """Sums by text of a number or truth for each character."""
        found = np.zeros(self.texts, dtype=np.int64)
        full = self.per_text > 0
        if full.any():
            # A sum from each place to the next one; a place twice would give one character.
            found[full] = np.add.reduceat(values, self.offsets[:-1][full], dtype=np.int64)
        return found

    def sums_of(self, runs: Runs, values: Array) -> Array:
        """Sums by run of a number or truth for each character."""
        total = np.concatenate(([0], np.cumsum(values, dtype=np.int32)))
        return np.asarray(total[runs.ends] - total[runs.starts])

    def by_text(self, runs: Runs, values: Array | None = None) -> Array:
        """Sums by text of a number or truth for each run; without one, how many runs."""
        if values is None:
            return np.bincount(runs.rows, minlength=self.texts)
        return np.bincount(runs.rows, weights=values, minlength=self.texts).astype(np.int64)

    def hashes(self, runs: Runs, *, lower: bool = False) -> Array:
        """A hash of 64 bits of each run, equal where its characters are; runs must be in order."""
        tables = _tables()
        values = tables.numbers_of_lower if lower else tables.numbers
        return segment_hashes(self.codes, runs.starts, runs.ends, values)

    def hashes_within(self, inside: Array, starts: Array, ends: Array) -> Array:
        """As `hashes` in lower case, but of the characters that are `inside`, counted alone."""
        return segment_hashes(self.codes[inside], starts, ends, _tables().numbers_of_lower)


def repeated(rows: Array, hashes: Array) -> Array:
    """Whether the same text had the same hash before."""
    order = np.lexsort((hashes, rows))
    again = np.zeros(len(rows), dtype=bool)
    same = (rows[order[1:]] == rows[order[:-1]]) & (hashes[order[1:]] == hashes[order[:-1]])
    again[order[1:]] = same
    return again


def hashes_of(words: list[str]) -> Array:
    """The hashes that `Characters.hashes` gives to these words, in order."""
    characters = Characters(pl.Series(words, dtype=pl.String))
    offsets = characters.offsets
    return np.sort(segment_hashes(characters.codes, offsets[:-1], offsets[1:], _tables().numbers))


class _Tables:
    """Classes of every code point, and numbers to hash it by; a page is filled when it is met."""

    def __init__(self) -> None:
        self._classes = np.zeros(_POINTS, dtype=np.uint8)
        self.numbers = np.zeros(_POINTS, dtype=np.uint64)
        self.numbers_of_lower = np.zeros(_POINTS, dtype=np.uint64)

    def classes_of(self, codes: Array) -> Array:
        found = self._classes[codes]
        unseen = (found & _SEEN) == 0
        if unseen.any():
            for page in np.unique(codes[unseen] // _PAGE).tolist():
                self._fill(range(page * _PAGE, (page + 1) * _PAGE))
            found = self._classes[codes]
        return np.asarray(found)

    def _fill(self, points: range) -> None:
        own = [point for point in points if point not in _SURROGATES]
        signs = pl.Series([chr(point) for point in own], dtype=pl.String)
        classes = np.full(len(own), _SEEN)
        for bit, pattern in _PATTERNS.items():
            classes |= bit * signs.str.contains(pattern).to_numpy()
        self._classes[own] = classes
        small = signs.str.to_lowercase().to_list()
        lower = [
            ord(one) if len(one) == 1 else point for point, one in zip(own, small, strict=True)
        ]
        self.numbers[own] = mix(np.array(own, dtype=np.uint64))
        self.numbers_of_lower[own] = mix(np.array(lower, dtype=np.uint64))


@cache
def _tables() -> _Tables:
    return _Tables()
