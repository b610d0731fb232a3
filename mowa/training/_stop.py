"""Being asked to stop: save, and end with a code that asks for the run to be started again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class StopRequest:
    """Whether somebody asked: by SIGTERM or SIGUSR1, or by a file named ``stop`` in the folder."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "stop"
        self.reason = ""

    def __bool__(self) -> bool:
        if not self.reason and self.file.exists():
            self.reason = "the file stop"
        return bool(self.reason)

    def clear(self) -> None:
        """It has been obeyed, or was for a run that is no more."""
        self.file.unlink(missing_ok=True)


@contextmanager
def stop_request(folder: Path) -> Iterator[StopRequest]:
    """Listen for requests to stop, and put the handlers back afterwards."""
    request = StopRequest(folder)
    # Only the main thread may listen; elsewhere the file is the way.
    listens = threading.current_thread() is threading.main_thread()

    def note(number: int, _frame: FrameType | None) -> None:
        request.reason = signal.Signals(number).name

    before = [signal.signal(number, note) for number in _SIGNALS] if listens else []
    try:
        yield request
    finally:
        for number, handler in zip(_SIGNALS, before, strict=False):
            signal.signal(number, handler)
