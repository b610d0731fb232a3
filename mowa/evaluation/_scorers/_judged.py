"""Answers that a judge marked: its number is read from what it wrote, which stays in the log."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mowa.evaluation._answers import Answer
from mowa.evaluation._measures import mean
from mowa.evaluation._scorers._generation import counted
from mowa.evaluation._scorers._scored import Scored
from mowa.evaluation._task import Judging, Task

_MARK = re.compile(
    r"(?:\[\[\s*|(?:ocena|wynik|rating|score)\b[\s*_]*[:=]?[\s*_]*)(-?\d+(?:[.,]\d+)?)",
    re.IGNORECASE,
)


def judged(task: Task, answers: Sequence[Answer]) -> Scored:
    """Marks as a share of the way from the lowest to the highest; what has no mark is left out."""
    assert task.judge is not None
    marks = [mark_of(answer.note or "", task.judge) for answer in answers]
    known = [mark for mark in marks if mark is not None]
    counts = {**counted(answers), "unjudged": len(marks) - len(known)}
    return Scored(list(marks), {"judged": mean(known)}, "judged", counts)


def mark_of(text: str, judge: Judging) -> float | None:
    """The last ``[[7]]`` or ``Ocena: 7``, 0 the lowest and 1 the highest; None outside of them.

    Example:
        >>> mark_of("Ocena: 3, nie: ocena: 10", Judging(template="{answer}"))
        1.0
    """
    found = _MARK.findall(text)
    if not found:
        return None
    mark = (float(found[-1].replace(",", ".")) - judge.lowest) / (judge.highest - judge.lowest)
    return mark if 0 <= mark <= 1 else None
