"""Which choice an answer states: never the Polish word "a" taken for the letter A."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mowa.evaluation._items import LETTERS
from mowa.evaluation._scorers._words import compared

# One-letter words of Polish, which a sentence may begin with in capitals: "A dokładniej…".
_WORDS = frozenset("AIOUWZ")

_OR = frozenset({"i", "lub", "albo", "oraz", "czy", "or", "and"})
_UNCLEAR = -1

_SAYS = (
    r"(?:odpowied[zź](?:ź|zi[aą])?|odp\b\.?|answer|wariant|opcj[aąęi]|wybieram|wskazuję"
    r"|(?:poprawn|prawidłow|właściw)[aąey])"
)


def stated_letter(text: str, choices: Sequence[str]) -> int | None:
    """Index of the choice that an answer states by its letter, or by its text; None if unclear.

    Taken in this order: the answer is a letter, or begins with one that is set off (``C.``,
    ``c)``, ``C - Warszawa``) or followed by its own choice; the last ``odpowiedź: C`` or the like;
    the only letter that stands alone and is no word; the only choice whose text it holds.

    Example:
        >>> stated_letter("A dokładniej mówiąc, poprawna jest odpowiedź C", ["x", "y", "z"])
        2
        >>> stated_letter("A dokładniej mówiąc, nie wiem", ["x", "y", "z"]) is None
        True
    """
    text = re.sub(r"[*_`„”\"']", "", text).strip()
    letters = LETTERS[: len(choices)]
    found = _first(
        lambda: _leading(text, letters, choices),
        lambda: _said(text, letters),
        lambda: _alone(text, letters),
        lambda: stated_choice(text, choices),
    )
    return None if found == _UNCLEAR else found


def stated_choice(text: str, choices: Sequence[str]) -> int | None:
    """Index of the choice that the answer begins with, or else of the only one that it holds.

    Example:
        >>> stated_choice("Nie, ta odpowiedź nie pasuje.", ["Nie", "Tak"])
        0
        >>> stated_choice("Myślę, że tak.", ["Nie", "Tak"])
        1
    """
    answer = f" {compared(text)} "
    spoken = [f" {compared(choice)} " for choice in choices]
    starts = [
        index for index, choice in enumerate(spoken) if choice.strip() and answer.startswith(choice)
    ]
    if starts:
        start = max(starts, key=lambda index: len(spoken[index]))
        after = answer[len(spoken[start]) :].split()
        return None if after and after[0] in _OR else start
    held = [index for index, choice in enumerate(spoken) if choice.strip() and choice in answer]
    longest = [
        index
        for index in held
        if not any(
            spoken[index] != spoken[other] and spoken[index] in spoken[other] for other in held
        )
    ]
    return longest[0] if len(longest) == 1 else None


def _leading(text: str, letters: str, choices: Sequence[str]) -> int | None:
    found = re.match(rf"\(?([{letters}])(?:\s*$|[.):,;\]]|\s+[-–—=]\s|\s*\n)", text)
    if found:
        return letters.index(found[1])
    found = re.match(rf"\(?([{letters.lower()}])\)", text)
    if found:
        return letters.lower().index(found[1])
    found = re.match(rf"([{letters}])\s+(.*)", text, re.DOTALL)
    if found and stated_choice(found[2], choices) == letters.index(found[1]):
        return letters.index(found[1])
    return None


def _said(text: str, letters: str) -> int | None:
    """The letter of the last statement; unclear where it names two (``A i B``)."""
    pattern = re.compile(
        rf"{_SAYS}\s*(?:(?:to|jest|brzmi|is|odpowiedź|litera)\s+)*[:=\-–—]?\s*\(?\b([{letters}])\b(?!\w)"
        rf"(?P<more>\s*(?:i|lub|oraz|albo|,|/)\s*\(?[{letters}]\b)?",
        re.IGNORECASE,
    )
    said = None
    for found in pattern.finditer(text):
        letter = found[1]
        if found["more"] and letter.isupper():
            said = _UNCLEAR
        elif letter.isupper() and not _is_word(letter, text[found.end(1) :]):
            said = letters.index(letter)
    return said


def _alone(text: str, letters: str) -> int | None:
    found = {
        match[1]
        for match in re.finditer(rf"(?<![\w.])([{letters}])(?!\w)", text)
        if not _is_word(match[1], text[match.end() :])
    }
    return letters.index(found.pop()) if len(found) == 1 else None


def _is_word(letter: str, rest: str) -> bool:
    """Is a letter that stands alone read on, as a word is?"""
    return letter in _WORDS and bool(re.match(r"\s+\w", rest))


def _first(*ways: Callable[[], int | None]) -> int | None:
    for way in ways:
        found = way()
        if found is not None:
            return found
    return None
