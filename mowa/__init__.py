"""Mowa: the whole road from raw texts to an open language model that speaks your language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mowa.corpus.catalogue import open_corpus

__all__ = ["__version__", "open_corpus"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what needs Polars only when it is asked for."""
    if name == "open_corpus":
        from mowa.corpus.catalogue import open_corpus

        return open_corpus
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
