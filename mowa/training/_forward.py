"""From blocks of tokens to the sum of their negative log-likelihoods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from mowa.training._plan import IGNORED, Block

# Logits computed at once: 2^25 of them take 128 MB in float32, their gradient as much again.
_LOGITS_AT_ONCE = 1 << 25

# Up to here the whole matrix of attention scores is affordable on a CPU.
_LONGEST_EAGER = 1024

Compiler = Callable[..., Any]


@dataclass(frozen=True)
class Rows:
    """Blocks as tensors of shape (blocks, sequence_length) on the device of the model."""

    input_ids: Tensor
    labels: Tensor
    positions: Tensor
    segments: Tensor


def stack(blocks: Sequence[Block], device: torch.device) -> Rows:
    """Put blocks under one another."""
    return Rows(
        **{
            name: torch.from_numpy(np.stack([getattr(block, name) for block in blocks])).to(device)
            for name in ("input_ids", "labels", "positions", "segments")
        }
    )


class Forward:
    """A causal language model that sees only a token's own segment.

    Args:
        model: Any `transformers` causal model whose body takes a mask of four dimensions.
        device: Where it computes; the model is moved there.
        precision: ``bf16`` (autocast; weights, norms, residual stream and loss stay in float32) or
            ``fp32``.
        sequence_length: Longest row.
    """

    def __init__(
        self, model: Any, *, device: torch.device, precision: str, sequence_length: int
    ) -> None:
        self.model = model.to(device)
        self.device = device
        self.precision = precision
        # On a CPU, plain matrix products and a softmax in bf16 take half the time of torch's fused
        # kernel (24 against 50 ms a layer, forward and backward, at 4 x 5 heads x 512 x 64).
        plain = device.type == "cpu" and precision == "bf16" and sequence_length <= _LONGEST_EAGER
        self.attention = "eager" if plain else "sdpa"
        model.set_attn_implementation(self.attention)
        model.config.use_cache = False
        self._chunk_nll: Callable[[Tensor, Tensor], Tensor] = self._plain_chunk_nll

    def nll(self, rows: Rows) -> Tensor:
        """Sum over all labels of -ln p(label), in float32, still on the device."""
        with self._autocast():
            hidden: Tensor = self.model.model(
                input_ids=rows.input_ids,
                attention_mask=self._mask(rows.segments),
                position_ids=rows.positions,
                use_cache=False,
            ).last_hidden_state.flatten(0, 1)
            labels = rows.labels.flatten()
            size = max(_LOGITS_AT_ONCE // self.model.config.vocab_size, 1)
            if len(labels) <= size:
                return self._chunk_nll(hidden, labels)
            # The logits of one chunk at a time, made again for the gradient.
            total = torch.zeros((), device=hidden.device)
            for part, targets in zip(
                torch.split(hidden, size), torch.split(labels, size), strict=True
            ):
                total = total + checkpoint(
                    self._chunk_nll, part, targets, use_reentrant=False, preserve_rng_state=False
                )
            return total

    def compile(self, example: Rows, compiler: Compiler = torch.compile) -> None:
        """Compile each layer and the loss, and try them on `example`.

        Layer by layer, because layers share their code: the first is compiled, the others reuse it.

        Raises:
            RuntimeError: Where the compiler fails; the model is then as before.
        """
        layers = self.model.model.layers
        try:
            for layer in layers:
                layer.forward = compiler(layer.forward, dynamic=False)
            self._chunk_nll = compiler(self._plain_chunk_nll, dynamic=False)
            torch.autograd.backward(self.nll(example))
        except RuntimeError:
            self._chunk_nll = self._plain_chunk_nll
            for layer in layers:
                layer.__dict__.pop("forward", None)
            raise
        finally:
            self.model.zero_grad(set_to_none=True)

    def _plain_chunk_nll(self, hidden: Tensor, labels: Tensor) -> Tensor:
        logits = self.model.lm_head(hidden).float()
        return functional.cross_entropy(logits, labels, reduction="sum", ignore_index=IGNORED)

    def _mask(self, segments: Tensor) -> Tensor:
        """What each position may see, of shape (blocks, 1, positions, positions).

        Boolean for the fused kernel; for plain attention a number that is added to the scores, so
        low that the softmax gives exactly zero.
        """
        length = segments.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
        sees = ((segments[:, :, None] == segments[:, None, :]) & causal)[:, None]
        if self.attention == "sdpa":
            return sees
        low = torch.finfo(torch.bfloat16).min
        return torch.zeros(sees.shape, dtype=torch.bfloat16, device=sees.device).masked_fill(
            ~sees, low
        )

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"
        )
