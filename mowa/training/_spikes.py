"""Leaving out an update that a bad batch would spoil."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import fmean, pstdev

_WINDOW = 128
_LEAST = 64  # before so many updates, nothing is known of what is usual


class SpikeGuard:
    """Tells an update whose loss or gradient norm is far above those of the last 128.

    As OLMo-core's ``SkipStepOptimizer``: more than `sigma` standard deviations above the mean. A
    value that is told is not counted among the usual ones.

    Args:
        sigma: How many; None: nothing is ever told.
        seen: Loss and norm of the updates so far, from `state`.
    """

    def __init__(self, sigma: float | None, seen: Sequence[Sequence[float]] = ()) -> None:
        self._sigma = sigma
        self._seen = deque(((loss, norm) for loss, norm in seen), maxlen=_WINDOW)

    def is_spike(self, loss: float, norm: float) -> bool:
        """Is it one? Remembers it where it is not."""
        if self._sigma is None:
            return False
        if len(self._seen) >= _LEAST:
            for value, usual in zip((loss, norm), zip(*self._seen, strict=True), strict=True):
                if value > fmean(usual) + self._sigma * pstdev(usual):
                    return True
        self._seen.append((loss, norm))
        return False

    def state(self) -> list[tuple[float, float]]:
        """What a checkpoint holds of it."""
        return list(self._seen)
