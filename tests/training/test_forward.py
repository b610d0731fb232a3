import copy
import dataclasses

import numpy as np
import pytest
import torch
from tiny_training import make_world, tiny_config

from mowa.model import FamilyConfig, TokenizerFacts, build, build_family
from mowa.training import TokenSplit
from mowa.training import _head as head_module
from mowa.training._blocked import BLOCKED
from mowa.training._forward import Forward, stack
from mowa.training._plan import IGNORED, Block, PackingPlan

FACTS = TokenizerFacts(300, 0, 1, 2)
CPU = torch.device("cpu")


def fresh(precision="fp32", *, seed=0, length=32, **shape):
    config = tiny_config(architecture={"init_std": 0.2, **shape})
    model = build(config.architecture, FACTS, seed)
    return Forward(model, device=CPU, precision=precision, sequence_length=length)


def document(length, *, seed):
    draw = np.random.default_rng(seed)
    return np.concatenate([[0], draw.integers(3, 300, length - 2), [1]])


def pack(*documents, size):
    """Documents side by side in one block, without their last tokens as inputs."""
    arrays = {
        "input_ids": np.zeros(size, np.int64),
        "labels": np.full(size, IGNORED, np.int64),
        "positions": np.arange(size),
        "segments": np.full(size, -1, np.int64),
    }
    at = 0
    for segment, tokens in enumerate(documents):
        count = len(tokens) - 1
        place = slice(at, at + count)
        arrays["input_ids"][place], arrays["labels"][place] = tokens[:-1], tokens[1:]
        arrays["positions"][place], arrays["segments"][place] = np.arange(count), segment
        at += count
    return Block(**arrays)


def gradients(forward, block, labels=None):
    rows = stack([block], CPU)
    if labels is not None:
        rows = dataclasses.replace(rows, labels=torch.from_numpy(labels)[None])
    forward.model.zero_grad(set_to_none=True)
    nll = forward(rows)
    nll.backward()
    return nll.detach(), [parameter.grad.clone() for parameter in forward.model.parameters()]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_document_leaves_loss_and_gradients_of_its_neighbours_bit_identical(precision, order):
    forward = fresh(precision)
    b = document(14, seed=1)
    results = []
    for seed in (2, 3):
        a = document(12, seed=seed)
        block = pack(*((a, b) if order == "before" else (b, a)), size=32)
        of_b = block.segments == (1 if order == "before" else 0)
        results.append(gradients(forward, block, np.where(of_b, block.labels, IGNORED)))
    (loss, first), (other_loss, second) = results
    assert torch.equal(loss, other_loss)
    for one, two in zip(first, second, strict=True):
        assert torch.equal(one, two)


def test_the_leak_would_be_seen():
    """Without the mask's segments, the same check fails: it can."""
    forward = fresh()
    forward._mask = lambda _: torch.ones(32, 32, dtype=torch.bool).tril()[None, None]
    b = document(14, seed=1)
    losses = []
    for seed in (2, 3):
        block = pack(document(12, seed=seed), b, size=32)
        losses.append(gradients(forward, block, np.where(block.segments == 1, block.labels, -100)))
    assert not torch.equal(losses[0][0], losses[1][0])


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 2e-3)])
def test_packed_documents_have_the_loss_that_each_has_alone_in_transformers(precision, tolerance):
    forward = fresh(precision)
    documents = [document(n, seed=n) for n in (9, 12, 8)]
    packed = forward(stack([pack(*documents, size=32)], CPU)).item()
    plain = fresh().model.eval()
    alone = 0.0
    for tokens in documents:
        ids = torch.from_numpy(tokens)[None]
        with torch.no_grad():
            alone += plain(ids, labels=ids).loss.item() * (len(tokens) - 1)
    assert packed == pytest.approx(alone, rel=tolerance)


def test_a_segment_with_positions_from_0_does_not_depend_on_where_it_stands():
    forward = fresh()
    a, b = document(10, seed=1), document(11, seed=2)
    together = forward(stack([pack(a, b, size=32)], CPU))
    other_way = forward(stack([pack(b, a, size=32)], CPU))
    assert together.item() == pytest.approx(other_way.item(), rel=1e-6)


