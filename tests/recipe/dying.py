"""A worker function that is killed as long as the file named by TOY_DIE exists."""

import os
import signal

import toy_steps

_REAL = toy_steps.double


def double(work, out):
    if work[0] == 1 and os.path.exists(os.environ["TOY_DIE"]):  # noqa: PTH110
        os.kill(os.getpid(), signal.SIGKILL)
    return _REAL(work, out)
