"""Items of a task that a corpus, or dialogues, have: found by the index, judged on the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from mowa.corpus._hashing import I64, U64
from mowa.errors import DataError
from mowa.evaluation.contamination._build import Kind, seeds_of
from mowa.evaluation.contamination._grams import (
    GAP,
    NONE,
    WORD,
    bags_of_words,
    in_one_form,
    runs_of_words,
    words_of,
)
from mowa.evaluation.contamination._index import Index
from mowa.evaluation.contamination._texts import texts_of

RUN: dict[Kind, int] = {"verbatim": 8, "lemmas": 5}
"""Words, and lemmas in any order, whose runs are counted when a text is judged."""

SHARE = 0.5
"""From which share of its runs on one document has a text.

Of 36,000 texts and passages beside novels, acts and poems that they have nothing to do with, none
shared 0.3 of its runs of 8 words, one shared 0.3 of its runs of 5 lemmas, and none a half; a copy
in which every sixteenth word was changed still shares a half (docs/contamination.md).
"""

_DOCUMENTS = 8  # documents that are read, and told, for each text
_COMMON = 0.1  # runs in so many of a task's items are its template's
_COMMON_ITEMS = 5
_CHARACTERS = 400  # of the matching text that is told


@dataclass(frozen=True)
class Item:
    """One item of a task.

    Attributes:
        id: Its id.
        texts: What would give it away: its question, its question with the answer, each choice.
    """

    id: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """A document, or a dialogue, that has a text of an item.

    Attributes:
        corpus: Name of the corpus, or of the dialogues.
        document: The document's id, or the dialogue's.
        kind: ``verbatim``, or ``lemmas`` where only words without their endings agree.
        text: The passage of the document, shortened.
        share: Of the runs of the item's text, how much the document has.
    """

    corpus: str
    document: str
    kind: str
    text: str
    share: float


@dataclass(frozen=True)
class Verdict:
    """What was found of one item.

    Attributes:
        contaminated: None where all its texts are too short to tell.
        hits: Best first; one for each document, of each corpus that has any at least one.
    """

    contaminated: bool | None
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class Against:
    """A corpus, or dialogues, with its index.

    Attributes:
        name: As results tell it.
        fingerprint: Of the corpus.
        corpus: Its folder.
        index: The folder of its index.
        kind: ``corpus`` or ``dialogues``.
    """

    name: str
    fingerprint: str
    corpus: Path
    index: Path
    kind: str = "corpus"


def find_items(items: Sequence[Item], against: Sequence[Against]) -> list[Verdict]:
    """Look for the items of one task in corpora.

    Runs that a tenth of the items have (and five at least) belong to the template that all are
    written with, and count neither for nor against.

    Raises:
        DataError: Where an index is damaged, or does not belong to its corpus.
    """
    texts = [
        (owner, text) for owner, item in enumerate(items) for text in dict.fromkeys(item.texts)
    ]
    owners = np.array([owner for owner, _ in texts], dtype=np.int64)
    series = in_one_form(pl.Series([text for _, text in texts], dtype=pl.String))
    told = np.zeros(len(items), dtype=np.bool_)
    best: list[dict[tuple[str, str], Hit]] = [{} for _ in items]
    for one in against:
        index = Index.open(one.index)
        if index.about["corpus"]["fingerprint"] != one.fingerprint:
            raise DataError(
                f"this index was made of another corpus than {one.name}",
                where=str(one.index),
                fix="make the index again from this corpus",
            )
        for kind in index.kinds:
            wanted = _wanted(kind, index, series, owners, len(items))
            told[owners[wanted.judged]] = True
            for text, hit in _hits(wanted, index, one):
                known = best[owners[text]].get((hit.corpus, hit.document))
                # What is verbatim is told so, whatever its lemmas share.
                if known is None or (known.kind == kind and known.share < hit.share):
                    best[owners[text]][hit.corpus, hit.document] = hit
    verdicts = []
    for judged, found in zip(told.tolist(), best, strict=True):
        hits = sorted(found.values(), key=lambda hit: (-hit.share, hit.kind != "verbatim"))
        of_others = {hit.corpus: hit for hit in reversed(hits[_DOCUMENTS:])}
        for hit in hits[:_DOCUMENTS]:
            of_others.pop(hit.corpus, None)
        told_hits = (*hits[:_DOCUMENTS], *of_others.values())
        verdicts.append(Verdict(bool(hits) if judged else None, told_hits))
    return verdicts


@dataclass(frozen=True)
class _Wanted:
    """The texts of items as runs of one kind.

    Attributes:
        kind: The kind.
        judged: Which texts are long enough.
        seeds: Hashes to look up, and the text of each.
        seed_texts: The text of each of `seeds`.
        runs: Hashes that are counted, different ones of each text, and their lengths.
        lengths: How many words a run of each text has.
        words: How many words, or lemmas, each text has.
    """

    kind: Kind
    judged: npt.NDArray[np.bool_]
    seeds: U64
    seed_texts: I64
    runs: Mapping[int, U64]
    lengths: I64
    words: I64


def _wanted(kind: Kind, index: Index, texts: pl.Series, owners: I64, items: int) -> _Wanted:
    hashes, offsets, _ = _sequence(kind, texts, index)
    words = np.diff(offsets)
    of = np.repeat(np.arange(len(texts)), words)
    long = words >= index.shortest(kind)
    lengths = np.minimum(words, RUN[kind])
    runs: dict[int, U64] = {}
    for length in np.unique(lengths[long]).tolist():
        found = _runs(kind, hashes, offsets, length)
        here = np.flatnonzero((found != NONE) & long[of] & (lengths[of] == length))
        own = ~_common(found[here], owners[of[here]], items)
        values, text = found[here][own], of[here][own]
        edges = np.searchsorted(text, np.arange(len(texts) + 1))
        runs |= {
            number: np.unique(values[edges[number] : edges[number + 1]])
            for number in np.unique(text).tolist()
        }
    judged = np.zeros(len(texts), dtype=np.bool_)
    judged[list(runs)] = True
    seeds = seeds_of(kind, hashes, offsets)
    here = np.flatnonzero((seeds != NONE) & judged[of])
    here = here[~_common(seeds[here], owners[of[here]], items)]
    return _Wanted(kind, judged, seeds[here], of[here], runs, lengths, words)


def _sequence(kind: Kind, texts: pl.Series, index: Index) -> tuple[U64, I64, I64]:
    """Hashes of the words or lemmas of texts, each text's offset, the word that each comes from."""
    words = words_of(texts)
    if kind == "lemmas":
        return index.lemmas.of(words)
    return words.hashes, words.offsets, np.arange(len(words.hashes))


