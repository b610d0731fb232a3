"""Chat templates: how turns become one text. A model keeps the one that it was trained with."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal, get_args

from mowa.errors import UsageError

TemplateName = Literal["mowa", "chatml", "llama2", "llama3", "mistral"]

TEMPLATES: tuple[TemplateName, ...] = get_args(TemplateName)

_CHATML = ("<|im_start|>", "<|im_end|>")
_CONTROLS: dict[TemplateName, tuple[str, ...]] = {
    "mowa": _CHATML,
    "chatml": _CHATML,
    "llama2": (),  # its [INST] is text
    "llama3": ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    "mistral": ("[INST]", "[/INST]"),
}


def template_called(name: TemplateName) -> str:
    """The text of one of Mowa's own templates.

    Raises:
        UsageError: Where there is none of that name.
    """
    if name not in TEMPLATES:
        raise UsageError(
            f"there is no chat template {name!r}", fix=f"choose one of {', '.join(TEMPLATES)}"
        )
    return (files("mowa.instructions") / "templates" / f"{name}.jinja").read_text("utf-8")


def controls_of(name: TemplateName) -> tuple[str, ...]:
    """The special tokens that a template writes besides BOS and EOS."""
    return _CONTROLS[name]
