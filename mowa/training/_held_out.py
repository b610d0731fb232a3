"""Bits per byte on held-out documents: a measure that does not depend on the tokenizer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch

from mowa.training._forward import Forward, stack
from mowa.training._plan import IGNORED, Block

if TYPE_CHECKING:
    from mowa.training._split import TokenSplit


def choose_documents(split: TokenSplit, limit: int | None) -> list[int]:
    """The `limit` documents with the lowest hash of their id, in the order of the split."""
    if limit is None or limit >= split.documents:
        return list(range(split.documents))
    hashes = [hashlib.blake2b(doc_id.encode(), digest_size=8).digest() for doc_id in split.doc_ids]
    return sorted(sorted(range(split.documents), key=hashes.__getitem__)[:limit])


class HeldOut:
    """Held-out documents, cut into windows of `sequence_length` that do not overlap.

    A window's first token is context only (BOS, or the last target of the window before), so every
    token but BOS is counted once; EOS is counted. Windows share a row where they fit, without
    seeing each other.
    """

    def __init__(self, split: TokenSplit, *, sequence_length: int, documents: int | None) -> None:
        self._split = split
        self._length = sequence_length
        self._documents = choose_documents(split, documents)
        self.documents = len(self._documents)
        self.bytes = int(split.text_bytes[self._documents].sum()) if self._documents else 0

    def bits_per_byte(self, forward: Forward, *, rows: int) -> float | None:
        """Total negative log-likelihood in bits over the UTF-8 bytes of the texts.

        `rows` rows go through the model at once. None where there is no held-out text.
        """
        if not self.bytes:
            return None
        nats = 0.0
        # Not compiled: the compiler would make a second version of each graph for it.
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            for group in _groups(self._rows(), rows):
                nats += float(forward.nll(stack(group, forward.device)))
        return nats / math.log(2) / self.bytes

    def _rows(self) -> Iterator[Block]:
        """Windows laid into rows, one after another as long as they fit."""
        row, at, segment = _empty(self._length), 0, 0
        for start, stop in self._windows():
            tokens = self._split.read(start, stop).astype(np.int64)
            count = len(tokens) - 1
            if at + count > self._length:
                yield row
                row, at, segment = _empty(self._length), 0, 0
            row.input_ids[at : at + count] = tokens[:-1]
            row.labels[at : at + count] = tokens[1:]
            row.positions[at : at + count] = np.arange(count)
            row.segments[at : at + count] = segment
            at, segment = at + count, segment + 1
        if segment:
            yield row

    def _windows(self) -> Iterator[tuple[int, int]]:
        for document in self._documents:
            start = int(self._split.starts[document])
            last = start + int(self._split.lengths[document]) - 1
            for begin in range(start, last, self._length):
                yield begin, min(begin + self._length, last) + 1


def _empty(length: int) -> Block:
    return Block(
        input_ids=np.zeros(length, np.int64),
        labels=np.full(length, IGNORED, np.int64),
        positions=np.arange(length, dtype=np.int64),
        segments=np.full(length, -1, np.int64),
    )


def _groups(blocks: Iterator[Block], size: int) -> Iterator[list[Block]]:
    while group := list(islice(blocks, size)):
        yield group
