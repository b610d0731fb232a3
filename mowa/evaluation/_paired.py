"""Is one model better than another on the same items? Paired tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mowa.evaluation._intervals import LEVEL, interval, resampled
from mowa.evaluation._measures import Array, Measure, mean

_EXACT_ITEMS = 16  # 2^16 ways to swap them are counted in some milliseconds
_SWAPS = 9999
_CLOSE = 1e-12  # sums of floats that differ by less are one number

Values = Sequence[float | None]


@dataclass(frozen=True)
class Difference:
    """The first minus the second, over the items that both have.

    Attributes:
        mean: The difference of the figures.
        low: Lower end of its bootstrap interval.
        high: Upper end.
        p: How often so large a difference comes about where the two are alike: by swapping, item by
            item, which of the two gave which answer.
        items: How many items both have.
        method: ``exact`` where every way to swap was counted, ``sampled`` otherwise.
    """

    mean: float
    low: float
    high: float
    p: float
    items: int
    method: str


def paired(a: Values, b: Values, seed: int = 0) -> Difference:
    """Compare two models by one value an item, in the same order; None where one has none.

    Where all differences have one size, as with right and wrong answers, the p of the swaps is that
    of a fair coin (McNemar's exact test); else it is counted over all swaps where up to 16 items
    differ, and sampled beyond.

    Example:
        >>> paired([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]).p
        0.0625
    """
    differences = _differences(a, b)
    if not len(differences):
        return Difference(math.nan, math.nan, math.nan, 1.0, 0, "exact")
    low, high = interval(resampled(mean(differences), seed=seed))
    p, method = _sign_flips(differences, seed)
    return Difference(float(differences.mean()), low, high, p, len(differences), method)


def paired_measures(a: Measure, b: Measure, seed: int = 0) -> Difference:
    """Compare two models by a figure such as F1, over the same items in the same order."""
    assert a.columns.shape == b.columns.shape, "not the same items"
    if a.mean and b.mean:
        return paired(a.columns[:, 0].tolist(), b.columns[:, 0].tolist(), seed)
    draws = resampled(a, seed=seed) - resampled(b, seed=seed)
    low, high = interval(draws)
    observed = a.value - b.value
    rng = np.random.default_rng(seed)
    sums = a.columns.sum(axis=0) + b.columns.sum(axis=0)
    gap = b.columns - a.columns
    beyond = 0
    for _ in range(_SWAPS):
        first = a.columns.sum(axis=0) + gap[rng.random(len(gap)) < 0.5].sum(axis=0)
        beyond += abs(float(a.of(first) - a.of(sums - first))) >= abs(observed) - _CLOSE
    return Difference(observed, low, high, (beyond + 1) / (_SWAPS + 1), len(gap), "sampled")


def holm(p_values: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Which of the tests stand, so that with the chance `level` none of them is a false alarm.

    Example:
        >>> holm([0.04, 0.001, 0.03])
        [False, True, False]
    """
    standing = [False] * len(p_values)
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for step, index in enumerate(order):
        if p_values[index] > (1 - level) / (len(p_values) - step):
            break
        standing[index] = True
    return standing


@lru_cache(maxsize=1 << 16)
def mcnemar(wins: int, losses: int) -> float:
    """Two-sided exact p of `wins` against `losses` where each is as likely.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated
    proportions"; the exact form is the sign test.

    Example:
        >>> mcnemar(5, 0)
        0.0625
    """
    fewer, tosses = min(wins, losses), wins + losses
    if 2 * fewer == tosses:
        return 1.0
    whole = math.lgamma(tosses + 1) - tosses * math.log(2)
    tail = math.fsum(
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(tosses - k + 1)) for k in range(fewer + 1)
    )
    return min(1.0, round(2 * tail, 12))


def _differences(a: Values, b: Values) -> Array:
    """First minus second of the items that both have."""
    assert len(a) == len(b), "not the same items"
    table = np.asarray([a, b], np.float64)  # None becomes a NaN
    differences: Array = table[0] - table[1]
    return differences[~np.isnan(differences)]


def _sign_flips(differences: Array, seed: int) -> tuple[float, str]:
    """Two-sided p of the sum of `differences`, each of which may have either sign."""
    real = differences[np.abs(differences) > _CLOSE]
    sizes = np.abs(real)
    observed = abs(float(real.sum()))
    if not len(real):
        return 1.0, "exact"
    if np.ptp(sizes) <= _CLOSE:
        wins = int((real > 0).sum())
        return mcnemar(wins, len(real) - wins), "exact"
    if len(real) <= _EXACT_ITEMS:
        flips = np.arange(1 << len(real))[:, None] >> np.arange(len(real)) & 1
        sums = np.abs((flips * 2 - 1) @ sizes)
        return float((sums >= observed - _CLOSE).mean()), "exact"
    rng = np.random.default_rng(seed)
    beyond = sum(
        abs(float(np.where(rng.random(len(sizes)) < 0.5, sizes, -sizes).sum())) >= observed - _CLOSE
        for _ in range(_SWAPS)
    )
    return (beyond + 1) / (_SWAPS + 1), "sampled"
