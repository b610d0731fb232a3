"""EQ-Bench v2: how strongly a person in a dialogue feels four emotions, on a scale of 0 to 10.

The formula is that of the benchmark (Paech, "EQ-Bench", arXiv 2312.06281, and its v2 scale). What
cannot be read gets no points; the share of what can be read stands beside the score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mowa.errors import DataError
from mowa.evaluation._answers import Answer
from mowa.evaluation._measures import Measure, mean
from mowa.evaluation._scorers._generation import counted
from mowa.evaluation._scorers._scored import Scored
from mowa.evaluation._scorers._words import compared
from mowa.evaluation._task import Task

_REVISED = re.compile(r"(?:revised scores|zmienione oceny)\s*\W*:", re.IGNORECASE)
_FIRST = re.compile(r"(?:first pass scores|pierwsze oceny)\s*\W*:", re.IGNORECASE)
_LINE = re.compile(r"([^\W\d][^:\n]*?)[\s*_]*:[\s*_]*(\d+(?:[.,]\d+)?)(?![\d%])")

_ADJUST = 0.7477  # so that answers at random get about 0
_MOST = 10
_ENOUGH_REVISED = 0.95  # the revised pass counts where it is read about as often as the first


def emotions(task: Task, answers: Sequence[Answer]) -> Scored:
    """Points of 100, as a share: of the first pass, of the revised one, and the task's of both."""
    first = [_points(answer, "first") for answer in answers]
    revised = [_points(answer, "revised") for answer in answers]
    measures = {"first_pass": _share(first)}
    chosen: list[float | None] = first
    if any(_asks_revision(answer) for answer in answers):
        measures["revised"] = _share(revised)
        chosen = _chosen(task, first, revised)
    measures["eq-bench"] = _share(chosen)
    measures["parseable"] = mean([float(one is not None) for one in chosen])
    values: list[float | None] = list(measures["eq-bench"].columns[:, 0].tolist())
    counts = {**counted(answers), "unparsed": sum(one is None for one in chosen)}
    return Scored(values, measures, "eq-bench", counts)


def item_points(said: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """Points of one item: 10 for the reference's own scores, below 0 for what is far from them.

    Args:
        said: Scores by emotion.
        reference: Scores by the same emotions.
    """
    total = 0.0
    for emotion, wanted in reference.items():
        gap = abs(said[emotion] - wanted)
        if gap > 5:
            total += gap
        elif gap > 0:
            total += 6.5 / (1 + math.exp(-1.2 * (gap - 4)))
    return _MOST - _ADJUST * total


def parsed(text: str, emotions: Sequence[str], which: str) -> dict[str, float] | None:
    """Scores of one pass, by emotion; None unless all four, and with 0 to 10, are there.

    Without headings the whole text is the first pass.
    """
    revised = _REVISED.search(text)
    if which == "revised":
        if revised is None:
            return None
        part = text[revised.end() :]
    else:
        first = _FIRST.search(text)
        part = text[first.end() if first else 0 : revised.start() if revised else len(text)]
    names = {compared(emotion): emotion for emotion in emotions}
    found: dict[str, float] = {}
    for line in _LINE.finditer(part):
        name = names.get(compared(line[1]))
        if name is None:
            continue
        found[name] = float(line[2].replace(",", "."))
    whole = len(found) == len(names) and all(score <= _MOST for score in found.values())
    return found if whole else None


def _points(answer: Answer, which: str) -> float | None:
    reference = _reference(answer, which)
    if reference is None:
        return None
    said = parsed(answer.output, list(reference), which)
    return None if said is None else item_points(said, reference)


def _reference(answer: Answer, which: str) -> dict[str, float] | None:
    raw: Any = (answer.rule or {}).get(which)
    if raw is None:
        return None
    try:
        return {
            str(raw[f"emotion{place}"]): float(raw[f"emotion{place}_score"])
            for place in range(1, 5)
        }
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"the reference has no four emotions with scores ({error!r})", where=f"item {answer.id}"
        ) from error


def _asks_revision(answer: Answer) -> bool:
    return "revised" in (answer.rule or {}) and _REVISED.search(answer.prompt) is not None


def _chosen(
    task: Task, first: Sequence[float | None], revised: Sequence[float | None]
) -> list[float | None]:
    """Best: all of the pass with the higher mean, as the benchmark has it; mean: of both passes."""
    if task.combine == "mean":
        return [
            None if a is None and b is None else ((a or 0.0) + (b or 0.0)) / 2
            for a, b in zip(first, revised, strict=True)
        ]
    read_first, read_revised = _count(first), _count(revised)
    better = _share(revised).value >= _share(first).value
    use_revised = better and read_revised >= _ENOUGH_REVISED * read_first
    return list(revised if use_revised else first)


def _count(points: Sequence[float | None]) -> int:
    return sum(one is not None for one in points)


def _share(points: Sequence[float | None]) -> Measure:
    return mean([(one or 0.0) / _MOST for one in points])
