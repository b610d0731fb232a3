"""From blocks of tokens to the sum of their negative log-likelihoods."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mowa.training._attention import VARLEN, segment_starts, visible
from mowa.training._head import (
    cross_entropy_sum,
    linear_cross_entropy,
    losses_of_logits,
    losses_part_by_part,
)
from mowa.training._plan import Block
from mowa.training._runtime import has_amx

# Up to here the whole matrix of attention scores is affordable on a CPU.
_LONGEST_EAGER = 1024

Compiler = Callable[..., Any]
Head = Literal["chunked", "full"]


@dataclass(frozen=True)
class Rows:
    """Blocks as tensors of shape (blocks, sequence_length) on the device of the model.

    `starts` is where segments begin in the rows laid end to end (`segment_starts`).
    """

    input_ids: Tensor
    labels: Tensor
    positions: Tensor
    segments: Tensor
    starts: Tensor


def stack(blocks: Sequence[Block], device: torch.device) -> Rows:
    """Put blocks under one another, and move them without waiting for it."""
    arrays = {
        field.name: np.stack([getattr(block, field.name) for block in blocks])
        for field in dataclasses.fields(Block)
    }
    arrays["starts"] = segment_starts(arrays["positions"])
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    if device.type == "cuda":
        tensors = {
            name: x.pin_memory().to(device, non_blocking=True) for name, x in tensors.items()
        }
    return Rows(**tensors)


class Forward(nn.Module):
    """A causal language model that sees only a token's own segment.

    Called with `Rows`, it gives the sum over all labels of -ln p(label), in float32, still on the
    device.

    Args:
        model: Any causal model of `transformers`.
        device: Where it computes; the model is moved there.
        precision: ``bf16`` (autocast; weights, norms, residual stream and loss stay in float32) or
            ``fp32``.
        sequence_length: Longest row.
        autocast: False where something else, FSDP2, casts for bf16.
    """

    def __init__(
        self,
        model: Any,
        *,
        device: torch.device,
        precision: str,
        sequence_length: int,
        autocast: bool = True,
    ) -> None:
        super().__init__()
        self.model = model.to(device)
        self.device = device
        self.precision = precision
        self.sequence_length = sequence_length
        self._autocasts = autocast and precision == "bf16"
        self.head: Head = "chunked"
        self._losses = losses_part_by_part
        self._body = model.get_decoder()
        config = model.config
        config.use_cache = False
        # A body whose layers see unlike windows makes its masks itself, from the positions.
        self._has_windows = bool(
            getattr(config, "layer_types", None) or getattr(config, "sliding_window", None)
        )
        self.use_attention(self.fast_attention())

    @property
    def layers(self) -> nn.ModuleList:
        """The layers of the model's body."""
        layers: nn.ModuleList = self._body.layers
        return layers

    def fast_attention(self) -> str:
        """The implementation that is the fastest where it computes.

        On a CPU with AVX-512 BF16, plain matrix products and a softmax in bf16 take half the time
        of torch's fused kernel (24 against 50 ms a layer, forward and backward, at 4 x 5 heads x
        512 x 64). With AMX the fused kernel is the faster one (10 against 17 ms on two cores at
        2 x 5 heads).
        """
        if self.device.type == "cuda" and self.precision == "bf16":
            return VARLEN
        plain = self.device.type == "cpu" and self.precision == "bf16" and not has_amx()
        if plain and self.sequence_length <= _LONGEST_EAGER:
            return "eager"
        return self.masked_attention

    @property
    def masked_attention(self) -> str:
        """``sdpa``, or ``eager`` for the few families that have nothing else."""
        return "sdpa" if self.model._supports_sdpa else "eager"  # noqa: SLF001 - it has no public name

    def use_attention(self, name: str) -> None:
        """Let the layers attend as ``eager``, ``sdpa`` or `VARLEN` do."""
        self.attention = name
        self.model.set_attn_implementation(name)

    def forward(
        self, rows: Rows, how: Literal["train", "measure", "reference"] = "train"
    ) -> Tensor:
        """The loss that is trained on, the plain negative log-likelihood, or the model's own loss.

        The three differ where a model adds to its loss, as one with routers does. The second is
        what bits per byte are made of; the third is computed by the model's own code, `labels`
        given, and is what the first is compared with.
        """
        with self._autocast():
            if how == "reference" or self.head == "full":
                return self._full(rows, how)
            hidden = self._body(**self._inputs(rows), use_cache=False).last_hidden_state
            return linear_cross_entropy(
                hidden.flatten(0, 1),
                self.model.get_output_embeddings().weight,
                rows.labels.flatten(),
                losses=self._losses,
            )

    def _full(self, rows: Rows, how: str) -> Tensor:
        # No mask: transformers makes it from the positions, and routers want none of ours.
        inputs = self._inputs(rows) | {"attention_mask": None}
        if how == "measure":
            return cross_entropy_sum(self.model(**inputs, use_cache=False).logits, rows.labels)
        # `labels` would be shifted by one position; these are in place, and said to be.
        labels = _never_none(rows.labels)
        output = self.model(**inputs, labels=labels, shift_labels=labels, use_cache=False)
        return output.loss * (rows.labels >= 0).sum()  # type: ignore[no-any-return]

    def _inputs(self, rows: Rows) -> dict[str, Any]:
        inputs = {"input_ids": rows.input_ids, "position_ids": rows.positions}
        if self.attention == VARLEN:
            return inputs | {"starts": rows.starts, "longest": self.sequence_length}
        return inputs | {"attention_mask": self._mask(rows.segments)}

    def compile_layers(self, example: Rows, compiler: Compiler = torch.compile) -> None:
        """Compile each layer and the loss, and try them on `example`.

        Layer by layer, because layers share their code: the first is compiled, the others reuse it.

        Raises:
            RuntimeError: Where the compiler fails; the model is then as before.
        """
        try:
            for layer in self.layers:
                layer.forward = compiler(layer.forward, dynamic=False, fullgraph=True)
            self._losses = compiler(losses_of_logits, dynamic=False, fullgraph=True)
            torch.autograd.backward(self(example))
        except RuntimeError:
            self._losses = losses_part_by_part
            for layer in self.layers:
                layer.__dict__.pop("forward", None)
            raise
        finally:
            self.model.zero_grad(set_to_none=True)

    def _mask(self, segments: Tensor) -> Tensor | None:
        """What each position may see, as the attention in use wants it.

        Boolean for the fused kernel; for plain attention a number that is added to the scores, so
        low that the softmax gives exactly zero. None where the model makes its own.
        """
        if self._has_windows:
            return None
        sees = visible(segments)
        if self.attention != "eager":
            return sees
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        lowest = torch.finfo(dtype).min
        return torch.zeros(sees.shape, dtype=dtype, device=sees.device).masked_fill(~sees, lowest)

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._autocasts)


def _never_none(labels: Tensor) -> Tensor:
    """The mean over no labels would not be a number: rows without any get one."""
    first = torch.arange(labels.numel(), device=labels.device).view(labels.shape) == 0
    return labels.masked_fill(first & (labels < 0).all(), 0)


@contextmanager
def measuring(forward: Forward) -> Iterator[None]:
    """No gradients, no dropout, and what is compiled is left alone: it would be compiled again."""
    was_training = forward.model.training
    forward.model.eval()
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            yield
    finally:
        forward.model.train(was_training)
