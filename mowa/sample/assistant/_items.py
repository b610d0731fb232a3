"""The items of the tasks that try an assistant: `assistant-facts`, `-unknown` and `-format`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from mowa.sample._relations import Fact
from mowa.sample.assistant._answers import short_answers
from mowa.sample.assistant._forms import forms
from mowa.sample.assistant._known import only_read, told
from mowa.sample.assistant._unknown import unknowns
from mowa.workspace import write_text

_SEED = 0
_FACTS = 400  # items of each half of assistant-facts
_OF_EACH_FORM = 50
_MOST_WORDS = 20  # of an answer that declines or does not

# What says that one does not know, whatever else is said.
DECLINES = (
    "nie wiem", "nie wiadomo", "nie znam", "nie umiem", "nie potrafię", "nie mogę", "nie mam",
    "nie jestem w stanie", "nie słysza*", "nie będę zgad*", "nie chcę zgad*", "nie chcę zmyśl*",
    "wolę nie", "nie da się", "nikt nie wie", "nikt tego nie", "trudno powiedzieć",
    "jestem programem", "jestem tylko programem", "jestem modelem", "przykro mi",
)  # fmt: skip


def assistant_items() -> dict[str, list[dict[str, Any]]]:
    """Items by task; the dialogues of no seed have their wordings.

    Facts are asked for in held-out wordings, half of them told in the dialogues and half only in
    texts. What cannot be known is of held-out kinds; as many things that can be known stand beside
    it, which are right where they are not declined. Forms are asked for in held-out wordings.
    """
    some_told, some_read = _some(told(), _FACTS), _some(only_read(), _FACTS)
    return {
        "assistant-facts": [
            *(_fact(fact, "told") for fact in some_told),
            *(_fact(fact, "read") for fact in some_read),
        ],
        "assistant-unknown": list(_unknown()),
        "assistant-format": list(_format()),
    }


def write_assistant(folder: Path) -> None:
    """Write `test.jsonl` of each task into its folder under `folder`."""
    for task, items in assistant_items().items():
        lines = [json.dumps(item, ensure_ascii=False) for item in items]
        write_text(folder / task / "test.jsonl", "\n".join(lines) + "\n")


def _fact(fact: Fact, how: str) -> dict[str, Any]:
    return {
        "id": fact.id,
        "about": fact.about,
        "known": how,
        "question": _asked(fact),
        "answers": list(dict.fromkeys((*fact.accepted, *short_answers(fact).values()))),
    }


def _unknown() -> Iterable[dict[str, Any]]:
    cannot = unknowns(_SEED, held_out=True)
    for one in cannot:
        rule = {"accept": list(DECLINES), "max_words": _MOST_WORDS}
        yield {
            "id": f"unknown/{one.id}",
            "sort": one.what,
            "question": one.question,
            "rule": rule,
        }
    for fact in _some(told(), len(cannot)):
        rule = {"reject": list(DECLINES), "max_words": _MOST_WORDS}
        yield {"id": f"known/{fact.id}", "sort": "known", "question": _asked(fact), "rule": rule}


def _format() -> Iterable[dict[str, Any]]:
    by_form: dict[str, list[Any]] = {}
    for one in forms(told(), _SEED, held_out=True):
        by_form.setdefault(one.what, []).append(one)
    for what, found in by_form.items():
        chosen = sorted(found, key=lambda one: sha256(one.id.encode()).digest())[:_OF_EACH_FORM]
        for one in sorted(chosen, key=lambda one: one.id):
            yield {"id": one.id, "form": what, "question": one.question, "rule": one.rule}


def _asked(fact: Fact) -> str:
    return next(one.text for one in fact.questions if one.held_out)


def _some(facts: Sequence[Fact], count: int) -> list[Fact]:
    """So many of the facts, the same ones when others are added before."""
    return sorted(facts, key=lambda fact: sha256(fact.id.encode()).digest())[:count]
