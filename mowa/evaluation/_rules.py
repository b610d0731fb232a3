"""Grades a short answer by rule: what it must say, what it must not say, how long it may be.

A pattern is one or more words that must stand next to each other in the answer. A word that ends in
`*` stands for any ending, since languages inflect: `krak*` meets `Kraków` and `w Krakowie`. Case,
punctuation and the Unicode form of the letters make no difference, on either side.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from mowa.errors import DataError
from mowa.evaluation._form import Form
from mowa.workspace import first_problem

__all__ = ["Rule", "Verdict", "accepts", "keeps_form", "words"]

Verdict = Literal["accepted", "rejected", "too long", "no match", "wrong form"]


def accepts(answer: str, rule: Mapping[str, Any]) -> bool:
    """Whether the answer is right by the rule of its item.

    >>> accepts("W Krakowie.", {"accept": ["krak*"]})
    True

    Raises:
        DataError: Where the rule is not as `Rule` says.
    """
    return _read(rule).accepts(answer)


def keeps_form(answer: str, rule: Mapping[str, Any]) -> bool | None:
    """Whether the answer has the form that the rule of its item asks for; None where it asks none.

    >>> keeps_form("W KRAKOWIE", {"accept": ["gnie*"], "form": {"kind": "upper"}})
    True

    Raises:
        DataError: Where the rule is not as `Rule` says.
    """
    form = _read(rule).form
    return None if form is None else form.kept(answer)


def words(text: str) -> list[str]:
    """The words of a text, folded to one case and NFC, without punctuation and invisible signs.

    >>> words("Był to – „Kraków”, rok 1038!")
    ['był', 'to', 'kraków', 'rok', '1038']
    """
    # Folding may take letters apart again (İ), and NFC may need what folding gave: hence twice.
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return "".join(_letter_or_gap(sign) for sign in folded).split()


def _letter_or_gap(sign: str) -> str:
    category = unicodedata.category(sign)
    if category == "Cf":  # soft hyphens and joiners stand inside a word
        return ""
    return sign if category[0] in "LMN" else " "


def _read(rule: Mapping[str, Any]) -> Rule:
    try:
        return Rule.model_validate(rule)
    except ValidationError as error:
        key, wrong = first_problem(error)
        raise DataError(f"{key or 'the rule'}: {wrong}", where=f"the rule {dict(rule)}") from error


def _checked(pattern: str) -> str:
    _expression(pattern)
    return pattern


_Pattern = Annotated[str, AfterValidator(_checked)]
_All = Annotated[tuple[_Pattern, ...], Field(min_length=1)]


class Rule(BaseModel):
    """What makes an answer right, as it stands in the `rule` of an item.

    Args:
        accept: One entry must be met; an entry that is a list is met when all its patterns are.
            Without an entry any answer is right that says something and breaks nothing else.
        reject: None of these patterns may be met: against answers that name several candidates.
        max_words: A longer answer is wrong whatever it says.
        form: What the answer must look like, whatever it says.

    Raises:
        pydantic.ValidationError: Where a pattern has no word, or a `*` elsewhere than at the end of
            a word, or the rule asks for nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    accept: tuple[_Pattern | _All, ...] = ()
    reject: tuple[_Pattern, ...] = ()
    max_words: int = Field(default=30, ge=1)
    form: Form | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Rule:
        if not self.accept and not self.reject and self.form is None:
            raise ValueError("a rule needs accept, reject or form")
        return self

    def verdict(self, answer: str) -> Verdict:
        """Why the answer counts or does not; length is looked at first, then form, then `reject`.

        >>> rule = Rule(accept=["krak*", ["gród", "kraka"]], reject=["gnie*"], max_words=6)
        >>> rule.verdict("W Krakowie.")
        'accepted'
        >>> rule.verdict("Kraków albo Gniezno")
        'rejected'
        """
        said = words(answer)
        if len(said) > self.max_words:
            return "too long"
        if self.form is not None and not self.form.kept(answer):
            return "wrong form"
        text = " ".join(said)
        if any(_expression(pattern).search(text) for pattern in self.reject):
            return "rejected"
        if not self.accept:
            return "accepted" if said else "no match"
        wanted = ((entry,) if isinstance(entry, str) else entry for entry in self.accept)
        if any(all(_expression(part).search(text) for part in entry) for entry in wanted):
            return "accepted"
        return "no match"

    def accepts(self, answer: str) -> bool:
        """Whether the answer is right."""
        return self.verdict(answer) == "accepted"


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression over the words of an answer with one space between."""
    parts: list[str] = []
    for token in pattern.split():
        stem = token.removesuffix("*")
        plain = words(stem)
        if "*" in stem or not plain:
            raise ValueError(f"in the pattern {pattern!r} a `*` may only end a word")
        parts += [re.escape(word) for word in plain]
        if stem != token:
            parts[-1] += r"\S*"
    if not parts:
        raise ValueError("a pattern needs at least one word")
    return re.compile(rf"(?<!\S){' '.join(parts)}(?!\S)")
