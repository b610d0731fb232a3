"""What a model answered to one item, as it lies in the log: enough to score it again without it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from mowa.errors import DataError
from mowa.workspace import writing

ITEMS = "items.parquet"


@dataclass(frozen=True)
class Answer:
    """One row of `items.parquet`.

    Attributes:
        id: Of the item.
        group: What pages break scores down by.
        prompt: Everything that the model was given, shots and chat template included.
        choices: What was scored after the prompt, one text a choice; empty for generations.
        target: The right answer, for a reader.
        output: What the model wrote, or the choice that it finds likeliest.
        logprobs: Sum of ln p of each choice.
        characters: Length of each choice as such.
        bytes: Its UTF-8 bytes.
        tokens: Its tokens; for a generation those that were written.
        value: What the item adds to the task's metric; None where it is left out.
        seconds: About how long it took.
        cut: Tokens of the prompt that did not fit; the item is then left out.
        source: What bears the right answer.
        contaminated: Does it stand in the training text? None: not looked for.
        hits: Where it stands there.
        right: Index of the right choice.
        options: The choices that a written answer is read by.
        answers: Right answers of a generation.
        rule: What else the scorer needs.
        finish: How a generation ended: ``stop``, ``eos``, ``length``, ``empty``.
        note: What a judge wrote of it.
        cost: Of an endpoint.
    """

    id: str
    group: str | None = None
    prompt: str = ""
    choices: tuple[str, ...] = ()
    target: str = ""
    output: str = ""
    logprobs: tuple[float, ...] = ()
    characters: tuple[int, ...] = ()
    bytes: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    value: float | None = None
    seconds: float = 0.0
    cut: int = 0
    source: str | None = None
    contaminated: bool | None = None
    hits: tuple[dict[str, Any], ...] = ()
    right: int | None = None
    options: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    rule: dict[str, Any] | None = None
    finish: str | None = None
    note: str | None = None
    cost: float | None = None

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Answer:
        """From the plain values of a journal, or of a row of `items.parquet`.

        Raises:
            TypeError: Where a key is missing or unknown.
        """
        found: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
        }
        if isinstance(found.get("rule"), str):
            found["rule"] = json.loads(found["rule"])
        return cls(**found)


def write_answers(path: Path, answers: Sequence[Answer]) -> None:
    """Write `items.parquet`, in the order given."""
    import polars as pl
    import pyarrow.parquet as pq

    schema: dict[str, Any] = {
        **dict.fromkeys(("id", "group", "prompt", "target", "output", "source"), pl.String),
        **dict.fromkeys(("rule", "finish", "note"), pl.String),
        **{name: pl.List(pl.String) for name in ("choices", "options", "answers")},
        **{name: pl.List(pl.Int64) for name in ("characters", "bytes", "tokens")},
        **dict.fromkeys(("value", "seconds", "cost"), pl.Float64),
        "logprobs": pl.List(pl.Float64),
        "cut": pl.Int64,
        "right": pl.Int64,
        "contaminated": pl.Boolean,
        "hits": pl.List(
            pl.Struct(
                {
                    **dict.fromkeys(("document", "kind", "text", "corpus"), pl.String),
                    "share": pl.Float64,
                }
            )
        ),
    }
    rows = [
        {
            **asdict(answer),
            "rule": json.dumps(answer.rule, ensure_ascii=False) if answer.rule else None,
        }
        for answer in answers
    ]
    order = [field.name for field in fields(Answer)]
    table = pl.DataFrame(rows, schema={name: schema[name] for name in order})
    with writing(path) as partial:
        pq.write_table(table.to_arrow(), partial, compression="zstd")


def read_answers(folder: Path) -> list[Answer]:
    """The answers of a result, in the order of the task.

    Raises:
        DataError: Where the file is damaged or of another version.
    """
    import polars as pl

    path = folder / ITEMS
    try:
        return [Answer.from_dict(row) for row in pl.read_parquet(path).to_dicts()]
    except (pl.exceptions.PolarsError, OSError, TypeError, ValueError) as error:
        raise DataError(
            f"these answers cannot be read ({error})",
            where=str(path),
            fix="evaluate again, or use the version of Mowa that wrote them",
        ) from error


def with_values(answers: Sequence[Answer], values: Iterable[float | None]) -> list[Answer]:
    """The same answers with other values."""
    return [replace(answer, value=value) for answer, value in zip(answers, values, strict=True)]
