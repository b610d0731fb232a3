"""Language packs: alphabet, stop words, thresholds with their origin, protected varieties."""

from mowa.languages._pack import LanguagePack, Threshold, available, load

__all__ = ["LanguagePack", "Threshold", "available", "load"]
