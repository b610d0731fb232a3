"""Licences as SPDX expressions, in their one canonical spelling."""

from __future__ import annotations

import difflib
import re

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

NOASSERTION = "NOASSERTION"
"""SPDX's word for "nothing is claimed": not a licence, so `packaging` does not know it."""


def is_licence(expression: str | None) -> bool:
    """Is a licence named, and not only said that nobody named one?"""
    return expression not in (None, "", NOASSERTION)


def canonical_licence(expression: str) -> str:
    """The canonical spelling of an SPDX expression, or `NOASSERTION`.

    Example:
        >>> canonical_licence("cc-by-sa-4.0 or licenseref-Umowa")
        'CC-BY-SA-4.0 OR LicenseRef-Umowa'

    Raises:
        ValueError: Where it is none; the message names the nearest identifiers.
    """
    if expression.strip().upper() == NOASSERTION:
        return NOASSERTION
    try:
        return str(canonicalize_license_expression(expression))
    except InvalidLicenseExpression as error:
        near = nearest_licences(expression)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"{expression!r} is not an SPDX licence expression{hint}") from error


def nearest_licences(expression: str, count: int = 3) -> list[str]:
    """SPDX identifiers that look like the unknown parts of `expression`, nearest first.

    Where no word of it is an identifier, the whole is tried with hyphens for spaces ("CC BY 4.0").
    """
    known = _identifiers()
    words = [word.lower() for word in re.split(r"[\s()]+", expression) if word]
    words = [word for word in words if word not in ("and", "or", "with")]
    unknown = [word for word in words if word not in known]
    if len(unknown) == len(words) > 1:
        unknown.insert(0, "-".join(words))
    found: list[str] = []
    for word in unknown:
        near = [
            name for name in known if len(word) > 2 and name.startswith((f"{word}-", f"{word}."))
        ]
        near.sort(reverse=True)
        near += difflib.get_close_matches(word, known, n=count, cutoff=0.75)
        found += [known[name] for name in near if known[name] not in found]
    return list(dict.fromkeys(found))[:count]


def _identifiers() -> dict[str, str]:
    """SPDX identifiers that are not deprecated, by their lower-case form."""
    try:
        # The list has no public name in packaging; without it only the suggestion is missing.
        from packaging.licenses._spdx import LICENSES
    except ImportError:
        return {}
    return {name: entry["id"] for name, entry in LICENSES.items() if not entry["deprecated"]}
