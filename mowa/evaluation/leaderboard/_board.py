"""The table behind the site: rows are models, columns are tasks as they were asked."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mowa.evaluation._intervals import TOO_FEW
from mowa.evaluation.leaderboard._metrics import Metric, metric
from mowa.evaluation.leaderboard._read import Found, Model, Result, Score, Settings, Task
from mowa.evaluation.leaderboard._statistics import Estimate

Range = tuple[int, int]


@dataclass(frozen=True)
class Row:
    """A model, with or without its chat template.

    Attributes:
        slug: Names its files; unique.
        said: Set where two rows have one name: what tells them apart.
    """

    slug: str
    model: Model
    template: bool
    said: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name


@dataclass(frozen=True)
class Column:
    """A task as it was asked: scores within a column may be compared.

    Attributes:
        slug: Names its files; unique.
        differs: Settings in which columns of the same task differ, besides shots.
    """

    slug: str
    task: Task
    settings: Settings
    differs: tuple[str, ...] = ()

    @property
    def metric(self) -> Metric:
        """How its scores are written."""
        return metric(self.task.metric, lower=not self.task.higher_is_better)

    @property
    def base(self) -> float | None:
        """What chance or the largest class gets; None where the metric has no such thing."""
        return None if self.metric.lower else self.task.baseline


@dataclass
class Cell:
    """What one model did in one column."""

    found: Found
    rank: Range | None = None

    @property
    def result(self) -> Result:
        """The result."""
        return self.found.result

    @property
    def comparable(self) -> bool:
        """Is there a number at all?"""
        return self.result.status == "scored"

    @property
    def contaminated(self) -> bool:
        """Were items found in the corpora that the model was trained on?"""
        known = self.result.contamination
        return self.comparable and known is not None and known.hits > 0

    @property
    def clean(self) -> Score | None:
        """The score without the items that were found; the whole one where none was."""
        if not self.comparable:
            return None
        known = self.result.contamination
        return known.clean if known is not None and known.hits else self.result.score

    @property
    def headline(self) -> Score | None:
        """The score that is drawn and sorted by: without the items that were found, if any."""
        return self.clean or self.result.score

    @property
    def with_hits(self) -> float | None:
        """The score with the items that were found, where there are any."""
        score = self.result.score
        return score.value if self.contaminated and score is not None else None

    @property
    def clean_items(self) -> int:
        """How many items stand behind `clean`."""
        known = self.result.contamination
        return self.result.items - (known.hits if known else 0)

    @property
    def too_few(self) -> bool:
        """Are there too few items for a claim of rank?"""
        score = self.clean
        return self.comparable and (score is None or score.too_few or self.clean_items < TOO_FEW)

    @property
    def counts(self) -> bool:
        """Does it take part in ranks and averages?"""
        return self.comparable and not self.too_few


@dataclass
class Standing:
    """What can be said of a model over all tasks.

    Attributes:
        average: Mean of the rescaled clean scores; None where a task of the average is missing.
        missing: Columns of the average in which the model has no score that counts.
        contaminated: Is any of the scores in it one from which items were left out?
    """

    average: Estimate | None
    missing: int
    contaminated: bool
    rank: Range | None = None


@dataclass
class Board:
    """All that the site shows, in the order in which it is shown."""

    rows: list[Row]
    columns: list[Column]
    cells: dict[tuple[str, str], Cell]
    averaged: list[Column] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)
    differences: dict[str, list[list[Estimate | None]]] = field(default_factory=dict)

    def cell(self, row: Row, column: Column) -> Cell | None:
        """What `row` did in `column`, if it was asked."""
        return self.cells.get((row.slug, column.slug))

    def of_row(self, row: Row) -> list[tuple[Column, Cell]]:
        """The columns in which `row` was asked."""
        found = [(column, self.cell(row, column)) for column in self.columns]
        return [(column, cell) for column, cell in found if cell is not None]

    def of_column(self, column: Column) -> list[tuple[Row, Cell]]:
        """The rows that were asked, best first, those without a number last."""
        found = [(row, self.cell(row, column)) for row in self.rows]
        there = [(row, cell) for row, cell in found if cell is not None]
        return sorted(there, key=lambda pair: _best_first(pair[1], column))

    @cached_property
    def tasks(self) -> list[tuple[str, list[Column]]]:
        """Slug of each task's page, and its columns."""
        grouped: dict[str, list[Column]] = defaultdict(list)
        for column in self.columns:
            grouped[column.task.name].append(column)
        slugs = unique_slugs([(name, name) for name in grouped])
        return list(zip(slugs, grouped.values(), strict=True))

    def task_slug(self, column: Column) -> str:
        """The slug of the page of the column's task."""
        return next(slug for slug, columns in self.tasks if column in columns)

    @property
    def latest(self) -> str | None:
        """The day of the newest result."""
        days = [cell.result.when[:10] for cell in self.cells.values() if cell.result.when]
        return max(days, default=None)


