"""Language packs: alphabet, stop words, thresholds with their origin, protected varieties."""

from mowa.languages._pack import LanguagePack, SignalBound, Threshold, available, load

__all__ = ["LanguagePack", "SignalBound", "Threshold", "available", "load"]
