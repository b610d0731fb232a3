"""Before training: is the fast way to the loss the model's own?

`transformers` models differ in what they do between the last hidden state and the loss: logits are
scaled or capped, routers add a loss, layers see through windows. The loss and the gradients of one
block are computed by the model's own code, and by the fast attention and the chunked output layer;
where these differ, slower ways are tried until one agrees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from mowa.errors import MowaError
from mowa.training._forward import Forward, Head, Rows

# Relative, of loss and of the norm of each gradient's difference: float32 rounds the sums of some
# thousand terms, bf16 has 8 bits.
_TOLERANCES = {"fp32": (1e-5, 1e-3), "bf16": (1e-2, 1e-1)}


@dataclass(frozen=True)
class _Difference:
    loss: float
    gradient: float

    def within(self, precision: str) -> bool:
        loss, gradient = _TOLERANCES[precision]
        return self.loss <= loss and self.gradient <= gradient


def agree_with_model(forward: Forward, rows: Rows, say: Callable[[str], None]) -> None:
    """Set `forward` to the fastest way whose loss and gradients on `rows` are the model's own.

    Without dropout, which would draw otherwise each time.

    Raises:
        MowaError: Where none agrees.
    """
    was_training = forward.model.training
    forward.model.eval()
    try:
        _agree(forward, rows, say)
    finally:
        forward.model.train(was_training)


def _agree(forward: Forward, rows: Rows, say: Callable[[str], None]) -> None:
    fast = forward.attention
    own_loss, own = _run(forward, rows, reference=True)
    if not torch.isfinite(own_loss):
        return  # the first update will say so
    ways: list[tuple[str, Head]] = [(fast, "chunked"), (fast, "full")]
    masked = forward.masked_attention
    if fast != masked:
        ways += [(masked, "chunked"), (masked, "full")]
    tried: list[tuple[str, _Difference]] = []
    for attention, head in ways:
        forward.use_attention(attention)
        forward.head = head
        loss, gradients = _run(forward, rows)
        difference = _compare(own_loss, own, loss, gradients)
        if difference.within(forward.precision):
            for way, found in tried:
                say(
                    f"{way} differs from the model's own loss by {found.loss:.1e} and its gradients"
                    f" by {found.gradient:.1e}: {attention} attention and the {head} output layer"
                    " are used"
                )
            return
        tried.append((f"{attention} attention with the {head} output layer", difference))
    raise MowaError(
        "the loss of packed rows does not agree with the model's own loss: "
        + "; ".join(
            f"{way} by {found.loss:.1e}, its gradients by {found.gradient:.1e}"
            for way, found in tried
        ),
        fix="this family does not keep packed documents apart; check_forward = false trains anyway",
    )


def _run(
    forward: Forward, rows: Rows, *, reference: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    fast = forward.attention
    if reference:
        # What transformers does by itself with packed positions.
        forward.use_attention(forward.masked_attention)
    loss = forward(rows, "reference" if reference else "train")
    torch.autograd.backward(loss)
    forward.use_attention(fast)
    gradients = {
        name: parameter.grad.detach()
        for name, parameter in forward.model.named_parameters()
        if parameter.grad is not None
    }
    forward.model.zero_grad(set_to_none=True)
    return loss.detach(), gradients


def _compare(
    own_loss: Tensor, own: dict[str, Tensor], loss: Tensor, gradients: dict[str, Tensor]
) -> _Difference:
    if own.keys() != gradients.keys():
        return _Difference(float((loss / own_loss - 1).abs()), float("inf"))
    # The largest difference of any parameter, beside its own norm; a gradient of nearly nothing
    # is compared with the largest.
    norms = {name: float(_norm(gradient)) for name, gradient in own.items()}
    least = 1e-3 * max(norms.values())
    worst = max(float(_norm(gradients[name] - own[name])) / max(norms[name], least) for name in own)
    return _Difference(float((loss / own_loss - 1).abs()), worst)


def _norm(gradient: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(gradient)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
