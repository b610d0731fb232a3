"""The items of the task `world`: facts of the sample, asked for in wordings that no text has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mowa.sample._questions import Question, questions
from mowa.sample._relations import split_facts
from mowa.workspace import write_text

__all__ = ["world_items", "write_world"]

_SHARE_OF_SHOTS = 0.1
_SEED = 0


def world_items() -> dict[str, list[dict[str, Any]]]:
    """Items by split: of each fact its first held-out question; shots are of other facts.

    A shot asks in a wording that is not held out, so that it gives away neither a fact nor a
    wording of the test.
    """
    asked, shown = split_facts(_SHARE_OF_SHOTS, _SEED)
    return {
        "test": _first_of_each(questions(asked, wordings="held_out")),
        "train": _first_of_each(questions(shown, wordings="train")),
    }


def write_world(folder: Path) -> None:
    """Write `test.jsonl` and `train.jsonl`, sorted by fact."""
    for split, items in world_items().items():
        lines = [json.dumps(item, ensure_ascii=False) for item in items]
        write_text(folder / f"{split}.jsonl", "\n".join(lines) + "\n")


def _first_of_each(found: Sequence[Question]) -> list[dict[str, Any]]:
    by_fact: dict[str, Question] = {}
    for question in found:
        by_fact.setdefault(question.fact, question)
    return list(_items(by_fact[fact] for fact in sorted(by_fact)))


def _items(found: Iterable[Question]) -> Iterable[dict[str, Any]]:
    for question in found:
        yield {
            "id": question.fact,
            "about": question.about,
            "question": question.text,
            "choices": list(question.choices),
            "answer": question.choices.index(question.answer),
        }
