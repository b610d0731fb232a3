"""The report of the step `evaluate`: scores of each task with their intervals, drawn."""

from __future__ import annotations

from collections.abc import Sequence

from mowa.evaluation._results import Result
from mowa.report import Bars, Block, Page, Section, Table, Text


def report(results: Sequence[Result]) -> Page:
    """One section a task; what is not comparable is said, never drawn."""
    tasks = list(dict.fromkeys(_task(result) for result in results))
    models = {result["model"]["name"] for result in results}
    return Page(
        "Evaluation",
        f"{len(models)} models, {len(tasks)} tasks",
        [_section(task, [result for result in results if _task(result) == task]) for task in tasks],
    )


def _section(task: tuple[str, int], results: Sequence[Result]) -> Section:
    scored = [result for result in results if result["score"]]
    about = results[0]["task"]
    blocks: list[Block] = []
    if scored:
        blocks.append(
            Bars(
                f"{about['metric']} (baseline {about['baseline']:.3f})",
                [(result["model"]["name"], result["score"]["value"]) for result in scored],
                intervals=[_interval(result) for result in scored],
            )
        )
    blocks.append(
        Table(
            ["model", about["metric"], "from", "to", "items", "left out", "remarks"],
            [_row(result) for result in results],
        )
    )
    if any(result["score"] and result["score"]["too_few"] for result in scored):
        blocks.append(Text("Too few items to claim a rank."))
    name, shots = task
    return Section(f"{about['title']['en']} ({name}, {shots} shots)", blocks)


def _row(result: Result) -> list[str | float | int | None]:
    score = result["score"] or {"value": None, "low": None, "high": None}
    left_out = sum(result["left_out"].values())
    counted = [f"{name.replace('_', ' ')}: {count}" for name, count in result["counts"].items()]
    searched = (result["contamination"] or {}).get("corpora", [])
    counted += [f"found in {one['name']}: {one['hits']}" for one in searched if one.get("hits")]
    remarks = result["why"] or ", ".join(counted)
    return [
        result["model"]["name"],
        score["value"],
        score["low"],
        score["high"],
        result["items"],
        left_out,
        remarks,
    ]


def _interval(result: Result) -> tuple[float, float]:
    score = result["score"]
    if score["low"] is None:
        return score["value"], score["value"]
    return score["low"], score["high"]


def _task(result: Result) -> tuple[str, int]:
    return result["task"]["name"], result["settings"]["shots"]
