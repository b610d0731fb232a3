"""Is a task in the training corpus? An index of a corpus, and items looked for in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mowa.evaluation.contamination._config import ContaminationIndexConfig

if TYPE_CHECKING:
    from mowa.evaluation.contamination._build import build_index
    from mowa.evaluation.contamination._corpora import Corpora, against, corpora_of
    from mowa.evaluation.contamination._find import Against, Hit, Item, Verdict, find_items
    from mowa.evaluation.contamination._index import Index
    from mowa.evaluation.contamination._results import (
        contaminated,
        item_of,
        summary,
    )

__all__ = [
    "Against",
    "ContaminationIndexConfig",
    "Corpora",
    "Hit",
    "Index",
    "Item",
    "Verdict",
    "against",
    "build_index",
    "contaminated",
    "corpora_of",
    "find_items",
    "item_of",
    "summary",
]

_HEAVY = {
    "_build": ("build_index",),
    "_corpora": ("Corpora", "against", "corpora_of"),
    "_find": ("Against", "Hit", "Item", "Verdict", "find_items"),
    "_index": ("Index",),
    "_results": ("contaminated", "item_of", "summary"),
}


def __getattr__(name: str) -> Any:
    """Import what needs Polars only when it is asked for."""
    from importlib import import_module

    for module, names in _HEAVY.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
