"""`grad_clip` in a run: by gradients that are known, and by those of the model."""

import pytest
import torch
from tiny_training import pretrain

from mowa.training._checkpoint import Checkpoints
from mowa.training._forward import Forward
from mowa.training._metrics import read_metrics

NORM = "model.norm.weight"


def first_update(world, out, **changes):
    """Norm of the first gradient as logged, and Adam's mean of it: a tenth of what it was given."""
    pretrain(world, out, steps=1, warmup_steps=0, keep_optimizer=True, **changes)
    found = Checkpoints(out / "checkpoints").latest(print)
    names = {name for name in found.names() if name.endswith("/exp_avg")}
    shapes = {"embed": (300, 32), "norm": (32,)}
    read = {
        name: torch.zeros(next(shape for key, shape in shapes.items() if key in name))
        for name in names
        if "embed" in name or "norm" in name
    }
    found.load(read)
    given = {
        name.removeprefix("optimizer/").removesuffix("/exp_avg"): 10 * value
        for name, value in read.items()
    }
    return read_metrics(out / "metrics.jsonl")[1]["grad_norm"], given


@pytest.mark.parametrize(
    ("clip", "given"), [(0.0, (3.0, 4.0)), (1.0, (0.6, 0.8)), (2.5, (1.5, 2.0)), (9.0, (3.0, 4.0))]
)
def test_a_gradient_of_three_and_four_is_clipped_as_a_whole(
    world, tmp_path, monkeypatch, clip, given
):
    def loss(self, rows, how="train"):
        weight = self.model.model.norm.weight
        count = (rows.labels >= 0).sum()  # in all passes together, the divisor of the batch
        return count * (3 * weight[0] + 4 * weight[1])

    monkeypatch.setattr(Forward, "forward", loss)
    norm, seen = first_update(world, tmp_path, grad_clip=clip, check_forward=False)
    assert norm == pytest.approx(5.0)
    assert seen[NORM].tolist() == pytest.approx([*given, *[0.0] * 30], rel=1e-4)


def test_the_gradient_of_a_model_is_as_long_as_it_may_be_and_keeps_its_direction(world, tmp_path):
    norm, whole = first_update(world, tmp_path / "whole", grad_clip=0.0)
    clip = norm / 3
    same, clipped = first_update(world, tmp_path / "clipped", grad_clip=clip)
    assert same == pytest.approx(norm)
    assert whole.keys() == clipped.keys()
    assert len(whole) == 6
    for name, gradient in whole.items():
        torch.testing.assert_close(clipped[name], gradient / 3, rtol=1e-4, atol=1e-8)
