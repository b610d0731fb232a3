"""What people decided about dialogues: lists of ids, and texts that they put right."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mowa.errors import DataError, UsageError
from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue, Review, fault_of
from mowa.instructions.importers import BadRowError
from mowa.instructions.importers._common import text_of, turns_of
from mowa.instructions.making._details import with_step

_MOST_FIELD = 16 << 20
_TEXTS = ("messages", "answer", "chosen", "rejected")


@dataclass(frozen=True)
class Decision:
    """What somebody decided about one dialogue.

    Attributes:
        review: The state that it gets.
        texts: Of a correction: `answer`, the last turn; or `messages`, `chosen`, `rejected`.
    """

    review: Review
    texts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Reviewed:
    """What a review came to, counted on the way.

    Attributes:
        states: Dialogues by their state of review, those that nobody decided about included.
        unknown: Ids that no dialogue has; complete once all dialogues went through.
    """

    states: Counter[str]
    unknown: list[str]


def read_decisions(lists: Iterable[tuple[Review, Path]]) -> dict[str, Decision]:
    r"""Decisions by id, of files that name dialogues.

    A file is JSON Lines, where it is called ``.jsonl``: ids, or objects with an `id`, such as rows
    of `mowa instruct show --json`. Any other is a table with tabs between: the id, and behind it of
    a correction the new answer; a first row that begins with ``id`` is its head.

    Args:
        lists: The state that the dialogues of a file get, and the file.

    Raises:
        UsageError: Where a file cannot be read, two files say different things of one dialogue, or
            a correction has no text.
    """
    found: dict[str, Decision] = {}
    for review, path in lists:
        for where, name, texts in _rows(path):
            given = {key: texts[key] for key in _TEXTS if texts.get(key) is not None}
            if review == "corrected" and not given:
                raise UsageError(
                    f"{name} is corrected, and nothing says to what",
                    where=where,
                    fix="put the new answer behind the id, or take JSON Lines with id and answer",
                )
            decision = Decision(review, given if review == "corrected" else {})
            if found.setdefault(name, decision) != decision:
                raise UsageError(
                    f"{name} is {found[name].review} and {review} at once",
                    where=where,
                    fix="leave one of the two out",
                )
    return found


def reviewed(
    dialogues: Iterable[Dialogue], decisions: Mapping[str, Decision], counted: Reviewed
) -> Iterator[Dialogue]:
    """The dialogues with what was decided; others go through as they are.

    Of a correction, `details` keep what stood there before.

    Raises:
        DataError: Where a correction makes no dialogue.
    """
    left = dict.fromkeys(decisions)
    for dialogue in dialogues:
        decision = decisions.get(dialogue.id)
        left.pop(dialogue.id, None)
        new = dialogue if decision is None else _decided(dialogue, decision)
        counted.states[new.review] += 1
        yield new
    counted.unknown += left


def _decided(dialogue: Dialogue, decision: Decision) -> Dialogue:
    if not decision.texts:
        return replace(dialogue, review=decision.review)
    try:
        new = _corrected(dialogue, decision.texts)
    except BadRowError as error:
        raise _no_dialogue(dialogue, error.reason) from error
    if fault := fault_of(new):
        raise _no_dialogue(dialogue, fault)
    before = {
        "messages": [[turn.role, turn.content] for turn in dialogue.messages],
        "chosen": dialogue.chosen,
        "rejected": dialogue.rejected,
    }
    step = {"step": "review", "before": before}
    return replace(new, review=decision.review, details=with_step(dialogue.details, step))


def _corrected(dialogue: Dialogue, texts: Mapping[str, Any]) -> Dialogue:
    messages, chosen, rejected = dialogue.messages, dialogue.chosen, dialogue.rejected
    if "messages" in texts:
        messages = turns_of(texts["messages"])
    if "answer" in texts:
        if dialogue.is_preference:
            raise BadRowError("a preference has two answers: give chosen and rejected")
        messages = (*messages[:-1], Message("assistant", text_of(texts["answer"])))
    if "chosen" in texts:
        chosen = text_of(texts["chosen"])
    if "rejected" in texts:
        rejected = text_of(texts["rejected"])
    return replace(dialogue, messages=messages, chosen=chosen, rejected=rejected)


def _no_dialogue(dialogue: Dialogue, why: str) -> DataError:
    return DataError(f"the correction of {dialogue.id} makes no dialogue: {why}")


def _rows(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Of each row where it stands, the id, and what else it says."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() in (".jsonl", ".ndjson"):
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield _of_json(line, f"{path}, line {number}")
                return
            csv.field_size_limit(_MOST_FIELD)
            table = csv.reader(file, delimiter="\t", strict=True)
            for number, cells in enumerate(table):
                if not any(cells) or (number == 0 and cells[0].strip().casefold() == "id"):
                    continue
                answer = cells[1] if len(cells) > 1 and cells[1].strip() else None
                yield f"{path}, line {table.line_num}", cells[0].strip(), {"answer": answer}
    except OSError as error:
        raise UsageError(f"this file cannot be read: {error.strerror}", where=str(path)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"this is no table in UTF-8: {error}",
            where=str(path),
            fix='double the quotation marks of a cell that begins with one, """Tak"" to mało", or'
            " write JSON Lines",
        ) from error


def _of_json(line: str, where: str) -> tuple[str, str, dict[str, Any]]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"this is no JSON: {error}", where=where) from error
    name = row.get("id") if isinstance(row, dict) else row
    if not isinstance(name, str):
        raise UsageError("this row names no dialogue: it is no id, and has none", where=where)
    return where, name, row if isinstance(row, dict) else {}
