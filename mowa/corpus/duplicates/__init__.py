"""Documents that are the same or nearly the same, and lines that a host repeats."""

from mowa.corpus.duplicates._boilerplate import (
    BOILERPLATE,
    BoilerplateOptions,
    apply_edits,
    boilerplate,
    find_repeated_lines,
    host_lines,
    repeated_lines,
    write_lines,
)
from mowa.corpus.duplicates._find import SIGNAL, find_duplicates
from mowa.corpus.duplicates._options import (
    DUPLICATES,
    DuplicateOptions,
    buckets_for,
    candidate_probability,
)
from mowa.corpus.duplicates._sketch import (
    Sketch,
    exact_clusters,
    sketch,
    write_sketches,
)

__all__ = [
    "BOILERPLATE",
    "DUPLICATES",
    "SIGNAL",
    "BoilerplateOptions",
    "DuplicateOptions",
    "Sketch",
    "apply_edits",
    "boilerplate",
    "buckets_for",
    "candidate_probability",
    "exact_clusters",
    "find_duplicates",
    "find_repeated_lines",
    "host_lines",
    "repeated_lines",
    "sketch",
    "write_lines",
    "write_sketches",
]
