"""What the site says, in each of its languages: words from TOML, numbers, plurals."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("pl", "en")
"""The first one is at the root of the site."""

_NARROW = "\u202f"
_POINT = {"pl": ",", "en": "."}
_THOUSANDS = {"pl": _NARROW, "en": ","}


_SHORT = {
    "pol": "pl",
    "eng": "en",
    "deu": "de",
    "ces": "cs",
    "slk": "sk",
    "ukr": "uk",
    "lit": "lt",
    "bel": "be",
}


@dataclass(frozen=True)
class Language:
    """One language of the site.

    Attributes:
        code: ISO 639-1, as HTML wants it.
        words: The TOML file, as it is.
    """

    code: str
    words: Mapping[str, Any]

    def say(self, key: str, /, **values: str | float) -> str:
        """The text of `key` (``section.name``), with its ``{fields}`` filled.

        Raises:
            KeyError: Where there is no such text, or a field has no value.
        """
        found: Any = self.words
        for part in key.split("."):
            found = found[part]
        if not isinstance(found, str):
            raise KeyError(key)
        return found.format(**values)

    def known(self, section: str, name: str) -> str:
        """The word of `section` for `name`; the name itself where there is none."""
        return str(self.words[section].get(name, name))

    def count(self, key: str, number: int) -> str:
        """A number with its noun in the right form.

        Example:
            >>> pl = language("pl")
            >>> [pl.count("count.models", n) for n in (1, 3, 12, 22)]
            ['1 model', '3 modele', '12 modeli', '22 modele']
        """
        return self.say(f"{key}.{_form(self.code, number)}", n=self.number(number))

    def number(self, value: float, decimals: int = 0) -> str:
        """A number as it is written in this language.

        Example:
            >>> language("pl").number(-0.25, 2), language("en").number(1234.5, 1)
            ('−0,25', '1,234.5')
        """
        text = f"{abs(value):,.{decimals}f}"
        text = text.translate({ord(","): _THOUSANDS[self.code], ord("."): _POINT[self.code]})
        return f"−{text}" if value < 0 and text.strip(f"0{_POINT[self.code]}") else text

    def ends(self, low: str, high: str) -> str:
        """A range; where one end is below zero, a dash between them would look like a minus."""
        return self.say("word.range", low=low, high=high) if "−" in low else f"{low}–{high}"

    def size(self, count: int | None) -> str:
        """A number of parameters or tokens, shortly: 1,2 mld."""
        if count is None:
            return self.say("word.size_unknown")
        for unit in ("trillion", "billion", "million", "thousand"):
            least = {"trillion": 1e12, "billion": 1e9, "million": 1e6, "thousand": 1e3}[unit]
            if count >= least:
                value = count / least
                short = self.number(value, 0 if value >= 99.95 else 1)
                point = f"{_POINT[self.code]}0"
                return f"{short.removesuffix(point)}\u00a0{self.say(f'unit.{unit}')}"
        return self.number(count)

    def group(self, task: str, name: str) -> str:
        """What pages call a group of items: what is known of it, or its key without hyphens."""
        known = self.words["group"].get(name)
        if known is None and task == "grammar" and self.code == "pl":
            known = _phenomena().get(name)
        plain = re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        return str(known or (name.replace("-", " ") if plain else name))

    def text(self, said: Mapping[str, str]) -> tuple[str, str]:
        """A text that a task brings in several languages, in this one if possible; its code."""
        for code in (self.code, *LANGUAGES, *said):
            if said.get(code):
                return said[code], code
        return "", self.code


@cache
def language(code: str) -> Language:
    """The language of that code."""
    source = resources.files("mowa.evaluation.leaderboard").joinpath("words", f"{code}.toml")
    return Language(code, tomllib.loads(source.read_text("utf-8")))


@cache
def _phenomena() -> dict[str, str]:
    """Titles of the phenomena of grammar; they are Polish."""
    from mowa.evaluation.grammar import phenomena

    return {one.name: one.title for one in phenomena()}


def html_language(code: str | None) -> str:
    """ISO 639-3 as the attribute ``lang`` wants it: the code of two letters where there is one.

    Example:
        >>> html_language("pol"), html_language("szl"), html_language("Polish!")
        ('pl', 'szl', '')
    """
    short = _SHORT.get(code or "", code or "")
    return short if short.isascii() and short.isalpha() and 2 <= len(short) <= 3 else ""


def _form(code: str, number: int) -> str:
    """The plural category of CLDR: one, few or many."""
    if number == 1:
        return "one"
    few = code == "pl" and 2 <= number % 10 <= 4 and not 12 <= number % 100 <= 14
    return "few" if few else "many"
