"""Leaving out an update that a bad batch would spoil."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import fmean, pstdev

_WINDOW = 128
_LEAST = 64  # before so many updates, nothing is known of what is usual


class SpikeGuard:
    """Tells an update whose loss or gradient norm is far above those of the last 128.

    As OLMo-core's ``SkipStepOptimizer``: more than `sigma` standard deviations above the mean of
    all that was seen. What is told counts too: else, where text of another kind begins, and the
    loss is higher from there on, every update would be left out to the end of the run.

    Args:
        sigma: How many; None: nothing is ever told.
        seen: Loss and norm of the updates so far, from `state`.
    """

    def __init__(self, sigma: float | None, seen: Sequence[Sequence[float]] = ()) -> None:
        self._sigma = sigma
        self._seen = deque(((loss, norm) for loss, norm in seen), maxlen=_WINDOW)

    def is_spike(self, loss: float, norm: float) -> bool:
        """Is it one? Remembers it."""
        if self._sigma is None:
            return False
        told = len(self._seen) >= _LEAST and any(
            value > fmean(usual) + self._sigma * pstdev(usual)
            for value, usual in zip((loss, norm), zip(*self._seen, strict=True), strict=True)
        )
        self._seen.append((loss, norm))
        return told

    def state(self) -> list[tuple[float, float]]:
        """What a checkpoint holds of it."""
        return list(self._seen)
