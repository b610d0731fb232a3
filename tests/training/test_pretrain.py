import json
import math
import signal
import socket
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from tiny_training import (
    Lines,
    lines_of,
    pretrain,
    tiny_config,
    weights,
    write_tokens,
)
from transformers import AutoModelForCausalLM, AutoTokenizer

from mowa.errors import DataError, MowaError, UsageError
from mowa.model import TokenizerFacts, build
from mowa.training import TokenSplit, _loop, _train
from mowa.training._checkpoint import Checkpoint
from mowa.training._forward import Forward, stack
from mowa.training._metrics import read_metrics
from mowa.training._optimizer import Optimizers
from mowa.training._plan import PackingPlan

GOLDEN = Path(__file__).with_name("golden_loss.json")
DYING = Path(__file__).with_name("tiny_training.py")

# On disk at the moment of a kill: nothing, one checkpoint, or half of one.
MOMENTS = [
    ("update", 2),
    ("update", 8),
    ("file", 1),
    ("file", 3),
    ("rename", 9),
    ("rename", 10),
    ("export", 1),
    ("cleaning", 1),
]
KINDS = [
    {"precision": "fp32", "optimizer": "adamw"},
    {"precision": "bf16", "optimizer": "adamw"},
    {"precision": "fp32", "optimizer": "muon"},
    {"precision": "bf16", "optimizer": "muon"},
]


def kill_and_go_on(world, out, reference, *, moment, count, **changes):
    changes |= {"checkpoint_every_steps": 3, "eval_every": 4}
    out.mkdir()
    died = subprocess.run(
        [sys.executable, DYING, world, out, moment, str(count), json.dumps(changes)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert not (out / "training.json").exists() or moment == "cleaning"
    progress = Lines()
    pretrain(world, out, progress, **changes)
    if not (reference / "training.json").exists():
        pretrain(world, reference, **changes)
    assert weights(out) == weights(reference)
    assert lines_of(out) == lines_of(reference)
    assert not (out / "checkpoints").exists()
    return progress.said


def test_a_killed_run_goes_on_to_the_same_bytes(world, tmp_path):
    said = kill_and_go_on(
        world, tmp_path / "out", tmp_path / "reference", moment="file", count=3, **KINDS[3]
    )
    assert "going on from update 6 of 12" in said


@pytest.mark.slow
def test_a_compiled_run_that_is_killed_goes_on_to_the_same_bytes(world, tmp_path):
    kill_and_go_on(
        world,
        tmp_path / "out",
        tmp_path / "reference",
        moment="update",
        count=8,
        **(KINDS[1] | {"compile": True}),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind.values()))
@pytest.mark.parametrize(("moment", "count"), MOMENTS)
def test_a_run_killed_at_any_moment_goes_on_to_the_same_bytes(
    world, tmp_path, tmp_path_factory, kind, moment, count
):
    reference = tmp_path_factory.getbasetemp() / f"reference-{'-'.join(kind.values())}"
    kill_and_go_on(world, tmp_path / "out", reference, moment=moment, count=count, **kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind.values()))
def test_a_run_stopped_after_any_checkpoint_goes_on_to_the_same_bytes(
    world, tmp_path, monkeypatch, kind
):
    pretrain(world, tmp_path / "whole", **kind)
    step = Optimizers.step
    for stop in (1, 7):
        calls = iter(range(100))

        def stopping(self, calls=calls, stop=stop):
            if next(calls) == stop:
                raise KeyboardInterrupt
            step(self)

        monkeypatch.setattr(Optimizers, "step", stopping)
        with pytest.raises(KeyboardInterrupt):
            pretrain(world, tmp_path / f"stopped{stop}", checkpoint_every_steps=1, **kind)
        monkeypatch.setattr(Optimizers, "step", step)
        progress = Lines()
        pretrain(world, tmp_path / f"stopped{stop}", progress, **kind)
        assert f"going on from update {stop} of 12" in progress.said
        assert weights(tmp_path / f"stopped{stop}") == weights(tmp_path / "whole")


