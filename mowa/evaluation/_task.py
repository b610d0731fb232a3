"""A task as a person writes it down: what is asked, how it is scored, where its items are."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mowa.errors import UsageError
from mowa.workspace import first_problem

Kind = Literal["pairs", "choice", "generate", "perplexity", "emotions", "judged"]
Metric = Literal["accuracy", "f1", "macro-f1", "accepted", "bits-per-byte", "eq-bench", "judged"]
Text = str | tuple[str, ...]

TASK_FILE = "task.toml"
METRICS: dict[Kind, tuple[Metric, ...]] = {
    "pairs": ("accuracy",),
    "choice": ("accuracy", "f1", "macro-f1"),
    "generate": ("accepted", "accuracy", "f1", "macro-f1"),
    "perplexity": ("bits-per-byte",),
    "emotions": ("eq-bench",),
    "judged": ("judged",),
}
_ABOUT = ("title", "about", "licence", "authors", "root", "data")  # not what a score depends on


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Names(_Part):
    """One text in the languages of the leaderboard."""

    pl: str
    en: str


class Hub(_Part):
    """A data set of a hub, for users who ask for it; splits by the hub's names."""

    id: str
    config: str | None = None
    revision: str | None = None
    test: str
    train: str | None = None


class Data(_Part):
    """Where the items are.

    A split names a file, or patterns of files of which the first that finds any counts; all that it
    finds are read, in the order of their names. Paths are relative to `task.toml`, or to
    `folder` under the user's data.
    """

    folder: str | None = None
    test: Text = ()
    train: Text = ()
    columns: tuple[str, ...] = ()  # of text files: one item a line
    separator: str = "\t"
    hub: Hub | None = None


class Columns(_Part):
    """Which columns of the data become what; without a word, columns have our own names.

    Attributes:
        id: The item's name, of one column or of several; its number where there is no such column.
        group: What pages break scores down by.
        fields: Fields of the template, by column (``answers.text`` reaches into a table).
        choices: The column that holds the choices, or one column a choice.
        labels: The choices, where they are the same for every item.
        answer: The right one: its index, its text, or a value of `values`.
        values: What the answer column holds for each choice; several values may stand for one.
        other: Index of the choice that every other value stands for.
        references: Right answers of a generation: a column of one or of several.
        literals: Columns that hold a list or a table as text; read as data, never run.
        only: Items are left out unless these columns have these values.
        once: Of several rows with one value of this column, the first alone is an item.
        shuffle: Choices are put into an order that the item's id decides.
        good: The right sentence of a pair.
        bad: The wrong one.
        text: The document of a perplexity task.
        rule: What the scorer needs beside the answer; several columns by name.
        source: What bears the answer.
    """

    id: Text = "id"
    group: str | None = None
    fields: dict[str, str] = {}
    choices: Text = "choices"
    labels: tuple[str, ...] = ()
    answer: str = "answer"
    values: tuple[str | tuple[str, ...], ...] = ()
    other: int | None = None
    references: str | None = None
    literals: tuple[str, ...] = ()
    only: dict[str, str] = {}
    once: str | None = None
    shuffle: bool = False
    good: str = "good"
    bad: str = "bad"
    text: str = "text"
    rule: str | dict[str, str] = "rule"
    source: str = "source"


class Prompt(_Part):
    """How an item is put; ``{field}`` is a field of the item, and nothing else is evaluated.

    ``{options}`` lists the choices, ``{letter}`` and ``{choice}`` are those of one of them,
    ``{answer}`` is the first reference.
    """

    intro: str = ""
    template: str
    answer: str = " {answer}"
    option: str = "{letter}. {choice}"


class Generation(_Part):
    """How an answer is written, and read.

    Attributes:
        max_new_tokens: Most tokens of an answer.
        stop: What ends an answer, without a chat template; with one the model ends itself.
        extract: What the answer is: its text, a letter that it states, one of the choices.
        match: When a text is right. exact: it is a reference, up to case and punctuation; near: its
            number is that of the reference, or fewer than half of the reference's letters differ;
            contains: a reference's words stand in it.
    """

    max_new_tokens: int = Field(50, ge=1)
    stop: tuple[str, ...] = ("\n",)
    extract: Literal["text", "letter", "choice"] = "text"
    match: Literal["exact", "near", "contains"] = "exact"


class Judging(_Part):
    """What a judge is asked: ``{answer}`` is the model's, other fields are the item's."""

    template: str
    lowest: float = 1
    highest: float = 10


