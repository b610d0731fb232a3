"""Licences as hubs and catalogues write them, to SPDX."""

from __future__ import annotations

import re
from contextlib import suppress

from mowa.rights import canonical_licence

# Identifiers of the Hugging Face hub that are not SPDX's in another case. Its "cc", "gpl", "bsd",
# "other" and "unknown" name no licence.
_HUB = {"cc0": "CC0-1.0", "odbl": "ODbL-1.0", "odc-by": "ODC-By-1.0", "pddl": "PDDL-1.0"}

_CREATIVE_COMMONS = re.compile(
    r"cc[ -]+by(?:[ -]+(?:nc|nd|sa)){0,2}[ -]+v?[1-4]\.\d(?:[ -]+[a-z]+)?"
)


def spdx_of_name(name: str) -> str | None:
    """The SPDX expression that a licence's short name means; None where it means none.

    A licence of Creative Commons in the version of a country that SPDX does not list (CC BY 3.0 PL)
    is another text than the one without a country, so it is not taken for that.

    Example:
        >>> spdx_of_name("cc-by-sa-4.0"), spdx_of_name("CC BY 4.0"), spdx_of_name("cc")
        ('CC-BY-SA-4.0', 'CC-BY-4.0', None)
    """
    plain = " ".join(name.split()).lower()
    if _CREATIVE_COMMONS.fullmatch(plain):
        plain = re.sub(r"[ -]+v?", "-", plain)
    with suppress(ValueError):
        return canonical_licence(_HUB.get(plain, plain))
    return None
