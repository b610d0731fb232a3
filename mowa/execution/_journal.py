"""Answers that cost something, written down as they come, so that a killed run asks none twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mowa.workspace import disk_error


class Journal:
    """A file of JSON records, one a line, that is only added to.

    The last record of an id counts, and a line that is torn or damaged does not. Only the places
    of the records are held in memory. One process writes it at a time.

    Args:
        path: The file; made where it is absent.
        sync: Have each record on the disk before it counts: a power cut then loses none.
    """

    def __init__(self, path: Path, *, sync: bool = True) -> None:
        self.path = path
        self._sync = sync
        self._places: dict[str, tuple[int, int]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._end = self._read()
        # A torn last line goes, so that the next one does not stick to it.
        self._file.truncate(self._end)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def ids(self) -> list[str]:
        """The ids that have a record, in the order in which each came first."""
        return list(self._places)

    def get(self, key: str) -> dict[str, Any]:
        """The record of an id.

        Raises:
            KeyError: Where there is none.
        """
        start, length = self._places[key]
        self._file.seek(start)
        record: dict[str, Any] = json.loads(self._file.read(length))
        return record

    def add(self, record: dict[str, Any]) -> None:
        """Write a record down under its ``id``.

        Raises:
            MowaError: Where the disk is full.
        """
        line = json.dumps(record, ensure_ascii=False).encode("utf-8") + b"\n"
        try:
            self._file.seek(self._end)
            self._file.write(line)
            self._file.flush()
            if self._sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise disk_error(error, self.path) from error
        self._places[record["id"]] = (self._end, len(line))
        self._end += len(line)

    def close(self) -> None:
        """Keep what is there for the next run."""
        self._file.close()

    def _read(self) -> int:
        """Note where the whole records are; where the last line ends."""
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            if (key := _id(line)) is not None:
                self._places[key] = (end, len(line))
            end += len(line)
        return end


def _id(line: bytes) -> str | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    key = record.get("id") if isinstance(record, dict) else None
    return key if isinstance(key, str) else None
