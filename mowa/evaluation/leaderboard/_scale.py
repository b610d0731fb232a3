"""The horizontal scale of a dot with whiskers: values to percentages of whatever width there is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_MARGIN = 4.0
"""Percent left free at both ends, so that a dot at the end is whole."""


@dataclass(frozen=True)
class Scale:
    """From `low` to `high`, which differ."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Sequence[float], *, share: bool) -> Scale:
        """A scale with round ends around `values`; of shares, to whole tenths.

        Example:
            >>> Scale.around([0, -0.02, 0.34], share=True)
            Scale(low=-0.1, high=0.4)
        """
        low, high = min(values, default=0.0), max(values, default=1.0)
        step = 0.1 if share else 10.0 ** math.floor(math.log10(max(high - low, 1e-9)))
        first = math.floor(low / step + 1e-9)
        last = max(math.ceil(high / step - 1e-9), first + 1)
        return cls(round(first * step, 10), round(last * step, 10))

    def at(self, value: float) -> str:
        """Where `value` is drawn; what is beyond an end is drawn at the end."""
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return f"{_MARGIN + share * (100 - 2 * _MARGIN):.2f}%"

    def ticks(self) -> list[float]:
        """Both ends and zero or the middle; no end whose label would run into zero."""
        if not self.low < 0 < self.high:
            return [self.low, round((self.low + self.high) / 2, 10), self.high]
        near = (self.high - self.low) / 4
        return [end for end in (self.low, 0.0, self.high) if end == 0 or abs(end) > near]
