"""The parts of a document, its pages or chapters: one text, and where in it each of them begins."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable

import polars as pl

from mowa.collect import Part
from mowa.corpus._normalise import normalised, without_surrogates

_ALL_NAMED = 4  # parts that are named one by one


def one_text(parts: Iterable[Part]) -> tuple[str, str | None, int]:
    """The text of `parts`, where they begin in it, and how many surrogates were replaced.

    Each part is normalised by itself; those that are empty then are left out. A part stands behind
    an empty line, or behind a space where it runs on. To normalise the whole changes nothing.

    Returns:
        The text, normalised; the column `parts`, as `part_at` reads it, None where no part is
        left; and the number of surrogates that became U+FFFD.
    """
    kept = list(parts)
    cleaned = [without_surrogates(part.text) for part in kept]
    column = pl.Series("text", [text for text, _ in cleaned], pl.String)
    texts = column.to_frame().select(normalised(pl.col("text")))["text"].to_list()
    pieces: list[str] = []
    places: list[tuple[int, str]] = []
    length = 0
    for part, text in zip(kept, texts, strict=True):
        if not text:
            continue
        glue = "" if not pieces else " " if part.runs_on else "\n\n"
        places.append((length + len(glue), part.label))
        pieces.append(glue + text)
        length += len(pieces[-1])
    return "".join(pieces), _written(places), sum(replaced for _, replaced in cleaned)


def part_at(parts: str | None, offset: int) -> str | None:
    """The label of the part that holds a character, such as ``page=3``.

    Args:
        parts: What the column `parts` of `documents/` holds.
        offset: The character's place in the normalised text, from 0. What stands between two parts
            counts as the first; what lies behind the text, as the last.

    Returns:
        None where the document has no parts, and before its first character.

    Example:
        >>> part_at('[[0,"page=1"],[812,"page=2"]]', 811)
        'page=1'
    """
    places = _read(parts)
    at = bisect_right([start for start, _ in places], offset) - 1
    return places[at][1] if at >= 0 else None


def part_labels(parts: str | None) -> str | None:
    """The parts in few words: ``page=1, page=2``, or ``page=1 … page=12``; None for none."""
    labels = [label for _, label in _read(parts)]
    if not labels:
        return None
    return ", ".join(labels) if len(labels) < _ALL_NAMED else f"{labels[0]} … {labels[-1]}"


def _written(places: list[tuple[int, str]]) -> str | None:
    return json.dumps(places, ensure_ascii=False, separators=(",", ":")) if places else None


def _read(parts: str | None) -> list[tuple[int, str]]:
    return [] if parts is None else [(start, label) for start, label in json.loads(parts)]