def test_tensorboard_gets_what_the_metrics_have(world, tmp_path, monkeypatch):
    written = {}

    class Writer:
        def __init__(self, folder, purge_step):
            written["at"] = (folder, purge_step)

        def add_scalar(self, name, value, step):
            written[name, step] = value

        def flush(self):
            written["flushed"] = True

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    out = tmp_path / "out"
    pretrain(world, out, tensorboard=True, steps=3, eval_every=3)
    lines = read_metrics(out / "metrics.jsonl")
    assert written["at"] == (str(out / "tensorboard"), 0)
    assert written["loss", 2] == lines[2]["loss"]
    assert written["held_out_bpb_by_source/tiny", 3] == lines[3]["held_out_bpb"]
    assert written["flushed"]


def test_tensorboard_that_is_not_installed_is_asked_for(world, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match=r"TensorBoard is not installed") as caught:
        pretrain(world, tmp_path / "out", tensorboard=True)
    assert "mowa[tensorboard]" in str(caught.value)


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "out"
    metrics = pretrain(
        world, out, prompts=["W Krakowie", "Zażółć"], prompt_tokens=8, eval_every=10, steps=30
    )
    return out, metrics


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_losses_are_the_golden_ones(trained, world, tmp_path, optimizer):
    """A change that is not about computation leaves these as they are.

    In float32 without a compiler they differ by 2e-6 between torch's kernels for AVX-512, AVX2 and
    none: 1e-4 holds on any CPU.
    """
    out = trained[0]
    if optimizer == "muon":
        out = tmp_path / "out"
        pretrain(world, out, steps=30, optimizer="muon")
    losses = [line["loss"] for line in read_metrics(out / "metrics.jsonl") if "loss" in line]
    assert losses == pytest.approx(json.loads(GOLDEN.read_text())[optimizer], abs=1e-4)


def test_training_begins_at_chance_and_learns(trained):
    out, metrics = trained
    lines = read_metrics(out / "metrics.jsonl")
    assert lines[1]["loss"] == pytest.approx(math.log(300), abs=0.1)
    assert metrics["held_out_bpb_after"] < 0.7 * metrics["held_out_bpb_before"]


def test_metrics_say_how_it_went(trained):
    out, metrics = trained
    lines = read_metrics(out / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(31))
    assert [line["step"] for line in lines if "held_out_bpb" in line] == [0, 10, 20, 30]
    assert set(lines[3]) == {
        "step", "loss", "lr", "grad_norm", "tokens", "tokens_per_second", "memory",
        "joules", "flops_per_second", "seconds", "seconds_left",
    }  # fmt: skip
    assert lines[-1]["seconds_left"] == 0
    assert metrics["tokens_seen"] == lines[-1]["tokens"] == 30 * 128
    assert metrics["parameters"] == 40_480
    assert metrics["final_loss"] == lines[-1]["loss"]
    assert (metrics["precision"], metrics["device"], metrics["threads"]) == ("fp32", "cpu", 1)
    assert json.loads((out / "training.json").read_text()) == metrics


def test_transformers_reads_the_model_and_its_tokenizer_unchanged(trained, monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was reached for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    out, _ = trained
    model = AutoModelForCausalLM.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    ids = tokenizer("<s>Kraków nad Wisłą", add_special_tokens=False, return_tensors="pt").input_ids
    assert ids[0, 0] == 0
    text = model.generate(ids, max_new_tokens=5, do_sample=False)
    assert text.shape[1] > ids.shape[1]
    assert model.dtype == torch.float32
    assert model.config.use_cache is True
    assert model.config.max_position_embeddings == 64


def test_the_artifact_holds_what_it_should_and_no_pickle(trained):
    names = {path.name for path in trained[0].iterdir()}
    assert names == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json", "special_tokens_map.json", "metrics.jsonl", "samples.json",
        "training.json", "report.html",
    }  # fmt: skip


def test_samples_are_kept_and_shown(trained):
    out, _ = trained
    samples = json.loads((out / "samples.json").read_text("utf-8"))
    assert [sample["prompt"] for sample in samples] == ["W Krakowie", "Zażółć"]
    page = (out / "report.html").read_text("utf-8")
    for part in ("Zażółć▸", "bits per byte", "Learning rate", "Architecture", "4 of 8"):
        assert part in page
    assert str(out) not in page


def test_a_finished_run_is_not_done_again(trained, world, monkeypatch):
    out, metrics = trained
    monkeypatch.setattr(_train, "train", None)
    assert pretrain(world, out, steps=30) == metrics


