"""Comparing figures that are no means of their items, such as F1 or bits per byte."""

from __future__ import annotations

from dataclasses import dataclass

from mowa.evaluation._answers import read_answers
from mowa.evaluation._intervals import resampled
from mowa.evaluation._measures import Array
from mowa.evaluation._results import TASK, task_of
from mowa.evaluation._scorers import measured
from mowa.evaluation.leaderboard._board import Cell
from mowa.evaluation.leaderboard._statistics import Estimate


@dataclass(frozen=True)
class Draws:
    """One model's figure over its items, and over items drawn with replacement.

    Attributes:
        ids: The items, in the order in which they were drawn from.
        value: The figure.
        draws: The figure of each draw; models with the same items saw the same draws.
    """

    ids: tuple[str, ...]
    value: float
    draws: Array


def draw(cell: Cell) -> Draws | None:
    """The figure over items that were not found in a corpus; None where the log is not there.

    Raises:
        DataError: Where the log is damaged.
    """
    folder = cell.found.folder
    if not (folder / TASK).is_file():
        return None
    kept = [
        answer
        for answer in sorted(read_answers(folder), key=lambda answer: answer.id)
        if answer.value is not None and not answer.contaminated
    ]
    if len(kept) < 2:
        return None
    measure = measured(task_of(folder), kept)
    return Draws(tuple(answer.id for answer in kept), measure.value, resampled(measure))


def between(a: Draws | None, b: Draws | None) -> Estimate | None:
    """The first minus the second; None where they are not of the same items."""
    if a is None or b is None or a.ids != b.ids or len(a.draws) != len(b.draws):
        return None
    return Estimate(a.value - b.value, float((a.draws - b.draws).std()))
