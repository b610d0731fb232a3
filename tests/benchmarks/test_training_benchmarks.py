"""The trainer's benchmarks run at toy size and write their records."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "toy", "rows"),
    [
        ("training.py", ["--smoke"], ["Mowa, not compiled", "Mowa, documents masked"]),
        ("training_gpu.py", ["--dry-run", "--steps", "5"], ["Llama toy"]),
        ("finetuning.py", ["--smoke"], ["fine-tuning, Mowa", "preferences (DPO), Mowa"]),
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


def test_the_benchmark_of_attention_runs_at_toy_size(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import attention

    attention.main(
        ["--smoke", "--precision", "fp32", "--queries", "8", "--json", str(tmp_path / "a.json")]
    )
    results = json.loads((tmp_path / "a.json").read_text())["results"]
    assert [result["peer"] for result in results] == ["plain", "torch's kernel"]
    assert all(result["ratio"] > 0 for result in results)


def test_the_benchmark_of_the_loss_runs_at_toy_size_and_its_ways_agree(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import loss

    path = tmp_path / "l.json"
    loss.main(["--smoke", "--precision", "fp32", "--threads", "1", "--json", str(path)])
    results = json.loads(path.read_text())["results"]
    assert [result["peer"] for result in results] == ["at once", "in parts"]
    for result in results:
        ours, other = (result[f"{whose}_details"]["loss"] for whose in ("ours", "peer"))
        assert ours == pytest.approx(other)


def test_the_ways_of_attention_that_are_timed_agree(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import torch
    from attention import by_blocks, kernel, plain

    generator = torch.Generator().manual_seed(1)
    inputs = [torch.randn(2, 3, 9, 4, generator=generator) for _ in range(3)]
    mask = torch.zeros(2, 1, 9, 9).masked_fill(torch.ones(9, 9).triu(1).bool(), -1e9)
    for attend in (kernel, by_blocks):
        torch.testing.assert_close(attend(*inputs, mask), plain(*inputs, mask))


@pytest.mark.slow
def test_the_way_to_a_quality_is_measured_as_the_peers_are(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import training

    options = training.options_of(["--smoke"])
    (tmp_path / "jobs").mkdir()
    training.make_world(tmp_path, options, 6)
    found = training.run_ours({
        "root": str(tmp_path), "out": str(tmp_path / "out"), "rows": str(tmp_path / "rows"),
        "shape": options.shape, "blocks": 4, "steps": 6, "warmup": 1, "lr": 1e-3, "threads": 1,
        "precision": "fp32", "device": "cpu", "compile": False, "tokens": "tokens",
        "measure": True, "wanted": 0.0,
        "changes": {"optimizer": "auto", "keep_checkpoint_every": 3},
    })  # fmt: skip
    (halfway, worse), (end, bits) = found["curve"]
    assert 0 < halfway <= end
    assert bits == pytest.approx(found["bits_per_byte"])
    assert worse > bits


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
