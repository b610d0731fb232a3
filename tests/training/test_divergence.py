"""A model that breaks is not saved, not written, and its last good checkpoint is named."""

import math

import pytest
from tiny_training import pretrain, write_tokens

from mowa.errors import MowaError
from mowa.training import _objective
from mowa.training._checkpoint import Checkpoints
from mowa.training._divergence import refuse_broken_measurement
from mowa.training._metrics import read_metrics


@pytest.mark.parametrize(("measures", "eval_every", "saved"), [(2, 2, 1), (2, None, 3)])
def test_a_model_that_is_no_number_when_it_is_measured_is_neither_saved_nor_written(
    world, tmp_path, monkeypatch, measures, eval_every, saved
):
    """As where its very last update breaks it: no loss comes after that."""
    real, calls = _objective.bits_per_byte, iter(range(1, 99))

    def broken(*arguments, **options):
        measured = real(*arguments, **options)
        return type(measured)(math.nan, {}) if next(calls) == measures else measured

    monkeypatch.setattr(_objective, "bits_per_byte", broken)
    step = 4 if eval_every is None else eval_every * (measures - 1)
    out = tmp_path / "out"
    with pytest.raises(MowaError) as caught:
        pretrain(world, out, steps=4, checkpoint_every_steps=1, eval_every=eval_every)
    message = str(caught.value)
    assert f"nan bits per byte on held-out documents after update {step} of 4" in message
    assert f"the last good checkpoint is step-{saved:08d}" in message
    assert "lower learning_rate" in message
    assert read_metrics(out / "metrics.jsonl")[-1]["step"] == step - 1
    assert not (out / "model.safetensors").exists()
    assert f"step-{step:08d}" not in {path.name for path in (out / "checkpoints").iterdir()}


def test_one_source_that_is_no_number_is_enough(tmp_path):
    class Told:
        def tell(self, _):
            return "1.0 bits"

    checkpoints = Checkpoints(tmp_path)
    whole = {"held_out_bpb": 1.0, "held_out_bpb_by_source": {"a": 1.0, "b": 2.0}}
    refuse_broken_measurement(whole, Told(), "update 1", checkpoints)
    refuse_broken_measurement({"held_out_bpb": None}, Told(), "update 1", checkpoints)
    broken = whole | {"held_out_bpb_by_source": {"a": 1.0, "b": math.inf}}
    with pytest.raises(MowaError, match="there is no checkpoint yet"):
        refuse_broken_measurement(broken, Told(), "update 1", checkpoints)


def test_an_update_without_any_target_is_no_divergence(world, tmp_path):
    """One block a batch, and the last block of an epoch has the last token of a document alone."""
    rows = [([0, *range(3, 66), 1], 60)]  # 65 tokens: two blocks of 32, and one token
    write_tokens(tmp_path / "tokens", {"train": rows, "held_out": rows})
    (tmp_path / "tokenizer").symlink_to(world / "tokenizer")
    out = tmp_path / "out"
    pretrain(tmp_path, out, global_batch_size=32, epochs=2.0, warmup_steps=0, micro_batch_size=1)
    lines = read_metrics(out / "metrics.jsonl")[1:]
    assert [line["loss"] == 0 for line in lines].count(True) == 2
    assert all(line["grad_norm"] == 0 for line in lines if line["loss"] == 0)
