"""A training process that kills itself in the update that MOWA_TEST_DIE_AT names."""

import os
import signal

from mowa.training import _worker
from mowa.training._optimizer import Optimizers

updates = iter(range(1, 1000))
step = Optimizers.step


def dying(self):
    if next(updates) == int(os.environ["MOWA_TEST_DIE_AT"]) and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    step(self)


Optimizers.step = dying
_worker.main()
