"""Which token goes where: a packing of documents into blocks that needs no state.

In each epoch the documents are put into a new order, laid end to end, and cut into blocks of
`sequence_length` positions; the blocks are put into a new order too. A document that a cut divides
goes on in another block as a segment of its own, with positions from 0 and without its beginning
as context. Every token is an input exactly once an epoch, and every token but the first of its
document is a target exactly once: the token after the last position of a block is the target there,
and is read again in the next block, as context only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# Raised whenever the same documents and seed give another plan.
_REVISION = 1

IGNORED = -100
"""The label of a position that has no target, as `torch.nn.functional.cross_entropy` expects it."""

Integers = NDArray[np.int64]


class Tokens(Protocol):
    """What the plan reads: a split of a tokens artifact (`TokenSplit`)."""

    @property
    def lengths(self) -> NDArray[Any]:
        """Tokens of each document, BOS and EOS counted."""

    @property
    def starts(self) -> NDArray[Any]:
        """Position of each document's first token."""

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """The tokens from position `start` up to `stop`."""


@dataclass(frozen=True)
class Block:
    """One row of a batch; every array has `sequence_length` entries.

    Attributes:
        input_ids: Tokens; 0 in the padding of an epoch's last block.
        labels: The token that follows in the same document, or `IGNORED`.
        positions: Position within the segment.
        segments: Number of the segment within the block; a position sees those of its own segment
            that are not after it. Padding is a segment too, without labels.
    """

    input_ids: Integers
    labels: Integers
    positions: Integers
    segments: Integers


@dataclass(frozen=True)
class _Epoch:
    """The order of one epoch: documents, where each one ends in the stream, and blocks."""

    documents: Integers
    ends: Integers
    blocks: Integers


class PackingPlan:
    """The order of a whole training run, a pure function of documents, seed and sizes.

    Args:
        lengths: Tokens of each document, in the order of the split.
        sequence_length: Positions in a block.
        blocks_per_batch: Blocks in an update.
        seed: Of all permutations.
        steps: Updates; or
        epochs: how often the tokens are read. The last batch may be smaller than the others.
    """

    def __init__(
        self,
        lengths: NDArray[Any],
        *,
        sequence_length: int,
        blocks_per_batch: int,
        seed: int,
        steps: int | None = None,
        epochs: float | None = None,
    ) -> None:
        assert (steps is None) != (epochs is None)
        self.lengths: Integers = np.asarray(lengths, dtype=np.int64)
        self.sequence_length = sequence_length
        self.blocks_per_batch = blocks_per_batch
        self.seed = seed
        self.tokens = int(self.lengths.sum())
        self.blocks_per_epoch = -(-self.tokens // sequence_length)
        if steps is not None:
            self.steps = steps
            self.blocks = steps * blocks_per_batch
        else:
            assert epochs is not None
            self.blocks = max(round(epochs * self.blocks_per_epoch), 1)
            self.steps = -(-self.blocks // blocks_per_batch)
        self._epoch = lru_cache(maxsize=2)(self._order)

    def batch(self, step: int) -> range:
        """The numbers of the blocks of update `step`, counted from 0."""
        first = step * self.blocks_per_batch
        return range(first, min(first + self.blocks_per_batch, self.blocks))

    def targets(self, block: int) -> int:
        """How many labels `block` has: its positions less those that are a document's last."""
        epoch, start, stop = self._place(block)
        last_tokens = np.searchsorted(epoch.ends, [start, stop], side="right")
        return int(stop - start - (last_tokens[1] - last_tokens[0]))

    def read(self, tokens: Tokens, block: int) -> Block:
        """The tokens of `block` with labels, positions and segments."""
        epoch, start, stop = self._place(block)
        size = self.sequence_length
        made = Block(
            input_ids=np.zeros(size, np.int64),
            labels=np.full(size, IGNORED, np.int64),
            positions=np.arange(size, dtype=np.int64),
            segments=np.full(size, -1, np.int64),
        )
        for segment, (document, offset, at, count) in enumerate(_pieces(epoch, start, stop)):
            begin = int(tokens.starts[document]) + offset
            left = int(self.lengths[document]) - offset
            read = tokens.read(begin, begin + min(count + 1, left)).astype(np.int64)
            made.input_ids[at : at + count] = read[:count]
            made.labels[at : at + len(read) - 1] = read[1:]
            made.positions[at : at + count] = np.arange(count)
            made.segments[at : at + count] = segment
        return made

    def digest(self) -> str:
        """A hash over all that decides the plan, the first epoch's order included."""
        order = self._epoch(0)
        state = hashlib.blake2b(digest_size=16)
        sizes = [
            _REVISION,
            self.sequence_length,
            self.blocks_per_batch,
            self.seed,
            self.steps,
            self.blocks,
        ]
        state.update(json.dumps(sizes).encode())
        for array in (self.lengths, order.documents, order.blocks):
            state.update(array.astype("<i8").tobytes())
        return state.hexdigest()

    def _place(self, block: int) -> tuple[_Epoch, int, int]:
        """The epoch of `block`, and where it begins and ends in that epoch's stream."""
        number, within = divmod(block, self.blocks_per_epoch)
        epoch = self._epoch(number)
        start = int(epoch.blocks[within]) * self.sequence_length
        return epoch, start, min(start + self.sequence_length, self.tokens)

    def _order(self, epoch: int) -> _Epoch:
        random = np.random.PCG64(np.random.SeedSequence((self.seed, epoch)))
        documents = _permutation(random, len(self.lengths))
        return _Epoch(
            documents=documents,
            ends=np.cumsum(self.lengths[documents]),
            blocks=_permutation(random, self.blocks_per_epoch),
        )


def _permutation(random: np.random.PCG64, count: int) -> Integers:
    """A random order from PCG64's raw bits, which numpy promises to keep; not its `permutation`."""
    return np.argsort(random.random_raw(count), kind="stable").astype(np.int64)


def _pieces(epoch: _Epoch, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Document, offset in it, offset in the block, and count of each piece of ``start:stop``."""
    at = start
    index = int(np.searchsorted(epoch.ends, start, side="right"))
    while at < stop:
        document = int(epoch.documents[index])
        end = int(epoch.ends[index])
        begin = int(epoch.ends[index - 1]) if index else 0
        count = min(end, stop) - at
        yield document, at - begin, at - start, count
        at += count
        index += 1
