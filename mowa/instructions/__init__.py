"""Dialogues with their origin and licence: what turns a base model into one that answers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mowa.instructions._config import DialoguesConfig
from mowa.instructions._dialogue import (
    ORIGINS,
    REVIEWS,
    Dialogue,
    Limits,
    Origin,
    Review,
    Span,
    fault_of,
)
from mowa.instructions._templates import TEMPLATES, TemplateName, template_called

if TYPE_CHECKING:
    from mowa.instructions._encode import DialogueEncoder, EncodedDialogue
    from mowa.instructions._export import FORMS, Written, export_rows
    from mowa.instructions._files import (
        DIALOGUES,
        from_row,
        read_dialogues,
        to_row,
        write_dialogues,
    )

__all__ = [
    "DIALOGUES",
    "FORMS",
    "ORIGINS",
    "REVIEWS",
    "TEMPLATES",
    "Dialogue",
    "DialogueEncoder",
    "DialoguesConfig",
    "EncodedDialogue",
    "Limits",
    "Origin",
    "Review",
    "Span",
    "TemplateName",
    "Written",
    "export_rows",
    "fault_of",
    "from_row",
    "read_dialogues",
    "template_called",
    "to_row",
    "write_dialogues",
]

_HEAVY = {
    "DIALOGUES": "_files",
    "DialogueEncoder": "_encode",
    "EncodedDialogue": "_encode",
    "FORMS": "_export",
    "Written": "_export",
    "export_rows": "_export",
    "from_row": "_files",
    "read_dialogues": "_files",
    "to_row": "_files",
    "write_dialogues": "_files",
}


def __getattr__(name: str) -> Any:
    """What needs Arrow, `tokenizers` or `transformers` is imported when it is first asked for."""
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HEAVY[name]}"), name)
