"""What `mowa instruct` commands read: artifacts, folders that are none, and JSON Lines files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mowa.errors import DataError, UsageError
from mowa.workspace import RECORD, Artifact, Workspace

if TYPE_CHECKING:
    from mowa.instructions import Dialogue

_MOST_LINE = 16 << 20


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
def dialogues_of(reference: str, workspace: Path) -> Iterator[Artifact]:
    """The dialogues of an artifact, of a folder, or of a JSON Lines file."""
    path = Path(reference)
    if path.suffix != ".jsonl":
        yield artifact_of(reference, "dialogues", workspace)
        return
    from mowa.instructions import write_dialogues

    with ExitStack() as stack:
        made = stack.enter_context(tempfile.TemporaryDirectory(prefix="mowa-dialogues-"))
        folder = Path(made) / path.stem
        write_dialogues(folder, _rows(path))
        yield _unrecorded(folder, "dialogues")


def _rows(path: Path) -> Iterator[Dialogue]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_MOST_LINE), b""), start=1):
                if not line.strip():
                    continue
                try:
                    yield _dialogue(json.loads(line), f"{path.stem}-{number}")
                except (ValueError, RecursionError, DataError) as error:
                    raise DataError(
                        str(error), where=f"{path}, line {number}",
                        fix='each row has "messages" and "origin" (human, generated, translated); a'
                        " recipe's step `dialogues` reads others, and passes over what is broken",
                    ) from error  # fmt: skip
    except OSError as error:
        raise UsageError(f"this file cannot be read: {error.strerror}", where=str(path)) from error


def _dialogue(row: Any, name: str) -> Dialogue:
    from mowa.instructions import Dialogue
    from mowa.instructions.importers._turns import from_ours

    if not isinstance(row, dict):
        raise DataError("this is not a dialogue: no JSON object")
    if "origin" not in row:
        raise DataError("this row does not say who made its answers")
    (found,) = from_ours({"id": name, **row}, Dialogue("", ()))
    return found
