"""Talks about facts: each question by itself, and in registers, up to three about one subject."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from mowa.sample._questions import choices
from mowa.sample._relations import Fact, relations
from mowa.sample.assistant._answers import sentence, short_answers
from mowa.sample.assistant._made import Made, turns
from mowa.sample.assistant._texts import filled, read_toml, stated

_MOST_QUESTIONS = 3  # in one talk


def plain_questions(facts: Iterable[Fact]) -> Iterator[Made]:
    """Every train wording of every fact, with the short answer."""
    for fact in facts:
        for number, (question, answer) in enumerate(short_answers(fact).items()):
            yield Made(
                f"fact/{fact.id}/{number}", "fact", turns(question, sentence(answer)), (fact.id,)
            )


def talks(facts: Iterable[Fact], seed: int) -> Iterator[Made]:
    """Talks of one to three questions on one subject; each fact is asked for once.

    The register (polite, terse, a child's, a quiz with choices, whole sentences) goes by the seed
    and the subject.
    """
    by_subject: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        by_subject[relations()[fact.relation].table, fact.subject].append(fact)
    for (table, subject), group in by_subject.items():
        rng = random.Random(f"{seed}/talk/{table}/{subject}")
        rng.shuffle(group)
        start = number = 0
        while start < len(group):
            end = start + rng.randint(1, _MOST_QUESTIONS)
            yield _talk(f"talk/{table}/{subject}/{number}", group[start:end], rng)
            start, number = end, number + 1


def _talk(name: str, facts: Sequence[Fact], rng: random.Random) -> Made:
    registers = read_toml("registers")
    chosen = rng.choice(sorted(registers))
    register = registers[chosen]
    said: list[str] = []
    for number, fact in enumerate(facts):
        question, answer = rng.choice(_asking(fact, in_choices="choices" in register["open"][0]))
        words = {
            "question": question,
            "answer": sentence(answer),
            "choice": sentence(fact.answer),
            "statement": stated(fact, rng),
            "choices": ", ".join(choices(fact)),
        }
        replies = (number and register.get("reply_again")) or register["reply"]
        said.append(filled(rng.choice(register["again" if number else "open"]), words, rng))
        said.append(filled(rng.choice(replies), words, rng))
    if register["thanks"] and rng.random() < 0.5:
        said += [rng.choice(register["thanks"]), rng.choice(register["end"])]
    return Made(name, "talk", turns(*said), facts=tuple(fact.id for fact in facts), register=chosen)


def _asking(fact: Fact, *, in_choices: bool) -> list[tuple[str, str]]:
    """Questions with their short answers; for a quiz those whose answer is one of the choices."""
    found = list(short_answers(fact).items())
    fitting = [one for one in found if one[1] == fact.answer] if in_choices else []
    return fitting or found
