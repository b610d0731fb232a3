import errno
import json
import os

import pytest
import torch
from safetensors import SafetensorError

from mowa.errors import MowaError
from mowa.training import _checkpoint
from mowa.training._checkpoint import Checkpoints


def save(checkpoints, step):
    checkpoints.save(
        {"step": step, "precision": "fp32"},
        {"model": {"w": torch.full((3, 2), float(step))}, "random": {"cpu": torch.get_rng_state()}},
    )


def said(checkpoints):
    lines = []
    return checkpoints.latest(lines.append), lines


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    save(checkpoints, 3)
    found, lines = said(Checkpoints(tmp_path / "checkpoints"))
    assert (found.step, found.name, found.state["precision"]) == (3, "step-00000003", "fp32")
    assert torch.equal(found.tensors["model"]["w"], torch.full((3, 2), 3.0))
    assert torch.equal(found.tensors["random"]["cpu"], torch.get_rng_state())
    assert lines == []


def test_only_safetensors_and_json_are_written(tmp_path):
    save(Checkpoints(tmp_path), 1)
    assert {path.suffix for path in (tmp_path / "step-00000001").iterdir()} == {
        ".json",
        ".safetensors",
    }


def test_the_last_two_are_kept_and_leftovers_of_a_kill_are_cleared(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 10):
        save(checkpoints, step)
    (tmp_path / ".step-00000011.partial").mkdir()
    (tmp_path / ".step-00000011.partial" / "model.safetensors").write_bytes(b"half")
    checkpoints = Checkpoints(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000010"]
    checkpoints.keep_last()
    assert checkpoints.names() == ["step-00000010"]
    checkpoints.remove()
    assert not tmp_path.exists()
    assert said(checkpoints) == (None, [])
    checkpoints.remove()


@pytest.mark.parametrize("file", ["model.safetensors", "random.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, file, damage):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1)
    save(checkpoints, 2)
    path = tmp_path / "step-00000002" / file
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "changed":
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 0xFF]) + data[-8:])
    else:
        path.unlink()
    found, lines = said(checkpoints)
    assert found.step == 1
    assert len(lines) == 1
    assert lines[0].startswith("checkpoint step-00000002 is damaged")


def test_a_checkpoint_of_another_format_is_passed_over(tmp_path):
    save(Checkpoints(tmp_path), 1)
    path = tmp_path / "step-00000001" / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    found, lines = said(Checkpoints(tmp_path))
    assert found is None
    assert "its format is 99" in lines[0]


def test_saving_a_step_again_replaces_it(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 5)
    save(checkpoints, 5)
    assert said(checkpoints)[0].step == 5


@pytest.mark.parametrize("how", ["safetensors", "system"])
def test_a_full_disk_is_a_clear_error_and_leaves_the_checkpoint_before(tmp_path, monkeypatch, how):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1)

    def full(*_):
        if how == "system":
            raise OSError(errno.ENOSPC, "No space left on device")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(_checkpoint, "save_file", full)
    with pytest.raises(MowaError, match="the disk is full"):
        save(checkpoints, 2)
    monkeypatch.undo()
    assert said(Checkpoints(tmp_path))[0].step == 1


def test_another_error_of_safetensors_stays_what_it_is(tmp_path, monkeypatch):
    def broken(*_):
        raise SafetensorError("something else")

    monkeypatch.setattr(_checkpoint, "save_file", broken)
    with pytest.raises(SafetensorError, match="something else"):
        save(Checkpoints(tmp_path), 1)


def test_a_kill_before_the_rename_leaves_no_checkpoint(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    monkeypatch.setattr(_checkpoint, "_flush", _die)
    with pytest.raises(KeyboardInterrupt):
        save(checkpoints, 1)
    assert os.listdir(tmp_path) == [".step-00000001.partial"]  # noqa: PTH208
    assert Checkpoints(tmp_path).names() == []


def _die(*_):
    raise KeyboardInterrupt
