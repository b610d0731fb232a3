"""The shard ledger: which work units of a step are finished, one JSON line a unit."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mowa.workspace import digest, disk_error, write_text


class Ledger:
    """An append-only file that survives a kill: a line cut short is a unit not finished.

    A line holds the unit's key, the result of its function, and path, size and hash of each file
    that it wrote. Only the parent process writes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[str, dict[str, Any]] = {}
        if path.exists():
            self._read()

    def has(self, key: str, out: Path) -> bool:
        """Is unit `key` finished, with all of its files under `out` at the size that they had?"""
        line = self._lines.get(key)
        return line is not None and all(
            _size(out / file["path"]) == file["bytes"] for file in line["files"]
        )

    def result(self, key: str) -> dict[str, Any]:
        """What the function of unit `key` returned."""
        result: dict[str, Any] = self._lines[key]["result"]
        return result

    def add(self, key: str, result: dict[str, Any], out: Path) -> None:
        """Record unit `key` as finished and flush the line to disk."""
        files = [
            {"path": path, "bytes": _size(out / path), "blake2b": digest(out / path)}
            for path in result.get("files", [])
        ]
        line = {"unit": key, "files": files, "result": result}
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise disk_error(error, self.path) from error
        self._lines[key] = json.loads(json.dumps(line))  # as it will be read after a kill

    def digests(self) -> dict[str, tuple[int, str]]:
        """Size and hash of every file written so far, by path: saves hashing them again."""
        return {
            file["path"]: (file["bytes"], file["blake2b"])
            for line in self._lines.values()
            for file in line["files"]
        }

    def write_sorted(self, path: Path) -> None:
        """Write the lines in the order of their keys: the form that an artifact keeps."""
        lines = (self._lines[key] for key in sorted(self._lines))
        write_text(path, "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in lines))

    def _read(self) -> None:
        whole = 0
        with self.path.open("rb") as file:
            for raw in file:
                try:
                    line = json.loads(raw)
                except ValueError:
                    break
                if not raw.endswith(b"\n"):
                    break
                self._lines[line["unit"]] = line
                whole += len(raw)
        if whole < self.path.stat().st_size:
            os.truncate(self.path, whole)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
