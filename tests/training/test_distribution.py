"""Several processes train what one trains: real ones, started by torchrun, over gloo."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from tiny_training import (
    Lines,
    in_update,
    inputs_of,
    losses,
    pretrain,
    tiny_config,
)
from transformers import AutoModelForCausalLM

from mowa.errors import MowaError, StoppedEarly, UsageError
from mowa.training import _launch
from mowa.training._checkpoint import Checkpoints
from mowa.training._distribution import Ranks, joined
from mowa.training._launch import SpokenProgress, read_job, write_job
from mowa.training._loop import _refuse_uneven

ENDING = Path(__file__).with_name("ending_worker.py")
UNCOMPILING = Path(__file__).with_name("uncompiling_worker.py")


def train(world, out, processes, **changes):
    values = {"processes": processes, "micro_batch_size": 1, "steps": 6, "eval_every": 3}
    progress = Lines()
    return pretrain(world, out, progress, **(values | changes)), progress.said


@pytest.mark.parametrize(
    ("optimizer", "processes"),
    [
        pytest.param("muon", 2),
        pytest.param("adamw", 2, marks=pytest.mark.slow),
        pytest.param("muon", 4, marks=pytest.mark.slow),
        pytest.param("adamw", 4, marks=pytest.mark.slow),
    ],
)
def test_losses_are_those_of_one_process(world, tmp_path, optimizer, processes):
    alone, _ = train(world, tmp_path / "1", 1, optimizer=optimizer)
    together, said = train(world, tmp_path / "n", processes, optimizer=optimizer)
    # Neighbours in float32 are 5e-7 apart where losses are: a millionth of one is a few of them.
    assert losses(tmp_path / "n") == pytest.approx(losses(tmp_path / "1"), rel=1e-6)
    assert together["held_out_bpb_after"] == pytest.approx(alone["held_out_bpb_after"], rel=1e-6)
    assert together["processes"] == processes
    assert together["tokens_seen"] == alone["tokens_seen"]
    assert any("bits per byte on held-out documents" in line for line in said)
    assert {path.name for path in (tmp_path / "n").iterdir()} == {
        path.name for path in (tmp_path / "1").iterdir()
    }
    one, two = (AutoModelForCausalLM.from_pretrained(tmp_path / name) for name in ("1", "n"))
    for (name, a), b in zip(one.named_parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4, msg=name)


@pytest.mark.slow
def test_groups_that_share_and_replicate_train_the_same(world, tmp_path):
    train(world, tmp_path / "1", 1, optimizer="muon")
    train(world, tmp_path / "n", 4, optimizer="muon", shard_processes=2)
    assert losses(tmp_path / "n") == pytest.approx(losses(tmp_path / "1"), rel=1e-6)


@pytest.mark.slow
def test_bfloat16_layers_keep_float32_masters(world, tmp_path):
    train(world, tmp_path / "1", 1, precision="bf16")
    train(world, tmp_path / "2", 2, precision="bf16", keep_optimizer=True)
    assert losses(tmp_path / "2") == pytest.approx(losses(tmp_path / "1"), abs=0.02)
    found = Checkpoints(tmp_path / "2" / "checkpoints").latest(print)
    read = {"model/model.norm.weight": torch.zeros(32)}
    found.load(read)
    masters = read["model/model.norm.weight"]
    assert not torch.equal(masters, masters.to(torch.bfloat16).float())


@pytest.mark.slow
def test_compiled_layers_are_shared_too(world, tmp_path):
    train(world, tmp_path / "1", 1)
    metrics, said = train(world, tmp_path / "2", 2, compile=True, activation_checkpointing=True)
    assert metrics["compiled"] is True, said
    assert losses(tmp_path / "2") == pytest.approx(losses(tmp_path / "1"), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("fails_in", ["forward", "backward"])
def test_where_one_process_cannot_compile_none_does_and_none_waits(
    world, tmp_path, monkeypatch, fails_in
):
    train(world, tmp_path / "1", 1)
    monkeypatch.setenv("MOWA_TEST_FAILS_IN", fails_in)
    monkeypatch.setattr(_launch, "_WORKER", [str(UNCOMPILING)])
    metrics, said = train(world, tmp_path / "2", 2, compile=True)
    assert metrics["compiled"] is False
    assert any("torch.compile failed (another process could not)" in line for line in said)
    assert losses(tmp_path / "2") == pytest.approx(losses(tmp_path / "1"), abs=1e-6)


@pytest.mark.parametrize(
    "worlds",
    [
        pytest.param((2, 1), id="2-1", marks=pytest.mark.slow),
        pytest.param((2, 1, 4), id="2-1-4", marks=pytest.mark.slow),
        pytest.param((1, 4, 2), id="1-4-2", marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_in_another_number_of_processes(world, tmp_path, monkeypatch, worlds):
    """It reads the same blocks in the same order: the losses of a run that never stopped."""
    train(world, tmp_path / "whole", 1, steps=9)
    out = tmp_path / "out"
    for number, processes in enumerate(worlds):
        part = {"steps": 9, "checkpoint_every_steps": 3}
        if number + 1 < len(worlds):
            with monkeypatch.context() as patch:
                patch.setenv("MOWA_TEST_STOP_AT", "3")
                patch.setattr(_launch, "_WORKER", [str(ENDING)])
                in_update(patch, 3, (out / "stop").touch)
                with pytest.raises(StoppedEarly, match=f"after update {4 * number + 4} of 9"):
                    train(world, out, processes, **part)
        else:
            _, said = train(world, out, processes, **part)
            assert any("not as before: processes" in line for line in said)
    assert losses(out) == pytest.approx(losses(tmp_path / "whole"), rel=1e-6)


ASKED_AS_A_GROUP = """
import os, sys
from pathlib import Path
from tiny_training import pretrain
from mowa.errors import StoppedEarly
from mowa.training import _launch
os.environ |= {"MOWA_TEST_GROUP": str(os.getpgrp()), "MOWA_TEST_STOP_AT": "3"}
_launch._WORKER = [sys.argv[3]]
try:
    pretrain(Path(sys.argv[1]), Path(sys.argv[2]), steps=9, processes=2, micro_batch_size=1)
