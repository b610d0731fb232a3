"""The frames of sentences: slots in braces, and one place where right and wrong part.

`{who}`          a row of the table `who`
`{who.1}`        its second form, where the row reads `first / second`
`{noun.pl.gen}`  a form of a word of the lexicon
`{noun2.sg.nom}` another word of the same table
`<right|wrong>`  the contrast, which may hold slots; a frame has exactly one
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

__all__ = ["Forms", "Frame", "make_pair", "parse_frame", "slot_names", "spell", "table_of"]

Forms = Mapping[str, str]

_FRAME = re.compile(r"([^<>|]*)<([^<>|]+)\|([^<>|]+)>([^<>|]*)")
_SLOT = re.compile(r"\{([a-z_]+\d?)(?:\.([a-z0-9.]+))?\}")


@dataclass(frozen=True, slots=True)
class Frame:
    """A sentence with slots: what stands before the contrast, its two sides, what follows."""

    before: str
    good: str
    bad: str
    after: str


@cache
def parse_frame(template: str) -> Frame:
    """The four parts of a frame.

    Raises:
        ValueError: Where it has not exactly one contrast, or a brace that is no slot.
    """
    match = _FRAME.fullmatch(template)
    if match is None:
        raise ValueError(f"a frame has exactly one <right|wrong>: {template!r}")
    if re.search(r"[{}]", _SLOT.sub("", template)):
        raise ValueError(f"a malformed slot in {template!r}")
    return Frame(*match.groups())


def slot_names(template: str) -> list[str]:
    """The names of its slots, each once, in the order in which they stand."""
    return list(dict.fromkeys(match[1] for match in _SLOT.finditer(template)))


def table_of(slot: str) -> str:
    """The table that a slot draws from: its name without the digit."""
    return slot.rstrip("0123456789")


def spell(text: str, bound: Mapping[str, Forms]) -> str:
    """The text with every slot filled from what is bound to its name.

    Raises:
        KeyError: Where a name is not bound, or what is bound has not that form.
    """
    return _SLOT.sub(lambda match: bound[match[1]][match[2] or "0"], text)


def make_pair(template: str, bound: Mapping[str, Forms]) -> tuple[str, str]:
    """The right and the wrong sentence, each with a capital at its start.

    Raises:
        ValueError: Where the template is no frame.
        KeyError: Where a slot has nothing to fill it.
    """
    frame = parse_frame(template)
    before, after = spell(frame.before, bound), spell(frame.after, bound)
    good, bad = (before + spell(side, bound) + after for side in (frame.good, frame.bad))
    return good[:1].upper() + good[1:], bad[:1].upper() + bad[1:]
