"""Which token goes where: a packing of documents into blocks that needs no state.

In each epoch the documents are put into a new order, laid end to end, and cut into blocks of
`sequence_length` positions; the blocks are put into a new order too. A document that a cut divides
goes on in another block as a segment of its own, with positions from 0 and without its beginning
as context. Every token is an input exactly once an epoch, and every token but the first of its
document is a target exactly once: the token after the last position of a block is the target there,
and is read again in the next block, as context only.

Both orders are looked up place by place. Of the documents' order only every 256th end in the stream
is remembered, so that an epoch of a billion documents takes 31 MB beside their lengths.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mowa.training._permutation import Integers, Permutation

# Raised whenever the same documents and seed give another plan.
_REVISION = 2

Floats = NDArray[np.float32]

IGNORED = -100
"""The label of a position that has no target, as `torch.nn.functional.cross_entropy` expects it."""

_GROUP = 256  # documents between two remembered ends
_AT_ONCE = 4096  # groups that are summed at once when an epoch begins


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
        weights: What the loss of a label is multiplied by; None: all weigh the same.
        reference: At place n the log-probability that another model gives the labels of segment n;
            None where there is no other.
    """

    input_ids: Integers
    labels: Integers
    positions: Integers
    segments: Integers
    weights: Floats | None = None
    reference: Floats | None = None

    @classmethod
    def empty(cls, size: int) -> Block:
        """A block of padding."""
        return cls(
            input_ids=np.zeros(size, np.int64),
            labels=np.full(size, IGNORED, np.int64),
            positions=np.arange(size, dtype=np.int64),
            segments=np.full(size, -1, np.int64),
        )

    def emptied(self) -> Block:
        """A block of padding that has what this one has."""
        empty = Block.empty(len(self.input_ids))
        return replace(
            empty,
            weights=None if self.weights is None else np.zeros_like(self.weights),
            reference=None if self.reference is None else np.zeros_like(self.reference),
        )


class Plan(Protocol):
    """An endless stream of blocks, of which any is found at once by its number."""

    @property
    def tokens(self) -> int:
        """In an epoch: what a stream weighs in a mixture."""

    @property
    def blocks_per_epoch(self) -> int:
        """Of the stream."""

    def targets(self, block: int) -> int:
        """How many labels `block` has."""

    def read(self, tokens: Any, block: int) -> Block:
        """What is in `block`, out of what the plan was made over."""

    def digest(self) -> str:
        """A hash over all that decides the plan."""


class PackingPlan:
    """An endless stream of blocks over documents: a pure function of lengths, seed and size.

    Args:
        lengths: Tokens of each document, in the order of the split.
        sequence_length: Positions in a block.
        seed: Of all permutations.
    """

    def __init__(self, lengths: NDArray[Any], *, sequence_length: int, seed: int) -> None:
        self.lengths: Integers = np.asarray(lengths, dtype=np.int64)
        self.sequence_length = sequence_length
        self.seed = seed
        self.tokens = int(self.lengths.sum())
        self.blocks_per_epoch = -(-self.tokens // sequence_length)
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)

    def targets(self, block: int) -> int:
        """How many labels `block` has: its positions less those that are a document's last."""
        epoch, start, stop = self._place(block)
        return stop - start - (epoch.ended(stop) - epoch.ended(start))

    def read(self, tokens: Tokens, block: int) -> Block:
        """The tokens of `block` with labels, positions and segments."""
        epoch, start, stop = self._place(block)
        made = Block.empty(self.sequence_length)
        for segment, (document, offset, at, count) in enumerate(epoch.pieces(start, stop)):
            begin = int(tokens.starts[document]) + offset
            left = int(self.lengths[document]) - offset
            read = tokens.read(begin, begin + min(count + 1, left)).astype(np.int64)
            made.input_ids[at : at + count] = read[:count]
            made.labels[at : at + len(read) - 1] = read[1:]
            made.positions[at : at + count] = np.arange(count)
            made.segments[at : at + count] = segment
        return made

    def digest(self) -> str:
        """A hash over all that decides the plan."""
        state = hashlib.blake2b(digest_size=16)
        state.update(json.dumps([_REVISION, self.sequence_length, self.seed]).encode())
        state.update(self.lengths.astype("<i8").tobytes())
        return state.hexdigest()

    def _place(self, block: int) -> tuple[_Epoch, int, int]:
        """The epoch of `block`, and where it begins and ends in that epoch's stream."""
        number, within = divmod(block, self.blocks_per_epoch)
        epoch = self._epoch(number)
        start = epoch.blocks[within] * self.sequence_length
        return epoch, start, min(start + self.sequence_length, self.tokens)

    def _make_epoch(self, number: int) -> _Epoch:
        return _Epoch(
            self.lengths,
            Permutation(len(self.lengths), self.seed, number, 0),
            Permutation(self.blocks_per_epoch, self.seed, number, 1),
        )


class _Epoch:
    """The order of one epoch: documents laid end to end, and the blocks that are cut from them."""

    def __init__(self, lengths: Integers, documents: Permutation, blocks: Permutation) -> None:
        self.blocks = blocks
        self._lengths, self._documents = lengths, documents
        size = _GROUP * _AT_ONCE
        sums = []
        for first in range(0, documents.count, size):
            part = lengths[documents.at(np.arange(first, min(first + size, documents.count)))]
            sums.append(np.add.reduceat(part, np.arange(0, len(part), _GROUP)))
        self._ends = np.cumsum(np.concatenate(sums))  # of every group of documents
        self._group = lru_cache(maxsize=64)(self._read_group)

    def ended(self, place: int) -> int:
        """How many documents end at `place` of the stream or before."""
        group = int(np.searchsorted(self._ends, place, side="right"))
        if group == len(self._ends):
            return self._documents.count
        _, ends = self._group(group)
        return group * _GROUP + int(np.searchsorted(ends, place, side="right"))

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
        """Document, offset in it, offset in the block and count of each piece of a block."""
        at, index = start, self.ended(start)
        while at < stop:
            group, within = divmod(index, _GROUP)
            documents, ends = self._group(group)
            document, end = int(documents[within]), int(ends[within])
            count = min(end, stop) - at
            yield document, at - (end - int(self._lengths[document])), at - start, count
            at += count
            index += 1

    def _read_group(self, group: int) -> tuple[Integers, Integers]:
        """The documents of a group in order, and where each ends in the stream."""
        first = group * _GROUP
        places = np.arange(first, min(first + _GROUP, self._documents.count))
        documents = self._documents.at(places)
        begin = int(self._ends[group - 1]) if group else 0
        return documents, begin + np.cumsum(self._lengths[documents])
