"""One of several training processes: ``torchrun … -m mowa.training._worker JOB.json``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mowa.errors import MowaError
from mowa.training._launch import SpokenProgress, read_job
from mowa.training._train import train_here


def main() -> None:
    """Train as the job says, beside its file."""
    job = Path(sys.argv[1])
    progress = SpokenProgress(speaks=os.environ.get("RANK", "0") == "0")
    try:
        config, inputs = read_job(job)
        train_here(config, inputs, job.parent, progress)
    except MowaError as error:
        progress.fail(error)
        # At once: the others may be waiting for this process, and torchrun ends them.
        sys.stdout.flush()
        os._exit(error.exit_code)


if __name__ == "__main__":
    main()
