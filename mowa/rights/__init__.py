"""The source register: where text comes from, on what legal ground, and under what licence."""

from mowa.rights._creative_commons import spdx_of, stated_licence
from mowa.rights._fetch import (
    Document,
    Fetch,
    FetchApi,
    FetchFiles,
    FetchIndex,
    FileEntry,
    Key,
    Level,
    Page,
)
from mowa.rights._licence import NOASSERTION, canonical_licence, is_licence, nearest_licences
from mowa.rights._source import (
    LegalBasis,
    Release,
    Source,
    available_sources,
    load_source,
    shipped_register,
)
from mowa.rights._terms import asks_attribution, forbids_commerce, forbids_derivatives

__all__ = [
    "NOASSERTION",
    "Document",
    "Fetch",
    "FetchApi",
    "FetchFiles",
    "FetchIndex",
    "FileEntry",
    "Key",
    "LegalBasis",
    "Level",
    "Page",
    "Release",
    "Source",
    "asks_attribution",
    "available_sources",
    "canonical_licence",
    "forbids_commerce",
    "forbids_derivatives",
    "is_licence",
    "load_source",
    "nearest_licences",
    "shipped_register",
    "spdx_of",
    "stated_licence",
]
