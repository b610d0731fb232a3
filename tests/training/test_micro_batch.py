"""How much fits: what is tried for it leaves the training as it was."""

import pytest
import torch
from tiny_training import VOCABULARY, tiny_config

from mowa.model import TokenizerFacts, build
from mowa.training import _loop
from mowa.training._distribution import Ranks
from mowa.training._forward import Forward, stack
from mowa.training._loop import _largest_micro_batch
from mowa.training._optimizer import Optimizers
from mowa.training._plan import Block


@pytest.mark.parametrize("fits", [True, False])
def test_what_is_tried_to_find_a_size_leaves_no_gradient_and_counts_the_moments(monkeypatch, fits):
    config = tiny_config(optimizer="muon")
    model = build(config.architecture, TokenizerFacts(VOCABULARY, 0, 1, 2), 0)
    forward = Forward(model, device=torch.device("cpu"), precision="fp32", sequence_length=32)
    optimizers = Optimizers(model, config, steps=4, precision="fp32")

    def example(size):
        block = Block.empty(32)
        block.labels[:-1] = block.input_ids[1:]
        return stack([block] * size, torch.device("cpu"))

    def find(run, *, most, ranks):
        assert len(optimizers.state()) >= len(list(model.parameters()))
        run(1)
        assert all(parameter.grad is not None for parameter in model.parameters())
        run(most)
        if not fits:
            raise torch.OutOfMemoryError
        return most

    monkeypatch.setattr(_loop, "find_micro_batch", find)
    if fits:
        assert _largest_micro_batch(forward, optimizers, example, 4, Ranks()) == 4
    else:
        with pytest.raises(torch.OutOfMemoryError):
            _largest_micro_batch(forward, optimizers, example, 4, Ranks())
    assert all(parameter.grad is None for parameter in model.parameters())
