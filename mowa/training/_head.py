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

# In float32 4 MB, of which a core's cache holds a good part.
_LOGITS_IN_CACHE = 1 << 20

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

    Without it every one of the operations reads and writes memory: at 1,024 x 8,192 logits they
    take seven times as long.
    """
    if logits.device.type != "cpu":
        return losses_of_logits(logits, labels, weights)
    rows = max(_LOGITS_IN_CACHE // logits.shape[1], 1)
    total = weights.new_zeros(())
    for first in range(0, len(logits), rows):
        part = slice(first, first + rows)
        loss, gradient = losses_of_logits(logits[part], labels[part], weights[part])
        total += loss
        logits[part] = gradient
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
        losses: `losses_part_by_part`, or a compiled form of `losses_of_logits`.
    """
    precise = torch.float64 if hidden.dtype == torch.float64 else torch.float32
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, weight = hidden.to(dtype), weight.to(dtype)
    if hidden.dtype != weight.dtype:
        hidden = hidden.to(weight.dtype)
    if weights is None:
        weights = torch.ones(len(hidden), dtype=precise, device=hidden.device)
    chunk = max((logits_at_once or LOGITS_AT_ONCE) // len(weight), 1)
    with torch.autocast(device, enabled=False):
        return _LinearCrossEntropy.apply(  # type: ignore[no-any-return, no-untyped-call]
            hidden, weight, labels, weights.to(precise), chunk, losses
        )


def cross_entropy_sum(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum over positions of ``-ln softmax(logits)[label]``, in float32."""
    return functional.cross_entropy(
        logits.float().flatten(0, -2), labels.flatten(), reduction="sum", ignore_index=IGNORED
    )
