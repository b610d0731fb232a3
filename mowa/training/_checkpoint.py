"""Checkpoints: safetensors and JSON in a folder that is whole or not there."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mowa.workspace import digest, disk_error

Tensors = dict[str, Tensor]

_STATE = "state.json"
_KEPT = 2
_FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """What was read back: plain values, and tensors by file (``model``, ``optimizer`` …)."""

    name: str
    state: dict[str, Any]
    tensors: dict[str, Tensors]

    @property
    def step(self) -> int:
        """How many updates it had seen."""
        return int(self.state["step"])


class Checkpoints:
    """The checkpoints of one run, the last two of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for leftover in folder.glob(".*"):
            shutil.rmtree(leftover)

    def names(self) -> list[str]:
        """From the oldest to the newest."""
        return sorted(path.name for path in self.folder.glob("step-*"))

    def save(self, state: Mapping[str, Any], tensors: Mapping[str, Tensors]) -> None:
        """Write a checkpoint and let the oldest go; ``state["step"]`` names it.

        Raises:
            MowaError: Where the disk is full; the checkpoints before stay.
        """
        target = self.folder / f"step-{state['step']:08d}"
        partial = self.folder / f".{target.name}.partial"
        try:
            partial.mkdir(parents=True)
            files = {}
            for name, group in tensors.items():
                path = partial / f"{name}.safetensors"
                save_file(
                    {key: value.detach().cpu().contiguous() for key, value in group.items()}, path
                )
                files[path.name] = {"bytes": path.stat().st_size, "blake2b": digest(path)}
            record = {"format": _FORMAT, **state, "files": files}
            (partial / _STATE).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
            for path in (*partial.iterdir(), partial):
                _flush(path)
            if target.exists():
                self._remove(target)
            partial.replace(target)
            _flush(self.folder)
        except OSError as error:
            raise disk_error(error, target) from error
        except SafetensorError as error:
            raise written_error(error, target) from error
        for old in self.names()[:-_KEPT]:
            self._remove(self.folder / old)

    def latest(self, say: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that is whole; tells `say` of each one that it passes over."""
        for name in reversed(self.names()):
            try:
                return _read(self.folder / name)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                say(f"checkpoint {name} is damaged ({error}); trying the one before")
        return None

    def remove(self) -> None:
        """Remove them all."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def keep_last(self) -> None:
        """Remove all but the newest."""
        for name in self.names()[:-1]:
            self._remove(self.folder / name)

    def _remove(self, path: Path) -> None:
        # Renamed first: a folder that is half removed must not look like a checkpoint.
        leaving = path.with_name(f".{path.name}.removed")
        path.replace(leaving)
        shutil.rmtree(leaving)


def written_error(error: SafetensorError, path: Path) -> Exception:
    """What to raise where safetensors could not write: it gives the system's error as text only."""
    for code in (errno.ENOSPC, errno.EDQUOT):
        if f"(os error {code})" in str(error):
            return disk_error(OSError(code, str(error)), path)
    return error


def _read(path: Path) -> Checkpoint:
    state = json.loads((path / _STATE).read_text("utf-8"))
    if state["format"] != _FORMAT:
        raise ValueError(f"its format is {state['format']}, not {_FORMAT}")
    for name, record in state["files"].items():
        if (path / name).stat().st_size != record["bytes"]:
            raise ValueError(f"{name} is cut short")
        if digest(path / name) != record["blake2b"]:
            raise ValueError(f"{name} has changed since it was written")
    tensors = {Path(name).stem: load_file(path / name) for name in state["files"]}
    return Checkpoint(path.name, state, tensors)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
