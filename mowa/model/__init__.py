"""Architectures of the Llama family through `transformers`."""

from typing import TYPE_CHECKING, Any

from mowa.model._config import ArchitectureConfig, TokenizerFacts, parameter_count

if TYPE_CHECKING:
    from mowa.model._llama import build, llama_config

__all__ = [
    "ArchitectureConfig",
    "TokenizerFacts",
    "build",
    "llama_config",
    "parameter_count",
]

_HEAVY = ("build", "llama_config")


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is first asked for."""
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mowa.model import _llama

    return getattr(_llama, name)
