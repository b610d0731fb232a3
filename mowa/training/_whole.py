"""Which conversation goes where: rows that hold them whole.

Conversations, or pairs of answers that must stay together, are put into rows of `sequence_length`
positions by best fit: the longest first, each into the fullest row that still has room for it
(Johnson 1973: never more than 11/9 of the fewest rows, and 6/9 more). Every row is a block, and a
position sees its own conversation only, from position 0.

What fits where depends on lengths alone. So all epochs have as many rows of the same pattern, but
in each of them conversations of one length change places, and the rows are in another order; both
are looked up place by place, and the state of the loader is the number of an update.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mowa.training._permutation import Integers, Permutation
from mowa.training._plan import IGNORED, Block

# Raised whenever the same lengths and seed give another plan.
_REVISION = 1


class Units(Protocol):
    """What is packed: units of one segment or more that stay in one row."""

    @property
    def positions(self) -> NDArray[Any]:
        """Of each unit, that of all its segments together."""

    @property
    def targets(self) -> NDArray[Any]:
        """Of each unit: how many labels it has."""

    @property
    def weights(self) -> NDArray[Any]:
        """Of each unit: what the loss of its labels is multiplied by."""

    @property
    def reference(self) -> NDArray[Any] | None:
        """Of each unit and segment: the log-probability that another model gives its labels."""

    def segments(self, unit: int) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Of each segment its tokens, and whether each is learnt."""


class WholePlan:
    """An endless stream of rows of whole units.

    Args:
        units: What is packed; none is longer than `sequence_length`.
        sequence_length: Positions in a row.
        seed: Of all permutations.
    """

    def __init__(self, units: Units, *, sequence_length: int, seed: int) -> None:
        self.sequence_length = sequence_length
        self.seed = seed
        self._units = units
        self._positions = np.asarray(units.positions, np.int64)
        self.tokens = int(self._positions.sum())
        # Slots are units in the order in which they are packed: by length, falling.
        self._sorted: Integers = np.argsort(-self._positions, kind="stable")
        falling = self._positions[self._sorted]
        rows = best_fit(falling, sequence_length)
        self.blocks_per_epoch = int(rows.max()) + 1 if len(rows) else 0
        self._slots: Integers = np.argsort(rows, kind="stable")
        self._begins = np.searchsorted(rows[self._slots], np.arange(self.blocks_per_epoch + 1))
        # Of each slot: the first slot of that length, and the first behind them.
        self._first = np.searchsorted(-falling, -falling, side="left")
        self._behind = np.searchsorted(-falling, -falling, side="right")
        self._places = lru_cache(maxsize=4096)(self._places_of)

    def units_of(self, block: int) -> list[int]:
        """The units in a row, in the order in which they stand there."""
        epoch, within = divmod(block, self.blocks_per_epoch)
        row = self._rows(epoch)[within]
        slots = self._slots[self._begins[row] : self._begins[row + 1]]
        return [self._unit(epoch, int(slot)) for slot in slots]

    def targets(self, block: int) -> int:
        """How many labels a row has."""
        return int(self._units.targets[self.units_of(block)].sum())

    def read(self, units: Units, block: int) -> Block:
        """A row: tokens, labels where something is learnt, positions, segments and weights."""
        made = Block.empty(self.sequence_length)
        weights = np.zeros(self.sequence_length, np.float32)
        reference = np.zeros(self.sequence_length, np.float32)
        at = segment = 0
        for unit in self.units_of(block):
            for side, (tokens, learnt) in enumerate(units.segments(unit)):
                place = slice(at, at + len(tokens) - 1)
                made.input_ids[place] = tokens[:-1]
                made.labels[place] = np.where(learnt[1:], tokens[1:].astype(np.int64), IGNORED)
                made.positions[place] = np.arange(len(tokens) - 1)
                made.segments[place] = segment
                weights[place] = units.weights[unit]
                if units.reference is not None:
                    reference[segment] = units.reference[unit, side]
                at, segment = place.stop, segment + 1
        return Block(
            made.input_ids,
            made.labels,
            made.positions,
            made.segments,
            weights,
            None if units.reference is None else reference,
        )

    def digest(self) -> str:
        """A hash over all that decides the plan and what is learnt by it."""
        state = hashlib.blake2b(digest_size=16)
        state.update(json.dumps([_REVISION, self.sequence_length, self.seed]).encode())
        for values, kind in (
            (self._positions, "<i8"), (self._units.targets, "<i8"), (self._units.weights, "<f4"),
        ):  # fmt: skip
            state.update(np.asarray(values).astype(kind).tobytes())
        return state.hexdigest()

    def _rows(self, epoch: int) -> Permutation:
        return Permutation(self.blocks_per_epoch, self.seed, epoch, 1)

    def _unit(self, epoch: int, slot: int) -> int:
        first = int(self._first[slot])
        places = self._places(epoch, first)
        return int(self._sorted[first + places[slot - first]])

    def _places_of(self, epoch: int, first: int) -> Permutation:
        return Permutation(int(self._behind[first]) - first, self.seed, epoch, 2, first)


def best_fit(lengths: NDArray[Any], size: int) -> Integers:
    """The row of each of `lengths`, which fall; rows of `size` are numbered as they are begun.

    Rows with so much room are in one pile, the newest on top, and one bit for each pile that is not
    empty finds the least room that is enough: the time does not grow with the number of rows.

    Example:
        >>> best_fit(np.array([6, 5, 5, 4, 2]), 10).tolist()
        [0, 1, 1, 0, 2]
    """
    found = np.zeros(len(lengths), np.int64)
    piles: list[list[int]] = [[] for _ in range(size + 1)]
    open_piles = 0
    rows = 0
    for index, length in enumerate(lengths.tolist()):
        assert 0 < length <= size
        enough = open_piles >> length
        if enough:
            room = length + (enough & -enough).bit_length() - 1
            row = piles[room].pop()
            if not piles[room]:
                open_piles ^= 1 << room
        else:
            room, row = size, rows
            rows += 1
        left = room - length
        if left:
            piles[left].append(row)
            open_piles |= 1 << left
        found[index] = row
    return found
