"""The words that frames share, with every form spelt out: nouns, adjectives, adverbials."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mowa.errors import DataError

__all__ = ["ADJECTIVE", "NOUN", "Lexicon", "Word", "lexicon", "read_word"]

NOUN = (
    "sg.nom", "sg.gen", "sg.dat", "sg.acc", "sg.ins", "sg.loc",
    "pl.nom", "pl.gen", "pl.dat", "pl.acc", "pl.ins", "pl.loc",
)  # fmt: skip
ADJECTIVE = (
    "m.nom", "m.gen", "m.dat", "m.ins",  # masculine; but for nom and acc also neuter
    "f.nom", "f.gen", "f.acc", "f.ins",  # the genitive is also dative and locative
    "n.nom", "v.nom", "pl.nom", "pl.gen", "pl.ins",  # v: masculine-personal plural
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """A word: its tags (`m1`, `person`, …) and its forms by name (`pl.gen`)."""

    tags: frozenset[str]
    forms: Mapping[str, str]

    @property
    def lemma(self) -> str:
        """Its first form."""
        return next(iter(self.forms.values()))


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All shared words, and the shared lists that any frame may draw from."""

    nouns: tuple[Word, ...]
    adjectives: tuple[Word, ...]
    lists: Mapping[str, Sequence[str]]

    def find(self, query: str) -> list[Word]:
        """The words for `noun: f person -kin` (tags), `adjective: …`, `words: lampa stół` (lemmas).

        Raises:
            ValueError: Where the query is malformed, or a lemma or tag finds nothing.
        """
        kind, _, wanted = query.partition(":")
        names = wanted.split()
        if kind == "words":
            by_lemma = {word.lemma: word for word in (*self.nouns, *self.adjectives)}
            missing = [name for name in names if name not in by_lemma]
            if missing or not names:
                raise ValueError(
                    f"the lexicon has no {', '.join(missing) or 'words'} for {query!r}"
                )
            return [by_lemma[name] for name in names]
        if kind not in {"noun", "adjective"}:
            raise ValueError(f"a query starts with noun, adjective or words: {query!r}")
        pool = self.nouns if kind == "noun" else self.adjectives
        without = {name[1:] for name in names if name.startswith("-")}
        wanted_tags = {name for name in names if not name.startswith("-")}
        found = [word for word in pool if word.tags >= wanted_tags and not word.tags & without]
        if not found:
            raise ValueError(f"no word of the lexicon has all tags of {query!r}")
        return found


def read_word(line: str, names: Sequence[str]) -> Word:
    """A word from a line such as `f thing: lampa lampy …`; a noun may lack its plural.

    Raises:
        ValueError: Where the number of forms is none of those that `names` allows.
    """
    tags, _, forms = line.partition(":")
    values = forms.split()
    if len(values) not in {len(names), len(names) // 2 if names == NOUN else len(names)}:
        raise ValueError(f"{len(values)} forms where {len(names)} are due: {line!r}")
    return Word(frozenset(tags.split()), dict(zip(names, values, strict=False)))


@cache
def lexicon() -> Lexicon:
    """The shipped lexicon.

    Raises:
        DataError: Where a line of it is malformed.
    """
    source = files("mowa.evaluation.grammar").joinpath("lexicon.toml")
    raw = tomllib.loads(source.read_text(encoding="utf-8"))
    try:
        nouns = tuple(read_word(line, NOUN) for line in raw["nouns"])
        adjectives = tuple(read_word(line, ADJECTIVE) for line in raw["adjectives"])
    except ValueError as error:
        raise DataError(str(error), where="lexicon.toml") from error
    return Lexicon(nouns, adjectives, raw["lists"])
