"""kill -9, twenty times, at whatever a run is doing."""

import random
import time
from multiprocessing import get_context

import pytest
from tiny_training import (
    lines_of,
    pretrain,
)

from mowa.training._metrics import read_metrics

CHANGES = {"steps": 400, "checkpoint_every_steps": 7, "eval_every": 50, "optimizer": "muon"}


@pytest.mark.slow
def test_a_run_killed_at_twenty_random_moments_ends_with_the_same_bytes(world, tmp_path):
    """Reading, computing, saving, thinning: each kill some updates after the last one."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    processes = get_context("forkserver")
    # What takes seconds, importing torch, is done once.
    processes.set_forkserver_preload(["tiny_training", "mowa.training._pretrain"])
    draw = random.Random(0)
    kills = 0
    for _ in range(20):
        running = processes.Process(target=pretrain, args=(world, out), kwargs=CHANGES)
        before = log_of(out)
        running.start()
        # The run cuts its log to the checkpoint that it goes on from: from then on it is at work.
        wait_until(running, lambda before=before: log_of(out) != before)
        aim = last_step(out) + draw.randint(0, 16)
        wait_until(running, lambda aim=aim: last_step(out) >= aim)
        time.sleep(draw.uniform(0.0, 0.02))
        running.kill()
        running.join()
        kills += running.exitcode == -9
    assert kills == 20
    pretrain(world, out, **CHANGES)
    pretrain(world, whole, **CHANGES)
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert lines_of(out) == lines_of(whole)


def log_of(out):
    """The file that the log is now: cutting it makes another one."""
    path = out / "metrics.jsonl"
    return path.stat().st_ino if path.exists() else None


def last_step(out):
    lines = read_metrics(out / "metrics.jsonl")
    return lines[-1]["step"] if lines else 0


def wait_until(running, is_so):
    while running.is_alive() and not is_so():
        time.sleep(0.002)
