"""kill -9 in every step of the real road: the same bytes in the end, and nothing done twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from little_world import make_project

from mowa.recipe import Recipe, run
from mowa.workspace import Workspace, verify

SCRIPT = Path(__file__).with_name("killed_run.py")
# What holds the time that it took.
TIMED = {"report.html", "metrics.jsonl", "training.json", "ledger.jsonl"}


def run_killed(project, step, kill_at):
    return subprocess.run(
        [sys.executable, str(SCRIPT), "recipes/tiny.toml", "workspace", step, str(kill_at)],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip


def files(project):
    """Path and hash of every file; of a model and its scores those that hold no times."""
    return {
        f"{artifact.id}/{file.path}": file.blake2b
        for artifact in Workspace.open(project / "workspace").all()
        for file in artifact.files
        if artifact.kind not in ("model", "scores") or file.path not in TIMED
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupted, and how many file operations each of its steps took."""
    project = make_project(tmp_path_factory.mktemp("whole"))
    done = run_killed(project, "none", 0)
    assert done.returncode == 0, done.stderr
    operations = {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()}
    assert len(operations) == 10
    return project, operations


def made(project):
    if not (project / "workspace" / ".mowa").exists():
        return {}
    records = (project / "workspace").glob("tiny/*/artifact.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in records}


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.75, 0.9, 1.0])
def test_a_road_killed_once_in_every_step_ends_with_the_same_bytes(whole, tmp_path, share):
    project, operations = whole
    killed = make_project(tmp_path / "killed")
    for step, count in operations.items():
        before = made(killed)
        result = run_killed(killed, step, max(1, int(share * count)))
        assert result.returncode == -signal.SIGKILL, f"{step}: {result.stderr}"
        after = made(killed)
        assert {name: after[name] for name in before} == before, "a finished step was done again"
    last = made(killed)
    results = run(Recipe.load(killed / "recipes" / "tiny.toml"), killed / "workspace", workers=1)
    assert {name: made(killed)[name] for name in last} == last
    assert all(not list(verify(result.artifact)) for result in results)
    assert files(killed) == files(project)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1.0, 1.7, 2.4, 3.5, 5.0, 7.0])
def test_a_run_with_workers_killed_by_the_clock_ends_with_the_same_bytes(whole, tmp_path, seconds):
    """The command line with two workers, its whole process killed again and again."""
    project, _ = whole
    killed = make_project(tmp_path / "killed")
    command = [sys.executable, "-m", "mowa", "run", "recipes/tiny.toml", "--workers", "2"]
    for _ in range(3):
        process = subprocess.Popen(command, cwd=killed, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        process.wait()
    done = subprocess.run(command, cwd=killed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert files(killed) == files(project)
    assert list(Workspace.open(killed / "workspace").leftovers()) == []
    assert not list((killed / "workspace").rglob(".*.partial"))


def test_two_runs_at_once_make_everything_once(tmp_path):
    project = make_project(tmp_path / "both")
    command = [sys.executable, "-m", "mowa", "run", "recipes/tiny.toml", "--to", "corpus"]
    runs = [
        subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    texts = [process.communicate(timeout=600) for process in runs]
    assert [process.returncode for process in runs] == [0, 0], texts
    states = [line for out, _ in texts for line in out.decode().splitlines() if "tiny/" in line]
    assert sum(" made " in line for line in states) == 6
    assert sum(" up to date " in line for line in states) == 6
    assert os.listdir(project / "workspace" / ".mowa" / "partial" / "tiny") == []  # noqa: PTH208
