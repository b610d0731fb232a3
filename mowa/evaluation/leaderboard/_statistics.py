"""What may be claimed of many models at once: differences on the same items, ranks as ranges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mowa.evaluation._paired import holm, mcnemar

_Z = 1.959963984540054  # the normal distribution's quantile of 0.975
_CLOSE = 1e-12

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error, in one unit, and the chance of one so far from zero by luck.

    Attributes:
        p: Two-sided; that of the normal distribution where it is not given.
    """

    value: float
    stderr: float
    p: float = math.nan

    def __post_init__(self) -> None:
        if math.isnan(self.p):
            object.__setattr__(self, "p", _normal_p(self.value, self.stderr))

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - _Z * self.stderr

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + _Z * self.stderr

    def over(self, room: float) -> Estimate:
        """The same in units of `room`."""
        return Estimate(self.value / room, self.stderr / room, self.p)


def mean(parts: Sequence[Estimate]) -> Estimate:
    """The mean of independent estimates.

    Example:
        >>> found = mean([Estimate(0.5, 0.3), Estimate(0.7, 0.4)])
        >>> found.value, found.stderr
        (0.6, 0.25)
    """
    if len(parts) == 1:
        return parts[0]
    value = math.fsum(part.value for part in parts) / len(parts)
    return Estimate(value, math.hypot(*(part.stderr for part in parts)) / len(parts))


def pairwise(values: Matrix) -> list[list[Estimate | None]]:
    """Of each model minus each other: the mean difference over the items that both have.

    What `mowa.evaluation.paired` says of one pair, for all pairs at once and without resampling, so
    that a hundred models take seconds. For right and wrong answers the p is McNemar's exact one,
    for other values that of the normal distribution.

    Args:
        values: Shape (models, items); NaN where a model has no value that counts.

    Returns:
        ``[i][j]`` for i minus j; None on the diagonal and where fewer than two items are shared.
    """
    there = ~np.isnan(values)
    x, m = np.where(there, values, 0.0), there.astype(np.float64)
    count, total, squares = m @ m.T, x @ m.T, (x * x) @ m.T
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = (total - total.T) / count
        spread = squares + squares.T - 2 * (x @ x.T) - count * difference**2
        stderr = np.sqrt(np.maximum(spread, 0.0) / (count - 1) / count)
    wins = x @ (m - x).T  # for right and wrong answers: i is right where j is wrong
    binary = bool(np.isin(x, (0.0, 1.0)).all())
    models = range(len(values))
    return [
        [
            None
            if i == j or count[i, j] < 2
            else Estimate(
                float(difference[i, j]),
                float(stderr[i, j]),
                mcnemar(round(wins[i, j]), round(wins[j, i])) if binary else math.nan,
            )
            for j in models
        ]
        for i in models
    ]


def rank_ranges(differences: Sequence[Sequence[Estimate | None]]) -> list[tuple[int, int]]:
    """Best and worst rank of each model: it stands below those that are surely better.

    Sure is what stands at the 5 % level for all pairs together (Holm).

    Args:
        differences: ``[i][j]`` is the score of i minus that of j, larger being better; None on the
            diagonal and where nothing can be said.

    Example:
        >>> far, near = Estimate(0.3, 0.05), Estimate(0.01, 0.05)
        >>> back, same = Estimate(-0.3, 0.05), Estimate(-0.01, 0.05)
        >>> rank_ranges([[None, near, far], [same, None, far], [back, back, None]])
        [(1, 2), (1, 2), (3, 3)]
    """
    models = len(differences)
    pairs = [(i, j, one) for i in range(models) for j, one in enumerate(differences[i]) if i < j]
    known = [(i, j, one) for i, j, one in pairs if one is not None]
    above, below = [0] * models, [0] * models
    for (i, j, one), sure in zip(known, holm([one.p for _, _, one in known]), strict=True):
        if sure and abs(one.value) > _CLOSE:
            better, worse = (i, j) if one.value > 0 else (j, i)
            above[worse] += 1
            below[better] += 1
    return [(1 + above[i], models - below[i]) for i in range(models)]


def _normal_p(value: float, stderr: float) -> float:
    if stderr <= _CLOSE:
        return 1.0 if abs(value) <= _CLOSE else 0.0
    return math.erfc(abs(value) / stderr / math.sqrt(2))
