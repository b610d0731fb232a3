"""Which texts are compared, which belong together, and how similar two texts are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mowa.corpus._hashing import I64, U32, U64, mix, ragged

# Hashes compared at a time: 8 bytes each, and as many again while they are sorted.
_AT_ONCE = 1 << 21
_ALL = np.iinfo(np.uint32).max


def candidate_pairs(bands: U64, keys: U64, neighbours: int) -> tuple[U64, U64]:
    """Pairs of texts that agree in a band, each once, the smaller key first.

    Within the group of a band each text is paired with the group's first and with `neighbours`
    before it, in an order that differs from band to band. So a group of n texts costs at most
    (neighbours + 1) n comparisons instead of n^2 / 2, and still the chain holds together when the
    first is a chance hit: the next band has another first.
    """
    order = np.lexsort((mix(keys ^ bands), bands))
    bands, keys = bands[order], keys[order]
    different = np.ones(len(bands), dtype=bool)
    different[1:] = (bands[1:] != bands[:-1]) | (keys[1:] != keys[:-1])
    bands, keys = bands[different], keys[different]
    is_first = np.ones(len(bands), dtype=bool)
    is_first[1:] = bands[1:] != bands[:-1]
    places = np.arange(len(bands))
    first = np.maximum.accumulate(np.where(is_first, places, 0))
    later = np.flatnonzero(~is_first)
    lefts, rights = [first[later]], [later]
    for step in range(1, neighbours + 1):
        inside = later[later - step > first[later]]
        lefts.append(inside - step)
        rights.append(inside)
    left, right = keys[np.concatenate(lefts)], keys[np.concatenate(rights)]
    return different_pairs(np.minimum(left, right), np.maximum(left, right))


def different_pairs(left: U64, right: U64) -> tuple[U64, U64]:
    """Each pair once, in order."""
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    keep = np.ones(len(left), dtype=bool)
    keep[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    return left[keep], right[keep]


def components(count: int, left: I64, right: I64) -> I64:
    """The smallest node that each of `count` nodes is connected with.

    Roots are hooked to smaller roots and paths halved until no edge leads from one tree to
    another (Shiloach and Vishkin 1982); the result does not depend on the order of the edges.
    """
    roots = np.arange(count, dtype=np.int64)
    while len(left):
        of_left, of_right = roots[left], roots[right]
        apart = of_left != of_right
        left, right = left[apart], right[apart]
        of_left, of_right = of_left[apart], of_right[apart]
        np.minimum.at(roots, np.maximum(of_left, of_right), np.minimum(of_left, of_right))
        while True:
            above = roots[roots]
            if np.array_equal(above, roots):
                break
            roots = above
    return roots


def similarities(
    left: I64, right: I64, *, values: U32, offsets: I64, sizes: I64
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Jaccard similarity and containment of pairs of texts.

    Args:
        left: Index of the first text of each pair.
        right: Index of the second.
        values: The smallest shingle hashes of every text, rising, one text after another.
        offsets: Where each text's hashes begin, and the end.
        sizes: How many different shingles each text has.

    Returns:
        ``|A & B| / |A | B|`` and ``|A & B| / min(|A|, |B|)``. Where a text has more shingles than
        are kept, both are of the hashes up to the largest that is kept of each: a sample that
        the two texts share.
    """
    counts = np.diff(offsets)
    cut = sizes > counts
    limits = np.full(len(counts), _ALL, dtype=np.uint32)
    limits[cut] = values[offsets[1:][cut] - 1]
    jaccard, containment = np.zeros(len(left)), np.zeros(len(left))
    for start, stop in _chunks(counts[left] + counts[right]):
        one, two = left[start:stop], right[start:stop]
        limit = np.minimum(limits[one], limits[two])
        pair = np.arange(stop - start)
        hashes, of = [], []
        for side in (one, two):
            mine = values[ragged(offsets[:-1][side], counts[side])]
            owner = np.repeat(pair, counts[side])
            below = mine <= limit[owner]
            hashes.append(mine[below])
            of.append(owner[below])
        first, second = (np.bincount(owner, minlength=stop - start) for owner in of)
        together = (np.concatenate(of).astype(np.uint64) << np.uint64(32)) | np.concatenate(hashes)
        together.sort()
        twice = together[1:][together[1:] == together[:-1]] >> np.uint64(32)
        common = np.bincount(twice.astype(np.int64), minlength=stop - start)
        jaccard[start:stop] = common / np.maximum(first + second - common, 1)
        containment[start:stop] = common / np.maximum(np.minimum(first, second), 1)
    return jaccard, containment


def _chunks(costs: I64) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(costs)
    start = 0
    while start < len(costs):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        yield start, stop
        start = stop
