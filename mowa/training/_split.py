"""Reading the tokens of one split as if they were one long array, whatever their number."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mowa.errors import DataError
from mowa.workspace import digest

# Every memory-mapped file holds a file descriptor, of which a process has 1,024 by default.
_OPEN_SHARDS = 128


@dataclass(frozen=True)
class _Shard:
    path: Path
    documents: int
    tokens: int
    bytes: int
    array: int | None = None  # tokens of the file, where documents are chosen from it or repeated

    @property
    def length(self) -> int:
        """Tokens in the file."""
        return self.tokens if self.array is None else self.array

    @property
    def table(self) -> Path:
        return self.path.with_name(f"{self.path.name.removesuffix('.npy')}.documents.parquet")


class TokenSplit:
    """The documents of one split as tokens, memory-mapped, never loaded whole.

    Attributes:
        vocab_size: Number of tokens of the tokenizer.
        dtype: Of the tokens: uint16 or uint32.
        bos_id: What every document begins with.
        eos_id: What every document ends with.
        documents: Number of documents.
        tokens: Number of tokens of these documents, BOS and EOS counted; a mixture may have
            documents more than once, and files with documents that it leaves out.
        bytes: Number of UTF-8 bytes of their text.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self._folder, self._split = folder, split
        index = _read_index(folder, split)
        try:
            self.vocab_size = int(index["vocab_size"])
            self.dtype = np.dtype(index["dtype"])
            self.bos_id, self.eos_id = int(index["bos_id"]), int(index["eos_id"])
            self._tokenizer: str | None = index.get("tokenizer")
            part = index["splits"][split]
            self.documents, self.tokens = int(part["documents"]), int(part["tokens"])
            self.bytes = int(part["bytes"])
            self._shards = [
                _Shard(
                    folder / split / f"{x['name']}.npy",
                    x["documents"],
                    x["tokens"],
                    x["bytes"],
                    x.get("array"),
                )
                for x in part["shards"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(
                folder / "tokens.json", f"it is not a list of shards ({error!r})"
            ) from error
        self._check()
        ends = np.cumsum([shard.length for shard in self._shards], dtype=np.int64)
        self._ends = ends if len(ends) else np.zeros(0, np.int64)
        self._open: OrderedDict[int, npt.NDArray[Any]] = OrderedDict()

    @classmethod
    def open(cls, tokens: Path, split: str) -> TokenSplit:
        """Open the split (``train`` or ``held_out``) of the tokens artifact in the folder `tokens`.

        Raises:
            DataError: Where a shard is absent, cut short or not what tokens.json says of it.
        """
        return cls(tokens, split)

    def __reduce__(self) -> tuple[object, ...]:
        """Send a worker process the place, not the tokens."""
        return TokenSplit, (self._folder, self._split)

    def check_tokenizer(self, tokenizer: Path) -> None:
        """Make sure that the tokens were made with the tokenizer in the folder `tokenizer`.

        Raises:
            DataError: Where they were made with another one.
        """
        if self._tokenizer is not None and digest(tokenizer / "tokenizer.json") != self._tokenizer:
            raise DataError(
                "the tokens were made with another tokenizer",
                where=f"{self._folder} and {tokenizer}",
                fix="make them anew with this one: their numbers mean other pieces of text",
            )

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """A copy of the tokens from position `start` up to `stop`, across shards, in `dtype`.

        Raises:
            IndexError: Where that is not inside the split.
        """
        size = int(self._ends[-1]) if len(self._ends) else 0
        if not 0 <= start <= stop <= size:
            raise IndexError(f"tokens {start}:{stop} of a split of {size}")
        result = np.empty(stop - start, self.dtype)
        shard = int(np.searchsorted(self._ends, start, side="right"))
        at = start
        while at < stop:
            begin = int(self._ends[shard]) - self._shards[shard].length
            end = min(stop, int(self._ends[shard]))
            result[at - start : end - start] = self._mapped(shard)[at - begin : end - begin]
            at, shard = end, shard + 1
        return result

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each document, BOS and EOS counted."""
        return self._tables["length"].to_numpy()

    @cached_property
    def text_bytes(self) -> npt.NDArray[np.int64]:
        """UTF-8 bytes of the text of each document."""
        return self._tables["bytes"].to_numpy()

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Position of the first token (BOS) of each document."""
        begins = self._ends - [shard.length for shard in self._shards]
        counts = [shard.documents for shard in self._shards]
        return self._tables["offset"].to_numpy() + np.repeat(begins, counts)

    @cached_property
    def doc_ids(self) -> list[str]:
        """Id of each document, in the same order."""
        return [
            doc_id
            for shard in self._shards
            for doc_id in pl.read_parquet(shard.table, columns=["doc_id"])["doc_id"]
        ]

    @cached_property
    def sources(self) -> list[str]:
        """Name of the source of each document, in the same order."""
        return [
            source
            for shard in self._shards
            for source in pl.read_parquet(shard.table, columns=["source"])["source"]
        ]

    @cached_property
    def _tables(self) -> pl.DataFrame:
        empty = pl.DataFrame(schema=dict.fromkeys(("offset", "length", "bytes"), pl.Int64))
        return pl.concat([empty, *(_read_table(shard) for shard in self._shards)], rechunk=True)

    def _mapped(self, number: int) -> npt.NDArray[Any]:
        if number in self._open:
            self._open.move_to_end(number)
        else:
            path = self._shards[number].path
            self._open[number] = np.load(path, mmap_mode="r", allow_pickle=False)
            if len(self._open) > _OPEN_SHARDS:
                self._open.popitem(last=False)
        return self._open[number]

    def _check(self) -> None:
        for shard in self._shards:
            _check_array(shard, self.dtype)
        for key in ("documents", "tokens", "bytes"):
            total = sum(getattr(shard, key) for shard in self._shards)
            if total != getattr(self, key):
                raise _damaged(
                    self._folder / "tokens.json",
                    f"it says {getattr(self, key):,} {key} in all, but its shards have {total:,}",
                )


def _read_index(folder: Path, split: str) -> dict[str, Any]:
    path = folder / "tokens.json"
    try:
        index = json.loads(path.read_text("utf-8"))
        splits = list(index["splits"])
    except FileNotFoundError:
        raise DataError("there are no tokens here", where=str(path)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, f"it cannot be read ({error!r})") from error
    if split not in splits:
        raise DataError(f"there is no split {split!r}, only {', '.join(splits)}", where=str(path))
    return dict(index)


def _check_array(shard: _Shard, dtype: np.dtype[Any]) -> None:
    """Compare the header and the size of a shard with what tokens.json says; reads no token."""
    try:
        with shard.path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, found = np.lib.format.read_array_header_1_0(file)
            begin = file.tell()
        size = shard.path.stat().st_size
    except FileNotFoundError:
        raise _damaged(shard.path, "it is not there") from None
    except ValueError as error:
        raise _damaged(shard.path, f"it is not an array ({error})") from error
    if found != dtype:
        raise _damaged(shard.path, f"its tokens are {found}, not {dtype}")
    if shape != (shard.length,):
        raise _damaged(shard.path, f"its shape is {shape}, not ({shard.length},)")
    if size != begin + shard.length * dtype.itemsize:
        wanted = begin + shard.length * dtype.itemsize
        raise _damaged(shard.path, f"it has {size:,} bytes, not {wanted:,}")


def _read_table(shard: _Shard) -> pl.DataFrame:
    try:
        table = pl.read_parquet(shard.table, columns=["offset", "length", "bytes"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _damaged(shard.table, f"it cannot be read ({error})") from error
    found = (table.height, int(table["length"].sum()), int(table["bytes"].sum()))
    if found != (shard.documents, shard.tokens, shard.bytes):
        raise _damaged(
            shard.table,
            f"its documents, tokens and bytes are {found},"
            f" not {(shard.documents, shard.tokens, shard.bytes)}",
        )
    if shard.array is not None:
        ends = table["offset"] + table["length"]
        if ((table["offset"] < 0) | (ends > shard.array)).any():
            raise _damaged(shard.table, "its documents lie outside the file")
    elif not table["offset"].equals(table["length"].cum_sum() - table["length"]):
        raise _damaged(shard.table, "its documents do not lie one after another")
    return table


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        f"the token shards are damaged: {what}",
        where=str(path),
        fix="remove the tokens artifact's folder and run the recipe again",
    )
