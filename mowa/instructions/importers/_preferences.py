"""Preferences as TRL takes them: `prompt`, `chosen`, `rejected`, as texts or as lists of turns."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue
from mowa.instructions.importers._common import (
    BadRowError,
    Fields,
    text_of,
    turns_of,
    with_own_facts,
)

_Turns = tuple[Message, ...]
_SPEAKER = re.compile(r"(?:^|\n\n)(Human|Assistant):[ \n]?")


def has_answers(row: Fields) -> bool:
    """Is there a better and a worse answer?"""
    return "chosen" in row and "rejected" in row


def from_preference(row: Fields, base: Dialogue) -> list[Dialogue]:
    """The prompt is given by itself, or it is what both answers begin with.

    Raises:
        BadRowError: Where there is no prompt, or the answers are more than one turn each.
    """
    prompt, chosen, rejected = row.get("prompt"), row["chosen"], row["rejected"]
    if isinstance(chosen, str) != isinstance(rejected, str):
        raise BadRowError("answers of two kinds")
    turns = None if prompt is None else _prompt(prompt)
    if isinstance(chosen, str):
        turns, better, worse = _of_texts(turns, text_of(chosen), text_of(rejected))
    else:
        turns, better, worse = _of_lists(turns, turns_of(chosen), turns_of(rejected))
    made = with_own_facts(base, row, ("prompt", "chosen", "rejected", "messages"))
    return [replace(made, messages=turns, chosen=better, rejected=worse)]


def _prompt(prompt: Any) -> _Turns:
    if isinstance(prompt, str):
        return (Message("user", text_of(prompt)),)
    return turns_of(prompt)


def _of_texts(turns: _Turns | None, chosen: str, rejected: str) -> tuple[_Turns, str, str]:
    if turns is not None:
        return turns, chosen, rejected
    both = _spoken(chosen), _spoken(rejected)
    if all(both):
        return _of_lists(None, *both)
    # As TRL does it: what the texts share up to a space is the prompt.
    shared = _shared(chosen, rejected)
    cut = max(shared.rfind(" "), shared.rfind("\n"))
    if cut < 1:
        raise BadRowError("no prompt", "the answers begin with different words")
    return (Message("user", shared[:cut].strip()),), chosen[cut:].strip(), rejected[cut:].strip()


def _of_lists(turns: _Turns | None, chosen: _Turns, rejected: _Turns) -> tuple[_Turns, str, str]:
    if not chosen or not rejected:
        raise BadRowError("one answer without the other")
    if turns is None or chosen[0].role != "assistant":
        turns = ()  # lists that begin with the prompt say more than a prompt beside them
    most = min(len(chosen), len(rejected)) - 1
    same = next((at for at in range(most) if chosen[at] != rejected[at]), most)
    turns = (*turns, *chosen[:same])
    if not turns:
        raise BadRowError("no prompt", "the answers share no turn")
    if len(chosen) != same + 1 or len(rejected) != same + 1:
        raise BadRowError("answers of several turns")
    if chosen[-1].role != "assistant" or rejected[-1].role != "assistant":
        raise BadRowError("the answer is not the assistant's")
    return turns, chosen[-1].content, rejected[-1].content


def _spoken(text: str) -> _Turns:
    """Turns that "Human:" and "Assistant:" begin; none where the text does not begin so."""
    pieces = _SPEAKER.split(text)
    if len(pieces) < 3 or pieces[0].strip():
        return ()
    roles = {"Human": "user", "Assistant": "assistant"}
    return tuple(
        Message(roles[name], content.strip())
        for name, content in zip(pieces[1::2], pieces[2::2], strict=True)
    )


def _shared(one: str, other: str) -> str:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return one[:length]
