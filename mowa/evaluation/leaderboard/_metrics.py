"""How each figure is written: its unit, its decimals, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        name: As results name it.
        factor: What a value is multiplied by before it is shown; 100 for shares.
        decimals: Digits after the point.
        lower: Are lower values better? Such a metric has no baseline and is in no average.
    """

    name: str
    factor: float
    decimals: int
    lower: bool = False


_PLAIN = {"bits-per-byte": 3, "byte_perplexity": 3, "word_perplexity": 1}


def metric(name: str, *, lower: bool = False) -> Metric:
    """The metric of that name; what is not bits or perplexity is a share of one."""
    if name in _PLAIN:
        return Metric(name, 1.0, _PLAIN[name], lower=True)
    return Metric(name, 100.0, 1, lower)
