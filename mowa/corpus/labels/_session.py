"""One person's way through a sample: what comes next, answers, skipping and undo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus._read import shard_names
from mowa.corpus._schema import read_frame
from mowa.corpus.labels._file import Label, LabelWriter, now, read_labels
from mowa.corpus.labels._sample import stratified_sample
from mowa.errors import UsageError

_SHOWN = 20_000  # characters of a text on the page
_ABOUT = ("title", "source", "host", "url", "author", "date", "licence")


class Session:
    """Where one annotator is in the sample.

    A document that was skipped comes again after the others. What is labelled in the file stays
    done when a session begins again.

    Args:
        corpus: The folder of the corpus.
        path: The file of labels.
        annotator: Who labels.
        classes: The classes, in their order.
        name: How the corpus is called in the file.
        size: Documents in the sample.
        seed: Which ones.
        by: What the sample is stratified by.

    Raises:
        DataError: Where the file holds unknown classes or documents that are not in the corpus.
    """

    def __init__(
        self,
        corpus: Path,
        path: Path,
        *,
        annotator: str,
        classes: Sequence[str],
        name: str,
        size: int,
        seed: int = 0,
        by: Sequence[str],
    ) -> None:
        if not annotator.strip() or not annotator.isprintable() or len(annotator) > 100:
            raise UsageError("the annotator has no name", fix="give --annotator a name")
        self.annotator, self.classes, self.name = annotator, tuple(classes), name
        said = read_labels(path, classes, hashes_of(corpus)) if path.exists() else []
        mine = {label.content_hash for label in said if label.annotator == annotator}
        self._sample = stratified_sample(corpus, size, seed=seed, by=by)
        rows = self._sample.select("doc_id", "content_hash").rows()
        self._hashes: dict[str, str] = dict(rows)
        self._left = [doc for doc, mark in rows if mark not in mine]
        self._done: list[tuple[str, str]] = []
        self._documents = _documents(corpus, self._sample)
        self._writer = LabelWriter(path)

    def state(self) -> dict[str, Any]:
        """What the page shows: progress, the classes, and the next document or None."""
        total = len(self._hashes)
        return {
            "annotator": self.annotator,
            "corpus": self.name,
            "classes": self.classes,
            "done": total - len(self._left),
            "total": total,
            "can_undo": bool(self._done),
            "document": self._documents[self._left[0]] if self._left else None,
        }

    def label(self, doc_id: str, label: str) -> bool:
        """Write what was said of the document that is shown; False where it is another."""
        if not self._left or self._left[0] != doc_id or label not in self.classes:
            return False
        self._write(doc_id, label)
        self._done.append((self._left.pop(0), label))
        return True

    def skip(self, doc_id: str) -> bool:
        """Put the document that is shown behind the others."""
        if not self._left or self._left[0] != doc_id:
            return False
        self._left.append(self._left.pop(0))
        return True

    def undo(self) -> str | None:
        """Take back the last answer of this session and show its document; the answer it had."""
        if not self._done:
            return None
        doc_id, label = self._done[-1]
        self._write(doc_id, None)
        self._done.pop()
        self._left.insert(0, doc_id)
        return label

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()

    def _write(self, doc_id: str, label: str | None) -> None:
        mark = self._hashes[doc_id]
        self._writer.add(Label(doc_id, mark, label, self.annotator, now(), self.name))


def hashes_of(corpus: Path) -> dict[str, str]:
    """`content_hash` of every document by `doc_id`."""
    columns = ("doc_id", "content_hash")
    return {
        doc: mark
        for shard in shard_names(corpus)
        for doc, mark in read_frame(corpus / "documents" / f"{shard}.parquet", columns).rows()
    }


def _documents(corpus: Path, sample: pl.DataFrame) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for (shard,), part in sample.group_by("shard"):
        path = corpus / "documents" / f"{shard}.parquet"
        wanted = pl.col("doc_id").is_in(part["doc_id"].to_list())
        columns = ("doc_id", "text", *_ABOUT)
        for row in read_frame(path, columns).filter(wanted).iter_rows(named=True):
            text = row.pop("text")
            found[row["doc_id"]] = {
                **row,
                "text": text[:_SHOWN],
                "characters": len(text),
                "cut": len(text) > _SHOWN,
            }
    return found
