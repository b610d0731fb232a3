"""A seeded order of any number of things that is looked up place by place, and never stored."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6
# The finaliser of SplitMix64 (Steele, Lea & Flood 2014): every bit of the input moves every bit.
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

Integers = NDArray[np.int64]


class Permutation:
    """A bijection of ``range(count)``, at any place in O(1) time and memory.

    A Feistel network over the smallest even number of bits that holds `count`; a value outside the
    range goes through it again until it is inside (cycle walking: Black & Rogaway 2002, "Ciphers
    with arbitrary finite domains"), less than four times on average. It shuffles; it hides nothing.

    Args:
        count: Of things, at least 1 and below 2^62.
        key: Integers; another key gives another order.

    Example:
        >>> order = Permutation(5, 42)
        >>> sorted(order.at(np.arange(5)).tolist())
        [0, 1, 2, 3, 4]
    """

    def __init__(self, count: int, *key: int) -> None:
        self.count = count
        self._half = max(-(-(count - 1).bit_length() // 2), 1)
        seed = hashlib.blake2b(repr((count, *key)).encode(), digest_size=8 * _ROUNDS).digest()
        self._keys = np.frombuffer(seed, "<u8").astype(np.uint64)

    def __getitem__(self, place: int) -> int:
        return int(self.at(np.array([place]))[0])

    def at(self, places: NDArray[Any]) -> Integers:
        """What stands at each of `places`."""
        values = self._network(places.astype(np.uint64))
        outside = np.flatnonzero(values >= self.count)
        while len(outside):
            values[outside] = again = self._network(values[outside])
            outside = outside[again >= self.count]
        return values.astype(np.int64)

    def _network(self, values: NDArray[np.uint64]) -> NDArray[np.uint64]:
        bits, mask = np.uint64(self._half), np.uint64((1 << self._half) - 1)
        left, right = values >> bits, values & mask
        for key in self._keys:
            mixed = right ^ key
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_FIRST)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_SECOND)
            left, right = right, left ^ ((mixed ^ (mixed >> np.uint64(31))) & mask)
        return (left << bits) | right
