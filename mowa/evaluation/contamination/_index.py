"""An index on disk: which documents of a corpus have a run of words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mowa.corpus._hashing import I64, U64, ragged
from mowa.errors import DataError
from mowa.evaluation.contamination._build import (
    BUCKET_BITS,
    SCHEMA,
    SEED_WORDS,
    Kind,
    lemmas_by,
    part_file,
)
from mowa.evaluation.contamination._lemmas import Lemmas


@dataclass(frozen=True)
class Index:
    """The index of one corpus; its arrays are mapped, not read.

    Attributes:
        folder: Where it lies.
        about: What `index.json` says.
    """

    folder: Path
    about: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Index:
        """The index in `folder`.

        Raises:
            DataError: Where there is none, or one of another version.
        """
        path = folder / "index.json"
        try:
            about = json.loads(path.read_text("utf-8"))
            schema, kinds = about["schema"], about["kinds"]
            lengths = {kind: kinds[kind]["length"] for kind in kinds}
        except FileNotFoundError:
            raise DataError(
                "there is no index here",
                where=str(folder),
                fix="make one with a step that does contamination-index",
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"the index is damaged ({error!r})", where=str(path)) from error
        if schema != SCHEMA or any(SEED_WORDS.get(kind) != n for kind, n in lengths.items()):
            raise DataError(
                "this index was made by another version of Mowa",
                where=str(path),
                fix="remove the artifact and run the recipe again",
            )
        return cls(folder, about)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """``verbatim``, and ``lemmas`` where endings were taken off."""
        return tuple(self.about["kinds"])

    def shortest(self, kind: Kind) -> int:
        """Words, or lemmas, from which on a copy of a text cannot be missed."""
        return SEED_WORDS[kind] + int(self.about["window"]) - 1

    @cached_property
    def lemmas(self) -> Lemmas:
        """What takes off endings as it was done for the index."""
        return lemmas_by(self.about["lemmatiser"], tuple(self.about["stop_words"]))

    def look_up(self, kind: Kind, hashes: U64) -> tuple[I64, I64]:
        """Documents that have these runs, a few dozen of each run at most.

        Returns:
            The place in `hashes` and the number of the document, for each document of each.
        """
        parts = self.about["kinds"][kind]["parts"]
        bucket = (hashes >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)
        wanted = (hashes >> np.uint64(32 - BUCKET_BITS)).astype(np.uint32)
        each = (1 << BUCKET_BITS) // parts
        places, documents = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for part in np.unique(bucket // each).tolist():
            here = np.flatnonzero(bucket // each == part)
            edges, keys, numbers = (
                self._array(kind, part, name) for name in ("buckets", "keys", "documents")
            )
            at = bucket[here] - part * each
            low, high = edges[at], edges[at + 1]
            first = _bisect(keys, wanted[here], low, high, right=False)
            count = _bisect(keys, wanted[here], first, high, right=True) - first
            places.append(np.repeat(here, count))
            documents.append(numbers[ragged(first, count)].astype(np.int64))
        return np.concatenate(places), np.concatenate(documents)

    def documents(self, numbers: Sequence[int]) -> dict[int, tuple[str, str]]:
        """The shard and the id of each document."""
        shards = self.about["shards"]
        ends = np.cumsum([shard["documents"] for shard in shards])
        of = np.searchsorted(ends, numbers, side="right").tolist()
        found: dict[int, tuple[str, str]] = {}
        for shard in sorted(set(of)):
            name = shards[shard]["name"]
            ids = pl.read_parquet(self.folder / "documents" / f"{name}.parquet")["doc_id"]
            first = int(ends[shard]) - shards[shard]["documents"]
            found |= {
                number: (name, ids[number - first])
                for number, where in zip(numbers, of, strict=True)
                if where == shard
            }
        return found

    def _array(self, kind: Kind, part: int, name: str) -> npt.NDArray[Any]:
        path = self.folder / part_file(kind, part, name)
        try:
            found: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(
                f"the index is damaged ({error})",
                where=str(path),
                fix="remove the artifact and run the recipe again",
            ) from error
        return found


def _bisect(
    keys: npt.NDArray[np.uint32],
    wanted: npt.NDArray[np.uint32],
    low: I64,
    high: I64,
    *,
    right: bool,
) -> I64:
    """Where each `wanted` belongs between its `low` and `high`, all of them at once."""
    low, high = low.copy(), high.copy()
    while (open_ := np.flatnonzero(low < high)).size:
        middle = (low[open_] + high[open_]) // 2
        found = keys[middle]
        rises = found <= wanted[open_] if right else found < wanted[open_]
        low[open_[rises]] = middle[rises] + 1
        high[open_[~rises]] = middle[~rises]
    return low