class Task(_Part):
    """One task, of one kind, with one metric.

    Attributes:
        name: Of the task, the same in every result.
        version: Raised when items or prompts change.
        title: For pages.
        about: One or two sentences for pages.
        language: ISO 639-3.
        licence: SPDX, of the items.
        authors: Of the items.
        kind: What is asked, and how.
        metric: What its score is.
        baseline: What scores nothing: a number; ``majority``, what the largest class (for F1, the
            positive one) gets where it is always said; ``chance``, what guessing among the choices
            gets.
        group: Field of an item that pages break scores down by.
        per: Length that likelihoods of choices are divided by.
        positive: Index of the class whose F1 is taken.
        combine: Of the two passes of EQ-Bench, the better one or the mean.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    version: int = Field(1, ge=1)
    title: Names
    about: Names
    language: str = "pol"
    licence: str
    authors: str = ""
    kind: Kind
    metric: Metric
    baseline: Annotated[float, Field(ge=0, lt=1)] | Literal["majority", "chance"] = 0.0
    group: str | None = None
    per: Literal["none", "character", "byte", "token"] = "none"
    positive: int = 1
    combine: Literal["best", "mean"] = "best"
    data: Data
    columns: Columns = Columns()
    prompt: Prompt | None = None
    generation: Generation = Generation()
    judge: Judging | None = None
    root: Path = Field(Path(), exclude=True)

    @model_validator(mode="after")
    def _fits(self) -> Task:
        if self.metric not in METRICS[self.kind]:
            raise ValueError(f"a task of kind {self.kind} has metric {_either(METRICS[self.kind])}")
        if self.kind in ("choice", "generate", "emotions", "judged") and self.prompt is None:
            raise ValueError(f"a task of kind {self.kind} needs a [prompt]")
        if self.kind == "judged" and self.judge is None:
            raise ValueError("a judged task needs a [judge]")
        return self

    @property
    def higher_is_better(self) -> bool:
        """Is a higher score the better one?"""
        return self.metric != "bits-per-byte"

    def decides(self) -> dict[str, Any]:
        """All that a score depends on, except the items."""
        return self.model_dump(mode="json", exclude=set(_ABOUT))


def shipped() -> Path:
    """The folder of the tasks that come with Mowa."""
    return Path(str(resources.files("mowa.evaluation") / "tasks"))


def find_tasks(names: Sequence[str], *, folder: Path | None = None) -> list[Task]:
    """The tasks that a person means: by name, by folder, by a family (all its variants).

    Args:
        names: ``dyk-mc``, ``dyk``, ``path/to/my-task``.
        folder: Where named tasks are; those that come with Mowa by default.

    Raises:
        UsageError: Where there is no such task, or its file is not as it should be.
    """
    found: dict[str, Task] = {}
    for name in names:
        for task in _meant(name, folder or shipped()):
            if name != task.name and task.name in found and found[task.name].root != task.root:
                raise UsageError(f"two tasks have the name {task.name!r}", where=str(task.root))
            found[task.name] = task
    return list(found.values())


def all_tasks(folder: Path | None = None) -> list[Task]:
    """Every task of a folder of tasks."""
    return [
        task
        for path in sorted((folder or shipped()).glob(f"*/{TASK_FILE}"))
        for task in read_task(path)
    ]


def read_task(path: Path) -> list[Task]:
    """The task of a `task.toml`, or its variants: tables that change keys of the rest.

    Raises:
        UsageError: Where it is no TOML, a key is unknown or missing, or a value is wrong.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"this task cannot be read ({error})", where=str(path)) from error
    variants = raw.pop("variants", None)
    if not variants:
        return [_checked(raw, path)]
    return [_checked(_variant(raw, name, change), path) for name, change in variants.items()]


def has_shots(task: Task) -> bool:
    """Can shots stand before its items? Not before sentences of pairs and documents."""
    return task.kind not in ("pairs", "perplexity")


def _meant(name: str, folder: Path) -> Iterator[Task]:
    path = Path(name)
    if (path / TASK_FILE).is_file():
        yield from read_task(path / TASK_FILE)
        return
    known = []
    for file in sorted(folder.glob(f"*/{TASK_FILE}")):
        tasks = read_task(file)
        known += [task.name for task in tasks]
        if file.parent.name == name:
            yield from tasks
            return
        for task in tasks:
            if task.name == name:
                yield task
                return
    near = difflib.get_close_matches(name, known, n=3)
    raise UsageError(
        f"there is no task {name!r}",
        fix=f"did you mean {_either(near)}?" if near else f"choose among {', '.join(known)}",
    )


def _variant(raw: dict[str, Any], name: str, change: dict[str, Any]) -> dict[str, Any]:
    merged = _merged(raw, change)
    merged["name"] = f"{raw.get('name', '')}-{name}"
    if "title" not in change:
        merged["title"] = {
            code: f"{title} ({name})" for code, title in dict(raw.get("title", {})).items()
        }
    return merged


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _checked(raw: dict[str, Any], path: Path) -> Task:
    try:
        task = Task.model_validate({**raw, "root": path.parent})
    except ValidationError as error:
        key, wrong = first_problem(error)
        raise UsageError(f"{key or 'the task'}: {wrong}", where=str(path)) from error
    folder = task.data.folder or path.parent.name
    return task.model_copy(update={"data": task.data.model_copy(update={"folder": folder})})


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)
