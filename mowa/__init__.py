"""Mowa: the whole road from raw texts to an open language model that speaks your language."""

__all__ = ["__version__"]

__version__ = "0.1.0"
