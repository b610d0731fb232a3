"""A cluster of two nodes that `ray start` started: joined by its address, with a token."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray_units
from test_ray import context, digests, small_world

from mowa.execution import Executor, Ledger, Unit
from mowa.recipe import run

HERE = Path(__file__).parent
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


@dataclass
class Cluster:
    """Where it answers, the environment that reaches it, and the folder of its processes."""

    address: str
    environment: dict[str, str]
    folder: str


def parent_and_command(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:  # it has ended meanwhile
        return 0, ""
    return int(stat.rpartition(")")[2].split()[1]), command


def processes():
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


@pytest.fixture
def cluster():
    pytest.importorskip("ray")
    # Ray puts sockets into its folder, whose paths are bounded to 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="mowa-ray-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if "RAY_AUTH" not in name}
    paths = [str(HERE), *filter(None, sys.path)]
    environment |= {
        "HOME": str(folder),  # a token of its own
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    # A head asks for a token where there is one; the second node has to be told to show it.
    (folder / ".ray").mkdir()
    (folder / ".ray" / "auth_token").write_text("1" * 64)
    nodes = []

    def start(*options):
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block",
                   "--num-cpus", "1", "--disable-usage-stats", *options]  # fmt: skip
        nodes.append(
            subprocess.Popen(
                command,
                env=environment | {"RAY_AUTH_MODE": "token"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
        for line in nodes[-1].stdout:
            if b"Ray runtime started" in line:
                return
        raise AssertionError("ray start ended")

    try:
        start("--head", "--port", str(port), "--include-dashboard=false",
              "--temp-dir", str(folder / "ray"))  # fmt: skip
        start("--address", f"{socket.gethostbyname(socket.gethostname())}:{port}")
        yield Cluster(f"127.0.0.1:{port}", environment, str(folder))
    finally:
        for node in nodes:
            node.kill()
            node.wait()
        for pid in processes():
            if str(folder) in parent_and_command(pid)[1]:
                kill(pid)
        shutil.rmtree(folder, ignore_errors=True)


def kill(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def joined(cluster, folder, **changes):
    return subprocess.Popen(
        [sys.executable, str(HERE / "joined_run.py"), cluster.address, str(folder)],
        env=cluster.environment | changes,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_corpus_made_on_a_cluster_that_was_there_has_the_bytes_of_a_local_one(cluster, tmp_path):
    recipe = small_world(tmp_path)
    run(recipe, tmp_path / "local", workers=1)
    done = subprocess.run(
        [sys.executable, "-m", "mowa", "run", "small.toml", "--workspace", "joined",
         "--executor", "ray", "--ray-address", cluster.address],
        cwd=tmp_path, env=cluster.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "joined") == digests(tmp_path / "local")
    assert "Token authentication" not in done.stderr


def workers_at_work(process, folder, least):
    """Who works on the first units, as soon as so many of them are known."""
    while process.poll() is None:
        found = [path.read_text() for path in (folder / "out").glob("*.pid")]
        if len(found) >= least and all(found):
            return [int(pid) for pid in found]
        time.sleep(0.02)
    raise AssertionError(process.communicate())


def test_a_worker_of_a_cluster_that_is_killed_loses_nothing(cluster, tmp_path):
    process = joined(cluster, tmp_path)
    for pid in workers_at_work(process, tmp_path, 2):
        kill(pid)
    out, errors = process.communicate(timeout=600)
    assert str([number * number for number in range(8)]) in out, errors


def test_a_cluster_that_is_lost_ends_the_run_and_what_is_finished_is_kept(cluster, tmp_path):
    process = joined(cluster, tmp_path, RAY_gcs_rpc_server_reconnect_timeout_s="5")
    workers_at_work(process, tmp_path, 5)
    for pid in processes():
        if cluster.folder in parent_and_command(pid)[1] and pid != process.pid:
            kill(pid)
    process.communicate(timeout=600)
    assert process.returncode not in (0, None)
    ledger = Ledger(tmp_path / "ledger.jsonl")
    units = [Unit(f"{number:03}", number) for number in range(8)]
    out = tmp_path / "out"
    done = {unit.key: unit.work for unit in units if ledger.has(unit.key, out)}
    assert 0 < len(done) < 8
    times = {number: (out / f"{number}.txt").stat().st_mtime_ns for number in done.values()}
    results = context(tmp_path, 1, Executor()).map(ray_units.square, units, out, label="squares")
    assert [result["square"] for result in results] == [number * number for number in range(8)]
    assert times == {number: (out / f"{number}.txt").stat().st_mtime_ns for number in times}


def test_another_token_is_told_with_the_way_out(cluster, tmp_path):
    process = joined(cluster, tmp_path, RAY_AUTH_TOKEN="0" * 64)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "no Ray cluster that lets us in" in errors
    assert "RAY_AUTH_TOKEN" in errors
