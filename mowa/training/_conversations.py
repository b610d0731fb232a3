"""Dialogues and preferences as tokens on disk, memory-mapped: what `_rendering` wrote.

``rendered/`` in the unfinished artifact holds ``tokens.bin`` (uint16, or uint32 above 65,536
tokens), ``learnt.bin`` (a byte a token: is it learnt?), ``units.parquet`` (a row a dialogue, or a
preference with its two answers one behind the other) and ``rendered.json``.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mowa.errors import DataError

RENDERED = "rendered"
TOKENS, LEARNT, UNITS, INDEX = "tokens.bin", "learnt.bin", "units.parquet", "rendered.json"


class Conversations:
    """The conversations of one split, memory-mapped: what `WholePlan` packs.

    Attributes:
        ids: Of each, ``set/id``.
        positions: Of each, that of all its segments.
        targets: Of each, how many labels it has.
        weights: Of each.
        reference: Of each and its segments, what another model gives; None until it is known.
    """

    def __init__(self, folder: Path, *, held_out: bool, limit: int | None = None) -> None:
        """Open those below `folder`: at most `limit` of them, chosen by a hash of their ids.

        Raises:
            DataError: Where they cannot be read.
        """
        self._folder = folder / RENDERED
        index = read_index(folder)
        self._dtype = np.dtype(index["dtype"])
        try:
            units = pl.read_parquet(self._folder / UNITS)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _damaged(self._folder / UNITS, str(error)) from error
        for name, size in ((TOKENS, self._dtype.itemsize), (LEARNT, 1)):
            if (self._folder / name).stat().st_size != size * index["tokens"]:
                raise _damaged(self._folder / name, "it is cut short")
        units = units.filter(pl.col("held_out") == held_out)
        if limit is not None and units.height > limit:
            hashes = [
                hashlib.blake2b(f"{name}/{unit}".encode(), digest_size=8).digest()
                for name, unit in units.select("set", "id").iter_rows()
            ]
            units = units[sorted(sorted(range(units.height), key=hashes.__getitem__)[:limit])]
        self.ids: list[str] = (units["set"] + "/" + units["id"]).to_list()
        self.positions: NDArray[np.int64] = units["positions"].to_numpy()
        self.targets: NDArray[np.int64] = units["targets"].to_numpy()
        self.weights: NDArray[np.float32] = units["weight"].to_numpy()
        self.reference: NDArray[np.float32] | None = None
        self._offsets = units["offset"].to_numpy()
        self._lengths = units["lengths"].to_list()

    def __len__(self) -> int:
        return len(self.ids)

    def segments(self, unit: int) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Of each segment its tokens, and whether each is learnt."""
        found, at = [], int(self._offsets[unit])
        for length in self._lengths[unit]:
            found.append((self._tokens[at : at + length], self._learnt[at : at + length] != 0))
            at += length
        return found

    @cached_property
    def _tokens(self) -> NDArray[Any]:
        return np.memmap(self._folder / TOKENS, self._dtype, "r")

    @cached_property
    def _learnt(self) -> NDArray[Any]:
        return np.memmap(self._folder / LEARNT, np.uint8, "r")


def read_index(folder: Path) -> dict[str, Any]:
    """What `render_conversations` counted: how many are used, and the others by their reason."""
    index: dict[str, Any] = json.loads((folder / RENDERED / INDEX).read_text("utf-8"))
    return index


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        f"the tokens of the dialogues cannot be read: {what}",
        where=str(path),
        fix="remove this step's unfinished artifact and run again",
    )
