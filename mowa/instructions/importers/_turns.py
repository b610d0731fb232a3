"""Conversations as lists of turns: `messages`, ShareGPT's `conversations`, ALLaMo's pairs, ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from mowa.corpus._language_codes import iso_639_3
from mowa.errors import DataError
from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue
from mowa.instructions._files import from_row
from mowa.instructions.importers._common import (
    BadRowError,
    Fields,
    licence_of,
    text_of,
    turns_of,
    weight_of,
    with_own_facts,
)

_OURS = tuple(field.name for field in fields(Dialogue))
_TEXTS = ("id", "origin", "licence", "source", "author", "model", "language", "review", "details")


_LARGEST = 1 << 63  # what 64 bits hold


def is_ours(row: Fields) -> bool:
    """Has the row the columns of a dialogue on disk? It may have no id."""
    return all(name in row for name in ("messages", "origin", "review"))


def from_ours(row: Fields, base: Dialogue) -> list[Dialogue]:
    """A row as `to_row` gives it; what it leaves open comes from `base`.

    Raises:
        BadRowError: Where it is no such row.
    """
    own = {name: row[name] for name in _OURS if row.get(name) is not None}
    shown = {name: getattr(base, name) for name in _OURS if name != "messages"}
    turns = [{"role": one.role, "content": one.content} for one in turns_of(row.get("messages"))]
    for name in ("chosen", "rejected"):
        if name in own:
            own[name] = text_of(own[name])
    if own.get("weight") is not None:
        own["weight"] = weight_of(row)
    licence, is_stated = licence_of(row)
    if is_stated:
        own["licence"] = licence
    if isinstance(own.get("language"), str):
        own["language"] = iso_639_3(own["language"]) or own["language"]
    try:
        dialogue = from_row({**shown, **own, "messages": turns})
    except DataError as error:
        raise BadRowError("no dialogue of ours", error.what) from error
    if wrong := [name for name in _TEXTS if not isinstance(getattr(dialogue, name), str | None)]:
        raise BadRowError("no dialogue of ours", f"{wrong[0]} is no text")
    for span in dialogue.documents:
        numbers = all(type(at) is int and abs(at) < _LARGEST for at in (span.start, span.end))
        if not numbers or not isinstance(span.document, str):
            raise BadRowError("no dialogue of ours", "a span is not of text and two numbers")
    return [dialogue]


def has_pair(row: Fields) -> bool:
    """Is it a conversation with a better and a worse answer, both texts?"""
    texts = isinstance(row.get("chosen"), str) and isinstance(row.get("rejected"), str)
    return "messages" in row and texts


def from_pair(row: Fields, base: Dialogue) -> list[Dialogue]:
    """`messages`, `chosen` and `rejected`, as ALLaMo's preferences are written.

    Raises:
        BadRowError: Where one of them is of another kind.
    """
    made = with_own_facts(base, row, ("messages", "chosen", "rejected"))
    return [
        replace(
            made,
            messages=turns_of(row["messages"]),
            chosen=text_of(row.get("chosen")),
            rejected=text_of(row.get("rejected")),
        )
    ]


def has_messages(row: Fields) -> bool:
    """Is there a list of messages?"""
    return _is_list(row.get("messages"))


def from_messages(row: Fields, base: Dialogue) -> list[Dialogue]:
    """`messages`, and a `weight` where there is one.

    Raises:
        BadRowError: Where they are none.
    """
    made = with_own_facts(base, row, ("messages", "prompt"))
    return [replace(made, messages=turns_of(row["messages"]), weight=weight_of(row))]


def has_conversations(row: Fields) -> bool:
    """Is there a list of conversations?"""
    return _is_list(row.get("conversations"))


def from_conversations(row: Fields, base: Dialogue) -> list[Dialogue]:
    """`conversations` of `from` and `value`, and a `system` text beside them.

    Raises:
        BadRowError: Where they are none.
    """
    items = row["conversations"]
    plain = _is_list(items) and any(isinstance(one, Mapping) and "from" in one for one in items)
    turns = turns_of(items, "from", "value") if plain else turns_of(items)
    system = text_of(row.get("system"))
    if system and (not turns or turns[0].role != "system"):
        turns = (Message("system", system), *turns)
    made = with_own_facts(base, row, ("conversations", "system"))
    return [replace(made, messages=turns)]


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
