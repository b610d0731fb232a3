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
from torch.distributed.fsdp import FSDPModule

from mowa.training._attention import VARLEN, segment_starts, visible
from mowa.training._blocked import BLOCKED, LONGEST
from mowa.training._head import (
    cross_entropy_sum,
    linear_cross_entropy,
    linear_hits,
    linear_token_losses,
    losses_of_logits,
    losses_part_by_part,
)
from mowa.training._plan import Block

Compiler = Callable[..., Any]
Head = Literal["chunked", "full"]
How = Literal["train", "measure", "reference", "tokens", "judged"]


@dataclass(frozen=True)
class Rows:
    """Blocks as tensors of shape (blocks, sequence_length) on the device of the model.

    `starts` is where segments begin in the rows laid end to end (`segment_starts`); `weights` and
    `reference` are as in `Block`.
    """

    input_ids: Tensor
    labels: Tensor
    positions: Tensor
    segments: Tensor
    starts: Tensor
    weights: Tensor | None = None
    reference: Tensor | None = None


def stack(blocks: Sequence[Block], device: torch.device) -> Rows:
    """Put blocks under one another, and move them without waiting for it."""
    arrays = {
        field.name: np.stack([getattr(block, field.name) for block in blocks])
        for field in dataclasses.fields(Block)
        if getattr(blocks[0], field.name) is not None
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

    Called with `Rows`, it gives the sum over all labels of -weight · ln p(label), in float32, still
    on the device.

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
        self.head: Head = "full" if _caps_or_routes(model.config) else "chunked"
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
        """The layers of the model's body, which most families call ``layers`` and some ``h``."""
        lists = [each for each in self._body.children() if isinstance(each, nn.ModuleList)]
        return max(lists, key=len)

    def fast_attention(self) -> str:
        """The implementation that is the fastest where it computes.

        Not one of ours where scores are capped, dropped out or have sinks: those do none of it,
        and before training the difference may be too small for a comparison to find.
        """
        if self.precision != "bf16" or self._attends_otherwise():
            return self.masked_attention
        if self.device.type == "cuda":
            return VARLEN
        return BLOCKED if self.sequence_length <= LONGEST else self.masked_attention

    def _attends_otherwise(self) -> bool:
        config = self.model.config
        return bool(
            getattr(config, "attn_logit_softcapping", None)
            or getattr(config, "attention_dropout", 0.0)
            or any(name.endswith("sinks") for name, _ in self.model.named_parameters())
        )

    @property
    def masked_attention(self) -> str:
        """``sdpa``, or ``eager`` for the few families that have nothing else."""
        return "sdpa" if self.model._supports_sdpa else "eager"  # noqa: SLF001 - it has no public name

    def use_attention(self, name: str) -> None:
        """Let the layers attend as ``eager``, ``sdpa`` or `VARLEN` do."""
        self.attention = name
        self.model.set_attn_implementation(name)

    def forward(self, rows: Rows, how: How = "train") -> Tensor:
        """The loss that is trained on, or something else that is known of `rows`.

        `measure` is the plain negative log-likelihood, of which bits per byte are made. `reference`
        is computed by the model's own code, `labels` given, and is what `train` is compared with;
        the three differ where a model adds to its loss, as one with routers does. `tokens` gives
        -ln p(label) of each position, of the shape of the labels, 0 where there is none; `judged`
        the same and, under it, 1 where the label is the likeliest token.
        """
        with self._autocast():
            if how == "reference" or self.head == "full":
                return self._full(rows, how)
            hidden = self._body(**self._inputs(rows), use_cache=False).last_hidden_state
            weight = self.model.get_output_embeddings().weight
            hidden, labels = hidden.flatten(0, 1), rows.labels.flatten()
            if how in {"tokens", "judged"}:
                losses = linear_token_losses(hidden, weight, labels, losses=self._losses)
                if how == "tokens":
                    return losses.view(rows.labels.shape)
                hits = linear_hits(hidden, weight, labels).to(losses.dtype)
                return torch.stack([losses, hits]).view(2, *rows.labels.shape)
            return linear_cross_entropy(
                hidden,
                weight,
                labels,
                None if rows.weights is None or how == "measure" else rows.weights.flatten(),
                losses=self._losses,
            )

    def _full(self, rows: Rows, how: How) -> Tensor:
        # No mask: transformers makes it from the positions, and routers want none of ours.
        inputs = self._inputs(rows) | {"attention_mask": None}
        if how in {"measure", "tokens", "judged"}:
            logits = self.model(**inputs, use_cache=False).logits
            if how == "measure":
                return cross_entropy_sum(logits, rows.labels)
            losses = nn.functional.cross_entropy(
                logits.float().flatten(0, 1), rows.labels.flatten(), reduction="none"
            ).view(rows.labels.shape)
            if how == "tokens":
                return losses
            return torch.stack([losses, (logits.argmax(dim=-1) == rows.labels).to(losses.dtype)])
        # `labels` would be shifted by one position; these are in place, and said to be.
        labels = _never_none(rows.labels)
        output = self.model(**inputs, labels=labels, shift_labels=labels, use_cache=False)
        count = (rows.labels >= 0).sum()
        if rows.weights is None or how == "reference":
            return output.loss * count  # type: ignore[no-any-return]
        # What the model adds to its loss stays as it is; the likelihoods are weighted.
        plain = cross_entropy_sum(output.logits, rows.labels)
        weighted = cross_entropy_sum(output.logits, rows.labels, rows.weights)
        return weighted + output.loss * count - plain  # type: ignore[no-any-return]

    def _inputs(self, rows: Rows) -> dict[str, Any]:
        inputs = {"input_ids": rows.input_ids, "position_ids": rows.positions}
        if self.attention == VARLEN:
            return inputs | {"starts": rows.starts, "longest": self.sequence_length}
        return inputs | {"attention_mask": self._mask(rows.segments)}

    def compile_layers(self, example: Rows, compiler: Compiler = torch.compile) -> None:
        """Compile each layer, on a GPU the loss too, and try them on `example`.

        Layer by layer, because layers share their code: the first is compiled, the others reuse it.

        Raises:
            RuntimeError: Where the compiler fails; the model is then as before.
        """
        try:
            for layer in self.layers:
                layer.forward = compiler(layer.forward, dynamic=False, fullgraph=True)
            if self.device.type != "cpu":
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
        if self.attention not in {"eager", BLOCKED}:
            return sees
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        lowest = torch.finfo(dtype).min
        return torch.zeros(sees.shape, dtype=dtype, device=sees.device).masked_fill(~sees, lowest)

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._autocasts)


def _caps_or_routes(config: Any) -> bool:
    """Is more done after the last hidden states than a comparison of losses is sure to find?

    A cap changes next to nothing of the small logits of an untrained model, and much later.
    """
    names = ("final_logit_softcapping", "output_logit_soft_cap", "output_router_logits")
    return any(getattr(config, name, None) for name in names)


def _never_none(labels: Tensor) -> Tensor:
    """The mean over no labels would not be a number: rows without any get one."""
    first = torch.arange(labels.numel(), device=labels.device).view(labels.shape) == 0
    return labels.masked_fill(first & (labels < 0).all(), 0)


@contextmanager
def measuring(forward: Forward) -> Iterator[None]:
    """No gradients, no dropout, and what is compiled is left alone: it would be compiled again.

    Where weights are divided, passes without gradients leave the last group's whole, and cast; at
    the end all are shards again.
    """
    was_training = forward.model.training
    forward.model.eval()
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            yield
    finally:
        forward.model.train(was_training)
        if isinstance(forward, FSDPModule):
            forward.reshard()
