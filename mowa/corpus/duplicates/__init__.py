"""Documents that are the same or nearly so, lines that a host repeats, and filled-in templates."""

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
from mowa.corpus.duplicates._templates import (
    TEMPLATED,
    TemplateOptions,
    find_templates,
    known_templates,
    sentence_shapes,
    templated,
    write_shapes,
)

__all__ = [
    "BOILERPLATE",
    "DUPLICATES",
    "SIGNAL",
    "TEMPLATED",
    "BoilerplateOptions",
    "DuplicateOptions",
    "Sketch",
    "TemplateOptions",
    "apply_edits",
    "boilerplate",
    "buckets_for",
    "candidate_probability",
    "exact_clusters",
    "find_duplicates",
    "find_repeated_lines",
    "find_templates",
    "host_lines",
    "known_templates",
    "repeated_lines",
    "sentence_shapes",
    "sketch",
    "templated",
    "write_lines",
    "write_shapes",
    "write_sketches",
]
