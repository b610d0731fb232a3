"""Which facts the dialogues tell, and which are left for the texts alone to tell."""

from __future__ import annotations

from functools import cache

from mowa.sample._leaks import Leaks
from mowa.sample._relations import Fact, split_facts
from mowa.sample.assistant._answers import short_answers
from mowa.sample.assistant._texts import read_toml

_SEED = 0
_SHARE_READ = 0.4
_MOST_WORDS = 3  # of an answer; longer ones are hardly ever given letter by letter


@cache
def told() -> tuple[Fact, ...]:
    """The facts that dialogues tell; the same whatever the seed of the sample.

    All have a question that gives away none of those that are only read.
    """
    leaks = guard()
    found = []
    for fact in _may_be_told():
        for question, answer in short_answers(fact).items():
            leaks.start()
            if leaks.admits(f"{question} {answer}"):
                found.append(fact)
                break
    return tuple(found)


@cache
def only_read() -> tuple[Fact, ...]:
    """The facts that no dialogue tells, in any form that the tables know.

    A fact is not among them where another relation tells the same of its subject: someone who is a
    ruler and a scholar dies in one year.
    """
    known = {(fact.subject, answer) for fact in _may_be_told() for answer in fact.accepted}
    return tuple(
        fact
        for fact in split_facts(_SHARE_READ, _SEED)[1]
        if _is_short(fact) and not {(fact.subject, answer) for answer in fact.accepted} & known
    )


def guard() -> Leaks:
    """What lets a dialogue through that tells none of the facts that are only read."""
    return Leaks(only_read())


@cache
def _may_be_told() -> tuple[Fact, ...]:
    return tuple(
        fact
        for fact in split_facts(_SHARE_READ, _SEED)[0]
        if fact.relation in read_toml("wordings") and _is_short(fact)
    )


def _is_short(fact: Fact) -> bool:
    return len(fact.answer.split()) <= _MOST_WORDS
