"""Attention by blocks of queries: against torch's own, and against differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.training import _blocked
from mowa.training._blocked import blocked_attention

LOWEST = torch.finfo(torch.bfloat16).min


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_blocked, "_QUERIES", 8)


def tensors(blocks=2, heads=4, key_heads=2, positions=21, size=6, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(blocks, h, positions, size) for h in (heads, key_heads, key_heads)]
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return [x.to(dtype).requires_grad_() for x in drawn]


def segments_of(blocks, positions, cut):
    return (torch.arange(positions) >= cut).long().expand(blocks, positions)


def visible(segments):
    causal = torch.ones(segments.shape[1], segments.shape[1], dtype=torch.bool).tril()
    return ((segments[:, :, None] == segments[:, None, :]) & causal)[:, None]


def mask_of(segments, dtype=torch.float64):
    sees = visible(segments)
    return torch.zeros(sees.shape, dtype=dtype).masked_fill(~sees, LOWEST)


def reference(query, key, value, segments, scale):
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=visible(segments), scale=scale, enable_gqa=True
    )


@settings(max_examples=25)
@given(
    blocks=st.integers(1, 3),
    key_heads=st.integers(1, 3),
    groups=st.integers(1, 3),
    positions=st.integers(1, 40),
    size=st.integers(1, 9),
    cut=st.integers(0, 40),
)
def test_output_and_gradients_are_those_of_torchs_attention(
    blocks, key_heads, groups, positions, size, cut
):
    drawn = tensors(blocks, key_heads * groups, key_heads, positions, size)
    segments = segments_of(blocks, positions, cut)
    out, _ = blocked_attention(*drawn, mask_of(segments), 0.3)
    expected = reference(*drawn, segments, 0.3)
    torch.testing.assert_close(out, expected)
    weight = torch.randn_like(out)
    own = torch.autograd.grad((out * weight).sum(), drawn)
    others = torch.autograd.grad((expected * weight).sum(), drawn)
    for one, other in zip(own, others, strict=True):
        torch.testing.assert_close(one, other)


def test_the_operator_is_registered_as_torch_wants_it():
    drawn = tensors()
    mask = mask_of(segments_of(2, 21, 9))
    torch.library.opcheck(blocked_attention, (*drawn, mask, 0.3))


def test_in_bfloat16_it_is_no_further_from_the_truth_than_the_fused_kernel():
    segments = segments_of(2, 64, 20)
    drawn = tensors(positions=64, size=16, dtype=torch.bfloat16)
    exact = [x.detach().double().requires_grad_() for x in drawn]
    truth = reference(*exact, segments, 0.25)
    weight = torch.randn(truth.shape, dtype=torch.float64)
    true_gradients = torch.autograd.grad((truth * weight).sum(), exact)
    outs = {
        "blocked": blocked_attention(*drawn, mask_of(segments, torch.bfloat16), 0.25)[0],
        "fused": reference(*drawn, segments, 0.25),
    }
    far = {}
    for name, out in outs.items():
        gradients = torch.autograd.grad((out * weight.bfloat16()).sum(), drawn)
        far[name] = [
            ((x.double() - true).norm() / true.norm()).item()
            for x, true in zip((out, *gradients), (truth, *true_gradients), strict=True)
        ]
    for blocked, fused in zip(far["blocked"], far["fused"], strict=True):
        assert blocked < max(1.5 * fused, 0.01)


def test_what_another_segment_holds_changes_no_bit():
    segments = segments_of(1, 30, 13)
    mask = mask_of(segments, torch.bfloat16)
    drawn = tensors(1, positions=30, dtype=torch.bfloat16)
    changed = [x.detach().clone().requires_grad_() for x in drawn]
    for x in changed:
        x.data[:, :, 13:] += 3.0
    results = []
    for query, key, value in (drawn, changed):
        out, _ = blocked_attention(query, key, value, mask, 0.25)
        gradients = torch.autograd.grad(out[:, :, :13].sum(), (query, key, value))
        results.append((out, *gradients))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one[:, :, :13], other[:, :, :13])
    assert all(not x[:, :, 13:].any() for x in results[0][1:])
    assert not torch.equal(results[0][0][:, :, 13:], results[1][0][:, :, 13:])


def test_compiled_it_is_the_same_without_a_break():
    segments = segments_of(2, 21, 9)
    mask = mask_of(segments, torch.float32)
    drawn = tensors(dtype=torch.float32)

    def attend(query, key, value):
        out, _ = blocked_attention(query * 1.5, key, value, mask, 0.3)
        return out.sin().sum()

    plain = torch.autograd.grad(attend(*drawn), drawn)
    compiled = torch.compile(attend, fullgraph=True, dynamic=False)
    for one, other in zip(plain, torch.autograd.grad(compiled(*drawn), drawn), strict=True):
        torch.testing.assert_close(one, other)
