"""Short answers: in the case that their question asks for, right ones and wrong ones."""

from __future__ import annotations

import random
from functools import cache

from mowa.sample._facts import tables
from mowa.sample._relations import NONE, Fact, Relation, relations
from mowa.sample._template import Entity, Scene, names_used, render
from mowa.sample.assistant._texts import read_toml

# Columns by which a row is called: they stay when the rest is another row's.
_SUBJECT = frozenset(
    ("g", "nom", "gen", "dat", "acc", "ins", "loc", "voc", "in", "to", "from", "pl_nom", "pl_gen",
     "clause", "clause2", "mark", "short", "done"),
)  # fmt: skip


def short_answers(fact: Fact, *, row: Entity | None = None) -> dict[str, str]:
    """The short answer to each question for the fact; no question to which none fits.

    Questions are the train wordings and those that only dialogues have.

    Args:
        fact: What is asked for.
        row: Another row that answers, for answers that are wrong.

    Example:
        >>> from mowa.sample import facts
        >>> fact = next(fact for fact in facts() if fact.id == "peak_range/Śnieżka")
        >>> sorted(set(short_answers(fact).values()))
        ['w Karkonoszach']
    """
    relation = relations()[fact.relation]
    own = row_of(fact) if row is None else row
    return {
        question: answer
        for question in _questions(fact)
        if (answer := _answer(relation, question, own)) is not None
    }


def sentence(answer: str) -> str:
    """A short answer as it stands in a dialogue.

    Example:
        >>> sentence("ptak")
        'Ptak.'
    """
    return f"{answer[0].upper()}{answer[1:]}."


def row_of(fact: Fact) -> Entity:
    """The row of its subject."""
    table = tables()[relations()[fact.relation].table]
    return next(row for row in table if row["nom"] == fact.subject)


def wrong_row(fact: Fact, rng: random.Random) -> Entity | None:
    """The row of the fact with all that another row says, but for what it is called.

    None where every row of the table would be right.
    """
    relation, row = relations()[fact.relation], row_of(fact)
    right = {answer.casefold() for answer in fact.accepted}
    others = [
        other
        for other in tables()[relation.table]
        if relation.holds_for(other) and not _answers(relation, other) & right
    ]
    if not others:
        return None
    kept = _SUBJECT - {relation.answer, *relation.accept}
    return {**rng.choice(others), **{column: row[column] for column in kept & set(row)}}


@cache
def _questions(fact: Fact) -> tuple[str, ...]:
    """Those of the texts, and those of the dialogues alone."""
    scene = Scene(random.Random(fact.id), tables(), {"s": row_of(fact)})
    more = read_toml("wordings").get(fact.relation, ())
    known = [one.text for one in fact.questions if not one.held_out]
    return (*known, *(render(wording, scene) for wording in more))


def _answer(relation: Relation, question: str, row: Entity) -> str | None:
    known = read_toml("answers").get(relation.name, {})
    template = next((known[start] for start in known if question.startswith(f"{start} ")), None)
    if template == NONE:
        return None
    if template is None or any(row[str(form)] == NONE for _, form in names_used(template)):
        template = f"{{s.{relation.answer}}}"
    return render(template, Scene(random.Random(0), {}, {"s": row}), capital=False)


def _answers(relation: Relation, row: Entity) -> set[str]:
    return {str(row[column]).casefold() for column in (relation.answer, *relation.accept)}
