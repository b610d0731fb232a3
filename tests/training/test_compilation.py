"""Layers are compiled in every process or in none; memory that runs out is another matter."""

import pytest
import torch
from tiny_training import VOCABULARY, tiny_config

from mowa.model import TokenizerFacts, build
from mowa.training import _compilation
from mowa.training._compilation import compile_layers
from mowa.training._distribution import Ranks
from mowa.training._forward import Forward, stack
from mowa.training._plan import Block


class Others(Ranks):
    """Another process that succeeded, or failed."""

    fails = False

    def most(self, value):
        return max(value, self.fails)


class OthersFail(Others):
    fails = True


@pytest.fixture
def forward():
    model = build(tiny_config().architecture, TokenizerFacts(VOCABULARY, 0, 1, 2), 0)
    return Forward(model, device=torch.device("cpu"), precision="fp32", sequence_length=32)


@pytest.fixture
def rows():
    block = Block.empty(32)
    block.labels[:-1] = block.input_ids[1:]
    return stack([block], torch.device("cpu"))


def compiler(monkeypatch, *, fails_at=None, error=RuntimeError):
    """Counts the layers that are computed compiled, and fails at one of them."""
    computed = []

    def compiled(function, **_):
        def call(*values, **named):
            computed.append(function)
            if len(computed) == fails_at:
                raise error("no C++ compiler here\nand a long story")
            return function(*values, **named)

        return call

    monkeypatch.setattr(_compilation.torch, "compile", compiled)
    return computed


def test_all_layers_are_compiled_where_every_process_can(forward, rows, monkeypatch):
    computed = compiler(monkeypatch)
    said = []
    assert compile_layers(forward, rows, Others(), said.append)
    forward(rows)
    assert len(computed) == 2 * len(forward.layers)
    assert said[0].startswith("compiled in")


def test_where_another_process_cannot_this_one_does_not_either(forward, rows, monkeypatch):
    computed = compiler(monkeypatch)
    losses, said = forward._losses, []
    assert not compile_layers(forward, rows, OthersFail(), said.append)
    forward(rows)
    assert len(computed) == len(forward.layers)  # those of the trial
    assert forward._losses is losses
    assert not any("forward" in vars(layer) for layer in forward.layers)
    assert said == ["torch.compile failed (another process could not); training goes on without it"]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_process_that_cannot_compile_makes_the_whole_pass_all_the_same(
    forward, rows, monkeypatch, fails_at, again
):
    """The others wait for it in every layer, and in the backward pass."""
    compiler(monkeypatch, fails_at=fails_at)
    if again:
        forward.model.gradient_checkpointing_enable({"use_reentrant": False})
        forward.model.train()
    seen = []
    for layer in forward.layers:
        layer.register_full_backward_hook(lambda *_: seen.append("backward"))
    said = []
    assert not compile_layers(forward, rows, Others(), said.append)
    assert seen == ["backward"] * len(forward.layers)
    assert said == ["torch.compile failed (no C++ compiler here); training goes on without it"]
    assert all(parameter.grad is None for parameter in forward.model.parameters())


@pytest.mark.parametrize("fails_at", [1, 2])
def test_memory_that_runs_out_in_the_trial_is_not_told_as_the_compilers(
    forward, rows, monkeypatch, fails_at
):
    compiler(monkeypatch, fails_at=fails_at, error=torch.OutOfMemoryError)
    with pytest.raises(torch.OutOfMemoryError):
        compile_layers(forward, rows, Others(), print)
