"""Which documents of a corpus a tokenizer learns from, and on which it is measured."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mowa.corpus import kept_documents, shard_names
from mowa.tokenizer._encode import pieces

# The trainer's work on one word grows with the square of its length: a megabyte of dots would take
# hours. Runs without a space, or of nothing but spaces, are therefore cut at this many characters.
_LONG = 1000
_LONG_RUN = re.compile(rf"(?<!\S)\S{{{_LONG + 1},}}|(?<!\s)\s{{{_LONG + 1},}}")


@dataclass(frozen=True)
class Sample:
    """The documents of one split whose hash falls below `share`.

    Attributes:
        corpus: The corpus artifact's folder.
        split: ``train`` or ``held_out``.
        share: Part of the documents that is drawn, 1 for all.
        documents: Documents of the whole split.
        bytes: Bytes of their text.
    """

    corpus: Path
    split: str
    share: float
    documents: int
    bytes: int

    def frames(self, *columns: str) -> Iterator[pl.DataFrame]:
        """The sampled documents, a frame a shard, in the order of the corpus."""
        wanted = list(columns) if self.share >= 1 else [*columns, "content_hash"]
        for shard in shard_names(self.corpus):
            frame = kept_documents(self.corpus, shard, self.split, wanted)
            if self.share < 1:
                drawn = [_place(digest) < self.share for digest in frame["content_hash"]]
                frame = frame.filter(pl.Series(drawn, dtype=pl.Boolean)).select(columns)
            if frame.height:
                yield frame


def draw(corpus: Path, split: str, size: int) -> Sample:
    """About `size` bytes of the documents of a split; all of them where there are no more.

    A document is drawn by a hash of its content alone: the sample does not depend on the order of
    the documents or the number of shards.
    """
    documents = total = 0
    for shard in shard_names(corpus):
        lengths = kept_documents(corpus, shard, split, ["text"])["text"].str.len_bytes()
        documents += len(lengths)
        total += int(lengths.sum())
    share = 1.0 if total <= size else size / total
    return Sample(corpus, split, share, documents, total)


def lessons(text: str) -> Iterator[str]:
    """`text` as the trainer gets it: in pieces, without very long words."""
    for piece in pieces(text):
        start = 0
        for run in _LONG_RUN.finditer(piece):
            for cut in range(run.start() + _LONG, run.end(), _LONG):
                yield piece[start:cut]
                start = cut
        yield piece[start:]


def _place(content_hash: str) -> float:
    """A number in [0, 1) that the hash decides; salted, for a hash drew the split too."""
    state = hashlib.blake2b(content_hash.encode(), digest_size=8, person=b"mowa tokenizer")
    return int.from_bytes(state.digest(), "big") / 2**64
