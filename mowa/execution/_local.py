"""Running work units in this process or in local worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

from mowa.errors import MowaError

# One thread a worker: the number of workers is the only dial, and no library's own thread pool can
# change the order of a sum or of rows.
ONE_THREAD = {
    "POLARS_MAX_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

Function = Callable[[Any, Path], dict[str, Any]]


class LocalPool:
    """Worker processes that are started when they are first needed, and kept until `close`.

    Starting one takes about a second, most of it imports; a step may call for them several times.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._workers = 0

    def run(
        self, function: Function, units: Mapping[str, Any], out: Path, *, workers: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield key and result of each unit as it is finished, in no particular order.

        Raises:
            MowaError: Where a worker process dies (killed, out of memory), naming the units that it
                may have held. An error raised by the function itself comes through unchanged.
        """
        if workers <= 1 or len(units) <= 1:
            for key, work in units.items():
                yield key, function(work, out)
            return
        yield from self._in_processes(function, units, out, workers)

    def close(self) -> None:
        """End the processes; what they still hold is not waited for."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _in_processes(
        self, function: Function, units: Mapping[str, Any], out: Path, workers: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        waiting = list(units.items())[::-1]
        running: dict[Future[dict[str, Any]], str] = {}
        pool = self._of(workers)
        try:
            while waiting or running:
                while waiting and len(running) < 2 * workers:
                    key, work = waiting.pop()
                    with _environment(ONE_THREAD):  # a process may be started here
                        running[pool.submit(function, work, out)] = key
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda item: running[item]):
                    key = running[future]
                    result = future.result()
                    del running[future]
                    yield key, result
        except BrokenProcessPool as error:
            held = ", ".join(sorted(running.values()))
            raise MowaError(
                "a worker process died (killed, or out of memory)",
                where=f"work units {held}",
                fix="run again, with fewer --workers if memory is short; what is finished is kept"
                ' (a script must call run() under `if __name__ == "__main__":`)',
            ) from error
        finally:
            if running:
                self.close()

    def _of(self, workers: int) -> ProcessPoolExecutor:
        if self._pool is None or self._workers != workers:
            self.close()
            self._workers = workers
            self._pool = ProcessPoolExecutor(
                workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_die_with_parent,
            )
        return self._pool


def _die_with_parent() -> None:
    """End this worker when its parent is killed; otherwise it would wait for work forever."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker without a traceback
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
