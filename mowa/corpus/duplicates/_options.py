"""What is asked of the search for duplicates, and the columns of its files."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

DUPLICATES = pa.schema(
    [
        pa.field("cluster", pa.string()),
        pa.field("near_cluster", pa.string()),
        pa.field("near_similarity", pa.float64()),
    ]
)
"""The signal `duplicates@3`.

* `cluster`: hash of the text but for case and white space; null where it is empty.
* `near_cluster`: the smallest `doc_id` of all documents that are near duplicates of each other,
  exact ones included; null for a document that is alone.
* `near_similarity`: Jaccard similarity to that document, from 0 to 1.
"""


@dataclass(frozen=True)
class DuplicateOptions:
    """How near duplicates are found.

    Attributes:
        ngram: Words in a shingle.
        bands: Bands of the signature; two documents that agree in a whole band are compared.
        rows: Minima in a band. Two texts of similarity s are compared with the probability
            1 - (1 - s^rows)^bands, which for 14 bands of 8 is one half at 0.72.
        jaccard: Similarity from which a pair counts as near duplicates. 0.75 stands where the
            curve has risen to 0.77 and rises steeply, so that most of what passes is also found.
        containment: Share of the smaller text's shingles that the larger must hold for a pair to
            count as well; None asks for `jaccard` alone.
        shingles: Hashes kept of a text for the comparison, the smallest ones. A text with more
            is compared by these; their similarity has the standard error sqrt(s (1 - s) / n).
        characters: What stands behind so many is not looked at for near duplicates, which bounds
            the memory that one text takes.
        neighbours: Texts of a band's group with which each is compared, besides the group's first.
        buckets: Parts into which work is cut, a power of 2; memory of a worker shrinks with it.
    """

    ngram: int = 5
    bands: int = 14
    rows: int = 8
    jaccard: float = 0.75
    containment: float | None = None
    shingles: int = 1024
    characters: int = 1_000_000
    neighbours: int = 2
    buckets: int = 16

    def __post_init__(self) -> None:
        counts = (self.ngram, self.bands, self.rows, self.shingles, self.characters, self.buckets)
        if min(counts) < 1 or self.neighbours < 0:
            raise ValueError("options of duplicates must be positive")
        if self.buckets & (self.buckets - 1) or self.buckets > 4096:
            raise ValueError(f"buckets must be a power of 2 up to 4096, not {self.buckets}")
        if not 0 < self.jaccard <= 1 or not 0 < (self.containment or 1) <= 1:
            raise ValueError("jaccard and containment lie above 0 and at most at 1")


_FEW = 14  # bits: 16,384 documents of a few kilobytes take a second or two in all stages


def buckets_for(documents: int) -> int:
    """So many buckets that a worker holds the bands of some million documents at most.

    Of few documents there are few: a bucket takes files of its own in every stage, and more time
    to write them than to fill them. Results do not depend on it.

    Example:
        >>> [buckets_for(documents) for documents in (5_000, 100_000, 100_000_000, 10**12)]
        [1, 8, 128, 4096]
    """
    small = min(16, 1 << (documents >> _FEW).bit_length())
    return min(4096, max(small, 1 << (documents >> 20).bit_length()))


def candidate_probability(similarity: float, options: DuplicateOptions) -> float:
    """How likely two texts of that Jaccard similarity agree in a whole band.

    Source: Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4.2.

    Example:
        >>> round(candidate_probability(0.8, DuplicateOptions()), 3)
        0.924
    """
    return 1.0 - (1.0 - similarity**options.rows) ** options.bands
