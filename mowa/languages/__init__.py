"""Language packs: alphabet, stop words, thresholds with their origin, protected varieties."""

from mowa.languages._pack import (
    LanguagePack,
    PersonalDataDensity,
    SignalBound,
    Threshold,
    available,
    load,
)

__all__ = [
    "LanguagePack",
    "PersonalDataDensity",
    "SignalBound",
    "Threshold",
    "available",
    "load",
]
