"""Choices and pairs: is the right text the likeliest, as it is, or per character, byte or token?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mowa.evaluation._answers import Answer
from mowa.evaluation._measures import Measure, f1, macro_f1, mean
from mowa.evaluation._scorers._scored import Scored
from mowa.evaluation._task import Task

_LENGTHS = {"character": "characters", "byte": "bytes", "token": "tokens"}


def pairs(task: Task, answers: Sequence[Answer]) -> Scored:
    """Accuracy: the good sentence is strictly likelier than the bad one; a tie is wrong."""
    measures = {}
    for per in ("none", *_LENGTHS):
        rates = [_rates(answer, per) for answer in answers]
        measures[_name(per)] = mean([float(good > bad) for good, bad in rates])
    return _scored(task, measures)


def choice(task: Task, answers: Sequence[Answer]) -> Scored:
    """Accuracy, F1 or macro-F1 of the likeliest choice; among equals the first is taken."""
    picked = {
        per: [int(np.argmax(_rates(answer, per))) for answer in answers]
        for per in ("none", *_LENGTHS)
    }
    right = [_right(answer) for answer in answers]
    measures = {
        _name(per): mean([float(a == b) for a, b in zip(said, right, strict=True)])
        for per, said in picked.items()
    }
    return _scored(task, measures | class_measures(task, picked[task.per], right))


def class_measures(
    task: Task, predicted: Sequence[int | None], right: Sequence[int]
) -> dict[str, Measure]:
    """F1 and macro-F1, where the task asks for one of them."""
    if task.metric == "f1":
        return {"f1": f1(predicted, right, positive=task.positive)}
    if task.metric == "macro-f1":
        return {"macro-f1": macro_f1(predicted, right)}
    return {}


def _scored(task: Task, measures: dict[str, Measure]) -> Scored:
    accuracy = _name(task.per)
    return Scored(
        values=measures[accuracy].columns[:, 0].tolist(),
        measures=measures,
        main=accuracy if task.metric == "accuracy" else task.metric,
    )


def _rates(answer: Answer, per: str) -> list[float]:
    """Ln p of each choice, over its length where it is asked for."""
    if per == "none":
        return list(answer.logprobs)
    lengths = getattr(answer, _LENGTHS[per])
    return [
        logprob / max(length, 1) for logprob, length in zip(answer.logprobs, lengths, strict=True)
    ]


def _right(answer: Answer) -> int:
    assert answer.right is not None
    return answer.right


def _name(per: str) -> str:
    return "accuracy" if per == "none" else f"accuracy_per_{per}"
