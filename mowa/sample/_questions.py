"""Questions and dialogues made from facts: for fine-tuning, and to evaluate what is held out."""

from __future__ import annotations

import random
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from mowa.sample._facts import lines, tables
from mowa.sample._relations import NONE, Fact, Wording, relations
from mowa.sample._template import Scene, render

__all__ = ["Question", "dialogues", "questions"]

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
            choices=_choices(fact),
        )
        for fact in facts
        for wording in fact.questions
        if wording.held_out == (wordings == "held_out")
    ]


def dialogues(
    facts: Iterable[Fact], *, seed: int, wordings: Wordings = "train"
) -> list[list[dict[str, str]]]:
    """Talks of one to three questions on one subject, between a `user` and an `assistant`.

    Each fact is asked for once. The manner (polite, terse, a child's, a quiz with choices) goes by
    the seed and the subject; the same arguments give the same talks.

    Args:
        facts: What is talked about; facts with the same subject come together.
        seed: Another seed gives other manners and wordings.
        wordings: Which wordings to use of questions and statements; where a fact has no statement
            that is held out, the assistant gives the short answer alone.
    """
    by_subject: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        by_subject[relations()[fact.relation].table, fact.subject].append(fact)
    talks: list[list[dict[str, str]]] = []
    for (table, subject), group in by_subject.items():
        rng = random.Random(f"{seed}/{table}/{subject}")
        rng.shuffle(group)
        start = 0
        while start < len(group):
            end = start + rng.randint(1, 3)
            talks.append(_talk(group[start:end], rng, wordings))
            start = end
    return [talk for talk in talks if talk]


def _talk(facts: Sequence[Fact], rng: random.Random, wordings: Wordings) -> list[dict[str, str]]:
    manner = _manners()[rng.choice(sorted(_manners()))]
    messages: list[dict[str, str]] = []
    for number, fact in enumerate(facts):
        asked = _pick(fact.questions, rng, wordings)
        told = _pick(fact.statements, rng, wordings)
        if asked is None:
            continue
        lead = rng.choice(manner["again" if number else "open"])
        words = {
            "question": asked,
            "answer": _sentence(fact.answer),
            "statement": told or _sentence(fact.answer),
            "choices": ", ".join(_choices(fact)),
        }
        replies = (number and manner.get("reply_again")) or manner["reply"]
        reply = rng.choice(replies)
        messages.append({"role": "user", "content": _filled(lead, words, rng)})
        messages.append({"role": "assistant", "content": _filled(reply, words, rng)})
    if messages and manner["thanks"] and rng.random() < 0.5:
        messages.append({"role": "user", "content": rng.choice(manner["thanks"])})
        messages.append({"role": "assistant", "content": rng.choice(manner["end"])})
    return messages


def _pick(found: Sequence[Wording], rng: random.Random, wordings: Wordings) -> str | None:
    texts = [one.text for one in found if one.held_out == (wordings == "held_out")]
    return rng.choice(texts) if texts else None


def _filled(line: str, words: dict[str, str], rng: random.Random) -> str:
    return render(line, Scene(rng, {}, {"t": words}))


def _sentence(answer: str) -> str:
    return f"{answer[0].upper()}{answer[1:]}."


def _choices(fact: Fact) -> tuple[str, ...]:
    """The answer among others of its column, none of which is right for the subject too."""
    relation = relations()[fact.relation]
    right = {answer.casefold() for answer in fact.accepted}
    others = {str(row[relation.answer]) for row in tables()[relation.table]} - {NONE}
    wrong = sorted(other for other in others if other.casefold() not in right)
    rng = random.Random(f"choices/{fact.id}")
    found = [fact.answer, *rng.sample(wrong, min(_CHOICES - 1, len(wrong)))]
    rng.shuffle(found)
    return tuple(found)


@cache
def _manners() -> dict[str, dict[str, tuple[str, ...]]]:
    file = resources.files("mowa.sample") / "dialogues.toml"
    raw = tomllib.loads(file.read_text("utf-8"))
    return {
        name: {part: lines(text) for part, text in manner.items()} for name, manner in raw.items()
    }
