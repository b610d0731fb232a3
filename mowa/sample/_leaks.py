"""Keeping held-out facts out of the texts: which facts a text mentions, and from which side."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import cache

from mowa.sample._facts import tables
from mowa.sample._relations import NONE, Fact, relations
from mowa.sample._template import Entity

__all__ = ["Leaks", "forms"]

_SUBJECT = ("nom", "gen", "dat", "acc", "ins", "loc", "voc", "in", "to", "from", "pl_nom", "pl_gen")
_MARKS = ("mark", "short", "clause", "clause2")  # further words by which a row is known
_PREPOSITION = re.compile(r"^(?:w|we|na|nad|do|z|ze|u|pod|koło|o|ku)\s+(?=\w)")
_WORD = re.compile(r"\w+")


class Leaks:
    """What a document has mentioned of the held-out facts.

    A document never tells both ends of such a fact, in any form that the tables know, not even in
    two sentences: otherwise a pronoun would give it away.
    """

    def __init__(self, facts: Collection[Fact]) -> None:
        self._sides: dict[tuple[str, ...], set[tuple[int, bool]]] = defaultdict(set)
        for number, fact in enumerate(facts):
            for answer, texts in zip((False, True), forms(fact), strict=True):
                for text in texts:
                    if words := _words(text):
                        self._sides[words].add((number, answer))
        self._longest = max(map(len, self._sides), default=0)
        self._told: set[tuple[int, bool]] = set()

    def start(self) -> None:
        """Begin another document."""
        self._told = set()

    def admits(self, text: str) -> bool:
        """Whether the text may join the document; if so, its mentions count from now on."""
        found = self.mentioned(text)
        told = self._told | found
        if any((number, not answer) in told for number, answer in found):
            return False
        self._told = told
        return True

    def mentioned(self, text: str) -> set[tuple[int, bool]]:
        """The facts that the text mentions, by number, with True where it has the answer."""
        if not self._longest:
            return set()
        words = _words(text)
        return {
            side
            for start in range(len(words))
            for end in range(start + 1, min(start + self._longest, len(words)) + 1)
            if words[start:end] in self._sides
            for side in self._sides[words[start:end]]
        }


@cache
def forms(fact: Fact) -> tuple[frozenset[str], frozenset[str]]:
    """All forms of the subject and of the right answers, without prepositions."""
    relation = relations()[fact.relation]
    row = next(row for row in tables()[relation.table] if row["nom"] == fact.subject)
    answers = set(fact.accepted)
    for column, value in row.items():
        stem = column.rpartition("_")[0]
        if stem in (relation.answer, *relation.accept) and isinstance(value, str):
            answers.add(value)
    answers |= {form for answer in list(answers) for form in _known_forms().get(answer, ())}
    subjects = _forms_of(row) | _known_forms().get(fact.subject, set())
    return _bare(subjects), _bare(answers)


@cache
def _known_forms() -> dict[str, set[str]]:
    """Forms by nominative, over all tables that have one."""
    found: dict[str, set[str]] = defaultdict(set)
    for table in tables().values():
        for row in table:
            if "nom" in row:
                found[str(row["nom"])] |= _forms_of(row)
    return found


def _forms_of(row: Entity) -> set[str]:
    columns = [*_SUBJECT, *_MARKS]
    return {str(row[column]) for column in columns if isinstance(row.get(column), str)}


def _bare(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(_PREPOSITION.sub("", text) for text in texts if text != NONE)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))
