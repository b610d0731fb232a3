"""The language model of the signal `language`: a linear model over character n-grams, in integers.

A text's score for a language is linear in its n-grams, so it is a sum over its words; each word is
worked out once. The weights are small integers: their sums are exact in any order, so that no
batch, thread or processor changes a result.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

_FORMAT = "mowa language model 1"
# Letters of a word that are looked at: longer "words" are noise, or a script without spaces.
LONGEST_WORD = 40
# Words whose sums are remembered between batches: some 20 MB.
_REMEMBERED = 200_000
# New words are worked out so many at a time: some 30 MB.
_AT_ONCE = 20_000


@dataclass(frozen=True)
class LanguageModel:
    """Labels, sizes of n-grams, and the weights as integers times a scale.

    Attributes:
        labels: ISO 639-3 codes, or `zxx`.
        shortest: Characters of the shortest n-gram, with the signs of a word's two ends.
        longest: Characters of the longest.
        inner: One row a bucket, an even number of columns, int16.
        outer: One row a label, int64.
        scale: What a product of the two is multiplied by.
    """

    labels: tuple[str, ...]
    shortest: int
    longest: int
    inner: npt.NDArray[np.int16]
    outer: Integers
    scale: float

    @property
    def sizes(self) -> int:
        """How many sizes of n-grams there are."""
        return self.longest - self.shortest + 1


class WordSums:
    """The sums of words, remembered while there are not too many of them.

    A row holds, two numbers to an integer (`unpacked`), the sums of the weights of the word's
    n-grams, how many these are, and how many letters the word has if some are of a script that
    the model does not know: then it has no n-grams.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        width = model.inner.shape[1]
        self._inner = np.vstack([model.inner, np.zeros((1, width), np.int16)])
        self._places: dict[str, int] = {}
        self._table = np.zeros((_REMEMBERED, width // 2 + 1), np.int64)

    def rows(self, words: Sequence[str]) -> Integers:
        """One row a word; no word is there twice."""
        found = np.zeros((len(words), self._table.shape[1]), np.int64)
        for at in range(0, len(words), _AT_ONCE):
            found[at : at + _AT_ONCE] = self._some(words[at : at + _AT_ONCE])
        return found

    def _some(self, words: Sequence[str]) -> Integers:
        places = self._places
        which = np.fromiter(map(places.get, words, repeat(-1)), np.intp, len(words))
        missing = np.flatnonzero(which < 0)
        if len(places) + len(missing) > _REMEMBERED:
            places.clear()
            missing = np.arange(len(words))
        if len(missing):
            new = [words[at] for at in missing.tolist()]
            first, behind = len(places), len(places) + len(new)
            self._table[first:behind] = _sums(self._model, self._inner, new)
            places.update(zip(new, range(first, behind), strict=True))
            which[missing] = np.arange(first, behind)
        found: Integers = np.take(self._table, which, axis=0)
        return found


def unpacked(lanes: Integers) -> Integers:
    """The two numbers of 32 bits in each integer."""
    low = lanes.astype(np.int32).astype(np.int64)
    pairs = np.stack([low, (lanes - low) >> 32], axis=-1)
    return pairs.reshape(len(lanes), 2 * lanes.shape[1])


def _packed(numbers: Integers) -> Integers:
    """Two numbers as one integer: half as many additions, and the same sums while below 2^31."""
    return numbers[:, 0::2] + (numbers[:, 1::2] << 32)


def shares(model: LanguageModel, sums: Integers) -> Integers:
    """Probability of each label in millionths, from the summed rows of each text's words.

    Softmax by a table of powers and integer sums. A text without n-grams has none.
    """
    counts = sums[:, model.inner.shape[1], None]
    logits = sums[:, : model.inner.shape[1]] @ model.outer.T
    below = (logits.max(axis=1, keepdims=True) - logits) * (model.scale * _STEPS)
    steps = np.floor(below / np.maximum(counts, 1) + 0.5)
    powers = _powers()[np.minimum(steps, _LAST).astype(np.intp)]
    whole = powers.sum(axis=1, keepdims=True)
    millionths = (powers * 2 * _MILLION + whole) // (whole * 2)
    found: Integers = np.where(counts > 0, millionths, 0)
    return found


def rounded(
    labels: Sequence[str], sizes: tuple[int, int], inner: npt.ArrayLike, outer: npt.ArrayLike
) -> LanguageModel:
    """The model of real weights, one row a bucket (a power of two) and one row a label.

    The weights of all n-grams that begin at a letter add up to 14 bits at most, so that those of
    131,072 letters are below 2^31.
    """
    shortest, longest = sizes
    rows, columns = np.asarray(inner, np.float64), np.asarray(outer, np.float64)
    most = 16_383 // (longest - shortest + 1)
    of_rows, of_columns = np.abs(rows).max() / most, np.abs(columns).max() / 32_767
    return LanguageModel(
        labels=tuple(labels),
        shortest=shortest,
        longest=longest,
        inner=np.round(rows / of_rows).astype(np.int16),
        outer=np.round(columns / of_columns).astype(np.int64),
        scale=float(of_rows * of_columns),
    )


def write_model(model: LanguageModel, path: Path) -> None:
    """A line of JSON, then the two tables of little-endian 16-bit numbers."""
    buckets, dimensions = model.inner.shape
    head = {
        "format": _FORMAT,
        "labels": list(model.labels),
        "ngrams": [model.shortest, model.longest],
        "buckets": buckets,
        "dimensions": dimensions,
        "scale": model.scale,
    }
    inner, outer = model.inner.astype("<i2"), model.outer.astype("<i2")
    path.write_bytes(json.dumps(head).encode() + b"\n" + inner.tobytes() + outer.tobytes())


def read_model(path: Path) -> LanguageModel:
    """The model of a file that `write_model` wrote."""
    first, _, data = path.read_bytes().partition(b"\n")
    head = json.loads(first)
    assert head["format"] == _FORMAT
    buckets, dimensions, labels = head["buckets"], head["dimensions"], head["labels"]
    numbers = np.frombuffer(data, "<i2")
    inner = numbers[: buckets * dimensions].reshape(buckets, dimensions)
    outer = numbers[buckets * dimensions :]
    return LanguageModel(
        labels=tuple(labels),
        shortest=head["ngrams"][0],
        longest=head["ngrams"][1],
        inner=inner.astype(np.int16),
        outer=outer.reshape(len(labels), dimensions).astype(np.int64),
        scale=head["scale"],
    )


_MILLION = 1_000_000
# Logits are told apart to a 2,048th, a probability to 0.05 % of itself; a language that is e^-20
# of the likeliest has none.
_STEPS = 2048
_LAST = 20 * _STEPS


@cache
def _powers() -> Integers:
    """e^(-k/_STEPS) in 2^-40ths, the last 0; by `Decimal`, which all processors round alike."""
    coarse = [float((Decimal(-step) / 16).exp()) for step in range(20 * 16)]
    fine = [float((Decimal(-step) / _STEPS).exp()) for step in range(_STEPS // 16)]
    table = np.floor(np.outer(coarse, fine).ravel() * 2.0**40 + 0.5)
    return np.append(table, 0).astype(np.int64)


_PRIME = np.uint32(16_777_619)
_BASIS = np.uint32(2_166_136_261)


def _sums(model: LanguageModel, inner: npt.NDArray[np.int16], words: Sequence[str]) -> Integers:
    """The rows of words: n-grams hashed as floret does it (FNV-1a over signed bytes of UTF-8)."""
    whole = [f"<{word[:LONGEST_WORD]}>" for word in words]
    sizes = np.fromiter(map(len, whole), np.int64, len(whole))
    starts = np.cumsum(sizes) - sizes
    points = np.frombuffer("".join(whole).encode("utf-32-le"), np.uint32)
    strange = np.zeros(len(words), np.int64)
    if (odd := _is_strange(points)).any():
        strange = np.where(np.logical_or.reduceat(odd, starts), sizes - 2, 0)
    # So many characters of its word are at and behind each.
    left = np.repeat(starts + sizes, sizes) - np.arange(len(points))
    left[np.repeat(strange > 0, sizes)] = 0
    stated = _bytes_of(points)
    nothing, mask = len(inner) - 1, np.uint32(len(inner) - 2)
    hashes = np.full(len(points), _BASIS)
    found = np.zeros((len(points), inner.shape[1]), np.int16)
    count = np.zeros(len(words), np.int64)
    for size in range(1, min(model.longest, len(points)) + 1):
        behind = len(points) - size + 1
        hashes = _hashed(hashes[:behind], [part[size - 1 :] for part in stated])
        if size >= model.shortest:
            inside = left[:behind] >= size
            found[:behind] += np.take(inner, np.where(inside, hashes & mask, nothing), axis=0)
            count += np.where(strange > 0, 0, np.maximum(sizes - size + 1, 0))
    summed = np.add.reduceat(found, starts, axis=0, dtype=np.int32)
    return _packed(np.column_stack([summed, count, strange]))


def _hashed(
    hashes: npt.NDArray[np.uint32], stated: Sequence[npt.NDArray[np.uint32]]
) -> npt.NDArray[np.uint32]:
    """Hashes with one more character each; a byte of 0 stands for none."""
    first, second, *others = stated
    hashes = (hashes ^ first) * _PRIME
    hashes = np.where(second, (hashes ^ second) * _PRIME, hashes)
    for part in others:
        if part.any():
            hashes = np.where(part, (hashes ^ part) * _PRIME, hashes)
    return hashes


def _bytes_of(points: npt.NDArray[np.uint32]) -> list[npt.NDArray[np.uint32]]:
    """The four bytes of each character in UTF-8, as signed numbers of 32 bits; 0 where none."""
    more = np.uint32(0xFFFF_FF80)
    bits = [(points >> np.uint32(shift)) & np.uint32(0x3F) | more for shift in (0, 6, 12)]
    two, three, four = (points >= limit for limit in (0x80, 0x800, 0x1_0000))
    lead = [
        points >> np.uint32(shift) | np.uint32(mark | 0xFFFF_FF00)
        for shift, mark in ((6, 0xC0), (12, 0xE0), (18, 0xF0))
    ]
    none = np.uint32(0)
    return [
        np.select([four, three, two], [lead[2], lead[1], lead[0]], points),
        np.select([four, three, two], [bits[2], bits[1], bits[0]], none),
        np.select([four, three], [bits[1], bits[0]], none),
        np.where(four, bits[0], none),
    ]


# Letters of Latin, Greek and Cyrillic, and marks, lie in these blocks (first and behind the last);
# so do signs between words. The model learnt no other script.
_BLOCKS = (
    (0, 0x530), (0x1AB0, 0x1B00), (0x1C80, 0x1C90), (0x1D00, 0x2070), (0x20D0, 0x2100),
    (0x212A, 0x212C), (0x2C60, 0x2C80), (0x2DE0, 0x2E00), (0xA640, 0xA6A0), (0xA720, 0xA800),
    (0xAB30, 0xAB70), (0xFB00, 0xFB07), (0xFE00, 0xFE30),
)  # fmt: skip
_BOUNDS = np.array([bound for block in _BLOCKS for bound in block], np.uint32)


def _is_strange(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    if not (points >= _BOUNDS[1]).any():
        return np.zeros(len(points), np.bool_)
    strange: npt.NDArray[np.bool_] = np.searchsorted(_BOUNDS, points, side="right") % 2 == 0
    return strange
