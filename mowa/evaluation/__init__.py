"""How well models know the language: tasks, scores, how far these can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mowa.evaluation._config import EvaluateConfig, ScoreDocumentsConfig, ScoresConfig

if TYPE_CHECKING:
    from mowa.evaluation._compress import xz_bits_per_byte
    from mowa.evaluation._intervals import Score, rescaled, score
    from mowa.evaluation._ngram import NgramModel
    from mowa.evaluation._paired import Difference, paired, paired_measures

__all__ = [
    "Difference",
    "EvaluateConfig",
    "NgramModel",
    "Score",
    "ScoreDocumentsConfig",
    "ScoresConfig",
    "paired",
    "paired_measures",
    "rescaled",
    "score",
    "xz_bits_per_byte",
]

_HEAVY = {
    "Difference": "_paired",
    "NgramModel": "_ngram",
    "Score": "_intervals",
    "paired": "_paired",
    "paired_measures": "_paired",
    "rescaled": "_intervals",
    "score": "_intervals",
    "xz_bits_per_byte": "_compress",
}


def __getattr__(name: str) -> Any:
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HEAVY[name]}"), name)
