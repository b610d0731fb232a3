"""The SPDX identifiers of Creative Commons' licences, by the addresses of their deeds."""

from __future__ import annotations

import re

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

_LICENCE = re.compile(
    r"^(?:https?:)?//(?:www\.)?creativecommons\.org/licenses/"
    r"(by(?:-(?:nc-sa|nc-nd|nc|nd|sa))?)/(\d\.\d)(?:/([a-z]{2,3}))?(?:/|$)",
    re.IGNORECASE,
)
_PUBLIC_DOMAIN = re.compile(
    r"^(?:https?:)?//(?:www\.)?creativecommons\.org/(?:publicdomain/(zero|mark)/1\.0|licenses/"
    r"(publicdomain))(?:/|$)",
    re.IGNORECASE,
)


def spdx_of(url: str) -> str | None:
    """The SPDX identifier of the licence that a Creative Commons address names; None for others.

    A ported licence has its country in the identifier where SPDX lists it.

    Example:
        >>> spdx_of("http://creativecommons.org/licenses/by-sa/3.0/pl/deed.pl")
        'CC-BY-SA-3.0'
        >>> spdx_of("https://creativecommons.org/publicdomain/zero/1.0/")
        'CC0-1.0'
    """
    url = url.strip()
    if found := _PUBLIC_DOMAIN.match(url):
        return "CC0-1.0" if (found[1] or "").lower() == "zero" else "CC-PDM-1.0"
    if not (found := _LICENCE.match(url)):
        return None
    name = f"CC-{found[1].upper()}-{found[2]}"
    ported = f"{name}-{found[3].upper()}" if found[3] else name
    return _known(ported) or _known(name)


def _known(name: str) -> str | None:
    try:
        return str(canonicalize_license_expression(name))
    except InvalidLicenseExpression:
        return None