def lay_out(found: Sequence[Found]) -> Board:
    """Rows and columns of the results; no statistics yet."""
    rows = _rows([one.result for one in found])
    columns = _columns([one.result for one in found])
    by_row = {_row_key(row.model, template=row.template): row for row in rows}
    by_column = {_column_key(column.task, column.settings): column for column in columns}
    cells = {}
    for one in found:
        result = one.result
        row = by_row[_row_key(result.model, template=result.settings.template)]
        column = by_column[_column_key(result.task, result.settings)]
        cells[row.slug, column.slug] = Cell(one)
    return Board(rows, columns, cells)


def unique_slugs(names: Iterable[tuple[str, str]]) -> list[str]:
    """A slug of ``[a-z0-9-]`` for each (name, identity); a hash of the identity where two agree.

    Example:
        >>> unique_slugs([("Żółw 3B", "a"), ("zolw-3b", "b"), ("日本", "c")])
        ['zolw-3b-c93f52', 'zolw-3b-cb5332', 'x-3be797']
    """
    plain = [(_slug(name), identity) for name, identity in names]
    count: dict[str, int] = defaultdict(int)
    for slug, _ in plain:
        count[slug] += 1
    return [
        slug if slug and count[slug] == 1 else f"{slug or 'x'}-{_short_hash(identity)}"
        for slug, identity in plain
    ]


def _slug(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.casefold().replace("ł", "l"))
    return re.sub(r"[^a-z0-9]+", "-", folded.encode("ascii", "ignore").decode()).strip("-")[:48]


def _short_hash(identity: str) -> str:
    return hashlib.blake2b(identity.encode(), digest_size=3).hexdigest()


def _rows(results: Sequence[Result]) -> list[Row]:
    models: dict[tuple[Any, ...], Model] = {}
    for result in results:
        models[_row_key(result.model, template=result.settings.template)] = result.model
    named = sorted(models, key=lambda key: (key[0].casefold(), key))
    names: dict[tuple[str, bool], int] = defaultdict(int)
    for name, _, template in named:
        names[name, template] += 1
    slugs = unique_slugs(
        (f"{name}-chat" if template else name, f"{name} {fingerprint} {template}")
        for name, fingerprint, template in named
    )
    return [
        Row(slug, models[key], key[2], key[1][:8] if names[key[0], key[2]] > 1 else "")
        for slug, key in zip(slugs, named, strict=True)
    ]


def _row_key(model: Model, *, template: bool) -> tuple[str, str, bool]:
    return model.name, model.fingerprint, template


def _columns(results: Sequence[Result]) -> list[Column]:
    asked: dict[tuple[Any, ...], Column] = {}
    for result in results:
        key = _column_key(result.task, result.settings)
        if key not in asked or result.status == "scored":
            asked[key] = Column("", result.task, result.settings)
    keys = sorted(asked, key=lambda key: (asked[key].metric.lower, key))
    values: dict[str, dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for column in asked.values():
        for setting, value in _settings(column).items():
            values[column.task.name][setting].add(value)
    slugs = unique_slugs((f"{asked[key].task.name}-{key[3]}", repr(key)) for key in keys)
    return [
        Column(
            slug,
            asked[key].task,
            asked[key].settings,
            tuple(
                setting
                for setting in ("version", "limit", "judge", "seed")
                if len(values[asked[key].task.name][setting]) > 1
            ),
        )
        for slug, key in zip(slugs, keys, strict=True)
    ]


def _settings(column: Column) -> dict[str, Any]:
    task, settings = column.task, column.settings
    return {
        "version": (str(task.version), task.fingerprint),
        "limit": settings.limit,
        "judge": repr(settings.judge),
        "seed": settings.seed if settings.shots else 0,
    }


def _column_key(task: Task, settings: Settings) -> tuple[Any, ...]:
    return (
        task.name,
        str(task.version),
        task.fingerprint,
        settings.shots,
        settings.seed if settings.shots else 0,  # the seed only draws the shots
        settings.limit or math.inf,
        repr(settings.judge),
    )


def _best_first(cell: Cell, column: Column) -> tuple[int, float, str]:
    score = cell.headline
    if not cell.comparable or score is None:
        return 2, 0.0, cell.result.model.name
    value = score.value if column.metric.lower else -score.value
    return (0 if cell.counts else 1), value, cell.result.model.name
