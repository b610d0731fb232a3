"""Running heads and page numbers: what stands at the edge of page after page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from mowa.collect.readers._pdf_pages import Line

_EDGE = 3  # how many lines from the top and from the foot of a page of 12 may be a running head
_REPEATED = 3  # on how many pages a running head stands, in files of that many pages
_SLACK = 2  # points that heads may be apart in height
_LONGEST = 250  # characters; what is longer is no running head

_NUMBER = re.compile(r"\b\d{1,5}\b")
_ROMAN = re.compile(r"(?i)\W*(?=[ivxlc])(c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3}))\W*")
_ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_SIGN = "\N{SYMBOL FOR NULL}"  # stands for the page's number in what is compared
_ONLY_NUMBER = re.compile(
    rf"(?i)\W*(?:str(?:ona)?|s|page|p)?\W*{_SIGN}(?:\W*(?:z|of)?\W*(?:\d{{1,5}}|{_SIGN}))?\W*"
)
_NUMBERED = re.compile(rf"^{_SIGN} (?=\D)|(?<=\D) {_SIGN}$")


def running_heads(pages: Sequence[Sequence[Line]]) -> set[tuple[int, int]]:
    """Page and line, both from 0, of every running head and every page number.

    A running head is a line within three from the top or the foot (fewer on a short page), of the
    same words but for its page number, that stands at the same height on three pages or more (on
    both, in a file of two); or one that begins or ends with the page's number, with such a line at
    that height on three pages. Numbers are page numbers where they rise with the pages.
    """
    edges = [_edges(page) for page in pages]
    needed = max(2, min(_REPEATED, len(pages)))
    shifts = Counter(
        shift
        for number, page in enumerate(pages)
        for shift in {
            value - number for at in edges[number] for value in _numbers_at_ends(page[at].text)
        }
    )
    # Few files begin with another page than the first: there, one number is enough to be sure.
    common = {shift for shift, count in shifts.items() if count >= needed or shift == 1}
    forms: dict[tuple[int, int], str] = {}
    seen: Counter[tuple[str, int]] = Counter()
    for number, page in enumerate(pages):
        here: set[tuple[str, int]] = set()
        for at in edges[number]:
            form = forms[number, at] = _form(page[at].text, number, common)
            kind = _SIGN if _NUMBERED.search(form) else form
            here |= {(name, round(page[at].y)) for name in (form, kind)}
        seen.update(here)

    def pages_with(form: str, place: tuple[int, int]) -> int:
        height = round(pages[place[0]][place[1]].y)
        return sum(seen[form, y] for y in range(height - _SLACK, height + _SLACK + 1))

    return {
        place
        for place, form in forms.items()
        if pages_with(form, place) >= needed
        or _ONLY_NUMBER.fullmatch(form)
        or (_NUMBERED.search(form) and pages_with(_SIGN, place) >= _REPEATED)
    }


def _edges(page: Sequence[Line]) -> list[int]:
    """The lines nearest to the top and to the foot: by their place, not by their order."""
    rows = sorted({round(line.y) for line in page})
    edge = min(_EDGE, max(1, len(rows) // 4))
    outer = {*rows[:edge], *rows[-edge:]}
    return [
        at for at, line in enumerate(page) if round(line.y) in outer and len(line.text) <= _LONGEST
    ]


def _numbers_at_ends(text: str) -> set[int]:
    """The numbers that may be the page's: first or last in the line, or all that it holds."""
    if (roman := _ROMAN.fullmatch(text)) is not None:
        return {_roman_value(roman[1])}
    return {
        int(match[0])
        for match in _NUMBER.finditer(text)
        if not re.search(r"\w", text[: match.start()])
        or not re.search(r"\w", text[match.end() :])
        or _ONLY_NUMBER.fullmatch(f"{text[: match.start()]}{_SIGN}{text[match.end() :]}")
    }


def _form(text: str, number: int, shifts: set[int]) -> str:
    """A line with a sign for its page's number, so that it is the same on every page."""
    if (roman := _ROMAN.fullmatch(text)) is not None and _roman_value(roman[1]) - number in shifts:
        return _SIGN

    def sign(match: re.Match[str]) -> str:
        return _SIGN if int(match[0]) - number in shifts else match[0]

    return " ".join(_NUMBER.sub(sign, text).split())


def _roman_value(token: str) -> int:
    digits = [_ROMAN_DIGITS[letter] for letter in token.lower()]
    pairs = zip(digits, [*digits[1:], 0], strict=True)
    return sum(-digit if digit < following else digit for digit, following in pairs)
