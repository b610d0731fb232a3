"""What a run that goes on knows of the part before, and what it tells of what has changed."""

import pytest
from tiny_training import Lines, pretrain

from mowa.training import _loop, _meters, _train
from mowa.training._forward import Forward


def until_its_export(world, out, monkeypatch, **changes):
    """Train, and end where the model would be written."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_train, "write_model", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pretrain(world, out, steps=3, warmup_steps=0, **changes)


def until_update_two(world, out, monkeypatch, **changes):
    """Train two updates of three, and end."""
    real = _loop.read_batch

    def interrupt(objective, step, **options):
        if step == 2:
            raise KeyboardInterrupt
        return real(objective, step, **options)

    with monkeypatch.context() as patch:
        patch.setattr(_loop, "read_batch", interrupt)
        with pytest.raises(KeyboardInterrupt):
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
