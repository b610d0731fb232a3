"""Memory of this process as the system counts it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident_bytes() -> int:
    """Now; on systems without ``/proc`` the most so far."""
    return _counted("VmRSS")


def peak_resident_bytes() -> int:
    """The most since the process began, or since `forget_peak`.

    Linux's own counter first: `getrusage` hands on the peak of the process that started this one.
    """
    return _counted("VmHWM")


def forget_peak() -> None:
    """Let the peak begin anew (proc(5): 5 into clear_refs), where the system allows it."""
    try:
        _CLEAR.write_text("5", "ascii")
    except OSError:
        return


def _counted(name: str) -> int:
    try:
        lines = _STATUS.read_text("ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration):
        size = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * size
