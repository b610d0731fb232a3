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
from mowa.rights._licence import canonical_licence, nearest_licences
from mowa.rights._source import (
    LegalBasis,
    Release,
    Source,
    available_sources,
    load_source,
    shipped_register,
)

__all__ = [
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
    "available_sources",
    "canonical_licence",
    "load_source",
    "nearest_licences",
    "shipped_register",
    "spdx_of",
    "stated_licence",
]
