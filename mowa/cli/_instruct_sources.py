"""What `mowa instruct` commands read: artifacts, folders that are none, and files of rows."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from pydantic import ValidationError

from mowa.cli._common import console
from mowa.errors import DataError, UsageError
from mowa.execution import harmless
from mowa.workspace import RECORD, Artifact, Workspace

if TYPE_CHECKING:
    from mowa.instructions import Dialogue, Origin
    from mowa.instructions.making._made import Outcome

_FILES = (".jsonl", ".ndjson", ".json", ".parquet", ".gz", ".zst", ".bz2", ".xz")
_ROWS_SHOWN = 5


@dataclass(frozen=True)
class Rows:
    """Options of what holds for the rows of a file that do not say it themselves."""

    origin: Annotated[
        str | None,
        typer.Option(help="Of a file's answers: human, generated (by a model) or translated."),
    ] = None
    licence: Annotated[str | None, typer.Option(help="Of a file, an SPDX expression.")] = None
    source_language: Annotated[str | None, typer.Option(help="That a file is in, ISO 639-3.")] = (
        None
    )


def artifact_of(reference: str, kind: str, workspace: Path) -> Artifact:
    """What a person means, as a step reads it; a folder need not be an artifact."""
    folder = Path(reference)
    marks = {"corpus": "manifest.json", "model": "config.json", "dialogues": "dialogues"}
    if (folder / marks[kind]).exists() and not (folder / RECORD).exists():
        return _unrecorded(folder.resolve(), kind)
    artifact = Workspace.open(workspace).get(reference)
    if artifact.kind != kind:
        raise UsageError(f"{artifact.id} is of kind {artifact.kind}, not {kind}")
    return artifact


def _unrecorded(folder: Path, kind: str) -> Artifact:
    return Artifact(
        path=folder, kind=kind, name=folder.name, version="", fingerprint="", revision=0,
        config={}, runtime={}, inputs=(), code={}, created="", seconds=0.0, files=(), metrics={},
    )  # fmt: skip


@contextmanager
def dialogues_of(
    reference: str, workspace: Path, rows: Rows
) -> Iterator[tuple[Artifact, list[Outcome]]]:
    """The dialogues of an artifact, of a folder, or of a file, and the rows of that which are none.

    Raises:
        UsageError: Where there is no such thing, the form of a file is not known, or what rows say
            is given of what has no rows.
        DataError: Where not one row of a file is a dialogue.
    """
    path = Path(reference)
    if path.is_dir() or not (path.is_file() or path.suffix.lower() in _FILES):
        if rows != Rows():
            raise UsageError(
                "--origin, --licence and --source-language are for the rows of a file",
                where=reference,
                fix="leave them out: these dialogues say it themselves",
            )
        yield artifact_of(reference, "dialogues", workspace), []
        return
    from mowa.instructions import write_dialogues

    unread: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="mowa-dialogues-") as made:
        folder = Path(made) / path.stem
        if not write_dialogues(folder, _read(path, rows, unread)):
            reasons = Counter(one.reason for outcome in unread for one in outcome.rejects)
            said = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
            raise DataError(
                f"not one row of this file is a dialogue: {said or 'there is none'}",
                where=str(path),
                fix="say who made the answers, --origin human, generated or translated"
                if "unknown origin" in reasons
                else None,
            )
        yield _unrecorded(folder, "dialogues"), unread


def _read(path: Path, rows: Rows, unread: list[Outcome]) -> Iterator[Dialogue]:
    """The dialogues of a file; the rest of its rows, by their numbers, goes to `unread`."""
    from mowa.instructions import Dialogue, DialoguesConfig
    from mowa.instructions._candidates import Candidate, Rejected, fault_in, limits_of
    from mowa.instructions._read import FileCounts, Rules, candidates_in
    from mowa.instructions.making._made import Outcome, Reject

    if not path.is_file():
        raise UsageError("there is no such file", where=str(path))
    # Whether a row that says nothing of its origin is refused is decided row by row.
    config = checked(
        DialoguesConfig,
        origin=rows.origin or "human",
        licence=rows.licence,
        language=rows.source_language,
    )
    base = Dialogue(
        "",
        (),
        origin=cast("Origin", rows.origin or ""),
        licence=config.licence,
        source=path.name.partition(".")[0],
        language=config.language,
    )
    try:
        for one in candidates_in(path, path.name, Rules(base, config), FileCounts(path.name)):
            fault = fault_in(one, limits_of(config)) if isinstance(one, Candidate) else one
            if isinstance(one, Candidate) and fault is None:
                yield one.dialogue
                continue
            assert isinstance(fault, Rejected)
            place = fault.place
            item = f"{place.file}:{place.row}"
            reject = Reject(item, fault.reason, fault.detail, text=place.beginning)
            unread.append(Outcome((), (reject,)))
    except UsageError as error:
        raise UsageError(
            error.what,
            where=str(path),
            fix="a recipe's step `dialogues` reads rows of any fields, by a converter",
        ) from error


def say_unread(unread: Sequence[Outcome]) -> None:
    """Name the first rows of a file that are no dialogues, if there are any."""
    if unread:
        named = ", ".join(one.rejects[0].item for one in unread[:_ROWS_SHOWN])
        more = ", …" if len(unread) > _ROWS_SHOWN else ""
        console.print(
            f"{len(unread):,} rows are no dialogues: {harmless(named)}{more}", markup=False
        )


def checked(kind: Any, **values: Any) -> Any:
    """A configuration; what is wrong with it is told as of a recipe's."""
    from mowa.recipe._recipe import explain

    try:
        return kind(**values)
    except ValidationError as error:
        raise explain(error, kind, "what you asked for") from error
