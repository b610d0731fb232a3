"""Checks the form of an answer, whatever it says: one word, a number, a list, JSON, capitals."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Form"]

_SHAPES = {
    "word": re.compile(r"\w+(?:[-'’]\w+)*"),
    "number": re.compile(r"[-+]?(?:\d+|\d{1,3}(?:[ \u00a0\u202f]\d{3})+)(?:[.,]\d+)?"),
}
_MOST_CHARACTERS = 10_000  # of an answer that is looked at: a short form is far shorter


class Form(BaseModel):
    """The form that an answer must have, as it stands in the `form` of a rule.

    A full stop at the end makes no difference, and neither do spaces around the answer; nothing
    else may stand beside what was asked for.

    Args:
        kind: word: one word; number: digits, with a sign and a decimal part at most; upper: letters
            without a small one among them; one-of: one of `options`, up to case; list: `count`
            different entries, each without a comma or a line break in it; object: a JSON object
            with exactly these `keys`, each value a text or a number that says something.
        options: What may be answered, of `one-of`.
        count: How many entries, of `list`.
        among: What each entry must be one of, up to case; anything where nothing is given.
        keys: Of `object`, in any order.

    Raises:
        pydantic.ValidationError: Where a kind lacks what it needs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["word", "number", "upper", "one-of", "list", "object"]
    options: tuple[str, ...] = ()
    count: Annotated[int, Field(ge=1)] = 3
    among: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Form:
        if self.kind == "one-of" and len(self.options) < 2:
            raise ValueError("a choice needs two options or more")
        if self.kind == "object" and not self.keys:
            raise ValueError("an object needs keys")
        return self

    def kept(self, answer: str) -> bool:
        """Whether the answer has this form.

        >>> Form(kind="word").kept("Wisła."), Form(kind="word").kept("To Wisła.")
        (True, False)
        >>> Form(kind="list", count=2).kept("Narew, Bug")
        True
        >>> Form(kind="object", keys=["miasto"]).kept('{"miasto": "Płock"}')
        True
        """
        if len(answer) > _MOST_CHARACTERS:
            return False
        text = unicodedata.normalize("NFC", answer).strip()
        if self.kind == "object":
            return self._is_object(text)
        text = text.removesuffix(".").rstrip()
        if self.kind in _SHAPES:
            return _SHAPES[self.kind].fullmatch(text) is not None
        if self.kind == "upper":
            return text == text.upper() != text.lower()
        if self.kind == "one-of":
            return text.casefold() in {option.casefold() for option in self.options}
        return self._is_list(text)

    def _is_list(self, text: str) -> bool:
        entries = [entry.strip().casefold() for entry in re.split(r"[,\n]", text)]
        allowed = {entry.casefold() for entry in self.among}
        return (
            len(entries) == len(set(entries)) == self.count
            and all(re.search(r"\w", entry) for entry in entries)
            and (not allowed or set(entries) <= allowed)
        )

    def _is_object(self, text: str) -> bool:
        try:
            found: Any = json.loads(text)
        except (ValueError, RecursionError):
            return False
        return (
            isinstance(found, dict)
            and set(found) == set(self.keys)
            and all(_says_something(value) for value in found.values())
        )


def _says_something(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int | float) and not isinstance(value, bool)
