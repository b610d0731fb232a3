"""Documents that are the same or nearly the same, and lines that a host repeats."""

from mowa.corpus.duplicates._choose import representatives
from mowa.corpus.duplicates._find import SIGNAL, find_duplicates
from mowa.corpus.duplicates._options import (
    DUPLICATES,
    DuplicateOptions,
    candidate_probability,
)
from mowa.corpus.duplicates._sketch import (
    Sketch,
    exact_clusters,
    sketch,
    write_sketches,
)

__all__ = [
    "DUPLICATES",
    "SIGNAL",
    "DuplicateOptions",
    "Sketch",
    "candidate_probability",
    "exact_clusters",
    "find_duplicates",
    "representatives",
    "sketch",
    "write_sketches",
]
