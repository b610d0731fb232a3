"""Architectures through `transformers`: new models, and models that are read."""

from typing import TYPE_CHECKING, Any

from mowa.model._config import (
    ArchitectureConfig,
    FamilyConfig,
    ImportModelConfig,
    TokenizerFacts,
    parameter_count,
)

if TYPE_CHECKING:
    from mowa.model._family import build_family, load_model
    from mowa.model._llama import build, llama_config

__all__ = [
    "ArchitectureConfig",
    "FamilyConfig",
    "ImportModelConfig",
    "TokenizerFacts",
    "build",
    "build_family",
    "llama_config",
    "load_model",
    "parameter_count",
]

_HEAVY = {
    "build": "_llama",
    "build_family": "_family",
    "llama_config": "_llama",
    "load_model": "_family",
}


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is first asked for."""
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mowa.model.{_HEAVY[name]}"), name)
