import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from mowa.training import _head as head_module
from mowa.training._head import (
    linear_cross_entropy,
    linear_hits,
    linear_token_losses,
    losses_of_logits,
    losses_part_by_part,
)
from mowa.training._plan import IGNORED


def case(positions=13, width=5, vocabulary=11, *, seed=0, dtype=torch.float64):
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(positions, width, generator=draw, dtype=dtype, requires_grad=True)
    weight = torch.randn(vocabulary, width, generator=draw, dtype=dtype, requires_grad=True)
    labels = torch.randint(0, vocabulary, (positions,), generator=draw)
    labels[torch.rand(positions, generator=draw) < 0.3] = IGNORED
    weights = torch.rand(positions, generator=draw, dtype=dtype)
    return hidden, weight, labels, weights


def plain(hidden, weight, labels, weights):
    losses = functional.cross_entropy(
        hidden @ weight.T, labels, reduction="none", ignore_index=IGNORED
    )
    return (losses * weights).sum()


@pytest.mark.parametrize("chunk", [1, 4, 13, 100])
def test_gradients_are_those_of_the_formula_in_float64(chunk):
    hidden, weight, labels, weights = case()

    def loss(hidden, weight):
        return linear_cross_entropy(hidden, weight, labels, weights, logits_at_once=11 * chunk)

    assert torch.autograd.gradcheck(loss, (hidden, weight))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 40), st.integers(2, 30), st.integers(1, 50), st.integers(0, 10**6))
def test_loss_and_gradients_are_those_of_whole_logits(positions, vocabulary, chunk, seed):
    hidden, weight, labels, weights = case(positions, 6, vocabulary, seed=seed)
    found = []
    for function in (
        plain,
        lambda *a: linear_cross_entropy(*a, logits_at_once=vocabulary * chunk),
    ):
        loss = function(hidden, weight, labels, weights)
        found.append([loss, *torch.autograd.grad(3 * loss, (hidden, weight), allow_unused=True)])
    for one, two in zip(*found, strict=True):
        if one is None or two is None:
            assert not positions
            continue
        torch.testing.assert_close(one, two, atol=1e-10, rtol=1e-10)


def test_ignored_positions_have_no_gradient_and_no_loss():
    hidden, weight, labels, weights = case()
    labels[:] = IGNORED
    loss = linear_cross_entropy(hidden, weight, labels, weights, logits_at_once=33)
    loss.backward()
    assert loss.item() == 0
    assert not hidden.grad.any()
    assert not weight.grad.any()


def test_bfloat16_products_keep_their_sum_in_float32():
    hidden, weight, labels, _ = case(400, 16, 50, dtype=torch.float32)
    whole = linear_cross_entropy(hidden, weight, labels)
    (expected,) = torch.autograd.grad(whole, weight)
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(hidden, weight, labels, logits_at_once=50)
    (found,) = torch.autograd.grad(loss, weight)
    assert loss.dtype == found.dtype == torch.float32
    assert loss.item() == pytest.approx(whole.item(), rel=2e-3)
    # Four hundred chunks: their sum is as near as one product in bf16 is.
    assert (found - expected).norm() < 0.01 * expected.norm()


def test_one_input_may_be_frozen():
    hidden, weight, labels, weights = case()
    whole = plain(hidden, weight, labels, weights)
    expected = torch.autograd.grad(whole, (hidden, weight))
    loss = linear_cross_entropy(hidden.detach(), weight, labels, weights, logits_at_once=22)
    torch.testing.assert_close(torch.autograd.grad(loss, weight)[0], expected[1])
    loss = linear_cross_entropy(hidden, weight.detach(), labels, weights, logits_at_once=22)
    torch.testing.assert_close(torch.autograd.grad(loss, hidden)[0], expected[0])


@pytest.mark.parametrize("losses", [losses_of_logits, losses_part_by_part])
def test_logits_of_any_size_stay_finite(losses):
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e30, 1e30, 0.0]])
    total, gradient = losses(logits, torch.tensor([1, 1]), torch.ones(2))
    assert total.item() == pytest.approx(2e4)
    assert torch.isfinite(gradient).all()


def test_losses_in_parts_are_those_of_all_logits_at_once(monkeypatch):
    monkeypatch.setattr(head_module, "_LOGITS_IN_CACHE", 3 * 50)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(10, 50, generator=generator)
    labels = torch.randint(0, 50, (10,), generator=generator)
    labels[4] = IGNORED
    weights = torch.rand(10, generator=generator)
    total, gradient = losses_of_logits(logits, labels, weights)
    in_parts, of_parts = losses_part_by_part(logits.clone(), labels, weights)
    # One softmax of a part has other roundings than one log_softmax of all.
    torch.testing.assert_close(in_parts, total)
    torch.testing.assert_close(of_parts, gradient, rtol=1e-5, atol=1e-7)


def test_body_and_output_layer_get_one_scale_in_bfloat16():
    """A share of a loss whose factor in bf16 is 0.4 % off, and only for the body's gradient."""
    hidden, weight, labels, _ = case(dtype=torch.float32)
    found = []
    for scale in (1.0, 257 / 256 / 1024):
        with torch.autocast("cpu", torch.bfloat16):
            loss = linear_cross_entropy(hidden, weight, labels) * scale
        found.append(torch.autograd.grad(loss, hidden)[0].double() / scale)
    ratio = (found[1] * found[0]).sum() / found[0].square().sum()
    assert ratio.item() == pytest.approx(1.0, abs=2e-3)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(2, 30), st.integers(1, 50), st.integers(0, 10**6))
def test_losses_of_tokens_and_their_gradients_are_those_of_whole_logits(
    positions, vocabulary, chunk, seed
):
    hidden, weight, labels, scale = case(positions, 6, vocabulary, seed=seed)
    found = []
    for function in (
        lambda: functional.cross_entropy(
            hidden @ weight.T, labels, reduction="none", ignore_index=IGNORED
        ),
        lambda: linear_token_losses(hidden, weight, labels, logits_at_once=vocabulary * chunk),
    ):
        losses = function()
        # A loss that is no weighted sum: its gradient depends on the losses themselves.
        whole = functional.logsigmoid((losses * scale).sum())
        found.append([losses, *torch.autograd.grad(whole, (hidden, weight))])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, atol=1e-10, rtol=1e-10)


def test_gradients_of_tokens_losses_are_those_of_the_formula_in_float64():
    hidden, weight, labels, _ = case()

    def losses(hidden, weight):
        return linear_token_losses(hidden, weight, labels, logits_at_once=44)

    assert torch.autograd.gradcheck(losses, (hidden, weight))


@pytest.mark.parametrize("chunk", [1, 5, 100])
def test_hits_are_where_the_label_is_the_likeliest(chunk):
    hidden, weight, labels, _ = case(40)
    likeliest = (hidden @ weight.T).argmax(-1)
    labels[::2] = likeliest[::2]
    hits = linear_hits(hidden, weight, labels, logits_at_once=11 * chunk)
    assert torch.equal(hits, likeliest == labels)
    assert hits[::2].all()
    assert not hits.all()
