"""What is known of each record of a sample: the lines of `truth.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mowa.errors import DataError

__all__ = ["Truth", "read_truth", "truth_lines"]


@dataclass(frozen=True, slots=True)
class Truth:
    """One record; what does not apply to it is None or empty. `docs/sample.md` has the table.

    Attributes:
        kind: What it is: `good`, `duplicate`, `foreign`, …
        expected: What should become of it: `keep`, `reject`, `duplicate`, `quarantine`, `skip`.
        reason: Why, where it should not be kept: in the corpus's words where it has one for it.
        path: Its file, relative to the sample.
        key: The record's key as the readers give it; for notes, their id.
        what: Which sort of its kind: `letters` of garbage, `same-page` of duplicates.
        text: The text that should come out of it, paragraphs with an empty line between them.
    """

    kind: str
    expected: str = "keep"
    reason: str | None = None
    path: str = ""
    key: str = ""
    what: str | None = None
    document: str | None = None
    register: str | None = None
    host: str | None = None
    make: str | None = None
    url: str | None = None
    language: str | None = None
    other_language: str | None = None
    encoding: str | None = None
    claimed_encoding: str | None = None
    claimed_in_page: str | None = None
    text: str | None = None
    duplicate_of: str | None = None
    mirror_of: str | None = None
    near_duplicate_of: str | None = None
    change: str | None = None
    similarity: float | None = None
    mojibake: str | None = None
    personal_data: tuple[dict[str, str], ...] = ()
    look_alikes: tuple[dict[str, str], ...] = ()
    reserved: str | None = None
    protocols: tuple[str, ...] = ()
    licence: str | None = None
    licence_form: str | None = None


def truth_lines(truth: Iterable[Truth]) -> bytes:
    """JSON lines; what does not apply is left out."""
    return "".join(
        json.dumps(
            {name: value for name in _NAMES if (value := getattr(line, name)) not in (None, ())},
            ensure_ascii=False,
        )
        + "\n"
        for line in truth
    ).encode()


def read_truth(folder: Path) -> list[Truth]:
    """The truth about every record of the sample in `folder`, in the order of the records.

    Raises:
        DataError: Where there is no `truth.jsonl`, or a line of it is none of ours.
    """
    path = folder / "truth.jsonl"
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the truth about this sample cannot be read: {error}",
            where=str(path),
            fix="write the sample with `mowa sample write`",
        ) from error
    return [_line(path, number, line) for number, line in enumerate(lines, 1)]


_NAMES = tuple(field.name for field in fields(Truth))
_LISTS = ("personal_data", "look_alikes", "protocols")


def _line(path: Path, number: int, line: str) -> Truth:
    try:
        values: Any = json.loads(line)
        return Truth(**{**values, **{name: tuple(values.get(name, ())) for name in _LISTS}})
    except (TypeError, ValueError) as error:
        raise DataError(
            f"line {number} is not a line of a truth table: {error}",
            where=str(path),
            fix="write the sample again with `mowa sample write`",
        ) from error
