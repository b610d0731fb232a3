"""The ledger of a target folder: what was fetched, from where, when, and its hashes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mowa.collect.fetching._names import LEDGER
from mowa.errors import DataError


class FetchLedger:
    """`fetched.jsonl`: a line a file, the newest of an address counts; only ever added to.

    A line holds `url`, `path`, `bytes`, `blake2b`, `etag`, `last_modified`, `status`,
    `fetched_at`, `given` (the checksum that was given, and held) and `note`. Lines with `page`
    say how far a list of an API was walked.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER
        self._files: dict[str, dict[str, Any]] = {}
        self.pages: list[dict[str, Any]] = []
        if self.path.exists():
            self._read()

    def of(self, url: str) -> dict[str, Any] | None:
        """The newest line of an address."""
        return self._files.get(url)

    def all(self) -> list[dict[str, Any]]:
        """The newest line of every address."""
        return list(self._files.values())

    def add(self, line: dict[str, Any]) -> None:
        """Append a line and flush it to disk."""
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        with self.path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a run was killed in the middle of a line
                    file.write(b"\n")
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        if "page" in line:
            self.pages.append(line)
        else:
            self._files[line["url"]] = line

    def _read(self) -> None:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise DataError(
                f"the ledger cannot be read ({error.strerror})", where=str(self.path)
            ) from error
        for raw in lines:
            try:
                line = json.loads(raw)
            except ValueError:
                continue  # cut short by a kill: that file is fetched again
            if _is_line(line):
                self._take(line)


def _is_line(line: Any) -> bool:
    return (
        isinstance(line, dict)
        and isinstance(line.get("url"), str)
        and isinstance(line.get("path"), str | None)
    )
