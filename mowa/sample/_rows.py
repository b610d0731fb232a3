"""The table of what was planted against what was found: its rows, their sums, its JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ALL", "Row", "as_json", "summary", "with_all"]

ALL = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """One sort of what was planted.

    Attributes:
        group: What was planted: `exact duplicates`, `machine garbage`.
        label: Which sort of it; empty where there is one sort.
        planted: How many; words, in the rows of the group `main text`.
        found: How many were dealt with as they should be; None where no step looks for them.
        false_alarms: How many others were taken for it; None where that cannot be told.
        looked_for_by: The kind of step that should find them; None where there is none yet.
    """

    group: str
    label: str
    planted: int
    found: int | None
    false_alarms: int | None
    looked_for_by: str | None

    @property
    def missed(self) -> int | None:
        """How many were not found."""
        return None if self.found is None else self.planted - self.found

    @property
    def precision(self) -> float | None:
        """The share of what was taken for it that is it; None where nothing was, or unknown."""
        if self.found is None or self.false_alarms is None or not self.found + self.false_alarms:
            return None
        return self.found / (self.found + self.false_alarms)

    @property
    def recall(self) -> float | None:
        """The share of what was planted that was found."""
        return None if self.found is None or not self.planted else self.found / self.planted

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        if self.precision is None or self.recall is None or not self.precision + self.recall:
            return None
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def as_json(rows: Sequence[Row]) -> str:
    """The rows with all that follows from them, as a list of JSON objects."""
    derived = ("missed", "precision", "recall", "f1")
    table: list[dict[str, Any]] = [
        asdict(row) | {name: _rounded(getattr(row, name)) for name in derived} for row in rows
    ]
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def with_all(rows: list[Row], false_alarms: int) -> list[Row]:
    """The rows of one group after the row of them all, which alone can tell false alarms."""
    if not rows:
        return []
    first = rows[0]
    found = None if first.found is None else sum(row.found or 0 for row in rows)
    alarms = None if first.found is None else false_alarms
    planted = sum(row.planted for row in rows)
    return [Row(first.group, ALL, planted, found, alarms, first.looked_for_by), *rows]


def summary(rows: Sequence[Row]) -> list[Row]:
    """One row a group: the row of all its sorts where there is one, else their sum."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    return [_sum(group) for group in groups.values()]


def _sum(group: list[Row]) -> Row:
    for row in group:
        if row.label == ALL:
            return row

    def total(name: str) -> int | None:
        values = [getattr(row, name) for row in group]
        return None if None in values else sum(values)

    planted = sum(row.planted for row in group)
    first = group[0]
    return Row(
        first.group, ALL, planted, total("found"), total("false_alarms"), first.looked_for_by
    )
