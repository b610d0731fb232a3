"""metrics.jsonl: one line an update, and the file reads as one run however often it was killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mowa.errors import UsageError
from mowa.workspace import disk_error, write_text


class MetricsLog:
    """Appends lines to `path`; those after update `step` (of a killed run) are cut first.

    ``step`` of a line is the number of updates done. A line is one of

    * ``{"step": 0, "steps", "held_out_bpb", "held_out_bpb_by_source"}`` before the first update,
      with the number of updates of the run, and
    * ``{"step", "loss", "lr", "grad_norm", "tokens", "tokens_per_second", "memory", "joules",
      "seconds", "seconds_left"}``, with ``mfu_palm`` and ``mfu_causal``, or ``flops_per_second``
      where the device's peak is in no table, and with the two measures where they were taken.

    Loss is in nats a token, of the update's own batch before the update; tokens, joules and seconds
    count from the run's beginning; memory is in bytes, the most since the run began or went on.

    Args:
        path: Of the file.
        step: The last that is kept of what is there.
        writes: Does this process write it? One of those that train together does.
        board: Folder for TensorBoard, which gets the same numbers.

    Raises:
        UsageError: Where `board` is given and TensorBoard is not installed.
    """

    def __init__(
        self, path: Path, *, step: int, writes: bool = True, board: Path | None = None
    ) -> None:
        self._path, self._writes = path, writes
        self._board: Any = _board(board, step) if board and writes else None
        if writes:
            kept = [line for line in read_metrics(path) if line["step"] <= step]
            write_text(path, "".join(json.dumps(line) + "\n" for line in kept))

    def write(self, **values: Any) -> None:
        """Append one line."""
        if not self._writes:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            raise disk_error(error, self._path) from error
        if self._board is not None:
            for name, value in _flat(values).items():
                self._board.add_scalar(name, value, values["step"])

    def flush(self) -> None:
        """Make sure that every line is on the disk."""
        if not self._writes:
            return
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        if self._board is not None:
            self._board.flush()


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


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError(
            "tensorboard = true, but TensorBoard is not installed",
            fix="pip install 'mowa[tensorboard]', or leave it out: metrics.jsonl is always written",
        ) from None
    return SummaryWriter(str(folder), purge_step=max(step + 1, 0))


def _flat(values: dict[str, Any]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}/{key}": float(part) for key, part in value.items()}
        elif value is not None and name != "step":
            flat[name] = float(value)
    return flat
