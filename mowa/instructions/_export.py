"""Dialogues as rows of others: messages, TRL's, ALLaMo's and Alpaca's form, and our own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mowa.errors import UsageError
from mowa.instructions._dialogue import Dialogue
from mowa.instructions._files import to_row
from mowa.rights import asks_attribution
from mowa.workspace import writing

Row = dict[str, Any]
Only = Literal["dialogues", "preferences"]

_FACTS = ("id", "origin", "licence", "source", "author", "model", "language")


@dataclass(frozen=True)
class Written:
    """What became of a set.

    Attributes:
        rows: How many were written.
        left_out: How many the form cannot hold.
        unattributed: Of the rows, by licence, those that do not name the authors and the licence
            though it asks for that.
    """

    rows: int
    left_out: int
    unattributed: dict[str, int]


def export_rows(
    dialogues: Iterable[Dialogue],
    path: Path,
    form: str,
    *,
    only: Only | None = None,
    facts: bool = False,
) -> Written:
    """Write JSON Lines in the form of `FORMS` that is named.

    Args:
        dialogues: What is written.
        path: The file; it is there whole or not at all.
        form: Name of the form.
        only: Take dialogues alone, or preferences alone.
        facts: Add id, origin, licence, source, author, model and language to each row, and where
            there are any its review and the spans of documents that it stands on.

    Raises:
        UsageError: For a form that is none; where both dialogues and preferences would stand in
            one file of a form that programs read as one kind.
    """
    if form not in FORMS:
        raise UsageError(f"there is no form {form!r}", fix=f"choose one of: {', '.join(FORMS)}")
    left_out = rows = 0
    unattributed: Counter[str] = Counter()
    with writing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for dialogue in _of_one_kind(dialogues, form, only):
            made = FORMS[form](dialogue)
            if made is None:
                left_out += 1
                continue
            row = (_facts(dialogue) | made) if facts else made
            if "licence" not in row and asks_attribution(dialogue.licence):
                unattributed[str(dialogue.licence)] += 1
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            rows += 1
    return Written(rows, left_out, dict(unattributed.most_common()))


def _facts(dialogue: Dialogue) -> Row:
    row = to_row(dialogue)
    kept = {name: row[name] for name in _FACTS if row[name] is not None}
    if dialogue.review != "none":
        kept["review"] = dialogue.review
    return kept | ({"documents": row["documents"]} if dialogue.documents else {})


def _of_one_kind(dialogues: Iterable[Dialogue], form: str, only: Only | None) -> Iterator[Dialogue]:
    first: bool | None = None
    for dialogue in dialogues:
        is_pair = dialogue.is_preference
        if only is not None and is_pair != (only == "preferences"):
            continue
        if first is None:
            first = is_pair
        if form in _ONE_KIND and is_pair != first:
            raise UsageError(
                "this set holds dialogues and preferences, which are no rows of one file",
                where=f"the form {form}",
                fix="choose with --only dialogues or --only preferences",
            )
        yield dialogue


def _messages(dialogue: Dialogue) -> Row | None:
    return None if dialogue.is_preference else {"messages": _turns(dialogue)}


def _trl(dialogue: Dialogue) -> Row | None:
    if not dialogue.is_preference:
        return {"messages": _turns(dialogue)}
    return {
        "prompt": _turns(dialogue),
        "chosen": [{"role": "assistant", "content": dialogue.chosen}],
        "rejected": [{"role": "assistant", "content": dialogue.rejected}],
    }


def _allamo(dialogue: Dialogue) -> Row | None:
    row: Row = {"messages": _turns(dialogue)}
    if dialogue.is_preference:
        return row | {"chosen": dialogue.chosen, "rejected": dialogue.rejected}
    return row if dialogue.weight is None else row | {"weight": dialogue.weight}


def _alpaca(dialogue: Dialogue) -> Row | None:
    """One question and one answer; what has more turns is no row of this form."""
    turns = list(dialogue.messages)
    system = turns.pop(0).content if turns and turns[0].role == "system" else None
    if dialogue.is_preference or len(turns) != 2:
        return None
    row = {"instruction": turns[0].content, "input": "", "output": turns[1].content}
    return row if system is None else row | {"system": system}


def _turns(dialogue: Dialogue) -> list[Row]:
    return [{"role": turn.role, "content": turn.content} for turn in dialogue.messages]


FORMS: dict[str, Callable[[Dialogue], Row | None]] = {
    "messages": _messages,
    "trl": _trl,
    "allamo": _allamo,
    "alpaca": _alpaca,
    "mowa": to_row,
}
"""Forms by name: what a dialogue is in it; None where it is no row of that form."""

_ONE_KIND = ("trl", "allamo")
