"""A task's items, checked: from the columns of its data to what every kind of task has."""

from __future__ import annotations

import ast
import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mowa.errors import DataError, UsageError
from mowa.evaluation._rows import Row, Split, read_rows
from mowa.evaluation._task import Task
from mowa.inference import fields_of
from mowa.workspace import canonical

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_OURS = {"options", "letter", "choice", "answer"}
_MOST_LITERAL = 100_000


@dataclass(frozen=True)
class Item:
    """One item, whatever its data looked like.

    Attributes:
        id: Unique within the task.
        fields: What the template may show.
        choices: What is chosen from; of a pair, the good and the bad sentence.
        answer: Index of the right choice.
        references: Right answers of a generation.
        rule: What else its scorer needs.
        group: What pages break scores down by.
        source: What bears the answer.
    """

    id: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    answer: int | None = None
    references: tuple[str, ...] = ()
    rule: dict[str, Any] | None = None
    group: str | None = None
    source: str | None = None


def read_items(
    task: Task, split: Split, *, data: Path | None = None, hub: bool = False
) -> list[Item] | None:
    """The items of a split, in the order of the data; None where the task has no such split.

    Raises:
        UsageError: Where the split is not here, or the task asks for a field that items lack.
        DataError: Where two items have one id, an answer is not among the choices, a choice stands
            twice or is empty, or there are no items at all.
    """
    rows = read_rows(task, split, data=data, hub=hub)
    if rows is None:
        return None
    items = [_item(row, number, task) for number, row in enumerate(_chosen(rows, task))]
    if not items:
        raise DataError(f"there are no {split} items", where=task.name)
    _check_ids(items, task)
    return items


def baseline(task: Task, items: Sequence[Item]) -> float:
    """What scores nothing, from the items where the task does not give it as a number.

    Example:
        >>> from types import SimpleNamespace as Some
        >>> baseline(Some(baseline="chance"), [Item("1", choices=("a", "b", "c", "d"))])
        0.25
    """
    if isinstance(task.baseline, float | int):
        return float(task.baseline)
    if task.baseline == "chance":
        return sum(1 / len(item.choices) for item in items) / len(items)
    counts = Counter(item.answer for item in items)
    if task.metric == "f1":
        share = counts[task.positive] / len(items)
        return 2 * share / (1 + share)
    share = max(counts.values()) / len(items)
    return 2 * share / (1 + share) / len(counts) if task.metric == "macro-f1" else share


def fingerprint(task: Task, items: Iterable[Item]) -> str:
    """Hash of what a score of the task depends on: its definition and its test items."""
    text = canonical({"task": task.decides(), "items": [asdict(item) for item in items]})
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()


def _chosen(rows: Iterable[Row], task: Task) -> Iterator[Row]:
    columns = task.columns
    seen = set()
    for row in rows:
        if any(str(_at(row, key)) != value for key, value in columns.only.items()):
            continue
        if columns.once is not None:
            value = str(_at(row, columns.once))
            if value in seen:
                continue
            seen.add(value)
        yield row


def _item(row: Row, number: int, task: Task) -> Item:
    columns = task.columns
    parts = [row.get(name) for name in _names(columns.id)]
    id_ = f"{number:06d}" if None in parts else "-".join(map(str, parts))
    where = f"{task.name}, item {id_}"
    row = {key: _literal(row[key], where) if key in columns.literals else row[key] for key in row}
    group = columns.group or task.group
    value = row.get(group) if group else None
    source = row.get(columns.source)
    item = Item(
        id=id_,
        fields=_fields(row, task, where),
        group=None if value is None else str(value),
        source=source if isinstance(source, str) and source else None,
        **_by_kind(row, task, where),
    )
    return _shuffled(item) if columns.shuffle else item


def _by_kind(row: Row, task: Task, where: str) -> dict[str, Any]:
    columns = task.columns
    if task.kind == "pairs":
        pair = (_text(row, columns.good, where), _text(row, columns.bad, where))
        if pair[0] == pair[1]:
            raise DataError("both sentences of the pair are the same", where=where)
        return {"choices": pair, "answer": 0}
    if task.kind == "perplexity":
        return {"choices": (_text(row, columns.text, where),), "answer": 0}
    found: dict[str, Any] = {"rule": _rule(row, task, where)}
    if task.kind == "choice" or task.generation.extract != "text":
        choices = _choices(row, task, where)
        found |= {"choices": choices, "answer": _answer(row, choices, task, where)}
    elif task.kind == "generate":
        found["references"] = _references(row, task, where)
    return found


