"""Answers of a given form: one word, a number, capitals, yes or no, a list of three, JSON."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from mowa.sample._facts import tables
from mowa.sample._leaks import Leaks
from mowa.sample._relations import NONE, Fact, may_follow_that, relations, split_facts
from mowa.sample._template import Entity, Scene, render
from mowa.sample.assistant._answers import row_of, sentence, short_answers, wrong_row
from mowa.sample.assistant._known import guard, told
from mowa.sample.assistant._made import Made, turns
from mowa.sample.assistant._texts import filled, read_toml, stated

_SEED = 1  # not that of the facts themselves: one hash would put all on one side
_SHARE_TRIED = 0.25  # of the told facts, which are asked for in a form in tests alone
_TIMES = 2  # that a fact is asked for in one form
_MOST = 300  # dialogues of one form
_SHARED = 3  # facts that have the same answer, where it is to be written in capitals
_SMALLEST = 4  # rows that a list of three is drawn from, at least
_SEVERAL = "w kilku słowach"  # what asks for these does not ask for one
_DRAWS = 4  # lists of one group in the dialogues


@dataclass(frozen=True)
class Asked:
    """A question that wants its answer in a form.

    Attributes:
        id: Unique.
        what: The form.
        question: With the words that ask for the form.
        answer: The right one, in that form.
        broken: One that is wrong or in another form.
        rule: How an answer is graded.
        facts: What it tells.
    """

    id: str
    what: str
    question: str
    answer: str
    broken: str
    rule: dict[str, Any]
    facts: tuple[str, ...]


@dataclass(frozen=True)
class _Way:
    """How it is asked: what draws, whether in held-out words, and for which time."""

    rng: random.Random
    held_out: bool
    time: int


def forms(facts: Sequence[Fact], seed: int, *, held_out: bool = False) -> list[Asked]:
    """Questions of every form, at most some hundreds of each.

    Held-out ones ask for the form in held-out words, and for facts that no other one asks for.
    """
    trained, tried = split_facts(_SHARE_TRIED, _SEED, among=facts)
    chosen = tried if held_out else trained
    found: list[Asked] = []
    for what, make in _FORMS.items():
        rng = random.Random(f"{seed}/forms/{what}/{held_out}")
        made = [
            one
            for time in range(1 if held_out else _TIMES)
            for fact in chosen
            if (one := make(fact, _Way(rng, held_out, time)))
        ]
        found += sorted(rng.sample(made, min(_MOST, len(made))), key=lambda one: one.id)
    return found + _lists(seed, held_out=held_out)


def formed(facts: Sequence[Fact], seed: int) -> Iterator[Made]:
    """The dialogues of `forms`."""
    for one in forms(facts, seed):
        yield Made(
            f"form/{one.id}", "form", turns(one.question, one.answer), one.facts, what=one.what
        )


def wrong_statement(fact: Fact, rng: random.Random) -> str | None:
    """The fact stated with what is true of another row; None where there is no such row."""
    row = wrong_row(fact, rng)
    return _stated(rng.choice(relations()[fact.relation].statements), row, rng) if row else None


def _word(fact: Fact, way: _Way) -> Asked | None:
    words = {
        question: answer
        for question, answer in short_answers(fact).items()
        if re.fullmatch(r"[^\W\d_]+(?:-[^\W\d_]+)*", answer) and _SEVERAL not in question
    }
    if not words:
        return None
    question, answer = way.rng.choice(list(words.items()))
    right = sentence(answer).removesuffix(".")
    broken = stated(fact, way.rng)
    return _asked("word", fact, question, (right, broken), _rule(fact, {"kind": "word"}), way=way)


def _number(fact: Fact, way: _Way) -> Asked | None:
    if not fact.answer.isdecimal():
        return None
    answers = (fact.answer, stated(fact, way.rng))
    return _asked(
        "number", fact, _question(fact, way), answers, _rule(fact, {"kind": "number"}), way=way
    )


def _upper(fact: Fact, way: _Way) -> Asked | None:
    if fact.answer.isdecimal() or _frequent()[fact.answer] < _SHARED:
        return None
    question, answer = way.rng.choice(list(short_answers(fact).items()))
    answers = (answer.upper(), sentence(answer))
    return _asked("upper", fact, question, answers, _rule(fact, {"kind": "upper"}), way=way)


def _claim(fact: Fact, way: _Way) -> Asked | None:
    is_true = way.rng.random() < 0.5
    row = row_of(fact) if is_true else wrong_row(fact, way.rng)
    wordings = [one for one in relations()[fact.relation].statements if may_follow_that(one)]
    if row is None or not wordings:
        return None
    claim = _stated(way.rng.choice(wordings), row, way.rng, capital=False).removesuffix(".")
    answers = ("Tak", "Nie") if is_true else ("Nie", "Tak")
    rule = {
        "accept": [answers[0].lower()],
        "form": {"kind": "one-of", "options": ["tak", "nie"]},
    }
    return _asked("claim", fact, "", answers, rule, way=way, claim=claim)


def _object(fact: Fact, way: _Way) -> Asked | None:
    keys = read_toml("forms")["keys"].get(fact.relation)
    if keys is None:
        return None
    subject = fact.subject.strip("„”")
    value = int(fact.answer) if fact.answer.isdecimal() else fact.answer
    made = json.dumps({keys[0]: subject, keys[1]: value}, ensure_ascii=False)
    question, answer = way.rng.choice(list(short_answers(fact).items()))
    rule = {
        "accept": [[subject, one] for one in fact.accepted],
        "form": {"kind": "object", "keys": keys},
    }
    answers = (made, sentence(answer))
    return _asked("object", fact, question, answers, rule, way=way, first=keys[0], second=keys[1])


_FORMS: dict[str, Callable[[Fact, _Way], Asked | None]] = {
    "word": _word,
    "number": _number,
    "upper": _upper,
    "claim": _claim,
    "object": _object,
}


def _asked(
    what: str,
    fact: Fact,
    question: str,
    answers: tuple[str, str],
    rule: dict[str, Any],
    *,
    way: _Way,
    **more: str,
) -> Asked:
    """The question with the words that ask for the form; the better answer and the worse one."""
    asks = _asks(what, held_out=way.held_out)
    asked = filled(way.rng.choice(asks), {"question": question, **more}, way.rng)
    name = f"{what}/{fact.id}/{way.time}"
    return Asked(name, what, asked, *answers, rule, (fact.id,))


def _rule(fact: Fact, form: dict[str, Any]) -> dict[str, Any]:
    right = dict.fromkeys((*fact.accepted, *short_answers(fact).values()))
    return {"accept": list(right), "form": form}


def _question(fact: Fact, way: _Way) -> str:
    return way.rng.choice(list(short_answers(fact)))


def _asks(what: str, *, held_out: bool) -> Sequence[str]:
    found: Sequence[str] = read_toml("forms")[what]["held_out_asks" if held_out else "asks"]
    return found


def _lists(seed: int, *, held_out: bool) -> list[Asked]:
    """Lists of three; a group is asked for in the dialogues and, in other words, in the tests."""
    asks = _asks("list", held_out=held_out)
    leaks = guard()
    found: list[Asked] = []
    for kind, raw in read_toml("forms")["lists"].items():
        groups: dict[str, list[Entity]] = {}
        for table in raw["tables"]:
            for row in tables()[table]:
                groups.setdefault(str(row[raw["by"]]), []).append(row)
        for value, rows in sorted(groups.items()):
            if value == NONE or len(rows) < _SMALLEST:
                continue
            among = [str(row["nom"]).strip("„”") for row in rows]
            rng = random.Random(f"{seed}/lists/{kind}/{value}/{held_out}")
            for number in range(1 if held_out else _DRAWS):
                asking = render(rng.choice(raw["questions"]), Scene(rng, tables(), {"s": rows[0]}))
                entries = _untold(asking, among, leaks, rng)
                if len(entries) < 3:
                    continue
                question = filled(rng.choice(asks), {"question": asking}, rng)
                rule = {"form": {"kind": "list", "count": 3, "among": among}}
                found.append(
                    Asked(
                        f"list/{kind}/{value}/{number}",
                        "list",
                        question,
                        ", ".join(entries),
                        sentence(entries[0]),
                        rule,
                        (),
                    )
                )
    return found


def _untold(asking: str, among: Sequence[str], leaks: Leaks, rng: random.Random) -> list[str]:
    """Three entries that give away no fact that is only read, or fewer."""
    free = []
    for entry in among:
        leaks.start()
        if leaks.admits(f"{asking} {entry}"):
            free.append(entry)
    return rng.sample(free, min(3, len(free)))


def _stated(wording: str, row: Entity, rng: random.Random, *, capital: bool = True) -> str:
    return render(wording, Scene(rng, tables(), {"s": row}), capital=capital)


@cache
def _frequent() -> Counter[str]:
    return Counter(fact.answer for fact in split_facts(_SHARE_TRIED, _SEED, among=told())[0])