def test_attention_by_blocks_and_the_fused_kernel_agree():
    block = pack(document(20, seed=1), document(9, seed=2), size=32)
    blocked, fused = fresh("bf16"), fresh("bf16")
    assert blocked.attention == BLOCKED
    assert fresh("bf16", length=4096).attention == "sdpa"
    assert fresh("fp32").attention == "sdpa"
    fused.use_attention("sdpa")
    (loss, first), (other, second) = gradients(blocked, block), gradients(fused, block)
    assert loss.item() == pytest.approx(other.item(), rel=2e-3)
    for one, two in zip(first, second, strict=True):
        torch.testing.assert_close(one, two, atol=0.05 * one.abs().max().item(), rtol=0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_logits_in_chunks_give_the_same_loss_and_gradients(precision, monkeypatch):
    blocks = [pack(document(20, seed=s), document(9, seed=s + 9), size=32) for s in range(2)]

    def both():
        forward = fresh(precision)
        nll = forward(stack(blocks, CPU))
        nll.backward()
        return nll.item(), [parameter.grad for parameter in forward.model.parameters()]

    whole, first = both()
    monkeypatch.setattr(head_module, "LOGITS_AT_ONCE", 300 * 7)
    chunked, second = both()
    assert chunked == pytest.approx(whole, rel=1e-6)
    for one, two in zip(first, second, strict=True):
        scale = one.abs().max().item()
        torch.testing.assert_close(
            one, two, atol=scale * (1e-5 if precision == "fp32" else 0.02), rtol=0
        )


def test_micro_batches_of_any_size_give_the_same_gradient(world):
    split = TokenSplit.open(world / "tokens", "train")
    plan = PackingPlan(split.lengths, sequence_length=32, seed=0)
    blocks = range(20, 24)
    targets = sum(plan.targets(block) for block in blocks)
    assert len({plan.targets(block) for block in blocks}) > 1, "the masks must be ragged"
    found = {}
    for micro in (1, 2, 3, 4):
        forward = fresh()
        for first in range(0, 4, micro):
            rows = stack([plan.read(split, b) for b in blocks[first : first + micro]], CPU)
            (forward(rows) / targets).backward()
        found[micro] = torch.cat([p.grad.flatten() for p in forward.model.parameters()])
    for micro in (1, 2, 3):
        torch.testing.assert_close(found[micro], found[4], atol=1e-6, rtol=1e-5)


def test_untied_models_with_grouped_heads_train_too():
    forward = fresh(kv_heads=1, tie_embeddings=False)
    _, grads = gradients(forward, pack(document(20, seed=1), size=32))
    assert all(grad.abs().max() > 0 for grad in grads)


def test_a_compiler_that_fails_leaves_the_model_as_it_was():
    forward = fresh()
    rows = stack([pack(document(20, seed=1), size=32)], CPU)
    expected = forward(rows).item()

    def broken(function, **options):
        def call(*args, **kwargs):
            raise RuntimeError("no C++ compiler")

        return call

    with pytest.raises(RuntimeError, match="no C"):
        forward.compile_layers(rows, broken)
    assert forward(rows).item() == expected
    assert all(parameter.grad is None for parameter in forward.model.parameters())


@pytest.mark.parametrize(("device", "compiled"), [("cpu", []), ("cuda", ["losses_of_logits"])])
def test_a_compiler_that_works_is_used_for_each_layer_and_elsewhere_for_the_loss(device, compiled):
    forward = fresh()
    forward.device = torch.device(device)  # what it says; the tensors stay where they are
    rows = stack([pack(document(20, seed=1), size=32)], CPU)
    called = []

    def compiler(function, **options):
        assert options == {"dynamic": False, "fullgraph": True}

        def call(*args, **kwargs):
            called.append(function.__name__)
            return function(*args, **kwargs)

        return call

    forward.compile_layers(rows, compiler)
    called.clear()
    forward(rows)
    assert called == ["forward", "forward", *compiled]


@pytest.mark.slow
def test_layers_of_two_kinds_are_compiled_twice_and_never_again():
    """Gemma's layers see through windows or everything: two graphs, however many layers."""
    settings = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 6, "head_dim": 16,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
        "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"] * 3,
    }  # fmt: skip
    torch._dynamo.reset()
    model = build_family(FamilyConfig(name="gemma3_text", settings=settings), FACTS, 0)
    forward = Forward(model, device=CPU, precision="fp32", sequence_length=32)
    eager = Forward(copy.deepcopy(model), device=CPU, precision="fp32", sequence_length=32)
    rows = [stack([pack(document(20, seed=s), document(9, seed=s + 9), size=32)], CPU)
            for s in range(3)]  # fmt: skip
    forward.compile_layers(rows[0])
    with torch.compiler.set_stance("fail_on_recompile"):
        for each in rows:
            assert forward(each).item() == pytest.approx(eager(each).item(), rel=1e-5)


@pytest.mark.slow
def test_compiled_layers_agree_with_eager_ones_and_are_compiled_once(tmp_path):
    split = TokenSplit.open(make_world(tmp_path / "world") / "tokens", "train")
    plan = PackingPlan(split.lengths, sequence_length=32, seed=0)
    torch._dynamo.reset()
    forward, eager = fresh("bf16", layers=10), fresh("bf16", layers=10)
    for step in range(4):
        rows = stack([plan.read(split, block) for block in (2 * step, 2 * step + 1)], CPU)
        if not step:
            forward.compile_layers(rows)
            torch._dynamo.config.error_on_recompile = True
        try:
            assert forward(rows).item() == pytest.approx(eager(rows).item(), rel=5e-3)
        finally:
            torch._dynamo.config.error_on_recompile = step != 3
