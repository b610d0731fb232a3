"""The labelled texts of a corpus, one a text, with what a classifier sees of them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mowa.corpus._read import shard_names
from mowa.corpus._schema import read_frame
from mowa.corpus.classifiers._config import Kind
from mowa.corpus.classifiers._features import signal_columns, signal_frame
from mowa.corpus.labels import QUALITY, Label, check_classes, read_labels
from mowa.corpus.labels._session import hashes_of
from mowa.errors import DataError, UsageError

# With fewer, there is not one for each fold.
LEAST_TEXTS = 5


@dataclass(frozen=True)
class Examples:
    """What there is to learn from.

    Attributes:
        frame: One row a text, by `content_hash`: `doc_id`, `title`, `content_hash`, `class` (place
            in `classes`), `text`, and for quality the columns of signals.
        classes: Those that have texts, in order.
        features: Columns of signals; none for topic.
        labels: Every label that stands.
        disputed: Texts left out because as many people said one thing as another.
    """

    frame: pl.DataFrame
    classes: tuple[str, ...]
    features: tuple[str, ...]
    labels: tuple[Label, ...]
    disputed: int

    @property
    def digest(self) -> str:
        """BLAKE2b-256 of every text's hash and class."""
        state = hashlib.blake2b(digest_size=32)
        for mark, place in self.frame.select("content_hash", "class").rows():
            state.update(f"{mark}\t{self.classes[place]}\n".encode())
        return state.hexdigest()


def examples(
    corpus: Path, files: Sequence[Path], kind: Kind, classes: Sequence[str] = ()
) -> Examples:
    """Bring labels and documents together.

    Of several people's labels the most frequent counts; copies of a text are one text.

    Args:
        corpus: The folder of the corpus.
        files: Files of labels.
        kind: ``quality`` takes the signals, ``topic`` the text.
        classes: The classes in their order; empty for those that the labels have (for quality:
            HIGH, MEDIUM, LOW).

    Raises:
        UsageError: Where there are no labels, or fewer than two classes.
        DataError: Where a line is no label of this corpus, or a class has fewer than five texts.
    """
    allowed = check_classes(list(classes), "the classes") if classes else ()
    if kind == "quality" and not classes:
        allowed = QUALITY
    hashes = hashes_of(corpus)
    labels = [label for path in files for label in read_labels(path, allowed or None, hashes)]
    said, disputed = _settled(labels)
    counts = Counter(said.values())
    names = [name for name in (allowed or sorted(counts)) if counts[name]]
    where = ", ".join(map(str, files))
    if len(names) < 2:
        raise UsageError(
            f"a classifier needs two classes or more, the labels have {len(names)}", where=where
        )
    for name in names:
        if counts[name] < LEAST_TEXTS:
            raise DataError(
                f"the class {name!r} has {counts[name]} labelled texts;"
                f" it needs {LEAST_TEXTS} or more",
                where=where,
                fix="label more documents of that class, or leave it out of the labels",
            )
    frame, features = _rows(corpus, said, kind)
    place = {name: index for index, name in enumerate(names)}
    column = [place[said[mark]] for mark in frame["content_hash"].to_list()]
    frame = frame.with_columns(pl.Series("class", column, pl.Int64))
    return Examples(frame, tuple(names), tuple(features), tuple(labels), disputed)


def _settled(labels: Iterable[Label]) -> tuple[dict[str, str], int]:
    """The class of each text, and how many have none because people are of two minds."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for label in labels:
        assert label.label is not None
        votes[label.content_hash][label.label] += 1
    settled = {}
    for mark, counted in votes.items():
        (first, most), *rest = counted.most_common(2)
        if not rest or rest[0][1] < most:
            settled[mark] = first
    return settled, len(votes) - len(settled)


def _rows(corpus: Path, said: dict[str, str], kind: Kind) -> tuple[pl.DataFrame, list[str]]:
    shards = shard_names(corpus)
    features = signal_columns(corpus, shards[0]) if kind == "quality" else []
    if kind == "quality" and not features:
        raise DataError("the corpus has no signals", where=str(corpus))
    marks = list(said)
    parts = []
    for shard in shards:
        columns = ("doc_id", "title", "content_hash", "text")
        part = read_frame(corpus / "documents" / f"{shard}.parquet", columns)
        if features:
            part = part.hstack(signal_frame(corpus / "signals", shard, features))
        parts.append(part.filter(pl.col("content_hash").is_in(marks)))
    frame = pl.concat(parts).unique("content_hash", keep="first", maintain_order=True)
    return frame.sort("content_hash"), features
