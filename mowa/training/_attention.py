"""Attention inside the segments of packed rows.

Two ways, with the same result. *Masked*: torch's attention with a mask that says which positions
see each other; any device. *Varlen*: rows are laid end to end, and a kernel takes the places where
segments begin; it never looks at a pair that a mask would forbid. `transformers` calls it through
its `AttentionInterface`, with what the model's body was given as keyword arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface

VARLEN = "mowa_varlen"

Kernel = Callable[..., Tensor]

_FEW = 16  # segments are seldom shorter than so many tokens on average


def visible(segments: Tensor) -> Tensor:
    """What each position may see, of shape (blocks, 1, positions, positions)."""
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    return ((segments[:, :, None] == segments[:, None, :]) & causal)[:, None]


def segment_starts(positions: NDArray[Any]) -> NDArray[np.int32]:
    """Where segments begin in rows laid end to end, and their end.

    As ``cu_seqlens`` of variable-length kernels, padded by repeating the end, which adds segments
    of no length, to one of two sizes: the shape of an update is nearly always that of the one
    before, and a compiled layer is not compiled again.

    Args:
        positions: Blocks x positions, from 0 in each segment.
    """
    begins = positions == 0
    # A row begins a segment even where its positions go on, as those of padding do.
    begins[:, 0] = True
    starts = np.flatnonzero(begins)
    few, most = positions.size // _FEW, positions.size
    size = (few if len(starts) <= few else most) + 1
    padded = np.full(size, positions.size, np.int32)
    padded[: len(starts)] = starts
    return padded


def varlen_attention(
    _module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    starts: Tensor | None = None,
    longest: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of every segment with itself, for `transformers`' `AttentionInterface`.

    Args:
        _module: The layer that asks.
        query: Blocks x heads x positions x head size.
        key: As `query`, with the heads of keys and values.
        value: As `key`.
        attention_mask: None: what may be seen is in `starts`.
        scaling: Of the scores.
        dropout: 0.
        sliding_window: Positions that one sees, itself counted.
        starts: From `segment_starts`.
        longest: At least the length of the longest segment, a plain number.

    Returns:
        Blocks x positions x heads x head size, and no weights.
    """
    assert attention_mask is None
    assert not dropout
    blocks, _heads, positions, _size = query.shape
    flat = [x.transpose(1, 2).flatten(0, 1).contiguous() for x in (query, key, value)]
    window = (-1, 0) if sliding_window is None else (sliding_window - 1, 0)
    out = _kernel(
        *flat,
        starts,
        starts,
        longest,
        longest,
        scale=scaling,
        window_size=window,
        enable_gqa=key.shape[1] != query.shape[1],
    )
    return out.view(blocks, positions, *out.shape[1:]), None


def _varlen_kernel(*arguments: Any, **options: Any) -> Tensor:
    result = varlen_attn(*arguments, **options)
    assert isinstance(result, Tensor)
    return result


_kernel: Kernel = _varlen_kernel

AttentionInterface.register(VARLEN, varlen_attention)
