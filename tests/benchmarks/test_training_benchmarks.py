"""The trainer's benchmarks run at toy size and write their records."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("script", "toy", "rows"),
    [
        ("training.py", ["--smoke"], ["Mowa, not compiled", "Mowa, documents masked"]),
        ("training_gpu.py", ["--dry-run", "--steps", "5"], ["Llama toy"]),
    ],
)
def test_a_benchmark_runs_at_toy_size(tmp_path, script, toy, rows):
    record = tmp_path / "record.json"
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, *toy, "--json", record],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(record.read_text())["results"]
    assert len(results) == len(rows)
    for result, row in zip(results, rows, strict=True):
        assert row in result["what"]
        assert result["ours"] > 0
        assert result["ours_details"]["loss"] > 0


def test_the_peers_follow_the_schedule_of_the_trainer(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from training_peers import share_of_peak

    from mowa.training._schedule import schedule

    for step in range(50):
        ours = schedule(step, steps=50, warmup=5, floor=0.1, name="cosine", decay_share=0.2)
        assert share_of_peak(step, 50, 5) == pytest.approx(ours)


def test_labels_that_are_no_targets_weigh_nothing_in_held_out_bits(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import numpy as np
    import torch
    from training_peers import held_out_bits

    np.save(tmp_path / "held_out_inputs.npy", np.zeros((3, 4), np.int32))
    labels = np.array([[1, 2, -100, -100], [1, -100, -100, -100], [1, 2, 3, 4]], np.int32)
    np.save(tmp_path / "held_out_labels.npy", labels)
    (tmp_path / "held_out.json").write_text('{"bytes": 14}')
    # Eight tokens alike: three bits for each of the seven targets.
    bits = held_out_bits(lambda x: torch.zeros(*x.shape, 8), tmp_path)
    assert bits == pytest.approx(7 * 3 / 14)