def test_the_optimizer_is_kept_where_asked(world, tmp_path):
    pretrain(world, tmp_path / "out", keep_optimizer=True, checkpoint_every_steps=5)
    kept = list((tmp_path / "out" / "checkpoints").iterdir())
    assert [path.name for path in kept] == ["step-00000012"]
    assert any(name.startswith("optimizer/") for name in Checkpoint(kept[0], {}).names())


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_weights(
    world, tmp_path, monkeypatch, what
):
    nll = Forward.forward
    calls = iter(range(1000))

    def broken(self, rows, how="train"):
        value = nll(self, rows, how)
        if not torch.is_grad_enabled() or next(calls) < 2 + 10:
            return value
        if what == "loss":
            return value * math.nan
        # The loss itself is finite: only its gradient is not.
        weight = self.model.model.norm.weight
        return value + 0 * (weight - weight.detach()).abs().sqrt().sum()

    monkeypatch.setattr(Forward, "forward", broken)
    with pytest.raises(MowaError) as caught:
        pretrain(world, tmp_path / "out", checkpoint_every_steps=2)
    message = str(caught.value)
    assert (
        "the loss is nan" in message if what == "loss" else "the gradient's norm is nan" in message
    )
    assert "in update 6 of 12, at learning rate 0.00" in message
    assert "the last good checkpoint is step-00000004" in message
    assert "lower learning_rate" in message
    assert caught.value.exit_code == 1
    monkeypatch.setattr(Forward, "forward", nll)
    pretrain(world, tmp_path / "out")
    pretrain(world, tmp_path / "healthy")
    assert weights(tmp_path / "out") == weights(tmp_path / "healthy")


def test_a_loss_that_is_no_number_in_the_first_update_says_that_nothing_is_kept(
    world, tmp_path, monkeypatch
):
    real = Forward.forward

    def broken(self, rows, how="train"):
        value = real(self, rows, how)
        return value if how == "measure" else value * math.inf

    monkeypatch.setattr(Forward, "forward", broken)
    with pytest.raises(MowaError, match="there is no checkpoint yet"):
        pretrain(world, tmp_path / "out")


def test_one_batch_is_learnt_by_heart(world):
    config = tiny_config()
    model = build(config.architecture, TokenizerFacts.read(world / "tokenizer"), 0)
    forward = Forward(model, device=torch.device("cpu"), precision="fp32", sequence_length=32)
    split = TokenSplit.open(world / "tokens", "train")
    plan = PackingPlan(split.lengths, sequence_length=32, seed=0)
    rows = stack([plan.read(split, block) for block in (0, 1)], torch.device("cpu"))
    targets = sum(plan.targets(block) for block in (0, 1))
    assert targets == int((rows.labels >= 0).sum())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        loss = forward(rows) / targets
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    # The first words of a document cannot be told from one another by what stands before them.
    beginnings = int((rows.positions == 0).sum()) / targets
    assert loss.item() < 0.02 + 2 * beginnings


def test_the_plan_feeds_the_loop_the_same_whatever_the_micro_batch(world, tmp_path):
    runs = []
    for micro in (1, 3, 4):
        out = tmp_path / str(micro)
        pretrain(world, out, micro_batch_size=micro, epochs=0.5, warmup_steps=1)
        runs.append(
            [line["loss"] for line in read_metrics(out / "metrics.jsonl") if "loss" in line]
        )
    assert runs[0] == pytest.approx(runs[2], abs=1e-5)
    assert runs[1] == pytest.approx(runs[2], abs=1e-5)


