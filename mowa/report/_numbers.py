"""Numbers as people read them, and the ticks of an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral

_TICKS = 6
"""About how many ticks an axis gets: enough to read a value off, few enough not to crowd."""


def refuse_non_finite(values: Iterable[float], where: str) -> None:
    """Raise `ValueError` for the first NaN or infinity: a page never shows a made-up number."""
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"{where}: {value} is not a number that can be shown")


def number(value: float) -> str:
    """`value` with thousands separators and about four significant digits.

    Example:
        >>> number(1234567), number(1.5527), number(0.01234), number(12345.6), number(-0.00001)
        ('1,234,567', '1.553', '0.01234', '12,346', '-1.0e-05')
    """
    refuse_non_finite([value], "a number")
    size = abs(value)
    whole = isinstance(value, Integral) or (value == math.floor(value) and size < 1e15)
    if whole:  # counts come as floats too, and as NumPy's integers
        return f"{int(value):,}"
    if size < 1e-4 or size >= 1e15:
        return f"{value:.1e}"
    if size < 1:
        return f"{value:.{3 - math.floor(math.log10(size))}f}"
    decimals = 3 if size < 100 else 1 if size < 1000 else 0
    return f"{value:,.{decimals}f}"


def linear_ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within [low, high], ``low < high``."""
    raw = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(index * step, digits) for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within [low, high], ``0 < low < high``; with 2 and 5 where those are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / (2 * _TICKS)))
    decades = [10.0**power for power in range(first, last + 1, every)]
    found = [tick for tick in decades if low <= tick <= high]
    if len(found) < 4:
        finer = [digit * tick for tick in decades for digit in (1, 2, 5)]
        found = [tick for tick in finer if low <= tick <= high]
    return found if len(found) >= 2 else linear_ticks(low, high)


def tick_labels(ticks: list[float], *, log: bool = False) -> list[str]:
    """Labels of `ticks`, with the fewest decimals that are exact, on a log axis each for itself."""
    alike = 0 if log else max((_decimals(tick) for tick in ticks), default=0)
    return [_tick_label(tick, max(alike, _decimals(tick))) for tick in ticks]


def _decimals(tick: float) -> int:
    return len(f"{tick:.10f}".rstrip("0").partition(".")[2])


def _tick_label(tick: float, decimals: int) -> str:
    size = abs(tick)
    return f"{tick:.3g}" if size and (size < 1e-4 or size >= 1e15) else f"{tick:,.{decimals}f}"


def widened(low: float, high: float) -> tuple[float, float]:
    """The range itself, or a little more where it is (almost) a single value."""
    size = max(abs(low), abs(high))
    if high - low > max(size * 1e-9, 1e-290):
        return low, high
    margin = size * 0.1 if size > 1e-280 else 1.0
    return low - margin, high + margin
