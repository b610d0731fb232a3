"""Progress: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichBar

from mowa.execution._terminal import harmless

Advance = Callable[[int], None]

_SECONDS_BETWEEN_LINES = 15.0


class Progress(Protocol):
    """Where a step shows how far it is."""

    def task(self, label: str, *, total: int, done: int = 0) -> AbstractContextManager[Advance]:
        """Show `total` units, `done` of them finished before; yields what advances the count."""

    def say(self, line: str) -> None:
        """One line of text, above a bar if there is one."""


class PlainProgress:
    """Lines of text, at most four a minute: for logs, pipes and tests."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, soft_wrap=True)

    @contextmanager
    def task(self, label: str, *, total: int, done: int = 0) -> Iterator[Advance]:
        """Print the task's share from time to time."""
        start = last = time.monotonic()
        at = done

        def advance(count: int) -> None:
            nonlocal at, last
            at += count
            now = time.monotonic()
            if now - last >= _SECONDS_BETWEEN_LINES:
                last = now
                left = (now - start) / max(at - done, 1) * (total - at)
                self.say(f"{label}: {at:,} of {total:,}, {left:,.0f} s left")

        yield advance

    def say(self, line: str) -> None:
        """Print the line."""
        self._console.print(harmless(line), highlight=False, markup=False, soft_wrap=True)


class BarProgress:
    """Bars drawn by rich."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    @contextmanager
    def task(self, label: str, *, total: int, done: int = 0) -> Iterator[Advance]:
        """Draw a bar until the task ends."""
        bar = RichBar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        with bar:
            task = bar.add_task(escape(harmless(label)), total=total, completed=done)
            yield lambda count: bar.advance(task, count)

    def say(self, line: str) -> None:
        """Print the line."""
        self._console.print(harmless(line), highlight=False, markup=False, soft_wrap=True)


def best_progress(console: Console | None = None) -> Progress:
    """A bar where standard error is a terminal, lines elsewhere."""
    console = console or Console(stderr=True)
    return BarProgress(console) if console.is_terminal else PlainProgress(console)
