"""Attention on a CPU in bf16, by blocks of queries that never look at later keys.

Plain matrix products, and a softmax that reads and writes bf16: what fits the cache stays there,
and half of the pairs are never made. The weights of the pairs are kept for the gradient, so this is
for rows of moderate length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

BLOCKED = "mowa_blocked"

LONGEST = 2048
"""Positions of a row up to which the kept weights, half of the square, are affordable."""

_QUERIES = 128


def _blocks(positions: int) -> Iterator[tuple[slice, slice]]:
    """Queries, and the keys up to the last of them."""
    for first in range(0, positions, _QUERIES):
        stop = min(first + _QUERIES, positions)
        yield slice(first, stop), slice(0, stop)


def _pairs(positions: int) -> int:
    return sum((queries.stop - queries.start) * keys.stop for queries, keys in _blocks(positions))


def _parts(weights: Tensor, groups: int, positions: int) -> Iterator[tuple[slice, slice, Tensor]]:
    """Each block with its part of `weights`: (blocks x key heads) x (groups x queries) x keys."""
    outer = weights.shape[0]
    begin = 0
    flat = weights.view(-1)
    for queries, keys in _blocks(positions):
        rows = groups * (queries.stop - queries.start)
        size = outer * rows * keys.stop
        yield queries, keys, flat[begin : begin + size].view(outer, rows, keys.stop)
        begin += size


@torch.library.custom_op("mowa::blocked_attention", mutates_args=())
def blocked_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """Attention, and the weights that the gradient needs.

    Args:
        query: Blocks x heads x positions x head size.
        key: Blocks x key heads x positions x head size; key heads divide heads.
        value: As `key`.
        mask: Blocks x 1 x positions x positions, added to the scores; it hides all later keys.
        scale: Of the scores.

    Returns:
        Blocks x heads x positions x head size, and the weights, part by part.
    """
    blocks, heads, positions, size = query.shape
    key_heads = key.shape[1]
    groups = heads // key_heads
    outer = blocks * key_heads
    scaled = (query * scale).view(outer, groups, positions, size)
    key, value = (x.reshape(outer, positions, size) for x in (key, value))
    out = torch.empty_like(scaled)
    weights = query.new_empty(outer, groups * _pairs(positions))
    for queries, keys, part in _parts(weights, groups, positions):
        few = queries.stop - queries.start
        rows = scaled[:, :, queries].reshape(outer, groups * few, size)
        scores = torch.bmm(rows, key[:, keys].transpose(1, 2))
        # In place and in one piece: the mask is that of every head.
        scores.view(blocks, heads, few, keys.stop).add_(mask[:, :, queries, keys])
        # Not `torch.softmax`, of which autocast would make one in float32.
        torch._softmax(scores, -1, False, out=part)  # noqa: FBT003, SLF001 - by position only, and it has no public name
        out[:, :, queries] = torch.bmm(part, value[:, keys]).view(outer, groups, few, size)
    return out.view(query.shape), weights


@blocked_attention.register_fake
def _(query: Tensor, key: Tensor, *_others: Any) -> Any:
    outer, groups = query.shape[0] * key.shape[1], query.shape[1] // key.shape[1]
    return (
        query.new_empty(query.shape),
        query.new_empty(outer, groups * _pairs(query.shape[2])),
    )


@torch.library.custom_op("mowa::blocked_attention_backward", mutates_args=())
def _backward(  # noqa: PLR0917 - as the operator is called
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, weights: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    blocks, heads, positions, size = query.shape
    key_heads = key.shape[1]
    groups = heads // key_heads
    outer = blocks * key_heads
    grad, query = (x.reshape(outer, groups, positions, size) for x in (grad, query))
    flat_key, flat_value = (x.reshape(outer, positions, size) for x in (key, value))
    of_query = torch.empty_like(query)
    # Added up over the blocks of queries, so not in bf16; the last, which sees all keys, begins.
    precise = torch.promote_types(key.dtype, torch.float32)
    of_key = of_value = torch.empty(0)
    for queries, keys, part in reversed(list(_parts(weights, groups, positions))):
        few = queries.stop - queries.start
        rows, grads = (x[:, :, queries].reshape(outer, groups * few, size) for x in (query, grad))
        of_weights = torch.bmm(grads, flat_value[:, keys].transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_weights, part, -1, part.dtype)  # noqa: SLF001 - it has no public name
        product = torch.bmm(of_scores, flat_key[:, keys]).view(outer, groups, few, size)
        of_query[:, :, queries] = product * scale
        for_key = torch.bmm(of_scores.transpose(1, 2), rows)
        for_value = torch.bmm(part.transpose(1, 2), grads)
        if keys.stop == positions:
            of_key, of_value = for_key.to(precise), for_value.to(precise)
        else:
            of_key[:, keys] += for_key
            of_value[:, keys] += for_value
    return (
        of_query.view(blocks, heads, positions, size),
        (of_key * scale).to(key.dtype).view(key.shape),
        of_value.to(value.dtype).view(value.shape),
    )


@_backward.register_fake
def _(_grad: Tensor, *likes: Any) -> Any:
    return tuple(like.new_empty(like.shape) for like in likes[:3])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    query, key, value, _mask, ctx.scale = inputs
    ctx.save_for_backward(query, key, value, output[1])
    ctx.set_materialize_grads(False)


def _gradient(ctx: Any, grad: Tensor, _of_weights: Any) -> tuple[Tensor | None, ...]:
    query, key, value, weights = ctx.saved_tensors
    return *_backward(grad.contiguous(), query, key, value, weights, ctx.scale), None, None


blocked_attention.register_autograd(_gradient, setup_context=_keep)


def _attend(
    _module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """As `transformers`' `AttentionInterface` calls it, with the mask that ``eager`` has."""
    assert not dropout
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    # Turned by positions in float32, for the embeddings of positions are; autocast would cast too.
    query, key, value = (x.to(value.dtype).contiguous() for x in (query, key, value))
    out, _ = blocked_attention(query, key, value, attention_mask, scale)
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(BLOCKED, _attend)
AttentionMaskInterface.register(BLOCKED, eager_mask)
