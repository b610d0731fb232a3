"""What a run that goes on knows of the part before, and what it tells of what has changed."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from tiny_training import Lines, context_for, inputs_of, pretrain, tiny_config, write_tokens

from mowa.errors import MowaError
from mowa.training import _loop, _meters, _train
from mowa.training._forward import Forward
from mowa.training._pretrain import run
from mowa.workspace import Inputs


def until_its_export(world, out, monkeypatch, **changes):
    """Train, and end where the model would be written."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_train, "write_model", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pretrain(world, out, steps=3, warmup_steps=0, **changes)


@contextmanager
def killed_before(update, monkeypatch):
    """A run in the block ends where the batch of this update (from 0) would be read."""
    real = _loop.read_batch

    def interrupt(objective, step, **options):
        if step == update:
            raise KeyboardInterrupt
        return real(objective, step, **options)

    with monkeypatch.context() as patch:
        patch.setattr(_loop, "read_batch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            yield


def until_update_two(world, out, monkeypatch, **changes):
    """Train two updates of three, and end."""
    with killed_before(2, monkeypatch):
        go_on(world, out, checkpoint_every_steps=1, **changes)


def go_on(world, out, progress=None, **changes):
    return pretrain(world, out, progress, steps=3, warmup_steps=0, **changes)


def test_a_run_killed_while_it_writes_its_model_still_knows_how_it_was_trained(
    world, tmp_path, monkeypatch
):
    monkeypatch.setattr(Forward, "compile_layers", lambda *_: None)
    until_its_export(world, tmp_path, monkeypatch, compile=True)
    progress = Lines()
    metrics = go_on(world, tmp_path, progress, compile=True)
    assert metrics["kwh_how"].startswith("estimated: 12 W")
    assert metrics["compiled"] is True
    assert not any("not as before" in line or "compiled in" in line for line in progress.said)


def test_energy_of_two_machines_has_the_labels_of_both(world, tmp_path, monkeypatch):
    until_update_two(world, tmp_path, monkeypatch)
    monkeypatch.setattr(_meters, "WATTS_PER_CORE", 30.0)
    until_its_export(world, tmp_path, monkeypatch)
    metrics = go_on(world, tmp_path)
    first, second = metrics["kwh_how"].split("; ")
    assert first.startswith("estimated: 12 W")
    assert second.startswith("estimated: 30 W")


def test_what_rounding_depends_on_is_told_where_it_changes(world, tmp_path, monkeypatch):
    until_update_two(world, tmp_path, monkeypatch)
    monkeypatch.setattr(Forward, "compile_layers", lambda *_: None)
    progress = Lines()
    go_on(world, tmp_path, progress, compile=True, activation_checkpointing=True, shard_processes=1)
    (line,) = [line for line in progress.said if line.startswith("not as before")]
    assert "activation_checkpointing False -> True, compiled False -> True;" in line


def test_a_compiler_that_fails_changes_nothing_in_how_a_run_goes_on(world, tmp_path, monkeypatch):
    """What counts is whether the layers were compiled, not whether the recipe wished it."""

    def broken(*_, **__):
        raise RuntimeError("no C++ compiler here")

    until_update_two(world, tmp_path, monkeypatch)
    monkeypatch.setattr(Forward, "compile_layers", broken)
    progress = Lines()
    go_on(world, tmp_path, progress, compile=True)
    assert not any("not as before" in line for line in progress.said)


def test_a_run_over_other_data_is_not_gone_on_with(world, tmp_path, monkeypatch):
    """As where the tokens were made anew by another recipe: their lengths may be the same."""
    until_its_export(world, tmp_path, monkeypatch)
    tokens, tokenizer = inputs_of(world).artifacts
    other = Inputs((replace(tokens, fingerprint="a" * 32), tokenizer))
    config = tiny_config(steps=3, warmup_steps=0)
    with pytest.raises(MowaError, match="belongs to another run: its data differ"):
        run(config, other, tmp_path, context_for(world))


@pytest.fixture
def odd(world, tmp_path):
    """Tokens and a tokenizer, and beside them tokens that are one word over and over."""
    rows = [([0, *[7] * 62, 1], 60)] * 8
    write_tokens(tmp_path / "odd", {"train": rows, "held_out": rows[:1]})
    tokens, tokenizer = inputs_of(world).artifacts
    return Inputs((tokens, replace(tokens, path=tmp_path / "odd", name="tiny/odd"), tokenizer))


def test_a_run_with_a_spike_that_is_killed_leaves_the_same_updates_out(
    world, odd, tmp_path, monkeypatch
):
    """Update 67 reads the odd tokens: its gradient is many times the usual one."""
    usual, strange = ({"weights": {name: 1.0}} for name in ("tokens", "odd"))
    config = tiny_config(
        architecture={"hidden_size": 16, "layers": 1},
        global_batch_size=64,
        steps=70,
        learning_rate=1e-5,
        skip_spikes=6.0,
        checkpoint_every_steps=33,
        stages=[usual, strange | {"begin": 66 / 70}, usual | {"begin": 67 / 70}],
    )
    whole, out = tmp_path / "whole", tmp_path / "out"
    for folder in (whole, out):
        folder.mkdir()
    metrics = run(config, odd, whole, context_for(world))
    assert metrics["skipped_updates"] == [67]
    # Before the spike, which is known from the 66 updates in the checkpoint alone; and after it.
    for killed_at in (66, 69):
        with killed_before(killed_at, monkeypatch):
            run(config, odd, out, context_for(world))
    again = run(config, odd, out, context_for(world))
    assert again["skipped_updates"] == [67]
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
