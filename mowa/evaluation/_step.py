"""The step `evaluate`: models of a recipe, asked tasks; one folder of results, and a report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mowa.evaluation._against import look_for
from mowa.evaluation._config import EvaluateConfig
from mowa.evaluation._evaluate import Prepared, evaluate, prepare
from mowa.evaluation._models import open_model
from mowa.evaluation._results import Result, Settings
from mowa.evaluation._task import find_tasks, has_shots
from mowa.evaluation._tasks_page import report
from mowa.evaluation.contamination import against
from mowa.evaluation.contamination._texts import SEARCHED
from mowa.execution import Context
from mowa.workspace import Inputs, Metrics, Workspace


def observe(config: EvaluateConfig, context: Context, cache: Path | None) -> dict[str, Any]:
    """What the tasks are: the hash of each, with its items and shots."""
    del cache  # sets of questions are small
    return {
        "tasks": [
            {"task": item.task.name, "fingerprint": item.fingerprint, "shots": item.shots_digest}
            for item in _prepared(config, context)
        ]
    }


def run(config: EvaluateConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Ask every model every task; writes `results/` and `report.html`.

    Items are looked for in the corpora and dialogues that the step reads.

    Raises:
        UsageError: Where a task has no such split.
        DataError: Where items are not as they should be, or a likelihood is not a number.
    """
    prepared = _prepared(config, context)
    folder = out / "results"
    corpora = [
        against(Workspace(corpus.path.parents[1]), corpus, context)
        for kind in SEARCHED
        for corpus in inputs.all(kind)
    ]
    results: list[Result] = []
    for model in inputs.all("model"):
        for kind in ("", *(f"{floor}:" for floor in config.floors)):
            reference = f"{kind}{model.path}"
            with open_model(reference, out, device=config.device) as (engine, about):
                for item in prepared:
                    label = f"{about.name}: {item.task.name}"
                    with context.progress.task(label, total=len(item.items)) as advance:
                        seen = 0

                        def told(done: int, total: int) -> None:
                            nonlocal seen
                            del total
                            advance(done - seen)
                            seen = done

                        made, _ = evaluate(engine, about, item, folder, advance=told)
                        results.append(look_for(made, item, corpora))
    for name in (".locks", ".partial"):
        shutil.rmtree(folder / name, ignore_errors=True)
    report(results).write(out / "report.html")
    return _metrics(results)


def _prepared(config: EvaluateConfig, context: Context) -> list[Prepared]:
    data = context.data / config.data if config.data else None
    return [
        prepare(
            task,
            Settings(shots=shots, template=config.template, seed=config.seed, limit=config.limit),
            data=data,
        )
        for task in find_tasks(config.tasks)
        for shots in (config.shots if has_shots(task) else [0])
    ]


def _metrics(results: list[Result]) -> Metrics:
    return {
        "results": [
            {
                "model": result["model"]["name"],
                "task": result["task"]["name"],
                "shots": result["settings"]["shots"],
                "status": result["status"],
                "items": result["items"],
                **{
                    key: result["score"][key] if result["score"] else None
                    for key in ("value", "low", "high")
                },
            }
            for result in results
        ]
    }
