"""Mowa: the whole road from raw texts to an open language model that speaks your language."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["__version__", "open_corpus"]

__version__ = "0.1.0"

open_corpus: Any  # see mowa.corpus.catalogue; a plain import here would tie every room to it


def __getattr__(name: str) -> Any:
    """Import what needs Polars only when it is asked for."""
    if name == "open_corpus":
        return import_module("mowa.corpus.catalogue").open_corpus
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
