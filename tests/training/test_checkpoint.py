import errno
import json
import os
import threading

import pytest
import torch
from safetensors import SafetensorError

from mowa.errors import MowaError
from mowa.training import _checkpoint
from mowa.training._checkpoint import Checkpoints


def save(checkpoints, step):
    checkpoints.save(
        {"step": step, "precision": "fp32"},
        {
            "model/w": torch.full((3, 2), float(step)),
            "optimizer/w/step": torch.tensor(float(step)),
            "random/0/cpu": torch.get_rng_state(),
        },
    )
    checkpoints.finish()


def said(checkpoints):
    lines = []
    return checkpoints.latest(lines.append), lines


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    save(checkpoints, 3)
    found, lines = said(Checkpoints(tmp_path / "checkpoints"))
    assert (found.step, found.name, found.state["precision"]) == (3, "step-00000003", "fp32")
    assert found.names() == {"model/w", "optimizer/w/step", "random/0/cpu"}
    read = {"model/w": torch.zeros(3, 2), "optimizer/w/step": torch.zeros(())}
    random = {"random/0/cpu": torch.zeros_like(torch.get_rng_state())}
    found.load(read | random)
    assert torch.equal(read["model/w"], torch.full((3, 2), 3.0))
    assert read["optimizer/w/step"].item() == 3.0
    assert torch.equal(random["random/0/cpu"], torch.get_rng_state())
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


@pytest.mark.parametrize("file", ["shard-00001-model-00001-of-00001.safetensors", "state.json"])
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


def test_what_is_written_after_a_damaged_one_is_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1, keep_every=10)
    for step in (10, 20):
        save(checkpoints, step)
    (tmp_path / "step-00000020" / "state.json").write_text("{")
    checkpoints = Checkpoints(tmp_path, keep=1)
    assert said(checkpoints)[0].step == 10
    save(checkpoints, 15)
    assert said(checkpoints)[0].step == 15
    save(checkpoints, 25)
    assert checkpoints.names() == ["step-00000025"]


def test_a_checkpoint_of_another_format_is_passed_over(tmp_path):
    save(Checkpoints(tmp_path), 1)
    path = tmp_path / "step-00000001" / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    found, lines = said(Checkpoints(tmp_path))
    assert found is None
    assert "its format is 99" in lines[0]


@pytest.mark.parametrize("text", ["[]", '{"format": 2, "files": []}', '{"format": 2}'])
def test_a_state_that_is_something_else_is_passed_over(tmp_path, text):
    save(Checkpoints(tmp_path), 1)
    save(Checkpoints(tmp_path), 2)
    (tmp_path / "step-00000002" / "state.json").write_text(text)
    assert said(Checkpoints(tmp_path))[0].step == 1


def test_saving_a_step_again_replaces_it(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 5)
    save(checkpoints, 5)
    assert said(checkpoints)[0].step == 5


@pytest.mark.parametrize("how", ["safetensors", "system"])
def test_a_full_disk_is_a_clear_error_and_leaves_the_checkpoint_before(tmp_path, monkeypatch, how):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1)

    def full(tensors, folder, group):
        if how == "system":
            raise OSError(errno.ENOSPC, "No space left on device")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(_checkpoint, "write_tensors", full)
    with pytest.raises(MowaError, match="the disk is full"):
        save(checkpoints, 2)
    monkeypatch.undo()
    assert said(Checkpoints(tmp_path))[0].step == 1


def test_another_error_of_safetensors_stays_what_it_is(tmp_path, monkeypatch):
    def broken(*_):
        raise SafetensorError("something else")

    monkeypatch.setattr(_checkpoint, "write_tensors", broken)
    with pytest.raises(SafetensorError, match="something else"):
        save(Checkpoints(tmp_path), 1)


def test_a_kill_before_the_rename_leaves_no_checkpoint(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    monkeypatch.setattr(_checkpoint, "flush", _die)
    with pytest.raises(KeyboardInterrupt):
        save(checkpoints, 1)
    assert os.listdir(tmp_path) == [".step-00000001.partial"]  # noqa: PTH208
    assert Checkpoints(tmp_path).names() == []


def _die(*_):
    raise KeyboardInterrupt


def test_what_is_saved_may_change_while_it_is_written(tmp_path, monkeypatch):
    write, may = _checkpoint.write_tensors, threading.Event()

    def slow(*arguments):
        may.wait(10)
        write(*arguments)

    monkeypatch.setattr(_checkpoint, "write_tensors", slow)
    checkpoints = Checkpoints(tmp_path)
    weights = torch.ones(3)
    checkpoints.save({"step": 1}, {"model/w": weights})
    weights.zero_()
    assert checkpoints.names() == []
    may.set()
    checkpoints.finish()
    read = {"model/w": torch.zeros(3)}
    said(checkpoints)[0].load(read)
    assert read["model/w"].tolist() == [1, 1, 1]


def test_those_of_every_so_many_updates_stay_for_good(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2, keep_every=10)
    for step in (5, 10, 15, 20, 25, 30, 35):
        save(checkpoints, step)
    assert [int(name[5:]) for name in checkpoints.names()] == [10, 20, 30, 35]
    checkpoints.remove()
    assert [int(name[5:]) for name in checkpoints.names()] == [10, 20, 30]


def test_a_tensor_of_another_shape_is_not_read(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1)
    with pytest.raises(MowaError, match="model/w"):
        said(checkpoints)[0].load({"model/w": torch.zeros(4, 4)})
