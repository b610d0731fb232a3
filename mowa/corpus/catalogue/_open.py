"""A corpus in Python: open it, filter it, go through it, hand it to Polars or to datasets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mowa.corpus._why import Explanation
from mowa.corpus._why import why as explain
from mowa.corpus.catalogue._frames import checked_manifest, each_shard
from mowa.errors import UsageError
from mowa.workspace import Workspace

if TYPE_CHECKING:
    from datasets import Dataset  # type: ignore[import-untyped,unused-ignore]  # optional


@dataclass(frozen=True, slots=True)
class Document:
    """One document with where it comes from and how it was decided."""

    doc_id: str
    text: str
    title: str | None
    author: str | None
    date: str | None
    url: str | None
    language: str | None
    source: str
    licence: str
    release: str
    decision: str
    reason: str | None
    split: str | None


_FIELDS = tuple(field.name for field in fields(Document))
_COLUMNS = tuple(name for name in _FIELDS if name not in {"decision", "reason", "split"})


@dataclass(frozen=True)
class Corpus:
    """Documents of a corpus; the kept ones, unless it was opened with ``decision=None``.

    Nothing is read before it is asked for; a shard is in memory at a time.
    """

    path: Path
    decision: str | None = "keep"
    source: str | None = None
    licence: str | None = None
    minimum_characters: int = 0

    @property
    def manifest(self) -> dict[str, Any]:
        """What `manifest.json` says."""
        return checked_manifest(self.path)

    def filter(
        self,
        *,
        source: str | None = None,
        licence: str | None = None,
        min_characters: int | None = None,
    ) -> Corpus:
        """The documents that are as asked for besides; this corpus stays as it is."""
        return replace(
            self,
            source=source or self.source,
            licence=licence or self.licence,
            minimum_characters=self.minimum_characters
            if min_characters is None
            else min_characters,
        )

    def __len__(self) -> int:
        """How many documents there are."""
        columns = ["doc_id", "source", "licence", *(["text"] if self.minimum_characters else [])]
        return sum(frame.height for frame in self._frames(columns))

    def __iter__(self) -> Iterator[Document]:
        """The documents, in the order of the corpus."""
        for frame in self._frames(_COLUMNS):
            for row in frame.select(_FIELDS).iter_rows(named=True):
                yield Document(**row)

    def to_polars(self) -> pl.DataFrame:
        """All documents as one frame, in memory; `filter` first where there are many."""
        return pl.concat([frame.select(_FIELDS) for frame in self._frames(_COLUMNS)])

    def to_dataset(self) -> Dataset:
        """All documents as a `datasets.Dataset`.

        Raises:
            UsageError: Where the package datasets is not installed.
        """
        try:
            from datasets import Dataset
        except ImportError as error:
            raise UsageError(
                "the package datasets is not installed", fix="pip install datasets"
            ) from error
        return Dataset.from_polars(self.to_polars())

    def why(self, doc_id: str) -> Explanation:
        """Why a document was kept or not: every rule, its value and its bounds."""
        return explain(self.path, doc_id)

    def _frames(self, columns: tuple[str, ...] | list[str]) -> Iterator[pl.DataFrame]:
        chosen = pl.lit(value=True)
        for name in ("decision", "source", "licence"):
            if getattr(self, name) is not None:
                chosen &= pl.col(name) == getattr(self, name)
        if self.minimum_characters:
            chosen &= pl.col("text").str.len_chars() >= self.minimum_characters
        for frame in each_shard(self.path, list(columns), kept=self.decision == "keep"):
            yield frame.filter(chosen)


def open_corpus(path: str | Path, *, decision: str | None = "keep") -> Corpus:
    """Open the corpus in a folder, or the one that ``recipe/step`` names in ``./workspace``.

    Args:
        path: The folder of the corpus; or its name; or ``FOLDER/recipe/step`` of a workspace.
        decision: ``keep``, ``reject``, ``duplicate``, ``quarantine``; None for all documents.

    Raises:
        UsageError: Where there is no corpus, or its manifest is damaged.
    """
    folder = Path(path)
    if not (folder / "manifest.json").is_file():
        reference = "/".join(folder.parts[-2:])
        root = Path(*folder.parts[:-2]) if len(folder.parts) > 2 else Path("workspace")
        folder = Workspace.open(root).get(reference).path
    checked_manifest(folder)
    return Corpus(folder, decision)
