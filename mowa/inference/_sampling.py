"""Drawing the next token."""

from __future__ import annotations

import torch
from torch import Tensor

from mowa.errors import UsageError


class Sampler:
    """Draws tokens with a generator of its own, on the CPU whatever the device of the model.

    Raises:
        UsageError: For options outside their range.
    """

    def __init__(self, *, temperature: float, top_p: float, top_k: int, seed: int) -> None:
        if temperature < 0:
            raise UsageError(f"temperature {temperature} is below 0")
        if not 0 < top_p <= 1:
            raise UsageError(f"top_p {top_p} is not above 0 and at most 1")
        if top_k < 0:
            raise UsageError(f"top_k {top_k} is below 0")
        self._temperature, self._top_p, self._top_k = temperature, top_p, top_k
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, logits: Tensor) -> int:
        """The id of the next token from its logits, of shape (vocabulary,)."""
        if self._temperature == 0:
            return int(logits.argmax())
        probabilities = self.probabilities(logits)
        return int(torch.multinomial(probabilities, 1, generator=self._generator))

    def probabilities(self, logits: Tensor) -> Tensor:
        """What is drawn from, in float32 on the CPU: top_k first, then top_p of what is left."""
        logits = logits.detach().float().cpu() / self._temperature
        falling, order = logits.sort(descending=True, stable=True)
        if self._top_k:
            falling[self._top_k :] = -torch.inf
        chances = falling.softmax(0)
        # A token stays where those before it do not yet reach top_p: the likeliest always does.
        chances[chances.cumsum(0) - chances >= self._top_p] = 0.0
        return torch.zeros_like(chances).scatter(0, order, chances / chances.sum())
