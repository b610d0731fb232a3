import math
from itertools import pairwise

import pytest
import torch
from tiny_training import tiny_config

from mowa.model import TokenizerFacts, build
from mowa.training._muon import Muon
from mowa.training._optimizer import Optimizers, parameter_groups
from mowa.training._schedule import schedule
from mowa.training._trainer_config import TrainerConfig

FACTS = TokenizerFacts(300, 0, 1, 2)


def fresh(**shape):
    return build(tiny_config(architecture=shape).architecture, FACTS, 0)


def test_the_learning_rate_rises_in_a_line_and_falls_along_half_a_cosine():
    values = [schedule(step, steps=104, warmup=3, floor=0.1) for step in range(104)]
    assert values[:4] == [0.25, 0.5, 0.75, 1.0]
    assert values[53] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 2)) / 2)
    assert values[28] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)
    assert values[-1] == pytest.approx(0.1)
    assert all(a > b for a, b in pairwise(values[3:]))
    assert schedule(0, steps=1, warmup=0, floor=0.1) == 1.0


@pytest.mark.parametrize("tied", [True, False])
def test_decay_is_for_matrices_and_muon_for_those_of_the_layers(tied):
    model = fresh(tie_embeddings=tied)
    adamw, muon = (parameter_groups(model, name) for name in ("adamw", "muon"))
    everything = {name for name, _ in model.named_parameters()}
    for groups in (adamw, muon):
        named = [name for names in groups.values() for name in names]
        assert sorted(named) == sorted(everything)
    matrices = {f"model.layers.{i}.{part}.weight" for i in range(2) for part in (
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
        "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
    )}  # fmt: skip
    head = set() if tied else {"lm_head.weight"}
    assert set(adamw["decay"]) == matrices | head
    assert adamw["muon"] == []
    assert (set(muon["muon"]), set(muon["decay"])) == (matrices, head)
    assert set(muon["no_decay"]) == {
        "model.embed_tokens.weight",
        "model.norm.weight",
        *(f"model.layers.{i}.{name}.weight" for i in range(2) for name in (
            "input_layernorm", "post_attention_layernorm",
        )),
    }  # fmt: skip


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_decay_shrinks_matrices_and_not_norms_and_embeddings(optimizer):
    model = fresh(tie_embeddings=False)
    optimizers = Optimizers(
        model, tiny_config(optimizer=optimizer, weight_decay=0.5), steps=10, precision="fp32"
    )
    lr = optimizers.set_learning_rate(2)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizers.step()
    for name, parameter in model.named_parameters():
        rate = 0.02 if optimizer == "muon" and ".layers." in name else lr
        kept = 1 - rate * 0.5 if parameter.ndim == 2 and "embed" not in name else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * kept)
        assert parameter.grad is None


def test_muon_has_a_learning_rate_of_its_own_under_the_same_schedule():
    optimizers = Optimizers(
        fresh(),
        tiny_config(optimizer="muon", muon_learning_rate=0.04, warmup_steps=3),
        steps=10,
        precision="fp32",
    )
    assert optimizers.set_learning_rate(1) == pytest.approx(3e-3 / 2)
    groups = optimizers._optimizers["muon"].param_groups
    assert [group["lr"] for group in groups] == [pytest.approx(0.02)]


@pytest.mark.parametrize("shape", [(48, 16), (16, 48), (32, 32)])
def test_muon_in_float32_is_torchs_muon_but_for_rounding(shape):
    start = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    ends, states = [], []
    for kind, options in ((torch.optim.Muon, {}), (Muon, {"dtype": torch.float32})):
        weights = torch.nn.Parameter(start.clone())
        optimizer = kind([weights], lr=0.02, weight_decay=0.1, **options)
        for step in range(5):
            weights.grad = torch.randn(shape, generator=torch.Generator().manual_seed(10 + step))
            optimizer.step()
        ends.append(weights.detach() - start)
        states.append(optimizer.state[weights])
    moved = ends[0].norm()
    assert (ends[0] - ends[1]).norm() < 0.02 * moved
    assert not torch.equal(*ends)
    assert states[0].keys() == states[1].keys()
    torch.testing.assert_close(states[0]["momentum_buffer"], states[1]["momentum_buffer"])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_state_goes_through_plain_tensors_and_back(optimizer, precision):
    config = tiny_config(optimizer=optimizer)
    results = []
    for stop in (None, 2):
        model = fresh()
        optimizers = Optimizers(model, config, steps=4, precision=precision)
        for step in range(4):
            if step == stop:
                state = {key: value.clone() for key, value in optimizers.state().items()}
                optimizers = Optimizers(model, config, steps=4, precision=precision)
                optimizers.prepare()
                for key, value in optimizers.state().items():
                    value.copy_(state[key])
            draw = torch.Generator().manual_seed(step)
            for parameter in model.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=draw)
            optimizers.set_learning_rate(step)
            optimizers.step()
        results.append([parameter.detach() for parameter in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    names = {key.rpartition("/")[2] for key in state}
    extra = {"momentum_buffer"} if optimizer == "muon" else set()
    assert names == {"step", "exp_avg", "exp_avg_sq"} | extra


def test_auto_is_muon_from_scratch_and_adamw_on_a_model_that_is_read():
    config = tiny_config(optimizer="auto")
    assert TrainerConfig.model_fields["optimizer"].default == "auto"
    assert (config.optimizer_for(new=True), config.optimizer_for(new=False)) == ("muon", "adamw")
    for name in ("adamw", "muon"):
        chosen = tiny_config(optimizer=name)
        assert chosen.optimizer_for(new=True) == chosen.optimizer_for(new=False) == name
