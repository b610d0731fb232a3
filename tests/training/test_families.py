"""Any causal model of transformers: the fast way to the loss is its own, or is not taken."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from mowa.errors import MowaError, UsageError
from mowa.model import FamilyConfig, TokenizerFacts, build_family
from mowa.training import _attention, _blocked, _parity
from mowa.training._forward import Forward, stack
from mowa.training._parity import agree_with_model
from mowa.training._plan import IGNORED, Block

CPU = torch.device("cpu")
FACTS = TokenizerFacts(300, 0, 1, 2)
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}
FAMILIES = {
    "llama": {},
    "mistral": {"sliding_window": 8},
    "qwen3": {"head_dim": 16},
    "gemma3_text": {
        "head_dim": 16,
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention"],
        "query_pre_attn_scalar": 16,
    },
    "gemma2": {
        "head_dim": 16,
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention"],
        "query_pre_attn_scalar": 16,
        "final_logit_softcapping": 3.0,
        "attn_logit_softcapping": None,
    },
    "cohere": {"logit_scale": 0.25},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2, "router_aux_loss_coef": 0.5},
}
FULL_HEAD = {"gemma2", "cohere", "mixtral"}


def family(name):
    return build_family(FamilyConfig(name=name, settings=SHAPE | FAMILIES[name]), FACTS, 1)


def packed(*lengths, size=48, seed=0):
    draw = np.random.default_rng(seed)
    block = Block.empty(size)
    at = 0
    for segment, length in enumerate(lengths):
        tokens = draw.integers(3, 300, length + 1)
        place = slice(at, at + length)
        block.input_ids[place], block.labels[place] = tokens[:-1], tokens[1:]
        block.positions[place], block.segments[place] = np.arange(length), segment
        at += length
    block.labels[3] = IGNORED
    return block


def forward_of(name, precision="fp32"):
    return Forward(family(name), device=CPU, precision=precision, sequence_length=48)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_way_that_is_taken_has_the_models_own_loss_and_gradients(name, precision):
    forward, said = forward_of(name, precision), []
    rows = stack([packed(20, 13, 9)], CPU)
    agree_with_model(forward, rows, said.append)
    assert forward.head == ("full" if name in FULL_HEAD else "chunked"), said
    if name == "cohere":  # the others say of themselves that they cap or route
        assert said[0].startswith("the loss in parts differs from the model's own by")
    else:
        assert said == []


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gemma2", {"final_logit_softcapping": 30.0}),
        ("mixtral", {"router_aux_loss_coef": 0.001}),
        ("cohere", {"logit_scale": 0.0625}),
        ("granite", {"logits_scaling": 8.0}),
    ],
)
def test_what_a_family_usually_adds_is_found_before_training_begins(name, settings, precision):
    """At weights as they are drawn, where it weighs least."""
    settings = SHAPE | FAMILIES.get(name, {}) | settings | {"initializer_range": 0.02}
    model = build_family(FamilyConfig(name=name, settings=settings), FACTS, 1)
    forward = Forward(model, device=CPU, precision=precision, sequence_length=48)
    agree_with_model(forward, stack([packed(20, 13, 9)], CPU), [].append)
    assert forward.head == "full"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_family_whose_documents_see_each_other_is_refused(monkeypatch, precision):
    """As one with a state: each position hears a little of all before it in its row."""
    forward = forward_of("llama", precision)
    layer = forward.layers[0]
    real = layer.forward

    def leaking(hidden, *arguments, **options):
        return real(hidden + hidden.cumsum(dim=1) / 100, *arguments, **options)

    monkeypatch.setattr(layer, "forward", leaking)
    with pytest.raises(MowaError, match="documents that share a row see each other"):
        agree_with_model(forward, stack([packed(20, 13, 9)], CPU), [].append)


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_older_families_with_other_names_for_their_parts_are_trained_too(name, precision):
    settings = {key: value for key, value in SHAPE.items() if key != "num_key_value_heads"}
    model = build_family(FamilyConfig(name=name, settings=settings), FACTS, 1)
    forward = Forward(model, device=CPU, precision=precision, sequence_length=48)
    agree_with_model(forward, stack([packed(20, 13, 9)], CPU), [].append)
    assert len(forward.layers) == 2


@pytest.mark.parametrize("name", FAMILIES)
def test_packed_documents_have_the_loss_of_each_alone(name):
    """Against transformers itself, one document at a time, unpacked: not its own packing."""
    forward = forward_of(name)
    agree_with_model(forward, stack([packed(20, 13, 9)], CPU), [].append)
    block = packed(20, 13, 9)
    loss = forward(stack([block], CPU), "measure").item()
    model = AutoModelForCausalLM.from_config(forward.model.config)
    model.load_state_dict(forward.model.state_dict())
    alone = 0.0
    for segment in range(3):
        of = block.segments == segment
        logits = model(torch.from_numpy(block.input_ids[of])[None]).logits[0]
        labels = torch.from_numpy(block.labels[of])
        alone += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
    assert loss == pytest.approx(alone, rel=2e-5)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("how", ["train", "measure"])
def test_rows_without_labels_have_no_loss_and_no_gradient(name, how):
    """Such as a process gets of a last update that is smaller than there are processes."""
    forward = forward_of(name)
    agree_with_model(forward, stack([packed(20, 13, 9)], CPU), [].append)
    loss = forward(stack([Block.empty(48)], CPU), how)
    assert loss.item() == 0.0
    torch.autograd.backward(loss)
    for parameter in forward.model.parameters():
        assert parameter.grad is None or not parameter.grad.any()


def test_routers_are_trained_by_their_own_loss():
    rows = stack([packed(20, 13, 9)], CPU)
    forward = forward_of("mixtral")
    agree_with_model(forward, rows, [].append)
    with_router = forward(rows).item()
    assert with_router > forward(rows, "measure").item() + 1
    own = forward.model(
        rows.input_ids, position_ids=rows.positions, labels=rows.labels, shift_labels=rows.labels
    )
    assert with_router == pytest.approx(own.loss.item() * int((rows.labels >= 0).sum()), rel=1e-5)


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma3_text"])
def test_our_ways_to_attend_are_masked_attention(name, monkeypatch):
    """The variable-length kernel needs a GPU; plain attention of each segment stands for it."""
    monkeypatch.setattr(_attention, "_kernel", plain_varlen)
    rows = stack([packed(20, 13, 9), packed(48, seed=1), packed(1, 1, 30, seed=2)], CPU)
    found = []
    monkeypatch.setattr(_blocked, "_QUERIES", 10)
    for attention in ("sdpa", _attention.VARLEN, _blocked.BLOCKED):
        forward = forward_of(name)
        forward.use_attention(attention)
        loss = forward(rows)
        loss.backward()
        found.append((loss.item(), [p.grad.clone() for p in forward.model.parameters()]))
    (loss, first), *others = found
    for other, second in others:
        assert loss == pytest.approx(other, rel=1e-6)
        for one, two in zip(first, second, strict=True):
            torch.testing.assert_close(one, two, atol=1e-5 * one.abs().max().item(), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("gemma2", {"attn_logit_softcapping": 50.0}), ("llama", {"attention_dropout": 0.1})],
)
def test_what_our_ways_to_attend_cannot_do_is_left_to_torch(name, settings):
    model = build_family(
        FamilyConfig(name=name, settings=SHAPE | FAMILIES[name] | settings), FACTS, 1
    )
    forward = Forward(model, device=CPU, precision="bf16", sequence_length=48)
    assert forward.attention == forward.masked_attention


def plain_varlen(query, key, value, starts, _, longest, __, *, scale, window_size, enable_gqa):
    assert starts.dtype == torch.int32
    assert int(starts.diff().max()) <= longest
    left, right = window_size
    assert right == 0
    parts = []
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        place = torch.arange(end - begin)
        distance = place[:, None] - place
        sees = (distance >= 0) & ((distance <= left) if left >= 0 else True)
        q, k, v = (x[begin:end].transpose(0, 1) for x in (query, key, value))
        out = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=sees, scale=scale, enable_gqa=enable_gqa
        )
        parts.append(out.transpose(0, 1))
    return torch.cat(parts)


def test_where_no_way_agrees_the_run_does_not_begin(monkeypatch):
    forward = forward_of("llama")
    monkeypatch.setattr(_parity, "_OF_HEADS", {"fp32": (-1.0, -1.0)})
    with pytest.raises(MowaError, match="loss of packed rows differs from the model's own"):
        agree_with_model(forward, stack([packed(20)], CPU), [].append)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lama", {}, "cannot make a 'lama'"),
        ("llama", {"hidden_size": 33, "num_attention_heads": 4}, "cannot make a 'llama'"),
    ],
)
def test_a_family_or_settings_that_transformers_has_not_are_refused(name, settings, message):
    with pytest.raises(UsageError, match=message):
        build_family(FamilyConfig(name=name, settings=SHAPE | settings), FACTS, 0)


def test_weights_of_a_family_depend_on_the_seed_alone():
    torch.manual_seed(1)
    one = family("qwen3")
    torch.manual_seed(2)
    two = family("qwen3")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
