"""How well a model knows the language: bits per byte, beside what needs no neural network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mowa.evaluation._config import ScoresConfig

if TYPE_CHECKING:
    from mowa.evaluation._compress import xz_bits_per_byte
    from mowa.evaluation._ngram import NgramModel

__all__ = ["NgramModel", "ScoresConfig", "xz_bits_per_byte"]

_HEAVY = {"NgramModel": "_ngram", "xz_bits_per_byte": "_compress"}


def __getattr__(name: str) -> Any:
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HEAVY[name]}"), name)
