"""The source register: where text comes from, on what legal ground, and under what licence."""

from mowa.rights._creative_commons import spdx_of, stated_licence
from mowa.rights._licence import canonical_licence, nearest_licences
from mowa.rights._source import LegalBasis, Release, Source, available_sources, load_source

__all__ = [
    "LegalBasis",
    "Release",
    "Source",
    "available_sources",
    "canonical_licence",
    "load_source",
    "nearest_licences",
    "spdx_of",
    "stated_licence",
]
