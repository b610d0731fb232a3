"""Two answers to one question: right and wrong, honest and made up, in the form or out of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from mowa.instructions import Dialogue
from mowa.sample._relations import Fact
from mowa.sample.assistant._answers import sentence, short_answers, wrong_row
from mowa.sample.assistant._dialogues import discreet
from mowa.sample.assistant._forms import forms, wrong_statement
from mowa.sample.assistant._known import told
from mowa.sample.assistant._made import Made, turns
from mowa.sample.assistant._texts import filled, read_toml, stated
from mowa.sample.assistant._unknown import unknowns

_FACTS, _UNKNOWN, _FORMS = 0.7, 0.6, 0.4  # shares that are asked for
_DECLINED = 0.25  # share of facts whose worse answer is that nobody knows
_STATED = 0.3  # share of facts whose answers are whole sentences


def preferences(seed: int) -> list[Dialogue]:
    """Pairs of a better and a worse answer to what the dialogues ask for.

    The worse one gives a value of the same column, declines what is known, makes up what cannot be
    known, or breaks the form.
    """
    made = (*_facts(told(), seed), *_unknown(seed), *_forms(told(), seed))
    return [one.dialogue() for one in discreet(made)]


def _facts(facts: Sequence[Fact], seed: int) -> Iterator[Made]:
    for fact in facts:
        rng = random.Random(f"{seed}/preference/{fact.id}")
        if rng.random() >= _FACTS:
            continue
        question, answer = rng.choice(list(short_answers(fact).items()))
        chosen, draw = sentence(answer), rng.random()
        rejected: str | None
        if draw < _DECLINED:
            what = "declined"
            rejected = filled(rng.choice(read_toml("unknown")["declines"]["any"]), {}, rng)
        elif draw < _DECLINED + _STATED:
            what = "statement"
            chosen, rejected = stated(fact, rng), wrong_statement(fact, rng)
            asks = read_toml("registers")["whole"]["open"]
            question = filled(rng.choice(asks), {"question": question}, rng)
        else:
            what = "value"
            row = wrong_row(fact, rng)
            rejected = sentence(short_answers(fact, row=row)[question]) if row else None
        if rejected is not None and rejected != chosen:
            yield Made(
                f"prefer/fact/{fact.id}", "fact", turns(question), (fact.id,),
                what=what, chosen=chosen, rejected=rejected,
            )  # fmt: skip


def _unknown(seed: int) -> Iterator[Made]:
    for one in unknowns(seed):
        rng = random.Random(f"{seed}/preference/{one.id}")
        if rng.random() < _UNKNOWN and one.made_up:
            yield Made(
                f"prefer/unknown/{one.id}", "unknown", turns(one.question),
                what=one.what, chosen=one.decline, rejected=one.made_up,
            )  # fmt: skip


def _forms(facts: Sequence[Fact], seed: int) -> Iterator[Made]:
    for one in forms(facts, seed):
        rng = random.Random(f"{seed}/preference/{one.id}")
        if rng.random() < _FORMS and one.broken != one.answer:
            yield Made(
                f"prefer/form/{one.id}", "form", turns(one.question), one.facts,
                what=one.what, chosen=one.answer, rejected=one.broken,
            )  # fmt: skip
