"""Stop strings in a text that comes piece by piece: nothing that may be one is shown too early."""

from __future__ import annotations

from collections.abc import Sequence


def cut_at(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """`text` before the first stop string, and whether there is one; empty ones are none."""
    ends = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return text[: min(ends, default=len(text))], bool(ends)


class Stops:
    """Holds back what may be the beginning of a stop string.

    Args:
        stops: Strings that end a text and are not of it; empty ones are none.

    Attributes:
        found: Has one come?
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found = False

    def add(self, piece: str) -> str:
        """What can be shown after `piece` has come."""
        text = self._held + piece
        shown, self.found = cut_at(text, self._stops)
        if self.found:
            self._held = ""
            return shown
        kept = max((_half(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def rest(self) -> str:
        """What was held back, when the text has ended otherwise."""
        held, self._held = self._held, ""
        return held


def _half(text: str, stop: str) -> int:
    """Characters at the end of `text` that `stop` begins with."""
    longest = min(len(stop) - 1, len(text))
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