def test_a_checkpoint_of_other_data_is_refused(world, tmp_path, monkeypatch):
    monkeypatch.setattr(_train, "write_model", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        pretrain(world, tmp_path / "out")
    with pytest.raises(MowaError, match="its config differ"):
        pretrain(world, tmp_path / "out", learning_rate=1e-4)
    monkeypatch.setattr(PackingPlan, "digest", lambda _: "another")
    with pytest.raises(MowaError, match="its plan differ"):
        pretrain(world, tmp_path / "out")


def test_a_run_goes_on_in_the_precision_that_it_began_with(world, tmp_path, monkeypatch):
    monkeypatch.setattr(_train, "choose_precision", lambda *_: "bf16")
    monkeypatch.setattr(_train, "write_model", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        pretrain(world, tmp_path / "out", precision="auto")
    monkeypatch.undo()
    monkeypatch.setattr(_train, "choose_precision", lambda *_: "fp32")
    progress = Lines()
    metrics = pretrain(world, tmp_path / "out", progress, precision="auto", micro_batch_size=4)
    assert metrics["precision"] == "bf16"
    assert any(
        "micro_batch_size 2 -> 4" in line and "not bit by bit" in line for line in progress.said
    )


def _interrupt(*_, **__):
    raise KeyboardInterrupt


def test_a_compiler_that_fails_is_told_of_and_gone_without(world, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no C++ compiler here\nand a long story")

    monkeypatch.setattr(Forward, "compile_layers", broken)
    progress = Lines()
    metrics = pretrain(world, tmp_path / "out", progress, compile=True)
    assert metrics["compiled"] is False
    expected = "torch.compile failed (no C++ compiler here); training goes on without it"
    assert expected in progress.said


def test_a_compiler_that_works_is_told_of(world, tmp_path, monkeypatch):
    monkeypatch.setattr(Forward, "compile", lambda *_: None)
    progress = Lines()
    assert pretrain(world, tmp_path / "out", progress, compile=True)["compiled"] is True
    assert any(line.startswith("compiled in") for line in progress.said)


def test_time_makes_checkpoints_too(world, tmp_path, monkeypatch):
    saved = []
    save = _loop.Checkpoints.save
    monkeypatch.setattr(
        _loop.Checkpoints, "save", lambda *a: (saved.append(a[1]["step"]), save(*a))
    )
    pretrain(world, tmp_path / "out", checkpoint_every_seconds=1e-9)
    assert saved == list(range(1, 13))


def test_lines_are_written_as_often_as_asked(world, tmp_path):
    pretrain(world, tmp_path / "out", log_every=5, eval_every=4)
    steps = [line["step"] for line in read_metrics(tmp_path / "out" / "metrics.jsonl")]
    assert steps == [0, 4, 5, 8, 10, 12]


def test_damaged_lines_of_metrics_are_cut(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"st')
    assert read_metrics(path) == [{"step": 1}]


def test_without_held_out_text_there_is_no_measure_and_still_a_model(world, tmp_path):
    root = tmp_path / "world"
    rows = [([0, *range(3, 40), 1], 40)] * 20
    write_tokens(root / "tokens", {"train": rows, "held_out": []})
    (root / "tokenizer").symlink_to(world / "tokenizer")
    progress = Lines()
    metrics = pretrain(root, root / "out", progress)
    assert metrics["held_out_bpb_before"] is metrics["held_out_bpb_after"] is None
    assert "no measure" in progress.said[1]
    assert "The recipe names no prompts" in (root / "out" / "report.html").read_text("utf-8")


def test_tokens_of_another_tokenizer_are_refused(world, tmp_path):
    rows = [([0, 3, 1], 1)]
    write_tokens(tmp_path / "tokens", {"train": rows, "held_out": rows}, vocabulary=400)
    (tmp_path / "tokenizer").symlink_to(world / "tokenizer")
    with pytest.raises(UsageError, match="400, but that of the tokenizer 300"):
        pretrain(tmp_path, tmp_path / "out")


def test_no_tokens_to_train_on_are_refused(world, tmp_path):
    write_tokens(tmp_path / "tokens", {"train": [], "held_out": []})
    (tmp_path / "tokenizer").symlink_to(world / "tokenizer")
    with pytest.raises(DataError, match="no training tokens"):
        pretrain(tmp_path, tmp_path / "out")


def test_a_warm_up_longer_than_the_epochs_is_refused(world, tmp_path):
    with pytest.raises(UsageError, match=r"warmup_steps 90 is not below the number of updates"):
        pretrain(world, tmp_path / "out", epochs=1.0, warmup_steps=90)


def test_a_full_disk_while_the_model_is_written_is_a_clear_error(world, tmp_path):
    import errno

    class Full(torch.nn.Module):
        class config:  # noqa: N801
            use_cache = False

        def save_pretrained(self, _, **__):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MowaError, match="the disk is full"):
        _train.write_model(Full(), world / "tokenizer", tmp_path)
