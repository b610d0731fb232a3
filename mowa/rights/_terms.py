"""What a licence asks or forbids, read off its SPDX expression: three questions that are asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from mowa.rights._licence import NOASSERTION, canonical_licence

_PART = re.compile(r"\(|\)|[^\s()]+")
_CC = re.compile(r"(?:LicenseRef-)?CC-[A-Z0-9.-]+\+?", re.IGNORECASE)

# They ask for nothing; official texts (article 4 of the Polish Act) have no rights to ask with.
_FREE = {
    *("CC0-1.0", "CC-PDM-1.0", "0BSD", "MIT-0", "Unlicense", "WTFPL"),
    "LicenseRef-PL-official-text",
}


def forbids_derivatives(licence: str | None) -> bool:
    """Does a licence of Creative Commons say NoDerivatives, whichever of several is chosen?

    Example:
        >>> forbids_derivatives("CC-BY-NC-ND-4.0"), forbids_derivatives("CC-BY-ND-4.0 OR MIT")
        (True, False)
    """
    return _holds(licence, lambda name: _has(name, "ND"))


def forbids_commerce(licence: str | None) -> bool:
    """As `forbids_derivatives`, of NonCommercial."""
    return _holds(licence, lambda name: _has(name, "NC"))


def asks_attribution(licence: str | None) -> bool:
    """Must authors and licence be named where the text is handed on?

    Every licence asks for that but those that waive all rights; where nothing is known, nothing is
    asked.

    Example:
        >>> asks_attribution("CC-BY-SA-4.0 AND CC0-1.0"), asks_attribution("CC0-1.0")
        (True, False)
    """
    return _holds(licence, lambda name: name not in _FREE)


def _has(name: str, condition: str) -> bool:
    return _CC.fullmatch(name) is not None and condition in name.upper().split("-")


@lru_cache(maxsize=1024)  # of thousands of rows few have others
def _read(licence: str) -> str:
    """As SPDX writes it; nothing, where it is no expression of SPDX."""
    try:
        return canonical_licence(licence)
    except ValueError:
        return ""


def _holds(licence: str | None, of_one: Callable[[str], bool]) -> bool:
    """Of parts joined with AND one is enough; of a choice (OR) all must have it."""
    parts = _PART.findall(_read(licence or ""))
    if not parts or parts == [NOASSERTION]:
        return False

    def choice() -> bool:
        found = together()
        while parts and parts[0] == "OR":
            parts.pop(0)
            found = together() and found
        return found

    def together() -> bool:
        found = one()
        while parts and parts[0] == "AND":
            parts.pop(0)
            found = one() or found
        return found

    def one() -> bool:
        name = parts.pop(0)
        if name == "(":
            found = choice()
            parts.pop(0)
            return found
        if parts and parts[0] == "WITH":
            del parts[:2]
        return of_one(name)

    return choice()