except StoppedEarly as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.slow
def test_a_signal_to_the_whole_group_saves_and_asks_to_be_started_again(world, tmp_path):
    """As job schedulers and terminals send it: torchrun would end its processes at once."""
    done = subprocess.run(
        [sys.executable, "-c", ASKED_AS_A_GROUP, world, tmp_path / "out", ENDING],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 75, done.stderr
    assert "saved after update" in done.stdout
    _, said = train(world, tmp_path / "out", 2, steps=9, eval_every=None)
    assert any("going on from update" in line for line in said)


def test_processes_that_do_not_divide_the_batch_are_refused_with_numbers():
    with pytest.raises(UsageError, match="3 processes do not divide the 4 blocks") as caught:
        _refuse_uneven(tiny_config(), Ranks(0, 3))
    assert "use 2 processes" in str(caught.value)


def test_groups_that_do_not_divide_the_processes_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with (
        pytest.raises(UsageError, match="shard_processes 3 does not divide the 4 processes") as it,
        joined(torch.device("cpu"), shard_processes=3),
    ):
        pass
    assert "1, 2, 4" in str(it.value)


@pytest.mark.slow
def test_a_process_that_dies_is_told_of_and_nothing_is_lost(world, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setenv("MOWA_TEST_DIE_AT", "5")
    monkeypatch.setattr(_launch, "_WORKER", [str(ENDING)])
    with pytest.raises(MowaError, match="a training process ended with code"):
        train(world, out, 2, steps=8, checkpoint_every_steps=2)
    monkeypatch.undo()
    _, said = train(world, out, 2, steps=8, checkpoint_every_steps=2)
    assert any("going on from update" in line for line in said)
    train(world, tmp_path / "whole", 2, steps=8)
    assert (out / "model.safetensors").read_bytes() == (
        tmp_path / "whole" / "model.safetensors"
    ).read_bytes()


TORCHRUN = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
RuntimeError: {error}
second line
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
Root Cause (first observed failure):
[0]:
  exitcode  : {code}
  traceback : {traceback}
============================================================
"""


def test_of_a_process_that_died_the_cause_is_told_not_torchruns_last_line():
    see = "To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html"
    log = TORCHRUN.format(error="no such file", code="1 (pid: 7)", traceback=see)
    assert _launch._why(log) == "RuntimeError: no such file"
    killed = "Signal 9 (SIGKILL) received by PID 7"
    log = TORCHRUN.format(error="connection closed by peer", code="-9", traceback=killed)
    assert _launch._why(log) == "Signal 9 (SIGKILL)"
    assert _launch._why("") == ""


def test_nothing_of_processes_before_stays_in_the_model(world, tmp_path):
    """As after a run in two processes was killed, and went on in one."""
    (tmp_path / "job.json").write_text("{}")
    (tmp_path / "processes.log").write_text("old")
    train(world, tmp_path, 1, steps=3, warmup_steps=0)
    assert not {"job.json", "processes.log"} & {path.name for path in tmp_path.iterdir()}


def test_shares_of_a_batch_are_neighbours_and_all_of_it():
    for world in (1, 2, 3, 4):
        shares = [Ranks(rank, world).mine(range(8)) for rank in range(world)]
        assert [item for share in shares for item in share] == list(range(8))


def test_a_job_is_read_as_it_was_written(world, tmp_path):
    config = tiny_config(stages=[{"weights": {"tokens": 1.0}}])
    write_job(config, inputs_of(world), tmp_path)
    read, inputs = read_job(tmp_path / "job.json")
    assert read == config
    assert [a.fingerprint for a in inputs.artifacts] == ["f" * 32, "e" * 32]
    assert inputs.one("tokens").path == world / "tokens"


def test_a_line_that_cannot_be_read_is_shown_and_the_others_are_heard():
    progress = Lines()
    lines = [
        'mowa:{"event": "say", "line": "a"}mowa:{}\n',
        'x mowa:{"event": "say", "line": "b"}\n',
    ]
    assert _launch._listen(lines, progress) is None
    assert progress.said[0].startswith("a process said what cannot be read")
    assert progress.said[1:] == ["b"]


def test_what_a_process_says_is_written_in_one_piece(monkeypatch):
    pieces = []
    stdout = types.SimpleNamespace(write=pieces.append, flush=lambda: None)
    monkeypatch.setattr(_launch.sys, "stdout", stdout)
    SpokenProgress(speaks=True).say("hello")
    assert pieces == ['mowa:{"event": "say", "line": "hello"}\n']


def test_only_the_first_process_speaks_but_any_may_fail(capsys):
    SpokenProgress(speaks=False).say("hello")
    SpokenProgress(speaks=False).fail(UsageError("wrong", where="here", fix="do"))
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line.removeprefix("mowa:"))["event"] for line in lines] == ["fail"]
