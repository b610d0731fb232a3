"""Items of a task: the values that comparisons stand on, and what the item browser loads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from mowa.errors import DataError
from mowa.evaluation._answers import ITEMS
from mowa.evaluation.leaderboard._board import Board, Column

_NEEDED = ("id", "value")
_SHARED = ("prompt", "choices", "target", "right", "source")
_OWN = ("output", "logprobs", "seconds", "cut", "hits", "finish", "note")

_CHUNK_BYTES = 150_000
"""A browser parses so much in a few milliseconds; a phone loads it in a second."""

_CHUNK_ITEMS = 100
_LONGEST = 12_000
"""Characters of a text that are shown: a prompt with five shots fits; endless output does not."""

_HITS = 5


@dataclass
class Items:
    """The items of one column, in the order of the first result that has them.

    Attributes:
        ids: Their ids.
        groups: The group of each.
        values: By row: each item's value, NaN where the model has none.
        found: By row: was the item found in a corpus of the model?
    """

    ids: list[str] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    found: dict[str, list[bool]] = field(default_factory=dict)

    def clean_values(self, row: str) -> list[float]:
        """Values of `row`, NaN for items that were found in its corpora."""
        if row not in self.values:
            return [math.nan] * len(self.ids)
        return [
            math.nan if found else value
            for value, found in zip(self.values[row], self.found[row], strict=True)
        ]


def read_items(board: Board, column: Column) -> Items:
    """Values of all items of `column`.

    Raises:
        DataError: Where a file of items cannot be read or names an item twice.
    """
    frames = {
        row: frame.select(*_NEEDED, "group", "contaminated")
        for row, frame in _frames(board, column)
    }
    items = Items()
    place: dict[str, int] = {}
    for frame in frames.values():
        for one, group in zip(frame["id"].to_list(), frame["group"].to_list(), strict=True):
            if one not in place:
                place[one] = len(place)
                items.ids.append(one)
                items.groups.append(group)
    for row, frame in frames.items():
        items.values[row] = [math.nan] * len(place)
        items.found[row] = [False] * len(place)
        for one in frame.iter_rows(named=True):
            if one["value"] is not None:
                items.values[row][place[one["id"]]] = one["value"]
            items.found[row][place[one["id"]]] = bool(one["contaminated"])
    return items


def chunks(board: Board, column: Column, items: Items, *, shown: int) -> dict[str, Any]:
    """What the browser loads of `column`, by the name of its file without extension.

    `index` has ids, groups, values, and the bounds of the chunks; `prompts-K` has what all models
    were asked in chunk K, `m-ROW-K` what one said (and its own prompt where that differs).
    """
    ids = items.ids[:shown]
    texts = {row: _texts(frame, ids) for row, frame in _frames(board, column)}
    shared = [_first(texts, one) for one in ids]
    own = {
        row: [_own(said.get(one), shared[place]) for place, one in enumerate(ids)]
        for row, said in texts.items()
    }
    bounds = _bounds(shared, list(own.values()))
    files: dict[str, Any] = {
        "index": {
            "ids": ids,
            "groups": items.groups[: len(ids)],
            "all": len(items.ids),
            "bounds": bounds,
            "values": {
                row: [_number(value) for value in values[: len(ids)]]
                for row, values in items.values.items()
            },
            "found": {
                row: [place for place, one in enumerate(found[: len(ids)]) if one]
                for row, found in items.found.items()
            },
        }
    }
    for number, (start, stop) in enumerate(pairwise(bounds)):
        files[f"prompts-{number}"] = shared[start:stop]
        for row, said in own.items():
            files[f"m-{row}-{number}"] = said[start:stop]
    return files


def _frames(board: Board, column: Column) -> Iterator[tuple[str, pl.DataFrame]]:
    """Items of each row, one after the other."""
    for row, cell in sorted(board.of_column(column), key=lambda pair: pair[0].slug):
        if cell.comparable and (frame := _frame(cell.found.folder)) is not None:
            yield row.slug, frame


def _frame(folder: Path) -> pl.DataFrame | None:
    path = folder / ITEMS
    if not path.exists():
        return None
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"these items cannot be read ({error})", where=str(path)) from error
    lacking = [name for name in _NEEDED if name not in frame.columns]
    if lacking:
        raise DataError(f"items without the column {lacking[0]!r}", where=str(path))
    names = ("group", *_SHARED, *_OWN, "contaminated")
    frame = frame.with_columns(
        pl.col("id").cast(pl.String),
        pl.col("value").cast(pl.Float64).fill_nan(None),
        *(pl.lit(None).alias(name) for name in names if name not in frame.columns),
    )
    if frame["id"].is_duplicated().any():
        twice = frame.filter(frame["id"].is_duplicated())["id"][0]
        raise DataError(f"two items with the id {twice!r}", where=str(path))
    return frame


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    """The texts of one item, none longer than a page can bear."""
    for name in ("prompt", "target", "output", "source", "note"):
        one[name] = _clipped(one[name])
    one["choices"] = [_clipped(choice) for choice in one["choices"] or []]
    one["logprobs"] = [_number(value) for value in one["logprobs"] or []]
    one["seconds"] = _number(one["seconds"])
    one["hits"] = [
        {key: _clipped(value) for key, value in hit.items()} for hit in (one["hits"] or [])[:_HITS]
    ]
    return one


def _texts(frame: pl.DataFrame, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is shown of each item, by id."""
    chosen = frame.filter(pl.col("id").is_in(ids)).select("id", *_SHARED, *_OWN)
    return {one.pop("id"): _shown(one) for one in chosen.iter_rows(named=True)}


def _first(texts: Mapping[str, Mapping[str, Any]], one: str) -> dict[str, Any]:
    """What the first model that has the item was asked."""
    said = next(said[one] for said in texts.values() if one in said)
    return {key: said[key] for key in _SHARED}


def _own(texts: dict[str, Any] | None, shared: dict[str, Any]) -> dict[str, Any] | None:
    """What a model said, and what it was asked where that is not what the first one was asked."""
    if texts is None:
        return None
    own = {key: texts[key] for key in _OWN if texts[key] not in (None, [], "")}
    return own | {key: texts[key] for key in _SHARED if texts[key] != shared[key]}


def _bounds(shared: Sequence[Any], own: Sequence[Sequence[Any]]) -> list[int]:
    """First item of each chunk, and the end: no file is much larger than `_CHUNK_BYTES`."""
    bounds, size = [0], 0
    for place, texts in enumerate(shared):
        here = max([_size(texts), *(_size(said[place]) for said in own)])
        if place > bounds[-1] and (
            size + here > _CHUNK_BYTES or place - bounds[-1] >= _CHUNK_ITEMS
        ):
            bounds.append(place)
            size = 0
        size += here
    return [*bounds, len(shared)] if shared else [0]


def _size(texts: Any) -> int:
    return len(repr(texts))


def _clipped(said: Any) -> str | None:
    """The text, or its beginning and end with the number of characters between them."""
    if said is None:
        return None
    text = str(said)
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} …]\n{text[-half:]}"


def _number(value: float | None) -> float | None:
    """Five significant digits; None for what is not a number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.5g}")
