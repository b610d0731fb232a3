"""Passages of a corpus: which documents, by a seed, and which whole paragraphs of each."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mowa.errors import DataError
from mowa.instructions._dialogue import Span

_COLUMNS = ("doc_id", "text", "title", "source", "licence", "author")
_PARAGRAPH = re.compile(r"[^\n]*\S[^\n]*")

# So many documents are looked at for each passage before others are: some are too short.
_FOR_EACH = 4
_AT_LEAST = 256


@dataclass(frozen=True)
class Passage:
    """A piece of a document.

    Attributes:
        span: Where it stands, in the text as the corpus gives it, with its edits.
        text: It.
        title: Of the document.
        source: Of the document, in the register.
        licence: Of the document.
        author: Of the document.
    """

    span: Span
    text: str
    title: str | None = None
    source: str | None = None
    licence: str | None = None
    author: str | None = None

    @property
    def name(self) -> str:
        """``document:start-end``."""
        return f"{self.span.document}:{self.span.start}-{self.span.end}"


def choose_passages(
    corpus: Path, count: int, characters: tuple[int, int], seed: int
) -> list[Passage]:
    """A passage of each of `count` documents that are kept for training, drawn by `seed`.

    A larger `count` adds passages and changes none. Documents without a passage of such a length
    are passed over.

    Args:
        corpus: The folder of the corpus.
        count: How many, or as many as there are.
        characters: Least and most of a passage.
        seed: Which.

    Raises:
        DataError: Where no document has such a passage.
    """
    looked = max(count * _FOR_EACH, _AT_LEAST)
    while True:
        drawn = _drawn(corpus, looked, seed)
        found = [
            passage for passage in _read(corpus, drawn, characters, seed) if passage is not None
        ]
        if len(found) >= count or len(drawn) < looked:
            break
        looked *= _FOR_EACH
    if not found:
        raise DataError(
            f"no document has a passage of {characters[0]:,} to {characters[1]:,} characters that"
            " ends where paragraphs do",
            where=str(corpus),
            fix="widen characters",
        )
    return found[:count]


def window(text: str, characters: tuple[int, int], draw: int) -> tuple[int, int] | None:
    r"""Start and end of whole paragraphs that are together of that length; None where none are.

    Args:
        text: Paragraphs, a line each.
        characters: Least and most.
        draw: Chooses among the places where a passage may begin.

    Example:
        >>> text = "Raz.\nDwa, trzy.\n\nCztery, pięć, sześć."
        >>> [text[slice(*window(text, (8, 20), draw))] for draw in (0, 1, 2)]
        ['Raz.\nDwa, trzy.', 'Dwa, trzy.', 'Cztery, pięć, sześć.']
    """
    least, most = characters
    paragraphs = [found.span() for found in _PARAGRAPH.finditer(text)]
    found = []
    last = 0
    for first, (start, _) in enumerate(paragraphs):
        last = max(last, first)
        while last < len(paragraphs) and paragraphs[last][1] - start <= most:
            last += 1
        end = paragraphs[last - 1][1] if last > first else start
        if end - start >= least:
            found.append((start, end))
    return found[draw % len(found)] if found else None


def _drawn(corpus: Path, count: int, seed: int) -> list[tuple[int, str, int]]:
    """Of all documents kept for training those whose hash is smallest: hash, shard, row."""
    from mowa.corpus import kept_documents, shard_names

    def all_of() -> Iterator[tuple[int, str, int]]:
        for shard in shard_names(corpus):
            ids = kept_documents(corpus, shard, "train", ("doc_id",))["doc_id"]
            for row, doc_id in enumerate(ids):
                yield _hash(seed, doc_id), shard, row

    return heapq.nsmallest(count, all_of())


def _read(
    corpus: Path, drawn: list[tuple[int, str, int]], characters: tuple[int, int], seed: int
) -> list[Passage | None]:
    """The passages of what was drawn, in its order; a shard is read once."""
    from mowa.corpus import kept_documents

    places: dict[str, list[tuple[int, int]]] = {}
    for place, (_, shard, row) in enumerate(drawn):
        places.setdefault(shard, []).append((row, place))
    found: list[Passage | None] = [None] * len(drawn)
    for shard, rows in places.items():
        frame = kept_documents(corpus, shard, "train", _COLUMNS)
        for row, place in rows:
            document = frame.row(row, named=True)
            span = window(document["text"], characters, _hash(seed, f"{document['doc_id']}/window"))
            if span is not None:
                found[place] = Passage(
                    Span(document["doc_id"], *span),
                    document["text"][slice(*span)],
                    document["title"],
                    document["source"],
                    document["licence"],
                    document["author"],
                )
    return found


def _hash(seed: int, name: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")
