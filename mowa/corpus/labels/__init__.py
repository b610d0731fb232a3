"""Labels that people give to documents: files, samples, agreement, and the page to give them on."""

from mowa.corpus.labels._agreement import Agreement, agreement, krippendorff_alpha
from mowa.corpus.labels._file import (
    QUALITY,
    Label,
    LabelWriter,
    check_classes,
    read_classes,
    read_labels,
)
from mowa.corpus.labels._sample import stratified_sample
from mowa.corpus.labels._session import Session

__all__ = [
    "QUALITY",
    "Agreement",
    "Label",
    "LabelWriter",
    "Session",
    "agreement",
    "check_classes",
    "krippendorff_alpha",
    "read_classes",
    "read_labels",
    "stratified_sample",
]
