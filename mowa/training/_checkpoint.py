"""Checkpoints: safetensors and JSON in a folder that is whole or not there.

Every process writes its own shards with torch's distributed checkpoint (DCP), in its safetensors
form: nothing is pickled, and any other number of processes reads them. The tensors are copied
first; writing, hashing and renaming go on beside the training.
"""

from __future__ import annotations

import errno
import json
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed as dist
from safetensors import SafetensorError
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from mowa.errors import MowaError
from mowa.training._distribution import Ranks, background_group
from mowa.workspace import digest, disk_error, flush

_STATE = "state.json"
_FORMAT = 3
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is whole: where it is, and its plain values."""

    path: Path
    state: dict[str, Any]

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.path.name

    @property
    def step(self) -> int:
        """How many updates it had seen."""
        return int(self.state["step"])

    def names(self) -> set[str]:
        """Of its tensors."""
        return set(HuggingFaceStorageReader(str(self.path)).read_metadata().state_dict_metadata)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Read into `tensors`, whole ones or shards.

        Raises:
            MowaError: Where one of them is not in the checkpoint, or of another shape.
        """
        reader = HuggingFaceStorageReader(str(self.path))
        known = reader.read_metadata().state_dict_metadata
        for name, tensor in tensors.items():
            entry = known.get(name)
            shape = entry.size if isinstance(entry, TensorStorageMetadata) else None
            if shape != tensor.shape:
                raise MowaError(
                    f"checkpoint {self.name} has {name} "
                    + ("not at all" if shape is None else f"of shape {tuple(shape)}")
                    + f", and this run needs {tuple(tensor.shape)}",
                    where=str(self.path),
                    fix="go on with the model and the optimizer that it was written with",
                )
        with _quiet():
            load(tensors, storage_reader=reader, no_dist=not dist.is_initialized())


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Where they are.
        ranks: The processes that write together.
        keep: So many of the newest are kept.
        keep_every: Those after every so many updates are kept for good.
        cleans: Take away what a killed run left half written; another run must not be writing.
    """

    def __init__(
        self,
        folder: Path,
        ranks: Ranks | None = None,
        *,
        keep: int = 2,
        keep_every: int | None = None,
        cleans: bool = True,
    ) -> None:
        self.folder = folder
        self._ranks = ranks or Ranks()
        self._keep, self._keep_every = keep, keep_every
        self._writer: threading.Thread | None = None
        self._failed: BaseException | None = None
        if self._ranks.is_first and cleans:
            for leftover in folder.glob(".*"):
                shutil.rmtree(leftover)
        self._ranks.wait()

    def names(self) -> list[str]:
        """From the oldest to the newest."""
        return sorted(path.name for path in self.folder.glob("step-*"))

    def save(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Begin to write a checkpoint; ``state["step"]`` names it. What is given may change then.

        Raises:
            MowaError: Where the disk was full in the save before; the checkpoints before it stay.
        """
        self.finish()
        copies = {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}
        self._writer = threading.Thread(target=self._write, args=(dict(state), copies))
        self._writer.start()

    def finish(self) -> None:
        """Wait until what was begun is on the disk.

        Raises:
            MowaError: Where the disk is full.
        """
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Whatever ends the block, what was begun is finished first."""
        try:
            yield
        finally:
            if self._writer is not None:
                self._writer.join()

    def latest(self, say: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that is whole; tells `say` of each one that it passes over."""
        for name in reversed(self.names()):
            problem, state = "", {}
            try:
                state = _read(self.folder / name, self._ranks)
            except _DAMAGE as error:
                problem = str(error)
            if not self._ranks.most(bool(problem)):
                return Checkpoint(self.folder / name, state)
            problem = problem or "another process cannot read its part"
            say(f"checkpoint {name} is damaged ({problem}); trying the one before")
        return None

    def read(self, name: str) -> Checkpoint:
        """The checkpoint in the folder `name`.

        Raises:
            MowaError: Where it is damaged.
        """
        try:
            return Checkpoint(self.folder / name, _read(self.folder / name, self._ranks))
        except _DAMAGE as error:
            raise MowaError(
                f"the checkpoint is damaged ({error})",
                where=str(self.folder / name),
                fix="take another one",
            ) from error

    def remove(self) -> None:
        """Remove all but those that are kept for good."""
        self._thin(0)
        if self.folder.exists() and not self.names():
            shutil.rmtree(self.folder)

    def keep_last(self) -> None:
        """Remove all but the newest, and those that are kept for good."""
        self._thin(1)

    def _write(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        target = self.folder / f"step-{state['step']:08d}"
        try:
            self._write_files(target, state, tensors)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._failed = _explained(error, target)

    def _write_files(self, target: Path, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        partial = self.folder / f".{target.name}.partial"
        if self._ranks.is_first:
            partial.mkdir(parents=True)
        group = background_group() if self._ranks.world > 1 else None
        if group is not None:
            dist.barrier(group=group)
        write_tensors(tensors, partial, group)
        prefix = f"shard-{self._ranks.rank + 1:05d}-"
        mine = {
            path.name: {"bytes": path.stat().st_size, "blake2b": digest(path)}
            for path in sorted(partial.glob(f"{prefix}*.safetensors"))
        }
        for name in mine:
            flush(partial / name)
        files = [mine]
        if group is not None:
            files = [{} for _ in range(self._ranks.world)]
            dist.all_gather_object(files, mine, group=group)
        if self._ranks.is_first:
            together = {name: record for each in files for name, record in each.items()}
            record = {"format": _FORMAT, **state, "files": together}
            (partial / _STATE).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
            for path in (partial / _STATE, partial):
                flush(path)
            if target.exists():
                self._remove(target)
            partial.replace(target)
            flush(self.folder)
            self._thin(self._keep, newest=target.name)
        if group is not None:
            dist.barrier(group=group)

    def _thin(self, keep: int, *, newest: str | None = None) -> None:
        # A newer one than was just written is a damaged one, which `latest` has passed over.
        names = [name for name in self.names() if newest is None or name <= newest]
        for name in names[: len(names) - keep]:
            step = int(name.removeprefix("step-"))
            if not (self._keep_every and step % self._keep_every == 0):
                self._remove(self.folder / name)

    def _remove(self, path: Path) -> None:
        # Renamed first: a folder that is half removed must not look like a checkpoint.
        leaving = path.with_name(f".{path.name}.removed")
        path.replace(leaving)
        shutil.rmtree(leaving)


def write_tensors(
    tensors: dict[str, Tensor], folder: Path, group: dist.ProcessGroup | None
) -> None:
    """Write this process's shards of `tensors` into `folder`."""
    with _quiet():
        save(
            tensors,
            storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True),
            process_group=group,
            no_dist=group is None,
        )


def written_error(error: BaseException, path: Path) -> BaseException:
    """What to raise where safetensors could not write: it gives the system's error as text only."""
    for code in (errno.ENOSPC, errno.EDQUOT):
        if f"(os error {code})" in str(error):
            return disk_error(OSError(code, str(error)), path)
    return error


def _explained(error: BaseException, path: Path) -> BaseException:
    if isinstance(error, CheckpointException):
        # One error of each process that failed, with its traceback.
        first = next(iter(error.failures.values()))
        error = first[0] if isinstance(first, tuple) else first
    if isinstance(error, OSError):
        return disk_error(error, path)
    return written_error(error, path)


def _read(path: Path, ranks: Ranks) -> dict[str, Any]:
    """What is in state.json; every process checks its share of the files."""
    state: dict[str, Any] = json.loads((path / _STATE).read_text("utf-8"))
    if state["format"] != _FORMAT:
        raise ValueError(f"its format is {state['format']}, not {_FORMAT}")
    for number, (name, record) in enumerate(sorted(state["files"].items())):
        if (path / name).stat().st_size != record["bytes"]:
            raise ValueError(f"{name} is cut short")
        if number % ranks.world == ranks.rank and digest(path / name) != record["blake2b"]:
            raise ValueError(f"{name} has changed since it was written")
    return state


@contextmanager
def _quiet() -> Iterator[None]:
    """DCP warns of what is meant: that one process works alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
