"""Questions to whole corpora: what is in one, what other rules would keep, how two differ."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mowa.corpus.catalogue._diff import Change, Difference, diff
    from mowa.corpus.catalogue._draw import draw
    from mowa.corpus.catalogue._frames import checked_manifest, documents_of, signal_columns
    from mowa.corpus.catalogue._import import Imported, bring_in
    from mowa.corpus.catalogue._mirror import Entry, check_mirror, write_mirror
    from mowa.corpus.catalogue._open import Corpus, Document, open_corpus
    from mowa.corpus.catalogue._replay import Replayed, replay
    from mowa.corpus.catalogue._search import Hit, search
    from mowa.corpus.catalogue._stats import Distribution, distribution

_HEAVY = {
    "Change": "_diff",
    "Corpus": "_open",
    "Difference": "_diff",
    "Distribution": "_stats",
    "Document": "_open",
    "Entry": "_mirror",
    "Hit": "_search",
    "Imported": "_import",
    "Replayed": "_replay",
    "bring_in": "_import",
    "check_mirror": "_mirror",
    "checked_manifest": "_frames",
    "diff": "_diff",
    "distribution": "_stats",
    "documents_of": "_frames",
    "draw": "_draw",
    "open_corpus": "_open",
    "replay": "_replay",
    "search": "_search",
    "signal_columns": "_frames",
    "write_mirror": "_mirror",
}

__all__ = [
    "Change",
    "Corpus",
    "Difference",
    "Distribution",
    "Document",
    "Entry",
    "Hit",
    "Imported",
    "Replayed",
    "bring_in",
    "check_mirror",
    "checked_manifest",
    "diff",
    "distribution",
    "documents_of",
    "draw",
    "open_corpus",
    "replay",
    "search",
    "signal_columns",
    "write_mirror",
]


def __getattr__(name: str) -> Any:
    """Import what needs Polars only when it is asked for."""
    if name in _HEAVY:
        return getattr(import_module(f"{__name__}.{_HEAVY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
