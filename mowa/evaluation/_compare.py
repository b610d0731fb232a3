"""Two results side by side: the difference with its interval, and the items that differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mowa.errors import UsageError
from mowa.evaluation._answers import Answer, read_answers
from mowa.evaluation._paired import Difference, paired_measures
from mowa.evaluation._results import Result, read_result, task_of
from mowa.evaluation._scorers import measured


@dataclass(frozen=True)
class Comparison:
    """The first result minus the second, over the items that both answered.

    Attributes:
        first: Its result.
        second: Its result.
        difference: Of the task's metric.
        items: The answers of both to items whose values differ, the largest difference first.
    """

    first: Result
    second: Result
    difference: Difference
    items: list[tuple[Answer, Answer]]


def compare(first: Path, second: Path, *, seed: int = 0) -> Comparison:
    """Compare two results of one task.

    Raises:
        UsageError: Where they are of different tasks, or one has no score.
        DataError: Where one cannot be read.
    """
    results = [read_result(folder) for folder in (first, second)]
    if results[0]["task"]["fingerprint"] != results[1]["task"]["fingerprint"]:
        names = [f"{result['task']['name']} v{result['task']['version']}" for result in results]
        raise UsageError(
            f"these are results of different tasks or items: {names[0]} and {names[1]}",
            fix="compare results of one task, evaluated with the same items",
        )
    for result in results:
        if result["status"] != "scored":
            raise UsageError(
                f"{result['model']['name']} is not comparable: {result['why']}",
                fix="compare results that have a score",
            )
    by_id = [
        {answer.id: answer for answer in read_answers(folder) if answer.value is not None}
        for folder in (first, second)
    ]
    shared = [id_ for id_ in by_id[0] if id_ in by_id[1]]
    pairs = [(by_id[0][id_], by_id[1][id_]) for id_ in shared]
    task = task_of(first)
    measures = [measured(task, [pair[side] for pair in pairs]) for side in (0, 1)]
    differing = [pair for pair in pairs if pair[0].value != pair[1].value]
    return Comparison(
        results[0],
        results[1],
        paired_measures(measures[0], measures[1], seed=seed),
        sorted(differing, key=lambda pair: -abs((pair[0].value or 0) - (pair[1].value or 0))),
    )
