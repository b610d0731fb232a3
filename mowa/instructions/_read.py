"""From the files of an inventory to candidates: which form a file has, and what a row makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from mowa.collect.readers._streams import uncompressed
from mowa.corpus import document_id
from mowa.corpus._normalise import without_surrogates
from mowa.errors import DataError, UsageError
from mowa.instructions._candidates import Candidate, Place, Rejected
from mowa.instructions._config import DialoguesConfig
from mowa.instructions._converter import Converter, convert, member_of, pieces
from mowa.instructions._dialogue import Dialogue
from mowa.instructions._rows import BadRow, Row, read_rows
from mowa.instructions.importers import IMPORTERS, BadRowError, gathered, importer_for

_TRIED = 16  # rows by whose fields a form is told
_SHOWN = 12  # fields in a message


@dataclass
class FileCounts:
    """What became of the rows of one file.

    Attributes:
        file: Its path.
        form: What its rows were read as.
        rows: Rows in it; for a converter that goes down into lists, their members.
        joined: Rows that are pieces of another's tree.
        broken: Rows that made no dialogue.
        candidates: Dialogues that its rows made, good or not.
        unbound: Dialogues whose answer was not found in the text that it should stand on.
    """

    file: str
    form: str = ""
    rows: int = 0
    joined: int = 0
    broken: int = 0
    candidates: int = 0
    unbound: int = 0


@dataclass(frozen=True)
class Rules:
    """How rows become dialogues.

    Attributes:
        base: What rows may leave open.
        config: The step's.
        converter: What stands in the place of a form.
    """

    base: Dialogue
    config: DialoguesConfig
    converter: Converter | None = None


def candidates_in(
    path: Path, relative: str, rules: Rules, counts: FileCounts
) -> Iterator[Candidate | Rejected]:
    """What each row of one file makes, in the order of the rows.

    Args:
        path: The file.
        relative: Its path relative to its source's folder.
        rules: How rows become dialogues.
        counts: Filled on the way.

    Raises:
        UsageError: Where the form cannot be told, or nobody says who made the answers.
        DataError: Where the file is not of its format at all.
    """
    config = rules.config
    rows = read_rows(path, relative, config.max_row_bytes)
    if rules.converter is not None:
        counts.form = rules.converter.name
        found = _converted(rows, relative, rules, rules.converter, counts)
    else:
        name, rows = _with_form(rows, relative, config.format)
        if config.origin is None and name in IMPORTERS and not IMPORTERS[name].states_origin:
            raise UsageError(
                f"nobody says who made the answers in this file, whose rows are {name}",
                where=relative,
                fix='write origin = "human", "generated" or "translated" in the step',
            )
        counts.form = name
        found = _imported(rows, relative, rules.base, name, counts)
    for one in found:
        if isinstance(one, Rejected):
            counts.broken += 1
        else:
            counts.candidates += 1
        yield one


def _with_form(
    rows: Iterator[Row | BadRow], relative: str, named: str
) -> tuple[str, Iterator[Row | BadRow]]:
    """The form of a file, and all its rows; a file without objects has none."""
    if named != "auto":
        return named, rows
    seen: list[Row | BadRow] = []
    objects: list[Mapping[str, Any]] = []
    for row in rows:
        seen.append(row)
        if isinstance(row, Row) and isinstance(row.value, Mapping):
            objects.append(row.value)
            name = importer_for(row.value)
            if name is not None:
                return name, chain(seen, rows)
            if len(objects) == _TRIED:
                break
    if objects:
        fields = ", ".join(sorted(map(str, objects[0]))[:_SHOWN])
        raise UsageError(
            f"the fields of this file's rows are of no form that is known: {fields}",
            where=relative,
            fix=f"name the form in format ({', '.join(IMPORTERS)}), write a converter,"
            " or leave the file out with the inventory's exclude",
        )
    return "none", chain(seen, rows)


def _imported(
    rows: Iterator[Row | BadRow], relative: str, base: Dialogue, name: str, counts: FileCounts
) -> Iterator[Candidate | Rejected]:
    importer = IMPORTERS.get(name)
    if importer is not None and importer.joins:
        rows = _joined(rows, relative, counts)
    for row in _counted(rows, counts, is_counted=importer is None or not importer.joins):
        place = _place(base, relative, row)
        if isinstance(row, BadRow):
            yield Rejected(place, row.reason, row.detail)
            continue
        if importer is None or not isinstance(row.value, Mapping):
            yield Rejected(place, "the row is no object", type(row.value).__name__)
            continue
        key = f"{uncompressed(relative)}#{row.number}"
        own = replace(base, id=_hashed(base, key))
        try:
            made = importer.make(row.value, own)
        except BadRowError as error:
            yield Rejected(place, error.reason, error.detail)
            continue
        except KeyError as error:
            yield Rejected(place, "a field is missing", str(error.args[0]))
            continue
        if not made:
            yield Rejected(place, "no answer")
        for number, dialogue in enumerate(made):
            again = number > 0 and dialogue.id == own.id
            new = replace(dialogue, id=_hashed(base, f"{key}/{number}")) if again else dialogue
            yield Candidate(new, place, name)


def _joined(
    rows: Iterator[Row | BadRow], relative: str, counts: FileCounts
) -> Iterator[Row | BadRow]:
    """The trees of flat messages, in the order of their roots; then what is in none."""
    bad: list[BadRow] = []

    def good() -> Iterator[tuple[int, Any]]:
        for row in rows:
            counts.rows += 1
            if isinstance(row, BadRow):
                bad.append(row)
            else:
                yield row.number, row.value

    try:
        found = gathered(good())
    except BadRowError as error:
        raise DataError(
            f"this file has {error.reason}", where=relative, fix="take the file of whole trees"
        ) from error
    counts.joined += found.joined
    yield from (Row(number, tree) for number, tree in found.trees)
    lost = [
        BadRow(number, reason, "", Row(number, value).beginning)
        for number, reason, value in found.lost
    ]
    yield from sorted(bad + lost, key=lambda row: row.number)


def _counted(
    rows: Iterator[Row | BadRow], counts: FileCounts, *, is_counted: bool
) -> Iterator[Row | BadRow]:
    for row in rows:
        counts.rows += is_counted
        yield row


def _converted(
    rows: Iterator[Row | BadRow],
    relative: str,
    rules: Rules,
    converter: Converter,
    counts: FileCounts,
) -> Iterator[Candidate | Rejected]:
    base, stem = rules.base, uncompressed(relative)
    for row in rows:
        if isinstance(row, BadRow):
            counts.rows += 1
            yield Rejected(_place(base, relative, row), row.reason, row.detail)
            continue
        for piece in pieces(converter, row.value, stem, row.number):
            counts.rows += 1
            number = counts.rows if converter.each else row.number
            shown = row
            if converter.each and not isinstance(piece, BadRowError):
                shown = Row(number, member_of(converter, piece))
            place = _place(base, relative, shown)
            try:
                if isinstance(piece, BadRowError):
                    raise piece
                own = replace(base, id=_hashed(base, f"{stem}#{number}"))
                dialogue, unbound = convert(converter, piece, own, rules.config.seed)
            except BadRowError as error:
                yield Rejected(place, error.reason, error.detail)
                continue
            counts.unbound += unbound
            yield Candidate(dialogue, place, converter.name)


def _place(base: Dialogue, relative: str, row: Row | BadRow) -> Place:
    return Place(base.source, relative, row.number, without_surrogates(row.beginning)[0])


def _hashed(base: Dialogue, key: str) -> str:
    return document_id(base.source or "", key)
