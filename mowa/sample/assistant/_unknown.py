"""What the assistant cannot know: invented subjects, and questions that nobody can answer."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mowa.sample._facts import tables
from mowa.sample._relations import NONE, Fact, Relation, relations
from mowa.sample._template import Entity, Scene, names_used, render
from mowa.sample.assistant._answers import sentence, short_answers
from mowa.sample.assistant._made import Made, turns
from mowa.sample.assistant._texts import filled, read_toml

_POLITE = 0.3  # share of questions that are asked once more, by somebody who greets
_MIXED = 0.2  # share that come up in a talk about something else
_ASKED = 0.5  # share of the wordings in which an invented subject is asked for
_GENERAL = 0.4  # share of declines that would do for any question


@dataclass(frozen=True)
class Unknown:
    """A question that cannot be answered.

    Attributes:
        id: Unique.
        what: Of which sort: the table of its invented subject, or a sort of questions.
        question: As it is asked.
        decline: What is said in place of an answer; empty in tests.
        made_up: What somebody says who makes answers up; empty in tests.
    """

    id: str
    what: str
    question: str
    decline: str
    made_up: str


def unknowns(seed: int, *, held_out: bool = False) -> list[Unknown]:
    """Every such question once: of the kinds that are trained on, or of those held out.

    Held-out kinds are asked in held-out wordings.
    """
    found = [*_invented(seed, held_out=held_out), *_written(seed, held_out=held_out)]
    return list({one.question: one for one in reversed(found)}.values())[::-1]


def declining(facts: Sequence[Fact], seed: int) -> Iterator[Made]:
    """Dialogues in which the assistant does not know; in some it does know something else."""
    polite = read_toml("registers")["polite"]
    for one in unknowns(seed):
        rng = random.Random(f"{seed}/declining/{one.id}")
        name = f"unknown/{one.id}"
        yield Made(name, "unknown", turns(one.question, one.decline), what=one.what)
        if rng.random() < _POLITE:
            replies = read_toml("unknown")["declines"]["polite"]
            asked = filled(rng.choice(polite["open"]), {"question": one.question}, rng)
            reply = filled(rng.choice(replies), {"decline": one.decline}, rng)
            yield Made(f"{name}/polite", "unknown", turns(asked, reply), what=one.what)
        if rng.random() < _MIXED:
            fact = rng.choice(facts)
            question, answer = rng.choice(list(short_answers(fact).items()))
            pair = [(one.question, one.decline), (question, sentence(answer))]
            rng.shuffle(pair)
            said = turns(*pair[0], *pair[1])
            yield Made(f"{name}/mixed", "unknown", said, (fact.id,), what=one.what)


def invented_names() -> dict[str, list[str]]:
    """The invented subjects by the table that they are like."""
    return {
        table: [row["nom"] for row in _rows(raw)]
        for table, raw in read_toml("unknown")["invented"].items()
    }


def _invented(seed: int, *, held_out: bool) -> Iterator[Unknown]:
    for table, raw in read_toml("unknown")["invented"].items():
        if bool(raw.get("held_out")) != held_out:
            continue
        for row in _rows(raw):
            for relation in relations().values():
                more = read_toml("wordings").get(relation.name, ())
                known = (
                    (*relation.questions, *more) if relation.name in read_toml("wordings") else ()
                )
                wordings = relation.held_out_questions if held_out else known
                for number, wording in enumerate(wordings):
                    if relation.table != table or not _can_ask(wording, row):
                        continue
                    name = f"{table}/{row['nom']}/{relation.name}/{number}"
                    rng = random.Random(f"{seed}/unknown/{name}")
                    if not held_out and rng.random() >= _ASKED:
                        continue
                    yield Unknown(
                        name,
                        table,
                        render(wording, Scene(rng, tables(), {"s": row})),
                        "" if held_out else _decline(raw, rng),
                        "" if held_out else sentence(_some_answer(relation, rng)),
                    )


def _written(seed: int, *, held_out: bool) -> Iterator[Unknown]:
    for what, raw in read_toml("unknown")["written"].items():
        if bool(raw.get("held_out")) != held_out:
            continue
        for line, template in enumerate(raw["lines"]):
            for time in range(raw["times"]):
                name = f"{what}/{line:02}/{time}"
                rng = random.Random(f"{seed}/unknown/{name}")
                parts = [
                    part.strip() for part in render(template, Scene(rng, tables())).split("//")
                ]
                question, said, made_up = (*parts, "", "")[:3]
                decline = said or ("" if held_out else _decline(raw, rng))
                yield Unknown(name, what, question, decline, made_up)


def _rows(raw: Mapping[str, Any]) -> list[dict[str, str]]:
    columns = [column.strip() for column in raw["columns"].split("|")]
    return [
        dict(zip(columns, (value.strip() for value in row.split("|")), strict=True))
        for row in raw["rows"]
    ]


def _can_ask(wording: str, row: Entity) -> bool:
    """Whether the row has every form that the wording asks for."""
    return all(
        name != "s" or ("g" if isinstance(form, int) else form) in row
        for name, form in names_used(wording)
    )


def _decline(raw: Mapping[str, Any], rng: random.Random) -> str:
    general = rng.random() < _GENERAL
    known = read_toml("unknown")["declines"]["any"] if general else raw["declines"]
    return filled(rng.choice(known), {}, rng)


def _some_answer(relation: Relation, rng: random.Random) -> str:
    answers = {str(row[relation.answer]) for row in tables()[relation.table]} - {NONE}
    return rng.choice(sorted(answers))
