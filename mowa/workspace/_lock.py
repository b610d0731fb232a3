"""One maker at a time: an advisory lock on each artifact while it is being made."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mowa.errors import MowaError
from mowa.workspace._files import disk_error

_SECONDS_BETWEEN_TRIES = 0.2


@contextmanager
def locked(path: Path, *, wait: bool, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path`; the system frees it when the process ends, however it ends.

    Args:
        path: The lock file; made where absent and never removed, because removing a lock file
            lets two processes hold two files of the same name.
        wait: Wait for another holder; otherwise refuse.
        say: Is told who holds the lock, once, and of a lock that a dead process left.

    Raises:
        MowaError: Where another process holds the lock and `wait` is false; names the holder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        told = False
        while not _try(file.fileno()):
            holder = _holder(path)
            if not wait:
                raise MowaError(
                    f"another run is making this artifact: {holder}",
                    where=path.stem,
                    fix="wait for it, or run without --no-wait",
                )
            if say and not told:
                say(f"waiting for {path.stem}, which another run is making: {holder}")
                told = True
            time.sleep(_SECONDS_BETWEEN_TRIES)
        if say and path.stat().st_size:
            say(f"{path.stem}: taking over from a run that ended early ({_holder(path)})")
        _sign(path)
        try:
            yield
        finally:
            os.truncate(path, 0)


@contextmanager
def read_lock(path: Path) -> Iterator[None]:
    """Hold `path` with other readers; waits while something is being put in its place."""
    with _opened(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


@contextmanager
def replace_lock(path: Path, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold `path` alone; waits, and says so, while other processes read."""
    with _opened(path) as descriptor:
        if not _try(descriptor):
            if say:
                say(f"waiting for another run that still reads {path.stem}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def is_locked(path: Path) -> bool:
    """Does a living process hold the lock file `path`?"""
    if not path.exists():
        return False
    with path.open("a", encoding="utf-8") as file:
        return not _try(file.fileno())


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        yield file.fileno()


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(path: Path) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"host": socket.gethostname(), "process": os.getpid(), "since": since}
    try:
        path.write_text(json.dumps(record))
    except OSError as error:
        raise disk_error(error, path) from error


def _holder(path: Path) -> str:
    try:
        record = json.loads(path.read_text("utf-8"))
        return f"process {record['process']} on {record['host']} since {record['since']}"
    except (OSError, ValueError, KeyError):
        return "its holder has not signed yet"
