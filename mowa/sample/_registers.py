"""The kinds of documents: plans and blocks of sentence templates, from `registers/*.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from mowa.sample._facts import lines

__all__ = ["Draw", "Kind", "Plan", "kinds"]

_TOKEN = re.compile(r"(@?)([a-z_0-9]+)(?:\.([a-z]+))?(?:([*>])(\d))?(\?)?")


@dataclass(frozen=True, slots=True)
class Draw:
    """One token of a plan: `count` lines of a block, or of a bound entity's own lines (`field`)."""

    name: str
    field: str | None
    count: int
    in_order: bool
    optional: bool


Plan = tuple[tuple[Draw, ...], ...]
"""Paragraphs, each a sequence of draws."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document, such as a recipe or a letter from an office.

    `places` weighs the kind within web, stories and notes; `bind` names the entities that a whole
    document is about (`table`, or `table:gender`).
    """

    name: str
    host: str
    places: Mapping[str, int]
    bind: Mapping[str, str]
    titles: tuple[str, ...]
    plans: tuple[Plan, ...]
    blocks: Mapping[str, tuple[str, ...]]


@cache
def kinds() -> tuple[Kind, ...]:
    """Every kind, in the order of the files and of the kinds within them."""
    found: dict[str, dict[str, Any]] = {}
    folder = resources.files("mowa.sample") / "registers"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            raw = tomllib.loads(file.read_text("utf-8"))
            if twice := set(raw) & set(found):
                raise ValueError(f"{file.name}: there are kinds {sorted(twice)} already")
            found |= raw
    common = found.pop("common")["blocks"]
    return tuple(_kind(name, raw, common) for name, raw in found.items())


def _kind(name: str, raw: dict[str, Any], common: dict[str, str]) -> Kind:
    blocks = {block: lines(text) for block, text in (common | raw["blocks"]).items()}
    plans = tuple(_plan(line) for line in lines(raw["plans"]))
    for plan in plans:
        for draw in (draw for paragraph in plan for draw in paragraph):
            if draw.field is None and draw.name not in blocks:
                raise ValueError(f"{name}: there is no block {draw.name!r}")
            if draw.field is not None and draw.name not in raw["bind"]:
                raise ValueError(f"{name}: nothing is bound as {draw.name!r}")
    return Kind(name, raw["host"], raw["places"], raw["bind"], lines(raw["title"]), plans, blocks)


def _plan(line: str) -> Plan:
    return tuple(
        tuple(_draw(token) for token in paragraph.split()) for paragraph in line.split("/")
    )


def _draw(token: str) -> Draw:
    match = _TOKEN.fullmatch(token)
    if match is None or bool(match[1]) != bool(match[3]):
        raise ValueError(f"malformed token {token!r} in a plan")
    return Draw(match[2], match[3], int(match[5] or 1), match[4] == ">", match[6] is not None)
