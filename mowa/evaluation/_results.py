"""Results on disk: one folder a model, task and settings, keyed by their fingerprints."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mowa
from mowa.errors import DataError
from mowa.evaluation._answers import ITEMS, Answer, read_answers, with_values, write_answers
from mowa.evaluation._intervals import Score, score
from mowa.evaluation._scorers import measured, score_answers
from mowa.evaluation._task import Task
from mowa.workspace import canonical, write_text

RESULT = "result.json"
TASK = "task.json"
SCHEMA = 1

_REVISION = 1  # of how prompts are put together and answers asked for; part of every key

Result = dict[str, Any]
"""What `result.json` holds."""


@dataclass(frozen=True)
class ModelAbout:
    """What a result says of its model.

    Attributes:
        name: What pages call it.
        fingerprint: Of weights, tokenizer and chat template, or of URL and model.
        kind: ``artifact``, ``folder``, ``endpoint``, ``untrained``, ``random``.
        parameters: How many.
        architecture: Its class in `transformers`.
        licence: SPDX.
        lineage: What it was made from.
        kwh: Energy of its training.
        kwh_how: How that was found.
        trained_tokens: How many tokens it has seen.
    """

    name: str
    fingerprint: str
    kind: str
    parameters: int | None = None
    architecture: str | None = None
    licence: str | None = None
    lineage: list[dict[str, str]] | None = None
    kwh: float | None = None
    kwh_how: str | None = None
    trained_tokens: int | None = None


@dataclass(frozen=True)
class Settings:
    """How a task is asked.

    Attributes:
        shots: Items of the training split before each.
        template: Put prompts into the model's chat template.
        seed: Which shots are drawn.
        limit: Ask so many items, those whose ids hash smallest; all by default.
        judge: Who judges: URL without secrets, model, hash of the prompt.
    """

    shots: int = 0
    template: bool = False
    seed: int = 0
    limit: int | None = None
    judge: dict[str, str] | None = None


def result_key(model: str, task: str, settings: Settings, shots: str) -> str:
    """16 hexadecimal digits over all that a score depends on.

    Args:
        model: Fingerprint of the model.
        task: Fingerprint of the task with its test items.
        settings: How it is asked.
        shots: Hash of the shots.
    """
    text = canonical(
        {
            "revision": _REVISION,
            "model": model,
            "task": task,
            "settings": asdict(settings),
            "shots": shots,
        }
    )
    return hashlib.blake2b(text.encode("utf-8"), digest_size=8).hexdigest()


def make_result(
    about: ModelAbout,
    task: Task,
    settings: Settings,
    answers: Sequence[Answer],
    *,
    task_fingerprint: str,
    seconds: float,
) -> tuple[Result, list[Answer]]:
    """Score the answers: the result, and the answers with what each adds."""
    scored = score_answers(task, answers)
    answers = with_values(answers, scored.values)
    kept = sum(value is not None for value in scored.values)
    result = {
        **_head(about, task, settings, task_fingerprint),
        "status": "scored",
        "why": None,
        "items": kept,
        "left_out": _left_out(answers, scored.counts),
        "counts": {name: count for name, count in scored.counts.items() if count},
        "main": scored.main,
        "score": as_numbers(score(scored.measures[scored.main])),
        "scores": {name: as_numbers(score(measure)) for name, measure in scored.measures.items()},
        "groups": list(_groups(task, answers)),
        "contamination": None,
        "seconds": round(seconds, 3),
        "tokens": sum(sum(answer.tokens) for answer in answers),
        "cost": _sum([answer.cost for answer in answers]),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if not kept:
        window = "no item fits into the model's window" if answers else "nothing was asked"
        result |= {"status": "not-comparable", "why": window, "score": None, "scores": {}}
    return result, answers


def refused(
    about: ModelAbout, task: Task, settings: Settings, why: str, *, task_fingerprint: str
) -> Result:
    """The result of an engine that cannot do what the task needs."""
    return {
        **_head(about, task, settings, task_fingerprint),
        "status": "not-comparable",
        "why": why,
        "items": 0,
        "left_out": {},
        "counts": {},
        "main": None,
        "score": None,
        "scores": {},
        "groups": [],
        "contamination": None,
        "seconds": 0.0,
        "tokens": 0,
        "cost": None,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_result(folder: Path, result: Result, answers: Sequence[Answer], task: Task) -> None:
    """Write a result aside and put it in its place; an older one there goes."""
    aside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    write_answers(aside / ITEMS, answers)
    write_text(aside / TASK, _json(task.model_dump(mode="json")))
    write_text(aside / RESULT, _json(result))
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def read_result(folder: Path) -> Result:
    """Read `result.json`.

    Raises:
        DataError: Where it is damaged, or was written by another version.
    """
    path = folder / RESULT
    try:
        result = json.loads(path.read_text("utf-8"))
        schema = result["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"this is no result ({error!r})", where=str(path)) from error
    if schema != SCHEMA:
        raise DataError(
            f"this result was written by Mowa {result.get('mowa', '?')} in form {schema};"
            f" this Mowa reads form {SCHEMA}",
            where=str(path),
            fix="move it away and evaluate again, or use the Mowa that wrote it",
        )
    return dict(result)


def find_results(places: Iterable[Path]) -> list[Path]:
    """Folders of results in the places, which may be results themselves, or hold some."""
    found = {
        path.parent
        for place in places
        for path in ([place / RESULT] if (place / RESULT).is_file() else place.rglob(RESULT))
        if not path.parent.name.startswith(".")
    }
    return sorted(found)


def task_of(folder: Path) -> Task:
    """The task as it was when the result was written.

    Raises:
        DataError: Where it is damaged.
    """
    path = folder / TASK
    try:
        return Task.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"the task of this result cannot be read ({error})", where=str(path)
        ) from error


def rescore(folder: Path) -> Result:
    """Score the logged answers again, without the model, and write the result anew.

    Raises:
        DataError: Where the folder is damaged or of another version.
    """
    old, answers = read_result(folder), read_answers(folder)
    if old["status"] != "scored":
        return old
    task = task_of(folder)
    about = ModelAbout(**old["model"])
    new, answers = make_result(
        about,
        task,
        Settings(**old["settings"]),
        answers,
        task_fingerprint=old["task"]["fingerprint"],
        seconds=old["seconds"],
    )
    new |= {key: old[key] for key in ("when", "contamination")}
    write_result(folder, new, answers, task)
    return new


def as_numbers(found: Score) -> dict[str, Any]:
    """A score as JSON values; null for what is not a number."""
    return {
        key: _number(value) if isinstance(value, float) else value
        for key, value in found.as_dict().items()
    }


def _head(about: ModelAbout, task: Task, settings: Settings, fingerprint: str) -> Result:
    return {
        "schema": SCHEMA,
        "mowa": mowa.__version__,
        "model": asdict(about),
        "task": {
            "name": task.name,
            "version": task.version,
            "fingerprint": fingerprint,
            "title": task.title.model_dump(),
            "about": task.about.model_dump(),
            "kind": task.kind,
            "metric": task.metric,
            "baseline": task.baseline,
            "higher_is_better": task.higher_is_better,
            "licence": task.licence,
            "language": task.language,
            "group": task.group,
        },
        "settings": asdict(settings),
    }


def _left_out(answers: Sequence[Answer], counts: dict[str, int]) -> dict[str, int]:
    found = {
        "too_long": sum(answer.cut > 0 for answer in answers),
        "unjudged": counts.get("unjudged", 0),
    }
    return {name: count for name, count in found.items() if count}


def _groups(task: Task, answers: Sequence[Answer]) -> Iterable[dict[str, Any]]:
    kept = [answer for answer in answers if answer.value is not None]
    for group, count in sorted(Counter(answer.group for answer in kept if answer.group).items()):
        found = score(measured(task, [answer for answer in kept if answer.group == group]))
        yield {
            "group": group,
            "items": count,
            **{key: _number(getattr(found, key)) for key in ("value", "low", "high")},
        }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _sum(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
