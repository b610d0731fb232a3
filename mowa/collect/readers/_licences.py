"""Licences as hubs and catalogues write them, to SPDX."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

from mowa.collect.readers._records import Record
from mowa.rights import canonical_licence

# Identifiers of the Hugging Face hub that are not SPDX's in another case. Its "cc", "gpl", "bsd",
# "other" and "unknown" name no licence.
_HUB = {"cc0": "CC0-1.0", "odbl": "ODbL-1.0", "odc-by": "ODC-By-1.0", "pddl": "PDDL-1.0"}

_CREATIVE_COMMONS = re.compile(
    r"cc[ -]+by(?:[ -]+(?:nc|nd|sa)){0,2}[ -]+v?[1-4]\.\d(?:[ -]+[a-z]+)?"
)


@lru_cache(maxsize=256)
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


def with_licence(record: Record, declared: Any) -> Record:
    """`record` under the licence that its collection declares, unless it has one of its own.

    A name that is no licence stays as it is, with a note: it is not for a reader to guess.
    """
    if record.licence is not None or not isinstance(declared, str) or not declared.strip():
        return record
    known = spdx_of_name(declared)
    if known is None:
        return replace(record, licence=declared.strip(), notes=(*record.notes, "unknown-licence"))
    return replace(record, licence=known)
