"""How far a score can be trusted: standard errors, intervals, scores rescaled by baselines."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mowa.evaluation._measures import Array, Measure

LEVEL = 0.95
"""Of every interval."""

TOO_FEW = 30
"""Below so many items no rank is claimed: at 30 items an accuracy of a half is known to ±0.17."""

_SAMPLES = 2000
_Z = 1.959963984540054  # the normal distribution's quantile of 0.975, which belongs to LEVEL


@dataclass(frozen=True)
class Score:
    """A figure with its interval.

    Attributes:
        value: The figure.
        low: Lower end of the interval; None where one item, or none, says nothing.
        high: Upper end.
        stderr: Standard error.
        level: Of the interval.
        method: How it was found: ``wilson`` for shares, ``bootstrap`` for the rest.
        items: How many items it stands on.
        too_few: Are they fewer than `TOO_FEW`?
    """

    value: float
    low: float | None
    high: float | None
    stderr: float | None
    level: float
    method: str
    items: int
    too_few: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def score(measure: Measure, *, seed: int = 0) -> Score:
    """The figure of `measure` with its interval.

    A share of right answers has Wilson's interval (Wilson 1927, "Probable inference, the law of
    succession, and statistical inference"), which stays within 0 and 1 and has a width at 0 and 1;
    its standard error is that of a mean, with n - 1. Everything else has the percentile interval
    and the standard deviation of `resampled`.

    Example:
        >>> from mowa.evaluation._measures import mean
        >>> found = score(mean([1.0] * 60 + [0.0] * 40))
        >>> round(found.value, 2), round(found.low, 3), round(found.high, 3)
        (0.6, 0.502, 0.691)
    """
    items = len(measure)
    few = items < TOO_FEW
    if items < 2:
        value = measure.value if items else math.nan
        return Score(value, None, None, None, LEVEL, "none", items, few)
    values = measure.columns[:, 0]
    if measure.mean and np.isin(values, (0.0, 1.0)).all():
        low, high = wilson(float(values.sum()), items)
        stderr = float(values.std(ddof=1)) / math.sqrt(items)
        return Score(measure.value, low, high, stderr, LEVEL, "wilson", items, few)
    draws = resampled(measure, seed=seed)
    low, high = interval(draws)
    stderr = float(values.std(ddof=1)) / math.sqrt(items) if measure.mean else float(draws.std())
    return Score(measure.value, low, high, stderr, LEVEL, "bootstrap", items, few)


def wilson(right: float, items: int) -> tuple[float, float]:
    """Wilson's interval of a share, at `LEVEL`."""
    share, z2 = right / items, _Z * _Z
    middle = (share + z2 / (2 * items)) / (1 + z2 / items)
    half = _Z * math.sqrt(share * (1 - share) / items + z2 / (4 * items**2)) / (1 + z2 / items)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def resampled(measure: Measure, *, seed: int = 0, samples: int = _SAMPLES) -> Array:
    """The figure over items drawn with replacement, as many as there are, `samples` times.

    Source: Efron & Tibshirani 1993, "An introduction to the bootstrap", chapter 6.

    Measures with as many items see the same draws for a seed, so that their differences are paired.
    """
    rng = np.random.default_rng(seed)
    items = len(measure)
    sums = np.empty((samples, measure.columns.shape[1]))
    for row in sums:
        row[:] = measure.columns[rng.integers(items, size=items)].sum(axis=0)
    draws = measure.of(sums)
    found: Array = draws[np.isfinite(draws)]
    return found


def interval(values: Array) -> tuple[float, float]:
    """The percentile interval of resampled values, at `LEVEL`."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def rescaled(value: float, baseline: float) -> float:
    """0 at the baseline, 1 at the best there is: (s - b) / (1 - b).

    Example:
        >>> rescaled(0.75, 0.5)
        0.5
    """
    return (value - baseline) / (1 - baseline)
