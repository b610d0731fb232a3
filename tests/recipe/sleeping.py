"""A worker function that says which process it is and then takes very long."""

import os
import time


def sleep(work, out):
    (out / f"pid-{work}").write_text(str(os.getpid()))
    time.sleep(120)
    return {}
