"""Where the real texts lie that some tests read: the one place that knows MOWA_DATA."""

import os
from pathlib import Path

import pytest


def real(path):
    """The file or folder `path` of the unpacked archives; the test is skipped without it."""
    found = Path(os.environ.get("MOWA_DATA", "")) / path
    if not os.environ.get("MOWA_DATA") or not found.exists():
        pytest.skip("set MOWA_DATA to the folder of unpacked archives")
    return found
