"""Architectures through `transformers`: new models, and models that are read."""

from typing import TYPE_CHECKING, Any

from mowa.model._config import (
    MODEL_FILES,
    TOKENIZER_FILES,
    ArchitectureConfig,
    FamilyConfig,
    ImportModelConfig,
    LoraConfig,
    MergeModelsConfig,
    TokenizerFacts,
    parameter_count,
)

if TYPE_CHECKING:
    from mowa.model._adapter import load_lora, save_lora
    from mowa.model._family import build_family, load_model
    from mowa.model._llama import build, llama_config
    from mowa.model._lora import lora_layers, merge_lora, merged_weights, with_lora

__all__ = [
    "MODEL_FILES",
    "TOKENIZER_FILES",
    "ArchitectureConfig",
    "FamilyConfig",
    "ImportModelConfig",
    "LoraConfig",
    "MergeModelsConfig",
    "TokenizerFacts",
    "build",
    "build_family",
    "llama_config",
    "load_lora",
    "load_model",
    "lora_layers",
    "merge_lora",
    "merged_weights",
    "parameter_count",
    "save_lora",
    "with_lora",
]

_HEAVY = {
    "build": "_llama",
    "build_family": "_family",
    "llama_config": "_llama",
    "load_lora": "_adapter",
    "load_model": "_family",
    "lora_layers": "_lora",
    "merge_lora": "_lora",
    "merged_weights": "_lora",
    "save_lora": "_adapter",
    "with_lora": "_lora",
}


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is first asked for."""
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mowa.model.{_HEAVY[name]}"), name)
