"""Before training: is the fast way to the loss the model's own?

`transformers` models differ in what they do between the last hidden state and the loss: logits are
scaled or capped, routers add a loss, layers see through windows. The loss and the gradients of one
block are computed by the model's own code, and by the chunked output layer and the fast attention;
where either differs, the model's own is used. Then one of two documents in a row is changed: the
other must not notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from mowa.errors import MowaError
from mowa.training._attention import segment_starts
from mowa.training._forward import Forward, Rows, measuring

# Relative, of loss and of the norm of each gradient's difference. Two output layers on the same
# hidden states round alike: what remains is the order of sums, in bf16 of a few logits' last bit.
# A router's loss is some 3e-4 of the whole at the coefficient that is usual. Two ways to attend
# round each score otherwise, and bf16 has 8 bits.
_OF_HEADS = {"fp32": (1e-5, 1e-3), "bf16": (1e-4, 3e-2)}
_OF_ATTENTION = {"fp32": (1e-5, 1e-3), "bf16": (1e-2, 1e-1)}


# A leak shows all of what the first of two documents does to the second where they are one;
# rounding, where routers send another number of tokens to an expert, little of it.
_LEAK = 0.05


@dataclass(frozen=True)
class _Difference:
    """Relative differences of two ways to the loss."""

    loss: float
    gradient: float

    def within(self, tolerances: tuple[float, float]) -> bool:
        return self.loss <= tolerances[0] and self.gradient <= tolerances[1]

    def __str__(self) -> str:
        return (
            f"differs from the model's own by {self.loss:.1e}, its gradients by {self.gradient:.1e}"
        )


def agree_with_model(forward: Forward, rows: Rows, say: Callable[[str], None]) -> None:
    """Set `forward` to the fastest way whose loss and gradients on `rows` are the model's own.

    Without dropout, which would draw otherwise each time.

    Raises:
        MowaError: Where none agrees, or documents in one row see each other.
    """
    was_training = forward.model.training
    forward.model.eval()
    try:
        _agree(forward, rows, say)
        with measuring(forward):
            _refuse_leak(forward, rows)
    finally:
        forward.model.train(was_training)


def _agree(forward: Forward, rows: Rows, say: Callable[[str], None]) -> None:
    fast, masked = forward.attention, forward.masked_attention
    own = _run(forward, rows, reference=True)
    if not torch.isfinite(own.loss):
        return  # the first update will say so
    forward.use_attention(masked)
    for head in ("chunked", "full") if forward.head == "chunked" else ("full",):
        forward.head = head
        found = _run(forward, rows).beside(own)
        if found.within(_OF_HEADS[forward.precision]):
            break
        if head == "full":
            raise MowaError(
                f"the loss of packed rows {found}",
                fix="this family cannot be trained on packed documents; check_forward = false"
                " trains it anyway",
            )
        say(f"the loss in parts {found}: the model's own output layer is used")
    if fast == masked:
        return
    forward.use_attention(fast)
    found = _run(forward, rows).beside(own)
    if not found.within(_OF_ATTENTION[forward.precision]):
        forward.use_attention(masked)
        say(f"the loss with {fast} attention {found}: {masked} attention is used")


@dataclass(frozen=True)
class _Outcome:
    """The loss by one way, and the gradients of all parameters that have any."""

    loss: Tensor
    gradients: dict[str, Tensor]

    def beside(self, own: _Outcome) -> _Difference:
        """The largest difference of any gradient, beside its own norm.

        One of nearly nothing is measured by the largest.
        """
        loss = float((self.loss / own.loss - 1).abs())
        if own.gradients.keys() != self.gradients.keys():
            return _Difference(loss, float("inf"))
        norms = {name: float(_norm(gradient)) for name, gradient in own.gradients.items()}
        least = 1e-3 * max(norms.values())
        return _Difference(
            loss,
            max(
                float(_norm(self.gradients[name] - gradient)) / max(norms[name], least)
                for name, gradient in own.gradients.items()
            ),
        )


def _run(forward: Forward, rows: Rows, *, reference: bool = False) -> _Outcome:
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
    return _Outcome(loss.detach(), gradients)


def _refuse_leak(forward: Forward, rows: Rows) -> None:
    """Does the first of two documents in a row change what is said of the second?

    Raises:
        MowaError: Where it does, as in a family that has a state besides its attention.
    """
    ids = rows.input_ids
    half = ids.shape[1] // 2
    changed = ids.clone()
    changed[:, :half] = (changed[:, :half] + 1) % forward.model.config.vocab_size
    effects = []
    for starts_anew in (True, False):
        at = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        second = (at >= half).long() * starts_anew
        positions = at - second * half
        starts = torch.from_numpy(segment_starts(positions.cpu().numpy())).to(ids.device)
        before, after = (
            forward(Rows(text, ids, positions, second, starts), "tokens")[:, half:]
            for text in (ids, changed)
        )
        effects.append(float((before - after).abs().mean()))
    if effects[0] > _LEAK * effects[1]:
        raise MowaError(
            "documents that share a row see each other: changing the first changes the loss of the"
            f" second by {effects[0]:.1e} on average, and by {effects[1]:.1e} where they are one",
            fix="this family cannot be trained on packed documents; check_forward = false trains it"
            " anyway",
        )


def _norm(gradient: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(gradient)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
