"""Text and likelihoods from models: one protocol, whatever runs the model."""

from typing import TYPE_CHECKING, Any

from mowa.inference._fill import fields_of, filled
from mowa.inference._protocol import (
    ChoiceRequest,
    Continuation,
    Engine,
    Generated,
    GenerateRequest,
    Message,
    Stream,
    TooLong,
    Unsupported,
)
from mowa.inference._scripted import ScriptedEngine

if TYPE_CHECKING:
    from mowa.inference._engine import TorchEngine
    from mowa.inference._files import chat_template
    from mowa.inference._http import EndpointError, Patience
    from mowa.inference._openai import OpenAIEngine
    from mowa.inference._template import (
        Rendered,
        marks_answers,
        rendered,
        rendered_with_answers,
    )

__all__ = [
    "ChoiceRequest",
    "Continuation",
    "EndpointError",
    "Engine",
    "GenerateRequest",
    "Generated",
    "Message",
    "OpenAIEngine",
    "Patience",
    "Rendered",
    "ScriptedEngine",
    "Stream",
    "TooLong",
    "TorchEngine",
    "Unsupported",
    "chat_template",
    "fields_of",
    "filled",
    "marks_answers",
    "rendered",
    "rendered_with_answers",
]

_HEAVY = {
    "EndpointError": "_http",
    "OpenAIEngine": "_openai",
    "Patience": "_http",
    "Rendered": "_template",
    "TorchEngine": "_engine",
    "chat_template": "_files",
    "marks_answers": "_template",
    "rendered": "_template",
    "rendered_with_answers": "_template",
}


def __getattr__(name: str) -> Any:
    """What needs torch or HTTP is imported when it is first asked for."""
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mowa.inference.{_HEAVY[name]}"), name)
