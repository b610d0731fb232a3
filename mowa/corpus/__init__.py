"""The corpus: documents out of records, signals about them, and what is kept of them, and why."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mowa.corpus._config import Bounds, CorpusConfig, DocumentsConfig, HoldOut, SignalsConfig

if TYPE_CHECKING:
    from mowa.corpus._export import Exported, export
    from mowa.corpus._parts import part_at, part_labels
    from mowa.corpus._read import (
        decided_documents,
        find_document,
        kept_documents,
        shard_names,
        skipped_records,
    )
    from mowa.corpus._rows import document_id
    from mowa.corpus._why import Explanation, Rule, why

__all__ = [
    "Bounds",
    "CorpusConfig",
    "DocumentsConfig",
    "Explanation",
    "Exported",
    "HoldOut",
    "Rule",
    "SignalsConfig",
    "decided_documents",
    "document_id",
    "export",
    "find_document",
    "kept_documents",
    "part_at",
    "part_labels",
    "shard_names",
    "skipped_records",
    "why",
]

_HEAVY = {
    "Explanation": "mowa.corpus._why",
    "Exported": "mowa.corpus._export",
    "Rule": "mowa.corpus._why",
    "decided_documents": "mowa.corpus._read",
    "document_id": "mowa.corpus._rows",
    "export": "mowa.corpus._export",
    "find_document": "mowa.corpus._read",
    "kept_documents": "mowa.corpus._read",
    "part_at": "mowa.corpus._parts",
    "part_labels": "mowa.corpus._parts",
    "shard_names": "mowa.corpus._read",
    "skipped_records": "mowa.corpus._read",
    "why": "mowa.corpus._why",
}


def __getattr__(name: str) -> Any:
    """Import what needs Polars only when it is asked for."""
    if name in _HEAVY:
        return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
