"""Hashes of words, lines and shingles, whose bits are the same on every machine and version."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

U64: TypeAlias = npt.NDArray[np.uint64]
U32: TypeAlias = npt.NDArray[np.uint32]
I64: TypeAlias = npt.NDArray[np.int64]
Bytes: TypeAlias = npt.NDArray[np.uint8]

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE = pow(_BASE, -1, 2**64)
_WORD_BASE = 0xD1342543DE82EF95  # odd, from L'Ecuyer's table of multipliers
_NOT_WORD = r"[^\p{L}\p{M}\p{N}]+"
_SPACE = 32
# Bytes hashed at a time: their arrays of 8 bytes each stay in the processor's second cache.
_CHUNK = 1 << 15


def mix(values: U64) -> U64:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): every bit depends on every bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def numbers(seed: int, count: int) -> U64:
    """`count` numbers that look random, the sequence of splitmix64 from `seed`."""
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_BASE)
    return mix(steps + np.uint64(seed))


def bytes_of(texts: pl.Series) -> tuple[Bytes, I64]:
    """The bytes of all texts, one after another, and the offset of each and of the end."""
    array = texts.fill_null("").rechunk().to_arrow()
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)
    offsets = offsets[array.offset : array.offset + len(array) + 1]
    data = array.buffers()[2]
    values = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    return values[offsets[0] : offsets[-1]], offsets - offsets[0]


def segment_hashes(data: Bytes | U32, starts: I64, ends: I64, values: U64 | None = None) -> U64:
    """A hash of each part of `data` from `starts` to `ends`, which rise and do not overlap.

    `values` holds a number for each that `data` can have; without it, `data` are bytes.
    """
    values = _bytes() if values is None else values
    hashes = np.empty(len(starts), dtype=np.uint64)
    done = 0
    while done < len(starts):
        begin = int(starts[done])
        until = max(done + 1, int(np.searchsorted(ends, begin + _CHUNK, side="right")))
        part = data[begin : int(ends[until - 1])]
        rises, falls = _powers(len(part))
        sums = np.zeros(len(part) + 1, dtype=np.uint64)
        np.cumsum(values[part] * rises, out=sums[1:])
        first, last = starts[done:until] - begin, ends[done:until] - begin
        hashes[done:until] = (sums[last] - sums[first]) * falls[first]
        done = until
    return mix(hashes)


def word_hashes(texts: pl.Series) -> tuple[U64, I64]:
    """Hashes of the words of each text in lower case, one after another, and each text's offset.

    A word is a run of letters, marks and digits.
    """
    data, offsets = bytes_of(texts.str.to_lowercase().str.replace_all(_NOT_WORD, " "))
    starts, ends = runs(data != _SPACE, offsets)
    return segment_hashes(data, starts, ends), np.searchsorted(starts, offsets).astype(np.int64)


def shingle_hashes(texts: pl.Series, ngram: int) -> tuple[U64, I64]:
    """Different hashes of `ngram` neighbouring words of each text, rising, and each text's offset.

    A text with fewer words has one shingle, of all of them; one without words has none.
    """
    words, offsets = word_hashes(texts)
    counts = np.diff(offsets)
    found = np.where(counts >= ngram, counts - ngram + 1, np.minimum(counts, 1))
    ends = np.concatenate([[0], np.cumsum(found)]).astype(np.int64)
    at = ragged(offsets[:-1], found)
    factors = numbers(_WORD_BASE, ngram) | np.uint64(1)
    sums = np.zeros(len(at), dtype=np.uint64)
    stops = np.repeat(offsets[1:], found)
    for place in range(ngram):
        inside = at + place < stops
        sums += np.where(inside, words[np.where(inside, at + place, 0)], 0) * factors[place]
    hashes = mix(sums)
    for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        hashes[start:end].sort()
    return _different(hashes, ends)


def ragged(starts: I64, counts: I64) -> I64:
    """The numbers from each start on, so many as its count, one after another.

    Example:
        >>> ragged(np.array([5, 9]), np.array([3, 2])).tolist()
        [5, 6, 7, 9, 10]
    """
    total = int(counts.sum())
    before = np.cumsum(counts) - counts
    numbered: I64 = np.arange(total, dtype=np.int64) + np.repeat(starts - before, counts)
    return numbered


def _different(hashes: U64, ends: I64) -> tuple[U64, I64]:
    keep = np.ones(len(hashes), dtype=bool)
    keep[1:] = hashes[1:] != hashes[:-1]
    begins = ends[:-1]
    keep[begins[begins < len(hashes)]] = True
    kept = np.concatenate([[0], np.cumsum(keep)]).astype(np.int64)
    return hashes[keep], kept[ends]


def runs(inside: npt.NDArray[np.bool_], offsets: I64) -> tuple[I64, I64]:
    """Where runs of true begin and end, each cut at the offsets."""
    cut = np.zeros(len(inside) + 1, dtype=bool)
    cut[offsets] = True
    before = np.concatenate([[False], inside])
    after = np.concatenate([inside, [False]])
    starts = np.flatnonzero(after & (~before | cut))
    ends = np.flatnonzero(before & (~after | cut))
    return starts, ends


@cache
def _bytes() -> U64:
    return numbers(1, 256)


def _powers(length: int) -> tuple[U64, U64]:
    if length <= _CHUNK:
        rises, falls = _chunk_powers()
        return rises[:length], falls[: length + 1]
    return _power(_BASE, length), _power(_INVERSE, length)


@cache
def _chunk_powers() -> tuple[U64, U64]:
    return _power(_BASE, _CHUNK), _power(_INVERSE, _CHUNK + 1)


def _power(base: int, length: int) -> U64:
    powers = np.full(length, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers)
