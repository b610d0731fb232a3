"""Relations: what the tables know about each row, and the wordings that state it and ask for it.

A relation in `relations/*.toml` names a table, the column of the short answer, further columns that
are right as well (`accept`), and wordings, one a line, in which `s` is the row. A row whose answer
is `-` has no such fact. Wordings under `held_out_…` are never written into the sample's texts.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from mowa.sample._facts import lines, tables
from mowa.sample._template import Entity, Scene, render

__all__ = [
    "Fact",
    "Relation",
    "Wording",
    "facts",
    "may_follow_that",
    "relations",
    "split_facts",
    "statements_about",
]

_KEYS = {"table", "answer", "accept", "about", "statements", "questions"} | {
    "held_out_statements",
    "held_out_questions",
}
NONE = "-"


@dataclass(frozen=True, slots=True)
class Relation:
    """One kind of fact: templates in which `s` is a row of `table`, by their use."""

    name: str
    table: str
    answer: str
    accept: tuple[str, ...]
    about: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    held_out_statements: tuple[str, ...]
    held_out_questions: tuple[str, ...]

    def holds_for(self, row: Entity) -> bool:
        """Whether the row has an answer."""
        return row[self.answer] != NONE


@dataclass(frozen=True, slots=True)
class Wording:
    """A sentence that states a fact or asks for it; a held-out one is in no text of the sample."""

    text: str
    held_out: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """One true thing: a subject, the short answer, and the sentences that state it and ask for it.

    Attributes:
        id: `relation/subject`, the same in every version that has the fact.
        relation: The name of its relation, such as `river_mouth`.
        about: The field of knowledge, such as `geography`.
        subject: What it is about, in the nominative.
        answer: The short answer, as the table has it.
        accepted: All right answers, `answer` first.
        statements: Sentences that give the answer.
        questions: Sentences that ask for it.
    """

    id: str
    relation: str
    about: str
    subject: str
    answer: str
    accepted: tuple[str, ...]
    statements: tuple[Wording, ...]
    questions: tuple[Wording, ...]


@cache
def relations() -> dict[str, Relation]:
    """Every relation by name.

    Raises:
        ValueError: Where a relation has an unknown key, lacks one, or names no table or column.
    """
    found: dict[str, Relation] = {}
    folder = resources.files("mowa.sample") / "relations"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            for name, raw in tomllib.loads(file.read_text("utf-8")).items():
                if name in found:
                    raise ValueError(f"there are two relations {name!r}")
                found[name] = _relation(name, raw)
    return found


@cache
def facts() -> tuple[Fact, ...]:
    """Every fact that the tables and relations give, in the order of the relations' files.

    Example:
        >>> fact = next(fact for fact in facts() if fact.id == "river_mouth/Narew")
        >>> fact.subject, fact.answer, fact.about
        ('Narew', 'Wisła', 'geography')
    """
    return tuple(
        _fact(relation, row)
        for relation in relations().values()
        for row in tables()[relation.table]
        if relation.holds_for(row)
    )


def split_facts(
    share: float, seed: int, *, among: Iterable[Fact] | None = None
) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    """All facts (or those `among`) as (known, held out); each goes by a hash of its id.

    A fact stays on its side when others are added.

    Args:
        share: The share to hold out, 0 to 1, kept on average.
        seed: Another seed holds out others.
        among: What to split, where it is not every fact.
    """
    known: list[Fact] = []
    held_out: list[Fact] = []
    for fact in facts() if among is None else among:
        digest = sha256(f"{seed}/{fact.id}".encode()).digest()
        below = int.from_bytes(digest[:8]) < share * 2**64
        (held_out if below else known).append(fact)
    return tuple(known), tuple(held_out)


@cache
def statements_about(table: str) -> tuple[Relation, ...]:
    """The relations of a table that have statements for the texts."""
    return tuple(one for one in relations().values() if one.table == table and one.statements)


def may_follow_that(wording: str) -> bool:
    """Whether it begins with a small letter (or a slot) and is a single sentence."""
    first = next((sign for sign in wording if sign.isalpha()), "X")
    return first.islower() and wording.endswith(".") and ". " not in wording


def _relation(name: str, raw: dict[str, Any]) -> Relation:
    if unknown := set(raw) - _KEYS:
        raise ValueError(f"relation {name}: unknown keys {sorted(unknown)}")
    relation = Relation(
        name=name,
        table=raw["table"],
        answer=raw["answer"],
        accept=tuple(raw.get("accept", ())),
        about=raw["about"],
        statements=lines(raw["statements"]),
        questions=lines(raw["questions"]),
        held_out_statements=lines(raw.get("held_out_statements", "")),
        held_out_questions=lines(raw.get("held_out_questions", "")),
    )
    for row in tables().get(relation.table, ()) or ({},):
        if missing := {"nom", relation.answer, *relation.accept} - set(row):
            raise ValueError(f"relation {name}: {relation.table} has no {sorted(missing)}")
    return relation


def _fact(relation: Relation, row: Entity) -> Fact:
    name = f"{relation.name}/{row['nom']}"
    answers = [str(row[column]) for column in (relation.answer, *relation.accept)]
    return Fact(
        id=name,
        relation=relation.name,
        about=relation.about,
        subject=str(row["nom"]),
        answer=answers[0],
        accepted=tuple(dict.fromkeys(answer for answer in answers if answer != NONE)),
        statements=_wordings(name, row, relation.statements, relation.held_out_statements),
        questions=_wordings(name, row, relation.questions, relation.held_out_questions),
    )


def _wordings(
    name: str, row: Entity, known: Sequence[str], held_out: Sequence[str]
) -> tuple[Wording, ...]:
    """Each template once, with alternatives drawn by the fact's id."""
    scene = Scene(random.Random(name), tables(), {"s": row})
    return tuple(
        Wording(render(template, scene), withheld)
        for templates, withheld in ((known, False), (held_out, True))
        for template in templates
    )
