import json
import shutil
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from transformers import AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from tiny_training import make_world, pretrain

from mowa.cli import _train, app
from mowa.cli._train import sparkline
from mowa.errors import UsageError
from mowa.training._checkpoint import Checkpoint, Checkpoints
from mowa.workspace import Workspace


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = make_world(tmp_path_factory.mktemp("world") / "world")
    out = root / "out"
    pretrain(root, out, steps=8, eval_every=4, keep_checkpoint_every=4, keep_optimizer=True)
    return out


def invoke(*arguments):
    return app([str(argument) for argument in arguments], standalone_mode=False)


def test_a_run_is_shown_with_its_loss_and_its_time(trained, capsys):
    invoke("train", "watch", trained, "--once")
    shown = capsys.readouterr().out
    for part in ("8 of 8", "bits per byte after update 8", "tiny", "ended", "gradient norm"):
        assert part in shown


def test_a_run_before_its_first_update_is_shown_too(tmp_path, capsys):
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 0, "steps": 9}) + "\n")
    invoke("train", "watch", tmp_path)
    assert "no update yet" in capsys.readouterr().out


def test_a_run_on_preferences_is_shown_with_its_margin(tmp_path, capsys):
    line = {
        "loss": 0.6, "margin": 0.25, "accuracy": 0.75, "held_out_loss": 0.65,
        "held_out_accuracy": 0.5, "lr": 1e-6, "grad_norm": 1.0, "tokens": 9,
        "tokens_per_second": 2.0, "seconds": 1.0, "seconds_left": 0.0,
    }  # fmt: skip
    lines = [{"step": 0, "steps": 1}, {"step": 1, **line}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    invoke("train", "watch", tmp_path)
    shown = capsys.readouterr().out
    for part in ("loss 0.650, 50.0% right after update 1", "0.250, 75.0% of pairs in their order"):
        assert part in shown


def test_a_run_that_has_ended_cannot_be_stopped(trained):
    with pytest.raises(UsageError, match="this run has ended"):
        invoke("train", "stop", trained)


def test_a_run_is_stopped_by_a_file(tmp_path, capsys):
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    invoke("train", "stop", tmp_path)
    assert (tmp_path / "stop").exists()
    assert "exit code 75" in capsys.readouterr().out


@pytest.fixture
def begun(tmp_path):
    """A workspace in which the step tiny/base is not finished, and the folder of that build."""
    store = Workspace.open(tmp_path / "workspace", create=True)
    out = store.partial("tiny/base", "dev", "a" * 32) / "out"
    out.mkdir(parents=True)
    (out / "metrics.jsonl").write_text(json.dumps({"step": 0, "steps": 9}) + "\n")
    return store, out


def test_a_run_that_goes_on_is_found_by_its_name_and_stopped(begun, capsys):
    store, out = begun
    with store.lock("tiny/base", "dev", wait=False):
        invoke("train", "watch", "tiny/base", "--once", "--workspace", store.root)
        assert "no update yet" in capsys.readouterr().out
        invoke("train", "stop", "tiny/base", "--workspace", store.root)
    assert (out / "stop").exists()


def test_a_run_that_ends_while_it_is_watched_is_shown_to_its_end(trained, begun, monkeypatch):
    """What was being made is then in another place."""
    store, out = begun
    shown = Console(file=StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr(_train, "console", shown)
    monkeypatch.setattr(Workspace, "get", lambda *_: SimpleNamespace(path=trained))
    monkeypatch.setattr(_train.time, "sleep", lambda _: shutil.rmtree(out.parent))
    invoke("train", "watch", "tiny/base", "--workspace", store.root)
    assert "8 of 8" in shown.file.getvalue()


def test_a_run_that_no_process_works_on_cannot_be_stopped(begun):
    store, out = begun
    with pytest.raises(UsageError, match="this run has ended"):
        invoke("train", "stop", "tiny/base@dev", "--workspace", store.root)
    assert not (out / "stop").exists()


@pytest.mark.parametrize("step", [None, 4])
def test_a_checkpoint_becomes_a_model_with_the_weights_it_holds(trained, tmp_path, step):
    out = tmp_path / "model"
    invoke("train", "export", trained, out, *(["--step", step] if step else []))
    model = AutoModelForCausalLM.from_pretrained(out)
    wanted = {f"model/{name}": torch.zeros_like(p) for name, p in model.named_parameters()}
    Checkpoints(trained / "checkpoints").read(f"step-{step or 8:08d}").load(wanted)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, wanted[f"model/{name}"])
    assert (out / "tokenizer.json").exists()
    if step is None:
        final = AutoModelForCausalLM.from_pretrained(trained)
        pairs = zip(model.parameters(), final.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("moment", ["names", "read", "load"])
def test_a_checkpoint_that_the_run_removes_meanwhile_is_told_of(
    trained, tmp_path, monkeypatch, moment
):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    kind = Checkpoint if moment == "load" else Checkpoints
    real = getattr(kind, moment)

    def meanwhile(self, *arguments):
        result = None if moment == "load" else real(self, *arguments)
        shutil.rmtree(run / "checkpoints" / "step-00000008", ignore_errors=True)
        return real(self, *arguments) if moment == "load" else result

    monkeypatch.setattr(kind, moment, meanwhile)
    with pytest.raises(UsageError, match="removed this checkpoint while it was read"):
        invoke("train", "export", run, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_cannot_be_exported_says_what_is_there(trained, tmp_path):
    with pytest.raises(UsageError, match="no such checkpoint") as caught:
        invoke("train", "export", trained, tmp_path / "model", "--step", "5")
    assert "checkpoints that are there: 4, 8" in str(caught.value)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        invoke("train", "export", trained, tmp_path)


def test_a_sparkline_shows_means_of_neighbours():
    assert sparkline([0.0, 0.0, 1.0, 1.0], width=2) == "▁█"
    assert sparkline([2.0]) == "▁"
