"""The fact tables: what the templates may say, with every inflected form spelt out by hand.

A table in `facts/*.toml` has `columns` and `rows`, fields separated by ` | `; its sub-tables
(`facts`, `steps`, …) give more for an entry, by its `nom`: lines, one sentence each, or one string.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from mowa.sample._template import Entity, Table

__all__ = ["lines", "tables"]


@cache
def tables() -> dict[str, Table]:
    """Every table by name.

    Raises:
        ValueError: Where a row has not as many fields as there are columns, a sub-table names no
            row, or two files name a table alike.
    """
    found: dict[str, Table] = {}
    folder = resources.files("mowa.sample") / "facts"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            for name, raw in tomllib.loads(file.read_text("utf-8")).items():
                if name in found:
                    raise ValueError(f"there are two tables {name!r}")
                found[name] = _table(name, raw)
    return found


def lines(block: str) -> tuple[str, ...]:
    """The lines of a multi-line string that hold something."""
    return tuple(line.strip() for line in block.splitlines() if line.strip())


def _table(name: str, raw: dict[str, Any]) -> list[Entity]:
    columns = [column.strip() for column in raw["columns"].split("|")]
    rows: list[dict[str, str | tuple[str, ...]]] = []
    for line in lines(raw["rows"]):
        fields = [value.strip() for value in line.split("|")]
        if len(fields) != len(columns):
            raise ValueError(f"{name}: {len(fields)} fields, not {len(columns)}, in {line!r}")
        rows.append(dict(zip(columns, fields, strict=True)))
    for extra, entries in raw.items():
        if not isinstance(entries, dict):
            continue
        if unknown := set(entries) - {str(row["nom"]) for row in rows}:
            raise ValueError(f"{name}.{extra} has lines for {unknown}, which are no rows")
        for row in rows:
            value = entries[str(row["nom"])]
            row[extra] = lines(value) if "\n" in value else value
    return list(rows)
