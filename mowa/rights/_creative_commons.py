"""Addresses of Creative Commons as SPDX identifiers."""

from __future__ import annotations

import re

from mowa.rights._licence import NOASSERTION, canonical_licence

_ADDRESS = re.compile(
    r"(?:https?:)?//(?:www\.)?creativecommons\.org/(?P<kind>licenses|publicdomain)"
    r"/(?P<name>[a-z+-]+)/(?P<version>\d\.\d)(?:/(?P<port>[a-z]{2}|igo|scotland))?"
    r"(?:/(?:deed|legalcode|rdf)(?:[.-][\w.-]+)?)?/?(?:[?#].*)?",
    re.IGNORECASE,
)

_VERSIONS = {"1.0", "2.0", "2.1", "2.5", "3.0", "4.0"}
_NAMES = {"by", "by-nc", "by-nc-nd", "by-nc-sa", "by-nd", "by-sa"}
_PUBLIC_DOMAIN = {("zero", "1.0"): "CC0-1.0", ("mark", "1.0"): "CC-PDM-1.0"}

# Before version 2.5 the conditions stood in this order too.
_OLD_ORDER = {"nd-nc": "by-nc-nd", "by-nd-nc": "by-nc-nd"}

# The ported licences that SPDX has identifiers for (SPDX licence list 3.27).
_PORTS = {
    "CC-BY-2.5-AU", "CC-BY-3.0-AT", "CC-BY-3.0-AU", "CC-BY-3.0-DE", "CC-BY-3.0-IGO",
    "CC-BY-3.0-NL", "CC-BY-3.0-US", "CC-BY-NC-3.0-DE", "CC-BY-NC-ND-3.0-DE",
    "CC-BY-NC-ND-3.0-IGO", "CC-BY-NC-SA-2.0-DE", "CC-BY-NC-SA-2.0-FR", "CC-BY-NC-SA-2.0-UK",
    "CC-BY-NC-SA-3.0-DE", "CC-BY-NC-SA-3.0-IGO", "CC-BY-ND-3.0-DE", "CC-BY-SA-2.0-UK",
    "CC-BY-SA-2.1-JP", "CC-BY-SA-3.0-AT", "CC-BY-SA-3.0-DE", "CC-BY-SA-3.0-IGO",
}  # fmt: skip


def spdx_of(url: str) -> str | None:
    """The SPDX identifier of a licence's address at creativecommons.org; None for any other text.

    A ported licence is a legal text of its own. Where SPDX has no identifier for it, as for the
    Polish ones, it is a ``LicenseRef``, not the international licence, which says other things. The
    public domain mark, which is no licence but says that there are no rights, is ``CC-PDM-1.0``.

    Example:
        >>> spdx_of("https://creativecommons.org/licenses/by-sa/4.0/deed.pl")
        'CC-BY-SA-4.0'
        >>> spdx_of("http://creativecommons.org/licenses/by/3.0/pl/")
        'LicenseRef-CC-BY-3.0-PL'
    """
    found = _ADDRESS.fullmatch(url.strip())
    if found is None:
        return None
    name, version = found["name"].lower(), found["version"]
    port = (found["port"] or "").upper()
    if found["kind"].lower() == "publicdomain":
        return None if port else _PUBLIC_DOMAIN.get((name, version))
    name = _OLD_ORDER.get(name, name)
    if (name, version, port) == ("sa", "1.0", ""):
        return "CC-SA-1.0"
    # 2.1 was published only as ports, and 4.0 never: a language there leads to the one text.
    if name not in _NAMES or version not in _VERSIONS or (version == "2.1" and not port):
        return None
    licence = f"CC-{name.upper()}-{version}"
    if not port or version == "4.0":
        return licence
    ported = f"{licence}-{port}"
    return ported if ported in _PORTS else f"LicenseRef-{ported}"


def stated_licence(text: str) -> str | None:
    """The licence that a record states: an address of Creative Commons, or an SPDX expression.

    Prose, and the address of anything else, is None: no licence is guessed.
    """
    text = text.strip()
    try:
        return spdx_of(text) or _asserted(canonical_licence(text))
    except ValueError:
        return None


def _asserted(licence: str) -> str | None:
    return None if licence == NOASSERTION else licence
