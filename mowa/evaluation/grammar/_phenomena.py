"""What the files of phenomena say: titles, scenes with their frames and tables, checks of forms."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from mowa.errors import DataError
from mowa.evaluation.grammar._lexicon import Lexicon, lexicon
from mowa.evaluation.grammar._template import Forms, make_pair, parse_frame, slot_names, table_of

__all__ = ["Phenomenon", "Scene", "phenomena", "read_scene"]

_KEYS = {"frames", "good", "bad", "exists"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Frames that share tables.

    Attributes:
        frames: The sentences with their slots.
        tables: For each slot the rows that may fill it.
        good: What the right side of the contrast must be able to be (`gen`, `pl:inst`), if stated.
        bad: The same for the wrong side; `!gen` says that it must not be able to be that.
        exists: Whether the wrong side consists of words that exist.
    """

    frames: tuple[str, ...]
    tables: Mapping[str, tuple[Forms, ...]]
    good: tuple[str, ...]
    bad: tuple[str, ...]
    exists: bool


@dataclass(frozen=True, slots=True)
class Phenomenon:
    """One point of grammar: its name, the field that it belongs to, a title in Polish."""

    name: str
    field: str
    title: str
    scenes: tuple[Scene, ...]


@cache
def phenomena() -> tuple[Phenomenon, ...]:
    """All phenomena, by field and in the order of their files.

    Raises:
        DataError: Where a file is malformed: a frame without contrast, a slot without table.
    """
    folder = files("mowa.evaluation.grammar").joinpath("phenomena")
    found: list[Phenomenon] = []
    for source in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not source.name.endswith(".toml"):
            continue
        raw = tomllib.loads(source.read_text(encoding="utf-8"))
        for name, title in raw["titles"].items():
            try:
                scenes = tuple(read_scene(scene, lexicon()) for scene in raw[name])
            except (ValueError, KeyError) as error:
                raise DataError(str(error), where=f"{source.name}, {name}") from error
            found.append(Phenomenon(name, raw["field"], title, scenes))
    return tuple(found)


def read_scene(raw: Mapping[str, Any], words: Lexicon) -> Scene:
    """A scene from its table in TOML; slots without a table of their own take a shared list.

    Raises:
        ValueError: Where a frame or a query is malformed, or a slot has nothing to fill it.
    """
    frames = tuple(raw["frames"])
    names = dict.fromkeys(table_of(slot) for frame in frames for slot in slot_names(frame))
    unused = set(raw) - _KEYS - set(names)
    if unused:
        raise ValueError(f"tables that no frame uses: {', '.join(sorted(unused))}")
    tables = {name: _rows(name, raw, words) for name in names}
    for frame in frames:
        _check(frame, tables)
    return Scene(
        frames,
        tables,
        good=tuple(raw.get("good", "").split()),
        bad=tuple(raw.get("bad", "").split()),
        exists=raw.get("exists", True),
    )


def _rows(name: str, raw: Mapping[str, Any], words: Lexicon) -> tuple[Forms, ...]:
    source: str | Sequence[str] | None = raw.get(name, words.lists.get(name))
    if source is None:
        raise ValueError(f"no table for the slot {{{name}}}")
    if isinstance(source, str):
        return tuple(word.forms for word in words.find(source))
    return tuple(
        {str(index): form for index, form in enumerate(row.split(" / "))} for row in source
    )


def _check(frame: str, tables: Mapping[str, tuple[Forms, ...]]) -> None:
    parse_frame(frame)
    slots = slot_names(frame)
    drawn = [table_of(slot) for slot in slots]
    for name in drawn:
        if drawn.count(name) > len(tables[name]):
            raise ValueError(f"more slots than rows of {name} in {frame!r}")
    for slot in slots:
        for row in tables[table_of(slot)]:
            bound = {other: row if other == slot else tables[table_of(other)][0] for other in slots}
            try:
                make_pair(frame, bound)
            except KeyError as error:
                raise ValueError(f"{dict(row)} has no form {error} for {frame!r}") from error
