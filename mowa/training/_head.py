"""The output layer and cross-entropy together, without all logits at once.

Each chunk of positions makes its logits, the loss, and at once the gradients with respect to the
chunk and to the weight; then the logits are gone. Three matrix products a chunk, where making the
logits again for the gradient would take four.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mowa.training._plan import IGNORED

LOGITS_AT_ONCE = 1 << 24
"""Logits of a chunk: in float32 they take 64 MB, and their gradient as much again."""

# In float32 2 MB, which the caches of two cores hold.
_LOGITS_IN_CACHE = 1 << 19

Losses = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def losses_of_logits(logits: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of ``-weight · ln p(label)``, and its gradient with respect to `logits`.

    Args:
        logits: Positions x vocabulary.
        labels: One a position, or `IGNORED`.
        weights: One a position, of the dtype that the loss is computed in.

    Returns:
        The sum, a scalar of that dtype, and the gradient in the dtype of `logits`.
    """
    kept = (labels != IGNORED).to(weights.dtype) * weights
    targets = labels.clamp(min=0)[:, None]
    scores = torch.log_softmax(logits, dim=-1, dtype=weights.dtype)
    total = -(scores.gather(1, targets)[:, 0] * kept).sum()
    gradient = scores.exp() * kept[:, None]
    gradient = gradient.scatter_add(1, targets, -kept[:, None])
    return total, gradient.to(logits.dtype)


