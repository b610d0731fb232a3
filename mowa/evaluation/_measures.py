"""Figures that are a function of sums over items: means, F1, ratios, whose items can be redrawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Measure:
    """A figure over items.

    Attributes:
        columns: What each item adds, shape (items, sums).
        of: The figure from the sums, shape (..., sums) to (...).
        mean: Is it the mean of the first column?
    """

    columns: Array
    of: Callable[[Array], Array]
    mean: bool = False

    @property
    def value(self) -> float:
        """The figure over all items; not a number where there are none."""
        return float(self.of(self.columns.sum(axis=0)))

    def __len__(self) -> int:
        return len(self.columns)

    def only(self, items: Array) -> Measure:
        """The same figure over the items of a mask or of indices."""
        return Measure(self.columns[items], self.of, self.mean)


def mean(values: Sequence[float] | Array) -> Measure:
    """The mean of one value an item.

    Example:
        >>> mean([1.0, 0.0, 1.0, 1.0]).value
        0.75
    """
    column = np.asarray(values, np.float64)
    return Measure(np.column_stack([column, np.ones(len(column))]), _ratio, mean=True)


def ratio(numerators: Sequence[float] | Array, denominators: Sequence[float] | Array) -> Measure:
    """The ratio of two sums, such as all bits over all bytes."""
    return Measure(
        np.column_stack([np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)]),
        _ratio,
    )


def f1(predicted: Sequence[int | None], right: Sequence[int], *, positive: int = 1) -> Measure:
    """F1 of one class; a prediction of None is of no class, and 0 where no item has the class.

    Example:
        >>> f1([1, 1, 0, None], [1, 0, 1, 1]).value
        0.4
    """
    return Measure(_confusion(predicted, right, [positive]), _mean_f1)


def macro_f1(predicted: Sequence[int | None], right: Sequence[int]) -> Measure:
    """The mean of F1 over the classes that are right, or were predicted, for some item."""
    classes = sorted({*right, *(label for label in predicted if label is not None)})
    return Measure(_confusion(predicted, right, classes), _mean_f1)


def _confusion(
    predicted: Sequence[int | None], right: Sequence[int], classes: Sequence[int]
) -> Array:
    """Three columns a class: hits, false alarms, misses."""
    said = np.array([-1 if label is None else label for label in predicted], np.int64)
    true = np.asarray(right, np.int64)
    columns = []
    for label in classes:
        is_said, is_true = said == label, true == label
        columns += [is_said & is_true, is_said & ~is_true, ~is_said & is_true]
    return np.column_stack(columns).astype(np.float64)


def _ratio(sums: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = sums[..., 0] / sums[..., 1]
    return found


def _mean_f1(sums: Array) -> Array:
    """Classes that no drawn item has and none was said to have are left out of the mean."""
    counts = sums.reshape(*sums.shape[:-1], -1, 3)
    hits, others = counts[..., 0], counts[..., 1] + counts[..., 2]
    seen = (hits + others) > 0
    each = np.where(seen, 2 * hits / np.maximum(2 * hits + others, 1), 0.0)
    found: Array = each.sum(-1) / np.maximum(seen.sum(-1), 1)
    return found
