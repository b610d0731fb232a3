"""Reading results folders: what `mowa eval` left, checked before anything is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mowa.errors import DataError, UsageError
from mowa.evaluation._results import RESULT, find_results, read_result
from mowa.workspace import first_problem


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Score(_Part):
    """One measured value with its interval; all in the metric's own unit."""

    value: float
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    level: float | None = None
    method: str | None = None
    too_few: bool = False


class Ancestor(_Part):
    """One artifact or source that a model was made from."""

    name: str
    kind: str = ""
    fingerprint: str | None = None


class Model(_Part):
    """What a result says of the model that it measured."""

    name: str
    fingerprint: str
    kind: str
    parameters: int | None = Field(None, ge=0)
    architecture: str | None = None
    licence: str | None = None
    lineage: tuple[Ancestor, ...] | None = None
    kwh: float | None = Field(None, ge=0)
    kwh_how: str | None = None
    trained_tokens: int | None = Field(None, ge=0)


class Task(_Part):
    """What a result says of the task."""

    name: str
    version: int | str
    fingerprint: str
    title: dict[str, str]
    about: dict[str, str] = Field(default_factory=dict)
    kind: str
    metric: str
    baseline: float | None = None
    higher_is_better: bool = True
    licence: str | None = None
    language: str | None = None
    group: str | None = None

    @field_validator("baseline", mode="before")
    @classmethod
    def _only_numbers(cls, said: Any) -> Any:
        """One that is still to be counted (``chance``) is none."""
        return None if isinstance(said, str) else said


class Settings(_Part):
    """How the model was asked."""

    shots: int = 0
    template: bool = False
    seed: int = 0
    limit: int | None = None
    judge: dict[str, Any] | None = None


class Group(_Part):
    """The score within one group of items: a phenomenon, a category."""

    group: str
    items: int
    value: float
    low: float | None = None
    high: float | None = None


class Searched(Ancestor):
    """A corpus, or dialogues, that a model was trained on, and how many items it has."""

    hits: int | None = Field(None, ge=0)


class Contamination(_Part):
    """How many items were found in what the model has read, and the scores without and with."""

    corpora: tuple[Searched, ...] = ()
    hits: int
    items: int
    clean: Score | None = None
    dirty: Score | None = None

    @field_validator("clean", "dirty", mode="before")
    @classmethod
    def _no_score_of_nothing(cls, said: Any) -> Any:
        return None if _is_empty(said) else said


class Result(_Part):
    """`result.json`, as far as the leaderboard shows it."""

    mowa: str = ""
    model: Model
    task: Task
    settings: Settings
    status: Literal["scored", "not-comparable"]
    why: str | None = None
    items: int = Field(0, ge=0)
    left_out: dict[str, int] = Field(default_factory=dict)
    counts: dict[str, int] = Field(default_factory=dict)
    score: Score | None = None
    scores: dict[str, Score] = Field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    contamination: Contamination | None = None
    when: str | None = None

    @field_validator("scores", mode="before")
    @classmethod
    def _only_scores_of_something(cls, said: Any) -> Any:
        if not isinstance(said, dict):
            return said
        return {name: one for name, one in said.items() if not _is_empty(one)}


@dataclass(frozen=True)
class Found:
    """A result and the folder that it lies in."""

    result: Result
    folder: Path


def read(paths: Sequence[Path]) -> list[Found]:
    """All results under `paths`, each once, in an order that does not depend on the paths.

    A path is the folder of one result, or holds such folders somewhere, as a scores artifact does.
    Of two results of the same model, task and settings the later one is taken.

    Raises:
        UsageError: Where a path holds no results.
        DataError: Where a result is damaged, or was written by another version.
    """
    newest: dict[str, Found] = {}
    for path in paths:
        folders = find_results([path])
        if not folders:
            raise UsageError(
                "there are no results here",
                where=str(path),
                fix="give a folder that `mowa eval --out` wrote, or an artifact of `evaluate`",
            )
        for folder in folders:
            found = Found(_result(folder), folder)
            key = _identity(found.result)
            if key not in newest or _age(newest[key]) < _age(found):
                newest[key] = found
    return [newest[key] for key in sorted(newest)]


def _result(folder: Path) -> Result:
    said = read_result(folder)
    where = str(folder / RESULT)
    try:
        result = Result.model_validate(said)
    except ValidationError as error:
        key, wrong = first_problem(error)
        raise DataError(f"{key or 'the result'}: {wrong}", where=where) from error
    if result.status == "scored" and result.score is None:
        raise DataError("a scored result without a score", where=where)
    return result


def _is_empty(said: Any) -> bool:
    """Is it a score of no items, whose value is none?"""
    value = said.get("value") if isinstance(said, dict) else 0.0
    return value is None or (isinstance(value, float) and isnan(value))


def _identity(result: Result) -> str:
    """Model, task and settings, as text that sorts by the names that people read."""
    return json.dumps(
        [
            result.task.name,
            str(result.task.version),
            result.task.fingerprint,
            result.settings.model_dump(mode="json"),
            result.model.name,
            result.model.fingerprint,
        ],
        sort_keys=True,
        ensure_ascii=False,
    )


def _age(found: Found) -> tuple[str, str]:
    return found.result.when or "", found.result.model_dump_json()
