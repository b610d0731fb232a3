"""Which blocks an update reads: several streams of blocks, mixed by weights that change by stages.

The order is made for the whole run before it is divided among processes, and any update is looked
up by its number: the state of the loader is one integer. Inside a stage, every run of `MIXED`
blocks holds the same number of blocks of each stream (as in Levanter's block-deterministic
mixtures), in an order of its own, so that a stage's shares hold over any longer stretch of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from mowa.errors import UsageError
from mowa.training._permutation import Integers, Permutation
from mowa.training._plan import Block, Plan

MIXED = 2048
"""Blocks over which the shares of a stage hold exactly."""

_REVISION = 1


@dataclass(frozen=True)
class Stage:
    """From update `first` on, the streams are read in the shares of `weights`, one a stream."""

    first: int
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Place:
    """A block of one of the streams."""

    stream: int
    block: int


class TrainingOrder:
    """The order of a whole training run.

    Args:
        plans: One stream of blocks each.
        blocks_per_batch: Blocks in an update.
        seed: Of the order inside a mixture.
        steps: Updates.
        blocks: All blocks of the run, where the last update is smaller than the others.
        stages: By their first update, the first of them 0; without any, every stream is read in
            proportion to its tokens.
        read_before: Blocks that an earlier run has read of each stream.

    Raises:
        UsageError: Where a stream is to have less than one block in `MIXED`.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        *,
        blocks_per_batch: int,
        seed: int,
        steps: int,
        blocks: int | None = None,
        stages: Sequence[Stage] = (),
        read_before: Sequence[int] | None = None,
    ) -> None:
        self.plans = list(plans)
        self.blocks_per_batch = blocks_per_batch
        self.seed = seed
        self.steps = steps
        self.blocks = blocks or steps * blocks_per_batch
        weights = tuple(float(plan.tokens) for plan in plans)
        self.stages = list(stages) or [Stage(0, weights)]
        self._begins = list(read_before or [0] * len(self.plans))
        self._counts = [_counts(stage.weights) for stage in self.stages]
        self._mixed = lru_cache(maxsize=4)(self._mix)
        # Where each stage begins: in blocks of the run, and in blocks of each stream.
        self._firsts = [stage.first * blocks_per_batch for stage in self.stages]
        self._read = [np.array(self._begins, np.int64)]
        for number, (first, following) in enumerate(pairwise(self._firsts)):
            self._read.append(self._read[-1] + self._prefix(number, following - first))

    def batch(self, step: int) -> list[Place]:
        """The blocks of update `step`, counted from 0."""
        first = step * self.blocks_per_batch
        return [
            self.place(n) for n in range(first, min(first + self.blocks_per_batch, self.blocks))
        ]

    def place(self, number: int) -> Place:
        """What block `number` of the run is."""
        if len(self.plans) == 1:
            return Place(0, self._begins[0] + number)
        stage = int(np.searchsorted(self._firsts, number, side="right")) - 1
        full, within = divmod(number - self._firsts[stage], MIXED)
        streams, nth = self._mixed(stage, full)
        stream = int(streams[within])
        before = int(self._read[stage][stream]) + full * int(self._counts[stage][stream])
        return Place(stream, before + int(nth[within]))

    def read_until(self, step: int) -> list[int]:
        """How many blocks of each stream are read before update `step`, earlier runs counted."""
        blocks = min(step * self.blocks_per_batch, self.blocks)
        if len(self.plans) == 1:
            return [self._begins[0] + blocks]
        stage = int(np.searchsorted(self._firsts, blocks, side="right")) - 1
        read = self._read[stage] + self._prefix(stage, blocks - self._firsts[stage])
        return [int(count) for count in read]

    def targets(self, places: Sequence[Place]) -> int:
        """How many labels the blocks have."""
        return sum(self.plans[place.stream].targets(place.block) for place in places)

    def read(self, tokens: Sequence[Any], place: Place) -> Block:
        """The block at `place` out of the splits that the plans were made over."""
        return self.plans[place.stream].read(tokens[place.stream], place.block)

    def digest(self) -> str:
        """A hash over all that decides the order."""
        values = [
            _REVISION,
            self.blocks_per_batch,
            self.seed,
            self.steps,
            self.blocks,
            [[stage.first, *stage.weights] for stage in self.stages],
            self._begins,
            [plan.digest() for plan in self.plans],
        ]
        return hashlib.blake2b(json.dumps(values).encode(), digest_size=16).hexdigest()

    def _prefix(self, stage: int, blocks: int) -> Integers:
        """Blocks of each stream among the first `blocks` of a stage."""
        full, within = divmod(blocks, MIXED)
        streams, _ = self._mixed(stage, full)
        part = np.bincount(streams[:within], minlength=len(self.plans))
        return full * self._counts[stage] + part

    def _mix(self, stage: int, full: int) -> tuple[Integers, Integers]:
        """The stream of each block in a run of `MIXED`, and its number in that stream."""
        counts = self._counts[stage]
        laid = np.repeat(np.arange(len(counts)), counts)
        streams = laid[Permutation(MIXED, self.seed, stage, full).at(np.arange(MIXED))]
        nth = np.zeros(MIXED, np.int64)
        for stream, count in enumerate(counts):
            nth[streams == stream] = np.arange(count)
        return streams, nth


def _counts(weights: tuple[float, ...]) -> Integers:
    """`MIXED` blocks divided by `weights`: the largest remainders get what rounding leaves."""
    exact = np.array(weights) / sum(weights) * MIXED
    counts = np.floor(exact).astype(np.int64)
    left = MIXED - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    for weight, count in zip(weights, counts, strict=True):
        if weight and not count:
            raise UsageError(
                f"a weight of {weight:g} beside {sum(weights):g} in all is less than one block in"
                f" {MIXED:,}",
                fix="raise it, or leave these tokens out",
            )
    return counts
