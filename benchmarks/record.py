"""What every benchmark writes with `--json`: what was run, where, when, and what came of it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Python's version and those of the installed packages among `packages`."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def write_record(
    path: Path, found: Mapping[str, str], results: Sequence[Mapping[str, Any]]
) -> None:
    """Write the results with the versions that `versions` found, the peers' added."""
    record = {
        "command": " ".join(["python", *sys.argv]),
        "versions": dict(found),
        "machine": f"{_processor()}, {os.cpu_count()} cores",
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day where the machine stands
        "results": list(results),
    }
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
