"""A training process that kills itself in the update that MOWA_TEST_DIE_AT names.

Or that asks, in the one that MOWA_TEST_STOP_AT names, for all of them to stop: by file, or by a
SIGTERM to the group of processes that MOWA_TEST_GROUP names.
"""

import os
import signal
import sys
from pathlib import Path

from mowa.training import _worker
from mowa.training._optimizer import Optimizers

updates = iter(range(1, 1000))
step = Optimizers.step


def ending(self):
    update, rank = str(next(updates)), os.environ["RANK"]
    if update == os.environ.get("MOWA_TEST_DIE_AT") and rank == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    if update == os.environ.get("MOWA_TEST_STOP_AT") and rank == "0":
        if group := os.environ.get("MOWA_TEST_GROUP"):
            os.killpg(int(group), signal.SIGTERM)
        else:
            Path(sys.argv[1]).with_name("stop").touch()
    step(self)


Optimizers.step = ending
_worker.main()
