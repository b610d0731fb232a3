"""Intervals of a ratio of sums over documents, by resampling the documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LEVEL = 0.95


def resampled_ratios(numerators: Array, denominators: Array, *, samples: int, seed: int) -> Array:
    """Ratios of sums over resampled documents.

    Documents are drawn with replacement, as many as there are (Efron & Tibshirani, "An
    introduction to the bootstrap", 1993, chapter 6); every system sees the same draws, so that
    differences between columns are paired.

    Args:
        numerators: One row a system, one column a document (bits).
        denominators: One value a document (bytes), their sum above zero.
        samples: How many times the documents are drawn.
        seed: Seed of the draws.

    Returns:
        One row a sample, one column a system; samples that drew no bytes at all are left out.
    """
    rng = np.random.default_rng(seed)
    documents = len(denominators)
    both = np.vstack([numerators, denominators]).astype(np.float64)
    sums = np.empty((samples, len(both)))
    for row in sums:
        drawn = np.bincount(rng.integers(documents, size=documents), minlength=documents)
        row[:] = both @ drawn
    sums = sums[sums[:, -1] > 0]
    ratios: Array = sums[:, :-1] / sums[:, -1:]
    return ratios


def interval(values: Array) -> tuple[float, float]:
    """The percentile interval of resampled values, at `LEVEL`."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
