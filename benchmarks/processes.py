"""Peers in environments of their own, and every measurement in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def environment(name: str, packages: Sequence[str]) -> Path:
    """The Python of an environment in the user's cache, which is made at the first call."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = cache / f"mowa-bench/{name}"
    python = home / "bin/python"
    if not (home / "ready").exists():
        print(f"making an environment for {name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        (home / "ready").touch()
    return python


def memory(what: str = "VmHWM", process: int | str = "self") -> int:
    """Bytes of memory as the system counts them: VmRSS now, VmHWM at most since the process began.

    `getrusage` would not do: its peak is at least that of the process that started this one. 0
    where the process is gone, or the system does not say.
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{what}:")), 0)


def in_own_process(command: list[str | Path], job: dict[str, Any], name: str) -> dict[str, Any]:
    """What a program found out that reads `job`; its output goes into a file beside the job.

    Args:
        command: The program; the path of the job is put behind it.
        job: With `root`, a folder, and `threads`. What is found out is read from JOB.found.json.
        name: Of the measurement.

    Returns:
        Nothing where it failed, which is printed.
    """
    path = Path(job["root"]) / "jobs" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(job), "utf-8")
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if command[0] == sys.executable:
        variables = dict(os.environ)
    variables |= {"OMP_NUM_THREADS": str(job["threads"]), "HF_HUB_OFFLINE": "1"}
    with path.with_suffix(".log").open("w") as log:
        done = subprocess.run(
            [*command, path], env=variables, stdout=log, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        tail = path.with_suffix(".log").read_text("utf-8").splitlines()[-5:]
        print(f"{name} failed:", *tail, sep="\n  ", flush=True)
        return {}
    found: dict[str, Any] = json.loads(path.with_suffix(".found.json").read_text("utf-8"))
    return found
