"""An artifact as it lies on disk: a folder and the `artifact.json` that says what it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mowa.errors import DataError, UsageError

RECORD = "artifact.json"

Metrics = dict[str, Any]
"""What a step measured, as plain JSON values; shown by `mowa show` and drawn in reports."""


@dataclass(frozen=True)
class InputRef:
    """One artifact that another was made from."""

    name: str
    version: str
    fingerprint: str
    kind: str


@dataclass(frozen=True)
class FileRecord:
    """One file of an artifact: path relative to it, size in bytes, BLAKE2b-256 in hexadecimal."""

    path: str
    bytes: int
    blake2b: str


@dataclass(frozen=True)
class Artifact:
    """What a step made, with everything that `artifact.json` says of it.

    `config` is the identity part of the step's configuration (with what an inventory observed),
    `runtime` the rest; `name` is ``recipe/step``.
    """

    path: Path
    kind: str
    name: str
    version: str
    fingerprint: str
    revision: int
    config: dict[str, Any]
    runtime: dict[str, Any]
    inputs: tuple[InputRef, ...]
    code: dict[str, str]
    created: str
    seconds: float
    files: tuple[FileRecord, ...]
    metrics: Metrics
    rights: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """``recipe/step@version``."""
        return f"{self.name}@{self.version}"

    def to_json(self) -> str:
        """The text of `artifact.json`."""
        record = asdict(self)
        del record["path"]
        return json.dumps(record, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def load(cls, folder: Path) -> Artifact:
        """Read the artifact in `folder`.

        Raises:
            DataError: Where `artifact.json` is absent, cut short or not what it should be.
        """
        path = folder / RECORD
        try:
            record = json.loads(path.read_text("utf-8"))
            record["inputs"] = tuple(InputRef(**item) for item in record["inputs"])
            record["files"] = tuple(FileRecord(**item) for item in record["files"])
            return cls(path=folder, **record)
        except FileNotFoundError:
            raise DataError("there is no artifact here", where=str(folder)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"this is not a readable artifact record ({error})",
                where=str(path),
                fix="remove the folder and run the recipe again",
            ) from error


@dataclass(frozen=True)
class Inputs:
    """The artifacts that a step reads, in the order of the recipe."""

    artifacts: tuple[Artifact, ...]

    def all(self, kind: str) -> list[Artifact]:
        """Every input of `kind`."""
        return [artifact for artifact in self.artifacts if artifact.kind == kind]

    def one(self, kind: str) -> Artifact:
        """The only input of `kind`.

        Raises:
            UsageError: Where there is none or more than one.
        """
        found = self.all(kind)
        if len(found) != 1:
            names = ", ".join(artifact.id for artifact in found) or "none"
            raise UsageError(f"expected one input of kind {kind}, found {names}")
        return found[0]
