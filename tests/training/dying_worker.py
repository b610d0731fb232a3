"""A training process that kills itself in the update that MOWA_TEST_DIE_AT names."""

import os
import signal

from mowa.training import _worker
from mowa.training._optimizer import Optimizers

left = int(os.environ["MOWA_TEST_DIE_AT"])
step = Optimizers.step


def dying(self):
    global left
    left -= 1
    if not left and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    step(self)


Optimizers.step = dying
_worker.main()
