"""Text as it is compared: the words, whatever their case, punctuation and white space."""

from __future__ import annotations

import re

from mowa.evaluation._rules import words


def compared(text: str) -> str:
    """The words with one space between them; diacritics stay, since they tell words apart.

    Example:
        >>> compared(" „Kraków” – 1 000!")
        'kraków 1 000'
    """
    return " ".join(words(text))


def distance(a: str, b: str) -> int:
    """Levenshtein's edit distance: fewest insertions, deletions and changes of a character.

    Example:
        >>> distance("żurek", "żurku")
        2
    """
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


def first_number(text: str) -> str | None:
    """The first number, thousands written together, comma as point.

    Example:
        >>> first_number("ok. 38 000,5 ludzi"), first_number("brak")
        ('38000.5', None)
    """
    found = re.search(r"\d{1,3}(?:[ \u00a0]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?", text)
    return re.sub(r"[ \u00a0]", "", found[0]).replace(",", ".") if found else None
