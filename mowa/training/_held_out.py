"""Bits per byte on held-out documents: a measure that does not depend on the tokenizer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from mowa.training._distribution import Ranks
from mowa.training._forward import Forward, measuring, stack
from mowa.training._plan import Block

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
    token but BOS is counted once; EOS is counted. Windows of one source share a row where they fit,
    without seeing each other.
    """

    def __init__(self, split: TokenSplit, *, sequence_length: int, documents: int | None) -> None:
        self._split = split
        self._length = sequence_length
        chosen = choose_documents(split, documents)
        self.documents = len(chosen)
        self._by_source: dict[str, list[int]] = {}
        for document in chosen:
            self._by_source.setdefault(split.sources[document], []).append(document)

    @property
    def sources(self) -> list[str]:
        """Names of the sources that have documents here."""
        return sorted(self._by_source)

    def bytes(self, source: str) -> int:
        """UTF-8 bytes of the text of a source's documents."""
        return int(self._split.text_bytes[self._by_source[source]].sum())

    def rows(self, source: str) -> Iterator[Block]:
        """A source's windows laid into rows, one after another as long as they fit."""
        row, at, segment = Block.empty(self._length), 0, 0
        for start, stop in self._windows(self._by_source[source]):
            tokens = self._split.read(start, stop).astype(np.int64)
            count = len(tokens) - 1
            if at + count > self._length:
                yield row
                row, at, segment = Block.empty(self._length), 0, 0
            row.input_ids[at : at + count] = tokens[:-1]
            row.labels[at : at + count] = tokens[1:]
            row.positions[at : at + count] = np.arange(count)
            row.segments[at : at + count] = segment
            at, segment = at + count, segment + 1
        if segment:
            yield row

    def _windows(self, documents: list[int]) -> Iterator[tuple[int, int]]:
        for document in documents:
            start = int(self._split.starts[document])
            last = start + int(self._split.lengths[document]) - 1
            for begin in range(start, last, self._length):
                yield begin, min(begin + self._length, last) + 1


@dataclass(frozen=True)
class BitsPerByte:
    """Total negative log-likelihood in bits over the UTF-8 bytes of the texts."""

    total: float | None  # None where there is no text
    by_source: dict[str, float]


def bits_per_byte(
    forward: Forward, held_out: Sequence[HeldOut], ranks: Ranks, *, micro: int
) -> BitsPerByte:
    """Measure `forward` on all held-out documents, `micro` rows at a time.

    Processes divide the rows among them; sources of one name are added up.
    """
    nats: dict[str, float] = {}
    sizes: dict[str, int] = {}
    with measuring(forward):
        for split in held_out:
            for source in split.sources:
                mine = islice(split.rows(source), ranks.rank, None, ranks.world)
                total = 0.0
                groups = list(_groups(mine, micro))
                for group in groups + [[]] * (ranks.most(len(groups)) - len(groups)):
                    blocks = group or [Block.empty(forward.sequence_length)]
                    total += float(forward(stack(blocks, forward.device), "measure"))
                nats[source] = nats.get(source, 0.0) + total
                sizes[source] = sizes.get(source, 0) + split.bytes(source)
    # Every process has met the sources in the same order.
    nats = dict(zip(nats, ranks.sums(list(nats.values())), strict=True))
    texts = [source for source in nats if sizes[source]]
    if not texts:
        return BitsPerByte(None, {})
    return BitsPerByte(
        sum(nats[source] for source in texts) / math.log(2) / sum(sizes[s] for s in texts),
        {source: nats[source] / math.log(2) / sizes[source] for source in sorted(texts)},
    )


def _groups(blocks: Iterator[Block], size: int) -> Iterator[list[Block]]:
    while group := list(islice(blocks, size)):
        yield group