def _runs(kind: Kind, hashes: U64, offsets: I64, length: int) -> U64:
    function = runs_of_words if kind == "verbatim" else bags_of_words
    return function(hashes, offsets, length)


def _common(hashes: U64, owners: I64, items: int) -> npt.NDArray[np.bool_]:
    """Which runs many items have."""
    limit = max(_COMMON_ITEMS, int(_COMMON * items))
    frame = pl.DataFrame({"hash": hashes, "owner": owners})
    many = frame.unique().group_by("hash").len().filter(pl.col("len") >= limit)["hash"]
    return np.isin(hashes, many.to_numpy())


def _hits(wanted: _Wanted, index: Index, against: Against) -> Iterator[tuple[int, Hit]]:
    """Read the documents that the index names; those that have enough of a text, with the text."""
    places, documents = index.look_up(wanted.kind, wanted.seeds)
    votes = (
        pl.DataFrame({"text": wanted.seed_texts[places], "document": documents})
        .group_by("text", "document")
        .len("votes")
        .sort("text", "votes", "document", descending=[False, True, False])
        .group_by("text", maintain_order=True)
        .head(_DOCUMENTS)
    )
    where = index.documents(votes["document"].unique().sort().to_list())
    by_shard: dict[str, dict[str, list[int]]] = {}
    for text, document, _ in votes.iter_rows():
        shard, doc_id = where[document]
        by_shard.setdefault(shard, {}).setdefault(doc_id, []).append(text)
    for shard, named in sorted(by_shard.items()):
        kept = texts_of(against.corpus, shard)
        kept = kept.filter(pl.col("doc_id").is_in(sorted(named)))
        if kept["doc_id"].n_unique() != len(named):
            raise DataError(
                "the index names documents that the corpus does not keep",
                where=f"{against.name}, shard {shard}",
                fix="make the index again from this corpus",
            )
        for doc_id, text in kept.select("doc_id", "text").iter_rows():
            document_ = _Document(wanted.kind, text, index)
            for number in named[doc_id]:
                share, passage = document_.judge(
                    wanted.runs[number], int(wanted.lengths[number]), int(wanted.words[number])
                )
                if share >= SHARE:
                    hit = Hit(against.name, doc_id, wanted.kind, passage, round(share, 4))
                    yield number, hit


class _Document:
    """The text of one document, whose runs are looked at for several items."""

    def __init__(self, kind: Kind, text: str, index: Index) -> None:
        self._kind, self._text = kind, pl.Series([text], dtype=pl.String)
        self._hashes, self._offsets, self._words = _sequence(kind, self._text, index)
        self._runs: dict[int, U64] = {}

    def judge(self, runs: U64, length: int, words: int) -> tuple[float, str]:
        """The share of `runs` that the document has, and the passage that has most of them.

        Args:
            runs: Different hashes of runs of an item's text.
            length: How many words, or lemmas, each run has.
            words: How many the whole text has.
        """
        if length not in self._runs:
            self._runs[length] = _runs(self._kind, self._hashes, self._offsets, length)
        own = self._runs[length]
        places = np.flatnonzero(np.isin(own, runs))
        if not len(places):
            return 0.0, ""
        share = len(np.unique(own[places])) / len(runs)
        # The passage as long as the text in which most runs begin.
        within = np.searchsorted(places, places + max(words - length, 0), side="right")
        first = int(np.argmax(within - np.arange(len(places))))
        last = int(places[within[first] - 1]) + length - 1
        return share, self._passage(int(self._words[places[first]]), int(self._words[last]))

    def _passage(self, first: int, last: int) -> str:
        """The text from one word to another, as it stands in the document."""
        words = self._text.str.extract_all(WORD)[0]
        gaps = self._text.str.extract_all(GAP)[0].to_list()
        # A gap that begins the text stands before the first word, any other behind its word.
        begun = int(len(gaps) > 0 and not self._text.str.contains(rf"^{WORD}")[0])
        pieces = [words[first]]
        for place in range(first + 1, last + 1):
            pieces += [gaps[place - 1 + begun], words[place]]
        passage = " ".join("".join(pieces).split())
        return passage if len(passage) <= _CHARACTERS else f"{passage[: _CHARACTERS - 1]}…"
