"""Classifiers of documents, trained on what people said: quality from signals, topic from words."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mowa.corpus.classifiers._config import ClassifierConfig

if TYPE_CHECKING:
    from mowa.corpus.classifiers._features import signal_frame
    from mowa.corpus.classifiers._model import Model, load
    from mowa.corpus.classifiers._score import schema, score
    from mowa.corpus.classifiers._train import train

__all__ = ["ClassifierConfig", "Model", "load", "schema", "score", "signal_frame", "train"]

_HEAVY = {
    "Model": "mowa.corpus.classifiers._model",
    "load": "mowa.corpus.classifiers._model",
    "schema": "mowa.corpus.classifiers._score",
    "score": "mowa.corpus.classifiers._score",
    "signal_frame": "mowa.corpus.classifiers._features",
    "train": "mowa.corpus.classifiers._train",
}


def __getattr__(name: str) -> Any:
    """Import what needs NumPy and Polars only when it is asked for."""
    if name in _HEAVY:
        return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
