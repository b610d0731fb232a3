"""How much of a text its repeated sequences of words take: arithmetic over many texts at once."""

from __future__ import annotations

import numpy as np

from mowa.corpus._characters import Array
from mowa.corpus.quality._tokens import Tokens

TOP = (2, 3, 4)
DUPLICATED = (5, 6, 7, 8, 9, 10)

# Tokens that are sorted at once. A key of 64 bits holds a hash and the token's place; with 16 bits
# for the place 48 are left, and two of 65,536 sequences share a hash in one chunk of 100,000.
_CHUNK = 1 << 16
_MIX = np.uint64(0x9E3779B97F4A7C15)


def repeated_characters(tokens: Tokens) -> tuple[dict[int, Array], dict[int, Array]]:
    """Characters of the commonest 2- to 4-gram, and of repeated 5- to 10-grams, by text.

    The first counts every occurrence of the n-gram that occurs most often (the earliest of equals),
    with the spaces between its words. The second walks through the text: an n-gram met before
    counts, and the walk goes on behind it. So are the rules of Rae et al. 2021 (arXiv:2112.11446,
    table A1) commonly read.
    """
    hashes = tokens.words.hash().to_numpy()
    ends = np.concatenate(([0], np.cumsum(tokens.words.str.len_chars().to_numpy(), dtype=np.int64)))
    texts = len(tokens.offsets) - 1
    top = {n: np.zeros(texts, dtype=np.int64) for n in TOP}
    duplicated = {n: np.zeros(texts, dtype=np.int64) for n in DUPLICATED}
    for first, last in _chunks(tokens.offsets):
        begin, end = tokens.offsets[first], tokens.offsets[last]
        offsets = tokens.offsets[first : last + 1] - begin
        rows = np.repeat(np.arange(last - first), np.diff(offsets))
        hash_1 = (hashes[begin:end] ^ (rows.astype(np.uint64) * _MIX)) * _MIX
        _measure(
            hash_1,
            ends[begin : end + 1],
            offsets,
            rows,
            top={n: column[first:last] for n, column in top.items()},
            duplicated={n: column[first:last] for n, column in duplicated.items()},
        )
    return top, duplicated


def _chunks(offsets: Array) -> list[tuple[int, int]]:
    """Runs of whole texts, of about `_CHUNK` tokens; a text that is longer stands alone."""
    found = []
    first = 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + _CHUNK, side="right")) - 1
        last = max(last, first + 1)
        found.append((first, last))
        first = last
    return found


def _measure(
    words: Array,
    ends: Array,
    offsets: Array,
    rows: Array,
    *,
    top: dict[int, Array],
    duplicated: dict[int, Array],
) -> None:
    count = len(words)
    places = np.arange(count)
    sequence = words.copy()  # sequence[i]: hash of the n tokens from i on
    for n in range(2, DUPLICATED[-1] + 1):
        if n in top:
            long_enough = np.flatnonzero(np.diff(offsets) >= n)
            starts = offsets[long_enough]
            top[n][long_enough] = ends[starts + n] - ends[starts] + n - 1
        # An n-gram that repeats begins where a shorter one does, so only those are looked at.
        places = places[places + n <= offsets[rows[places] + 1]]
        if not len(places):
            continue
        sequence[places] = (sequence[places] ^ (words[places + n - 1] >> np.uint64(7))) * _MIX
        places, firsts = _repeating(sequence, places, count)
        if n in top and len(places):
            _top(n, firsts, ends, rows, top[n])
        if n in duplicated and len(places):
            _walk(n, places, firsts, ends, rows, found=duplicated[n])


def _repeating(sequence: Array, places: Array, count: int) -> tuple[Array, Array]:
    """Of `places`, those whose hash occurs again, and for each the first place with its hash."""
    bits = np.uint64(max(1, count.bit_length()))
    mask = (np.uint64(1) << bits) - np.uint64(1)
    keys = (sequence[places] & ~mask) | places.astype(np.uint64)
    keys.sort()
    hashes = keys >> bits
    fresh = np.concatenate(([True], hashes[1:] != hashes[:-1]))
    starts = np.flatnonzero(fresh)
    sizes = np.diff(np.append(starts, len(keys)))
    ordered = (keys & mask).astype(np.int64)
    several = np.repeat(sizes > 1, sizes)
    firsts = np.repeat(ordered[starts], sizes)[several]
    ordered = ordered[several]
    order = np.argsort(ordered)
    return ordered[order], firsts[order]


def _top(n: int, firsts: Array, ends: Array, rows: Array, top: Array) -> None:
    """Put in the characters of each text's commonest n-gram, for texts that repeat one."""
    unique, counts = np.unique(firsts, return_counts=True)
    order = np.lexsort((unique, -counts, rows[unique]))
    unique, counts = unique[order], counts[order]
    best = np.concatenate(([True], rows[unique[1:]] != rows[unique[:-1]]))
    unique, counts = unique[best], counts[best]
    top[rows[unique]] = (ends[unique + n] - ends[unique] + n - 1) * counts


def _walk(n: int, places: Array, firsts: Array, ends: Array, rows: Array, *, found: Array) -> None:
    """Add the characters of n-grams met before, in a walk that leaps over each."""
    skipped = bytearray(len(rows) + n)
    leap = bytes([1]) * n
    met: set[int] = set()
    hits = []
    for place, first in zip(places.tolist(), firsts.tolist(), strict=True):
        if skipped[place]:
            continue
        if first in met:
            hits.append(place)
            skipped[place : place + n] = leap
        else:
            met.add(first)
    at = np.array(hits, dtype=np.int64)
    np.add.at(found, rows[at], ends[at + n] - ends[at])
