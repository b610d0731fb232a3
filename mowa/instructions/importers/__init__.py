"""Others' sets of instructions: one small function a form, from a row to dialogues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mowa.instructions._dialogue import Dialogue
from mowa.instructions.importers._common import BadRowError, Fields, licence_of
from mowa.instructions.importers._oasst import (
    Trees,
    from_tree,
    gathered,
    is_message,
    is_tree,
)
from mowa.instructions.importers._preferences import from_preference, has_answers
from mowa.instructions.importers._single import from_instruction, is_alpaca, is_speakleash
from mowa.instructions.importers._turns import (
    from_conversations,
    from_messages,
    from_ours,
    from_pair,
    has_conversations,
    has_messages,
    has_pair,
    is_ours,
)

__all__ = [
    "IMPORTERS",
    "BadRowError",
    "Fields",
    "Importer",
    "Trees",
    "gathered",
    "importer_for",
    "licence_of",
]


@dataclass(frozen=True)
class Importer:
    """One form of rows.

    Attributes:
        fits: Has a row this form, by its fields?
        make: The dialogues of a row; the second argument holds what rows may leave open, and the
            id of one that has none. Raises `BadRowError` for a row that is none.
        states_origin: Do rows say who made the answers?
        joins: Is a row only a piece of a tree, to be `gathered` first?
    """

    fits: Callable[[Fields], bool]
    make: Callable[[Fields, Dialogue], list[Dialogue]]
    states_origin: bool = False
    joins: bool = False


IMPORTERS: dict[str, Importer] = {
    "mowa": Importer(is_ours, from_ours, states_origin=True),
    "oasst-trees": Importer(is_tree, from_tree, states_origin=True),
    "oasst-messages": Importer(is_message, from_tree, states_origin=True, joins=True),
    "allamo-dpo": Importer(has_pair, from_pair),
    "preferences": Importer(has_answers, from_preference),
    "messages": Importer(has_messages, from_messages),
    "sharegpt": Importer(has_conversations, from_conversations),
    "speakleash": Importer(is_speakleash, from_instruction),
    "alpaca": Importer(is_alpaca, from_instruction),
}
"""Forms by name; where none is named, the first that fits."""


def importer_for(row: Fields) -> str | None:
    """The name of the form that a row has, by its fields; None where it has none of them.

    Example:
        >>> importer_for({"instruction": "Ile to 2 + 2?", "input": "", "output": "4"})
        'alpaca'
    """
    return next((name for name, importer in IMPORTERS.items() if importer.fits(row)), None)
