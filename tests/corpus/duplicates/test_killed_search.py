"""kill -9 while copies and repeated lines are looked for: the same bytes in the end."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from killed_search import search_in, written

from mowa.errors import MowaError
from mowa.execution import Ledger

SCRIPT = Path(__file__).with_name("killed_search.py")


def drive(root, kind, workers, kill_at):
    paths = [str(SCRIPT.parent), *filter(None, sys.path)]
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(root), kind, str(workers), str(kill_at)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["copies", "lines"])
@pytest.mark.parametrize(
    "share", [0.6, *(pytest.param(share, marks=pytest.mark.slow) for share in (0.1, 0.3, 0.8, 1.0))]
)
def test_a_search_killed_at_a_file_operation_goes_on_to_the_same_bytes(tmp_path, kind, share):
    whole = drive(tmp_path / "whole", kind, 1, 0)
    assert whole.returncode == 0, whole.stderr
    operations = int(whole.stdout)
    expected = written(tmp_path / "whole", kind)
    assert expected
    root = tmp_path / "killed"
    assert drive(root, kind, 1, 1 + int(share * (operations - 1))).returncode == -signal.SIGKILL
    drive(root, kind, 1, 2)  # and again, as soon as it goes on, if anything is left to do
    metrics = search_in(root, kind, 1)
    assert written(root, kind) == expected
    assert metrics == search_in(tmp_path / "whole", kind, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["copies", "lines"])
@pytest.mark.parametrize("workers", [2, 4])
def test_a_search_of_several_workers_killed_anywhere_has_the_bytes_of_one(tmp_path, kind, workers):
    """The process that keeps the ledger is killed; another number of workers goes on."""
    expected = None
    for number in (1, 2, 4):
        search_in(tmp_path / str(number), kind, number)
        made = written(tmp_path / str(number), kind)
        assert made == (expected or made)
        expected = made
    whole = drive(tmp_path / "whole", kind, workers, 0)
    assert whole.returncode == 0, whole.stderr
    operations = int(whole.stdout)
    for kill_at in (operations // 5, operations // 2, operations * 4 // 5):
        root = tmp_path / "killed"
        shutil.rmtree(root, ignore_errors=True)
        assert drive(root, kind, workers, kill_at).returncode == -signal.SIGKILL
        search_in(root, kind, 6 - workers)
        assert written(root, kind) == expected, f"killed at operation {kill_at}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["copies", "lines"])
def test_a_worker_killed_while_searching_loses_nothing(tmp_path, kind, monkeypatch):
    """The run says so, and the next one goes on."""
    search_in(tmp_path / "whole", kind, 1)
    add = Ledger.add

    def add_and_kill(ledger, *unit):
        add(ledger, *unit)
        for child in multiprocessing.active_children()[:1]:
            os.kill(child.pid, signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "add", add_and_kill)
        with pytest.raises(MowaError, match="a worker process died"):
            search_in(tmp_path / "killed", kind, 2)
    search_in(tmp_path / "killed", kind, 2)
    assert written(tmp_path / "killed", kind) == written(tmp_path / "whole", kind)
