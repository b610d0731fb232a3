"""A model's own output layer on hidden states that were chosen, as its family has it."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import MoeModelOutputWithPast


class _Given(nn.Module):
    """Stands in the place of the layers, and answers with hidden states that are there already."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: Tensor | None = None

    def forward(self, *_: Any, **__: Any) -> Any:
        return MoeModelOutputWithPast(last_hidden_state=self.hidden)


class Head:
    """The logits of hidden states, as the model's own forward makes them.

    Some families scale logits, or cap them softly: that stands in the forward of the whole model,
    and nowhere else. So it is that forward that runs, with other layers under it.
    """

    def __init__(self, model: Any) -> None:
        self._given = _Given()
        self._model = copy.copy(model)
        children = dict(model.named_children())
        children[model.base_model_prefix] = self._given
        self._model.__dict__["_modules"] = children

    def __call__(self, hidden: Tensor) -> Tensor:
        """Logits of shape (tokens, vocabulary), in the model's precision.

        Args:
            hidden: Of shape (tokens, width).
        """
        self._given.hidden = hidden[None]
        ids = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
        try:
            logits: Tensor = self._model(input_ids=ids, use_cache=False).logits[0]
        finally:
            self._given.hidden = None
        return logits
