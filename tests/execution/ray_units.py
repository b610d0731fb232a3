"""Units that Ray workers import."""

import os
import signal
import time

from mowa.errors import DataError
from mowa.workspace import write_text


def square(number, out):
    write_text(out / f"{number}.txt", str(number * number))
    return {"files": [f"{number}.txt"], "square": number * number}


def threads(_, out):
    names = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "RAY_USAGE_STATS_ENABLED")
    return {name: os.environ.get(name) for name in names}


def refuse(number, out):
    raise DataError("zły plik", where=f"plik {number}", fix="popraw")


def stumble(number, out):
    raise ZeroDivisionError(f"unit {number}")


def die_once(number, out):
    """Kill this worker with SIGKILL, with half a file written, the first time."""
    mark = out / f".died-{number}"
    if number == 3 and not mark.exists():
        mark.touch()
        (out / f".{number}.txt.0-abc.partial").write_text("pół")
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number, out)


def die_always(number, out):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number, out)


def slow_square(number, out):
    """A square that takes long enough for a test to kill its worker; says who works on it."""
    write_text(out / f"{number}.pid", str(os.getpid()))
    time.sleep(0.5)
    return square(number, out)


def pid(number, out):
    """Who works on it."""
    time.sleep(0.05)
    return {"pid": os.getpid()}
