"""Questions made from facts, each with its right answers and choices to pick one from."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mowa.sample._facts import tables
from mowa.sample._relations import NONE, Fact, relations

__all__ = ["Question", "choices", "questions"]

Wordings = Literal["train", "held_out"]
_CHOICES = 4


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its short answer, all right answers, and choices to pick one from.

    Attributes:
        fact: The id of the fact.
        about: The field of knowledge.
        text: The question.
        answer: The right one among the choices.
        accepted: All right answers.
        choices: Two to four answers from the same column, in a fixed random order; only one right.
    """

    fact: str
    about: str
    text: str
    answer: str
    accepted: tuple[str, ...]
    choices: tuple[str, ...]


def questions(facts: Iterable[Fact], *, wordings: Wordings = "train") -> list[Question]:
    """All questions about the facts in their train wordings, or in those that are held out.

    Example:
        >>> from mowa.sample import facts, questions
        >>> fact = next(fact for fact in facts() if fact.id == "river_mouth/Narew")
        >>> question = questions([fact])[0]
        >>> question.answer in question.choices, len(question.choices)
        (True, 4)
    """
    return [
        Question(
            fact=fact.id,
            about=fact.about,
            text=wording.text,
            answer=fact.answer,
            accepted=fact.accepted,
            choices=choices(fact),
        )
        for fact in facts
        for wording in fact.questions
        if wording.held_out == (wordings == "held_out")
    ]


def choices(fact: Fact) -> tuple[str, ...]:
    """The answer among others of its column, none of which is right for the subject too."""
    relation = relations()[fact.relation]
    right = {answer.casefold() for answer in fact.accepted}
    others = {str(row[relation.answer]) for row in tables()[relation.table]} - {NONE}
    wrong = sorted(other for other in others if other.casefold() not in right)
    rng = random.Random(f"choices/{fact.id}")
    found = [fact.answer, *rng.sample(wrong, min(_CHOICES - 1, len(wrong)))]
    rng.shuffle(found)
    return tuple(found)
