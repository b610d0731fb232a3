"""metrics.jsonl: one line an update, and the file reads as one run however often it was killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mowa.workspace import disk_error, write_text


class MetricsLog:
    """Appends lines to `path`; those after update `step` (of a killed run) are cut first.

    ``step`` of a line is the number of updates done. A line is one of

    * ``{"step": 0, "held_out_bpb": …}`` before the first update, and
    * ``{"step", "loss", "lr", "grad_norm", "tokens", "tokens_per_second", "seconds",
      "seconds_left"}``, with ``held_out_bpb`` where it was measured: loss in nats a token, of the
      update's own batch before the update; tokens and seconds since the run's beginning.
    """

    def __init__(self, path: Path, *, step: int) -> None:
        self._path = path
        kept = [line for line in read_metrics(path) if line["step"] <= step]
        write_text(path, "".join(json.dumps(line) + "\n" for line in kept))

    def write(self, **values: Any) -> None:
        """Append one line."""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            raise disk_error(error, self._path) from error

    def flush(self) -> None:
        """Make sure that every line is on the disk."""
        with self._path.open("rb") as file:
            os.fsync(file.fileno())


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of `path` up to the first that is damaged; none where there is no file."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text("utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            break
        lines.append(line)
    return lines
