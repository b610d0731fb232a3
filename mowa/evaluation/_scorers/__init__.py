"""Scorers: from logged answers to figures, without the model; one page a kind of task."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mowa.evaluation._answers import Answer
from mowa.evaluation._measures import Measure
from mowa.evaluation._scorers import _choice, _emotions, _generation, _judged, _perplexity
from mowa.evaluation._scorers._scored import Scored
from mowa.evaluation._task import Kind, Task

__all__ = ["Scored", "measured", "score_answers"]

_SCORERS: dict[Kind, Callable[[Task, Sequence[Answer]], Scored]] = {
    "pairs": _choice.pairs,
    "choice": _choice.choice,
    "generate": _generation.generate,
    "perplexity": _perplexity.perplexity,
    "emotions": _emotions.emotions,
    "judged": _judged.judged,
}


def score_answers(task: Task, answers: Sequence[Answer]) -> Scored:
    """Score the answers that were not cut; `values` stand in their order, None for the rest."""
    kept = [answer for answer in answers if not answer.cut]
    scored = _SCORERS[task.kind](task, kept)
    values = iter(scored.values)
    return Scored(
        values=[None if answer.cut else next(values) for answer in answers],
        measures=scored.measures,
        main=scored.main,
        counts=scored.counts,
        outputs=scored.outputs,
    )


def measured(task: Task, answers: Sequence[Answer]) -> Measure:
    """The task's own figure over some of its answers."""
    scored = score_answers(task, answers)
    return scored.measures[scored.main]
