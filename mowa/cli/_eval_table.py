"""The table of `mowa eval`: on a terminal it lives, elsewhere each result is a line."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from mowa.evaluation._evaluate import Prepared
    from mowa.evaluation._results import Result

_SECONDS_BETWEEN = 0.25


class ScoreTable:
    """Rows of models, columns of tasks; a cell is a share done, then a score with its interval."""

    def __init__(self, prepared: list[Prepared], console: Console) -> None:
        self._columns = [(item.task.name, item.settings.shots) for item in prepared]
        self._rows: list[tuple[str, list[str]]] = []
        self._console = console
        lives = console.is_terminal and bool(prepared)
        self._live = Live(console=console, auto_refresh=False) if lives else None
        self._drawn = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._draw(now=True)
            self._live.stop()

    def model(self, name: str) -> None:
        """A new row."""
        self._rows.append((name, [""] * len(self._columns)))
        self._draw(now=True)

    def progress(self, column: int, done: int, total: int) -> None:
        """So many items are answered."""
        self._rows[-1][1][column] = f"[dim]{done:,} of {total:,}[/dim]"
        self._draw()

    def failed(self, column: int) -> None:
        """The reason is said at the end."""
        self._set(column, "[red]failed[/red]", "failed")

    def result(self, column: int, result: Result) -> None:
        """A score, or why there is none."""
        self._set(column, *cell(result))

    def _set(self, column: int, shown: str, line: str) -> None:
        name, cells = self._rows[-1]
        cells[column] = shown
        if self._live is None:
            task, shots = self._columns[column]
            self._console.print(
                f"{name} · {task} · {shots} shots: {line}", markup=False, highlight=False
            )
        self._draw(now=True)

    def _draw(self, *, now: bool = False) -> None:
        if self._live is None or (not now and time.monotonic() - self._drawn < _SECONDS_BETWEEN):
            return
        self._drawn = time.monotonic()
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        """Models stand in rows; where tasks are many, tasks do."""
        many = len(self._columns) > 4
        tasks = [f"{name}" + (f" ({shots})" if shots else "") for name, shots in self._columns]
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("task" if many else "model")
        for title in [name for name, _ in self._rows] if many else tasks:
            table.add_column(escape(title), justify="right")
        if many:
            for column, task in enumerate(tasks):
                table.add_row(escape(task), *(cells[column] for _, cells in self._rows))
        else:
            for name, cells in self._rows:
                table.add_row(escape(name), *cells)
        return table


def cell(result: Result) -> tuple[str, str]:
    """A result for a terminal, and as a line."""
    score = result["score"]
    if score is None:
        why = f"not comparable: {result['why']}"
        return "[yellow]not comparable[/yellow]", why
    value = f"{score['value']:.3f}"
    interval = "" if score["low"] is None else f"{score['low']:.3f}–{score['high']:.3f}"
    notes = [f"{result['items']:,} items"]
    notes += [f"{count:,} {name.replace('_', ' ')}" for name, count in result["left_out"].items()]
    notes += [f"{count:,} {name.replace('_', ' ')}" for name, count in result["counts"].items()]
    notes += ["too few items"] if score["too_few"] else []
    marks = "*" if score["too_few"] else ""
    shown = f"[bold]{value}[/bold]{marks} [dim]{interval}[/dim]"
    return shown, f"{value} ({interval or 'no interval'}; {', '.join(notes)})"
