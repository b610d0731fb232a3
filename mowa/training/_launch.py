"""Several training processes on this machine, and what they say."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from mowa import errors
from mowa.errors import MowaError, StoppedEarly
from mowa.execution import Progress
from mowa.training._config import PretrainConfig
from mowa.training._dialogue_config import FinetuneConfig, PreferConfig
from mowa.training._trainer_config import TrainerConfig
from mowa.workspace import Artifact, Inputs, write_text

JOB = "job.json"
LOG = "processes.log"
_WORKER = ["-m", "mowa.training._worker"]
_MARK = "mowa:"  # begins a line in which the first process says something to its parent
_CONFIGS: dict[str, type[TrainerConfig]] = {
    config.__name__: config for config in (PretrainConfig, FinetuneConfig, PreferConfig)
}
_KINDS = {
    kind.__name__: kind
    for kind in (errors.MowaError, errors.UsageError, errors.DataError, StoppedEarly)
}


def train_in_processes(
    config: TrainerConfig, inputs: Inputs, out: Path, progress: Progress
) -> None:
    """`train_here` in `config.processes` processes that torchrun starts.

    Raises:
        MowaError: What the first process to fail raised, of the same kind.
    """
    write_job(config, inputs, out)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", str(config.processes), *_WORKER, str(out / JOB),
    ]  # fmt: skip
    # A file: standard output is for what the processes say, and they may say much on the other.
    log = out / LOG
    with log.open("w", encoding="utf-8") as other, _forwarding(out):
        process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdout=subprocess.PIPE,
            stderr=other,
            text=True,
            # A signal to the whole group is for this process, which has the others save.
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            error = _listen(process.stdout, progress)
        finally:
            if process.poll() is None and sys.exc_info()[0] is not None:
                process.terminate()
            code = process.wait()
    if error is not None:
        raise error
    if code:
        why = _why(log.read_text("utf-8", errors="replace"))
        raise MowaError(
            f"a training process ended with code {code}" + (why and f": {why}"),
            where=str(log),
            fix="read that file; run again to go on from the last checkpoint",
        )


def clear_job(out: Path) -> None:
    """Remove what the processes had of their own in `out`, also those of a run before."""
    for name in (JOB, LOG):
        (out / name).unlink(missing_ok=True)


def _why(log: str) -> str:
    """The signal that ended the first process to end, which torchrun tells, or the first error."""
    if killed := re.search(r"Signal \d+ \(\w+\)", log.rpartition("Root Cause")[2]):
        return killed[0]
    error = re.search(r"^[\w.]+(?:Error|Exception): .+", log, re.MULTILINE)
    return error[0] if error else log.strip().rpartition("\n")[2]


def write_job(config: TrainerConfig, inputs: Inputs, out: Path) -> None:
    """Write what a process needs to know into ``out/job.json``."""
    artifacts = [
        {**asdict(artifact), "path": str(artifact.path.absolute())} for artifact in inputs.artifacts
    ]
    job = {
        "step": type(config).__name__,
        "config": config.model_dump(mode="json"),
        "inputs": artifacts,
    }
    write_text(out / JOB, json.dumps(job, indent=1) + "\n")


def read_job(path: Path) -> tuple[TrainerConfig, Inputs]:
    """What `write_job` wrote."""
    job = json.loads(path.read_text("utf-8"))
    artifacts = tuple(
        Artifact(**{**record, "path": Path(record["path"]), "inputs": (), "files": ()})
        for record in job["inputs"]
    )
    return _CONFIGS[job["step"]].model_validate(job["config"]), Inputs(artifacts)


class SpokenProgress:
    """Progress as lines for the parent process; silent in all but the first."""

    def __init__(self, *, speaks: bool) -> None:
        self._speaks = speaks

    @contextmanager
    def task(self, label: str, *, total: int, done: int = 0) -> Iterator[Any]:
        """Tell the parent of a task and how far it is."""
        self.tell("task", label=label, total=total, done=done)
        yield lambda count: self.tell("advance", count=count)
        self.tell("end")

    def say(self, line: str) -> None:
        """Tell the parent a line."""
        self.tell("say", line=line)

    def fail(self, error: MowaError) -> None:
        """Tell the parent an error; every process may."""
        kind = type(error).__name__
        _tell("fail", kind=kind, what=error.what, where=error.where, fix=error.fix)

    def tell(self, event: str, **values: Any) -> None:
        """One line."""
        if self._speaks:
            _tell(event, **values)


def _tell(event: str, **values: Any) -> None:
    # In one piece, newline and all: several processes write into one pipe, which keeps pieces of up
    # to 4,096 bytes whole, and Python would write the newline by itself.
    sys.stdout.write(f"{_MARK}{json.dumps({'event': event, **values})}\n")
    sys.stdout.flush()


def _listen(lines: Iterable[str], progress: Progress) -> MowaError | None:
    """Show what the processes say until they are done; the first error that one of them tells."""
    error: MowaError | None = None
    with ExitStack() as stack:
        advance: Any = None
        task: AbstractContextManager[Any] | None = None
        for line in lines:
            # torchrun may put a prefix before it.
            _, marked, text = line.partition(_MARK)
            if not marked:
                continue
            try:
                said = json.loads(text)
            except ValueError:
                progress.say(f"a process said what cannot be read: {line.strip()[:200]}")
                continue
            match said["event"]:
                case "say":
                    progress.say(said["line"])
                case "task":
                    task = progress.task(said["label"], total=said["total"], done=said["done"])
                    advance = stack.enter_context(task)
                case "advance":
                    advance(said["count"])
                case "end":
                    stack.close()
                case "fail" if error is None:
                    kind = _KINDS.get(said["kind"], MowaError)
                    error = kind(said["what"], where=said["where"], fix=said["fix"])
    return error


@contextmanager
def _forwarding(out: Path) -> Iterator[None]:
    """A request to stop reaches the processes as a file: torchrun would kill them at a signal."""
    listens = threading.current_thread() is threading.main_thread()

    def forward(_number: int, _frame: FrameType | None) -> None:
        (out / "stop").touch()

    numbers = (signal.SIGTERM, signal.SIGUSR1)
    before = [signal.signal(number, forward) for number in numbers] if listens else []
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=False):
            signal.signal(number, handler)