def losses_part_by_part(logits: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """As `losses_of_logits`; on a CPU in parts that stay in the cache, the gradient in `logits`.

    One buffer is the scores, their softmax and the gradient, and the exponentials are made once:
    `benchmarks/loss.py` times it beside others.
    """
    if logits.device.type != "cpu":
        return losses_of_logits(logits, labels, weights)
    rows = max(_LOGITS_IN_CACHE // logits.shape[1], 1)
    kept = ((labels != IGNORED).to(weights.dtype) * weights)[:, None]
    targets = labels.clamp(min=0)[:, None]
    buffer = torch.empty_like(logits[:rows], dtype=weights.dtype)
    total = weights.new_zeros(())
    for first in range(0, len(logits), rows):
        part = slice(first, first + rows)
        scores = buffer[: len(logits[part])].copy_(logits[part])
        highest, of_labels = scores.amax(1, keepdim=True), scores.gather(1, targets[part])
        torch._softmax(scores, -1, False, out=scores)  # noqa: FBT003, SLF001 - by position only, and it has no public name
        # The likeliest token's probability is never too small for its logarithm.
        normalizer = highest - scores.amax(1, keepdim=True).log()
        total += ((normalizer - of_labels) * kept[part]).sum()
        logits[part] = scores.mul_(kept[part]).scatter_add_(1, targets[part], -kept[part])
    return total, logits


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - as autograd calls it
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        labels: Tensor,
        weights: Tensor,
        chunk: int,
        losses: Losses,
    ) -> Tensor:
        wants_hidden, wants_weight = ctx.needs_input_grad[:2]
        total = weights.new_zeros(())
        of_hidden = torch.empty_like(hidden) if wants_hidden else None
        of_weight: Tensor | None = None
        for first in range(0, len(hidden), chunk):
            part = slice(first, first + chunk)
            logits = hidden[part] @ weight.T
            loss, gradient = losses(logits, labels[part], weights[part])
            total = total + loss
            if of_hidden is not None:
                torch.mm(gradient, weight, out=of_hidden[part])
            if wants_weight:
                product = gradient.T @ hidden[part]
                # Added up in the dtype of the loss: many chunks in bf16 would lose their ends.
                of_weight = (
                    product.to(weights.dtype) if of_weight is None else of_weight.add_(product)
                )
        ctx.save_for_backward(of_hidden, of_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        of_hidden, of_weight = ctx.saved_tensors
        scale = grads[0]
        return (
            # Not in bf16: body and output layer would get different scales.
            None if of_hidden is None else (of_hidden.to(scale.dtype) * scale).to(of_hidden.dtype),
            None if of_weight is None else of_weight * scale,
            None,
            None,
            None,
            None,
        )


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    logits_at_once: int | None = None,
    losses: Losses = losses_part_by_part,
) -> Tensor:
    """Sum over positions of ``-weight · ln softmax(hidden · weightᵀ)[label]``.

    As ``cross_entropy(hidden @ weight.T, labels, reduction="sum")`` in float32 (float64 for float64
    input), for any number of positions and any vocabulary in bounded memory. Inside autocast the
    products are of autocast's dtype. Differentiable once.

    Args:
        hidden: Positions x width.
        weight: Vocabulary x width.
        labels: One a position, or `IGNORED`.
        weights: Of the positions; all 1 without it. Not differentiated.
        logits_at_once: Logits that are held at once; `LOGITS_AT_ONCE` without it.
        losses: `losses_part_by_part`, or `losses_of_logits`, compiled.
    """
    hidden, weight, precise = _as_multiplied(hidden, weight)
    if weights is None:
        weights = torch.ones(len(hidden), dtype=precise, device=hidden.device)
    chunk = max((logits_at_once or LOGITS_AT_ONCE) // len(weight), 1)
    with torch.autocast(hidden.device.type, enabled=False):
        return _LinearCrossEntropy.apply(  # type: ignore[no-any-return, no-untyped-call]
            hidden, weight, labels, weights.to(precise), chunk, losses
        )


class _LinearTokenLosses(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - as autograd calls it
        ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, chunk: int, losses: Losses
    ) -> Tensor:
        precise = torch.float64 if hidden.dtype == torch.float64 else torch.float32
        found = torch.empty(len(hidden), dtype=precise, device=hidden.device)
        rows = _rows_of(hidden, weight, chunk)
        for first in range(0, len(hidden), rows):
            part = slice(first, first + rows)
            found[part] = functional.cross_entropy(
                (hidden[part] @ weight.T).to(precise),
                labels[part],
                reduction="none",
                ignore_index=IGNORED,
            )
        ctx.save_for_backward(hidden, weight, labels)
        ctx.chunk, ctx.losses = chunk, losses
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, labels = ctx.saved_tensors
        (scale,) = grads
        wants_hidden, wants_weight = ctx.needs_input_grad[:2]
        of_hidden = torch.empty_like(hidden) if wants_hidden else None
        of_weight: Tensor | None = None
        for first in range(0, len(hidden), ctx.chunk):
            part = slice(first, first + ctx.chunk)
            _, gradient = ctx.losses(hidden[part] @ weight.T, labels[part], scale[part])
            if of_hidden is not None:
                torch.mm(gradient, weight, out=of_hidden[part])
            if wants_weight:
                product = (gradient.T @ hidden[part]).to(scale.dtype)
                of_weight = product if of_weight is None else of_weight.add_(product)
        return of_hidden, of_weight, None, None, None


def linear_token_losses(
    hidden: Tensor,
    weight: Tensor,
    labels: Tensor,
    *,
    logits_at_once: int | None = None,
    losses: Losses = losses_part_by_part,
) -> Tensor:
    """``-ln softmax(hidden · weightᵀ)[label]`` of every position, 0 where it is `IGNORED`.

    For what is not a weighted sum of them, as `linear_cross_entropy` is: its gradient is known only
    when all of them are, so the logits of a chunk are made twice. Arguments as there.
    """
    hidden, weight, _ = _as_multiplied(hidden, weight)
    chunk = max((logits_at_once or LOGITS_AT_ONCE) // len(weight), 1)
    with torch.autocast(hidden.device.type, enabled=False):
        return _LinearTokenLosses.apply(  # type: ignore[no-any-return, no-untyped-call]
            hidden, weight, labels, chunk, losses
        )


@torch.no_grad()
def linear_hits(
    hidden: Tensor, weight: Tensor, labels: Tensor, *, logits_at_once: int | None = None
) -> Tensor:
    """Is the label of a position the likeliest token there? False where it is `IGNORED`."""
    hidden, weight, _ = _as_multiplied(hidden, weight)
    rows = _rows_of(hidden, weight, max((logits_at_once or LOGITS_AT_ONCE) // len(weight), 1))
    with torch.autocast(hidden.device.type, enabled=False):
        likeliest = [
            (hidden[first : first + rows] @ weight.T).argmax(dim=-1)
            for first in range(0, len(hidden), rows)
        ]
    return torch.cat([*likeliest, labels[:0]]) == labels


def cross_entropy_sum(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Sum over positions of ``-weight · ln softmax(logits)[label]``, in float32."""
    losses = functional.cross_entropy(
        logits.float().flatten(0, -2),
        labels.flatten(),
        reduction="sum" if weights is None else "none",
        ignore_index=IGNORED,
    )
    return losses if weights is None else (losses * weights.flatten()).sum()


def _as_multiplied(hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, torch.dtype]:
    """Both in the dtype of their product, and the dtype of the loss."""
    precise = torch.float64 if hidden.dtype == torch.float64 else torch.float32
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, weight = hidden.to(dtype), weight.to(dtype)
    if hidden.dtype != weight.dtype:
        hidden = hidden.to(weight.dtype)
    return hidden, weight, precise


def _rows_of(hidden: Tensor, weight: Tensor, chunk: int) -> int:
    """Positions at once, where no gradient is made: on a CPU as many as the cache holds."""
    if hidden.device.type != "cpu":
        return chunk
    return min(chunk, max(_LOGITS_IN_CACHE // len(weight), 1))
