"""Label files: one JSON line for each answer, added and flushed one at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mowa.errors import DataError, UsageError
from mowa.workspace import disk_error

QUALITY = ("HIGH", "MEDIUM", "LOW")

_FIELDS = ("doc_id", "content_hash", "label", "annotator", "time", "corpus")
_LONGEST = 4_096  # bytes of a line; ours have about 300
_LONGEST_CLASS = 100  # characters
_MOST_CLASSES = 2_000


@dataclass(frozen=True)
class Label:
    """What one person said of one document.

    Attributes:
        doc_id: The document, and
        content_hash: its text as it was then.
        label: The class; None takes back what the same person said of it before.
        annotator: Who said it.
        time: When, ISO 8601 in UTC.
        corpus: The corpus in which the document was shown.
    """

    doc_id: str
    content_hash: str
    label: str | None
    annotator: str
    time: str
    corpus: str


def read_labels(
    path: Path, classes: Collection[str] | None = None, hashes: Mapping[str, str] | None = None
) -> list[Label]:
    """The labels of a file that stand: the last that each person said of each document.

    Args:
        path: A file of JSON lines, as `LabelWriter` writes it.
        classes: The classes that there are; any without it.
        hashes: `content_hash` by `doc_id` of the corpus's documents; not looked at without it.

    Returns:
        In the order in which each document was first labelled by each person.

    Raises:
        UsageError: Where there is no such file.
        DataError: With the number of the line, where one is cut or no label, where its class is
            not among `classes`, or its document is not in the corpus or has another text there.
    """
    standing: dict[tuple[str, str], Label] = {}
    for where, label in _lines(path):
        if classes is not None and label.label is not None and label.label not in classes:
            raise DataError(
                f"unknown class {label.label!r}",
                where=where,
                fix=f"the classes are {_some(classes)}; correct the line or name the class",
            )
        if hashes is not None:
            _check_document(label, hashes, where)
        standing[label.doc_id, label.annotator] = label
    return [label for label in standing.values() if label.label is not None]


def read_classes(path: Path) -> tuple[str, ...]:
    """Classes from a text file, one a line; empty lines and lines that begin with # are left out.

    Raises:
        UsageError: Where the file is absent or names fewer than two classes or one class twice.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the classes cannot be read ({error})", where=str(path)) from error
    named = [line.strip() for line in lines]
    return check_classes([name for name in named if name and not name.startswith("#")], str(path))


def check_classes(classes: Sequence[str], where: str) -> tuple[str, ...]:
    """The classes, where they can be used as such.

    Raises:
        UsageError: For fewer than two, more than 2,000, one named twice, or an odd name.
    """
    for name in classes:
        if not name or name != name.strip() or not name.isprintable() or len(name) > _LONGEST_CLASS:
            raise UsageError(f"{name[:_LONGEST_CLASS]!r} is no name for a class", where=where)
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise UsageError(f"the class {twice!r} is named twice", where=where)
    if not 2 <= len(classes) <= _MOST_CLASSES:
        raise UsageError(
            f"there must be 2 to {_MOST_CLASSES:,} classes, not {len(classes):,}", where=where
        )
    return tuple(classes)


class LabelWriter:
    """Adds labels to a file; each is on the disk before `add` returns.

    Several processes may add to one file at a time.

    Raises:
        DataError: Where the file ends in a cut line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)

    def add(self, label: Label) -> None:
        """Write one line, whole or not at all, and flush it.

        Raises:
            MowaError: Where the disk is full.
        """
        data = (json.dumps(asdict(label), ensure_ascii=False) + "\n").encode()
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            size = os.fstat(self._handle).st_size
            try:
                _write_all(self._handle, data)
                os.fsync(self._handle)
            except OSError as error:
                os.ftruncate(self._handle, size)
                raise disk_error(error, self.path) from error
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def now() -> str:
    """The time as label files hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write_all(handle: int, data: bytes) -> None:
    if os.write(handle, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lines(path: Path) -> Iterator[tuple[str, Label]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"the labels cannot be read ({error.strerror})", where=str(path)) from None
    with file:
        number = 0
        while line := file.readline(_LONGEST + 1):
            number += 1
            where = f"{path}: line {number}"
            if len(line) > _LONGEST:
                raise DataError(f"longer than {_LONGEST:,} bytes: this is no label", where=where)
            if not line.endswith(b"\n"):
                raise DataError(
                    "the line is cut: it has no end",
                    where=where,
                    fix="remove it (or end it, if it is whole), and label that document again",
                )
            if line.strip():
                yield where, _label(line, where)


def _label(line: bytes, where: str) -> Label:
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"this is no JSON ({error})", where=where) from error
    if not isinstance(record, dict) or not set(_FIELDS) <= set(record):
        missing = [name for name in _FIELDS if not isinstance(record, dict) or name not in record]
        raise DataError(f"a label has the fields {', '.join(missing)} too", where=where)
    values = {name: record[name] for name in _FIELDS}
    for name, value in values.items():
        empty = value is None if name == "label" else False
        if not empty and (not isinstance(value, str) or not value):
            raise DataError(f"{name} must be text, not {json.dumps(value)[:60]}", where=where)
    return Label(**values)


def _check_document(label: Label, hashes: Mapping[str, str], where: str) -> None:
    found = hashes.get(label.doc_id)
    if found is None:
        raise DataError(
            f"the corpus has no document {label.doc_id[:64]}",
            where=where,
            fix=f"the line was written for the corpus {label.corpus}; name that one",
        )
    if found != label.content_hash:
        raise DataError(
            f"the document {label.doc_id[:64]} has another text now",
            where=where,
            fix=f"the line was written for the corpus {label.corpus}; label the document again",
        )


def _some(classes: Collection[str]) -> str:
    shown = list(classes)[:12]
    return ", ".join(shown) + (" …" if len(classes) > len(shown) else "")