def _fields(row: Row, task: Task, where: str) -> dict[str, str]:
    wanted = task.columns.fields or {key: key for key in row}
    fields = {
        name: str(value).strip()
        for name, column in wanted.items()
        if isinstance(value := _at(row, column), str | int | float)
    }
    templates = [task.prompt.intro, task.prompt.template] if task.prompt else []
    asked = {name for template in templates for name in fields_of(template)} - _OURS
    if missing := sorted(asked - set(fields)):
        raise UsageError(
            f"the prompt asks for {', '.join(missing)}, which this item lacks",
            where=where,
            fix=f"name columns in [columns.fields]; it has {', '.join(sorted(fields)) or 'none'}",
        )
    return fields


def _choices(row: Row, task: Task, where: str) -> tuple[str, ...]:
    columns = task.columns
    found: Any = columns.labels or (
        _at(row, columns.choices)
        if isinstance(columns.choices, str)
        else [_at(row, name) for name in _names(columns.choices)]
    )
    if isinstance(found, Mapping):  # choices by their letters
        found = list(found.values())
    if not isinstance(found, list | tuple) or not all(isinstance(text, str) for text in found):
        raise DataError("the choices are no list of texts", where=where)
    choices = tuple(text.strip() for text in found)
    if len(choices) < 2 or len(choices) > len(LETTERS):
        raise DataError(f"there are {len(choices)} choices", where=where)
    if "" in choices or len(set(choices)) != len(choices):
        raise DataError("a choice is empty or stands there twice", where=where)
    return choices


def _answer(row: Row, choices: tuple[str, ...], task: Task, where: str) -> int:
    columns = task.columns
    value = _at(row, columns.answer)
    index = _index(value, row, choices, task)
    if index is None:
        index = columns.other
    if index is None or not 0 <= index < len(choices):
        raise DataError(
            f"the answer {value!r} is not among the {len(choices)} choices",
            where=where,
            fix="give its index from 0, its text, or what stands for it in [columns] values",
        )
    return index


def _index(value: Any, row: Row, choices: tuple[str, ...], task: Task) -> int | None:
    columns = task.columns
    if columns.values:
        alike = [(v,) if isinstance(v, str) else v for v in columns.values]
        return next((i for i, values in enumerate(alike) if str(value) in values), None)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.strip() in choices:
        return choices.index(value.strip())
    by_letter = _at(row, columns.choices) if isinstance(columns.choices, str) else None
    if isinstance(by_letter, Mapping) and value in by_letter:
        return list(by_letter).index(value)
    return None


def _references(row: Row, task: Task, where: str) -> tuple[str, ...]:
    column = task.columns.references
    value = _at(row, column or "answers")
    if value is None and column is None:
        value = _at(row, task.columns.answer)
    values = value if isinstance(value, list | tuple) else [value]
    found = tuple(dict.fromkeys(str(text).strip() for text in values if text is not None))
    if not any(found) and _at(row, "rule") is None:
        raise DataError("there is no right answer", where=where)
    return tuple(text for text in found if text)


def _rule(row: Row, task: Task, where: str) -> dict[str, Any] | None:
    named = task.columns.rule
    if isinstance(named, str):
        rule = _at(row, named)
        if rule is not None and not isinstance(rule, dict):
            raise DataError(f"the rule is no table but {rule!r}", where=where)
        return rule
    return {name: _at(row, column) for name, column in named.items()}


def _text(row: Row, column: str, where: str) -> str:
    value = _at(row, column)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"there is no text in {column!r}", where=where)
    return value


def _names(columns: str | tuple[str, ...]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else columns


def _at(row: Row, column: str) -> Any:
    """A value by its column; dots reach into tables."""
    if column in row:
        return row[column]
    value: Any = row
    for part in column.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _literal(value: Any, where: str) -> Any:
    """A list or table that stands as text; only constants, nothing is called or looked up."""
    if not isinstance(value, str):
        return value
    if len(value) > _MOST_LITERAL or not re.match(r"\s*[\[{(]", value):
        return value
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise DataError(f"{value[:60]!r} is no list and no table", where=where) from error


def _shuffled(item: Item) -> Item:
    order = list(range(len(item.choices)))
    random.Random(f"choices/{item.id}").shuffle(order)
    return replace(
        item,
        choices=tuple(item.choices[place] for place in order),
        answer=None if item.answer is None else order.index(item.answer),
    )


def _check_ids(items: list[Item], task: Task) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise DataError(f"two items have the id {item.id!r}", where=task.name)
        seen.add(item.id)
