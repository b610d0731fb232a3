"""The layers and the output layer of a model apart, after a look at whether they may be parted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mowa.errors import DataError
from mowa.inference._attention import GrowingKeys, Places, SharedKeys, Sight, possible_sights
from mowa.inference._head import Head
from mowa.inference._protocol import Unsupported

# What bounds the memory of a pass: positions that go through the layers at once, and logits held at
# once: 2^25 take 128 MB in float32; on a CPU 2^20 stay in the caches.
TOKENS_AT_ONCE = 8192
LOGITS_AT_ONCE = {"cpu": 1 << 20, "cuda": 1 << 25}

# Of the largest hidden state or logit. In float32 two ways to the same number differ by 1e-5, and
# two ways that see other tokens by far more than a hundredth.
_ALIKE = {torch.float32: 1e-3, torch.float64: 1e-3}
_ALIKE_IN_HALF = 5e-2

# What a model of a family that we take apart wrongly may raise.
_MISFITS = (
    RuntimeError, ValueError, TypeError, AttributeError, KeyError, IndexError, NotImplementedError,
)  # fmt: skip


class Forward:
    """A model's forward in parts: layers with masks and keys of ours, then logits where asked for.

    Attributes:
        sight: How the model wants masks; None where it cannot take ours, and each text must go
            through it from its first token on, alone.
        vocabulary: Logits of a position.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._head = Head(model)
        with torch.inference_mode():
            self._check_head()
            self.sight = self._tried_sight()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self._model.device
        return device

    @property
    def positions_at_once(self) -> int:
        """Of how many positions logits are held at once."""
        logits = LOGITS_AT_ONCE.get(self.device.type, 1 << 25)
        return max(logits // int(self.vocabulary), 1)

    @torch.inference_mode()
    def plain(self, ids: Tensor) -> Tensor:
        """Hidden states of whole texts, of shape (rows, tokens, width); padding stands last."""
        hidden: Tensor = self._model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return hidden

    @torch.inference_mode()
    def seeing(self, ids: Tensor, queries: Places, keys: Places, held: Any) -> Tensor:
        """Hidden states of tokens that see those of `keys`; only where there is a `sight`.

        Args:
            ids: Of shape (rows, tokens).
            queries: Where they stand.
            keys: Where all tokens of the keys stand, `held` and these.
            held: `SharedKeys` or `GrowingKeys`.
        """
        assert self.sight is not None
        return self._seeing(self.sight, ids, queries, keys, held)

    @torch.inference_mode()
    def beginning(self, ids: list[int]) -> SharedKeys:
        """Keys and values of `ids`, for all texts that begin with them."""
        assert self.sight is not None
        return self._beginning(self.sight, ids)

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Logits of shape (tokens, vocabulary), in float32, of hidden states (tokens, width)."""
        return self._head(hidden).float()

    def _seeing(
        self, sight: Sight, ids: Tensor, queries: Places, keys: Places, held: Any
    ) -> Tensor:
        hidden: Tensor = self._model.base_model(
            input_ids=ids,
            position_ids=queries.position,
            attention_mask=sight.masks(queries, keys),
            past_key_values=held,
            use_cache=True,
        ).last_hidden_state
        return hidden

    def _beginning(self, sight: Sight, ids: list[int]) -> SharedKeys:
        held = GrowingKeys(len(ids))
        places = Places.trunk(0, len(ids), self.device)
        self._seeing(sight, torch.tensor([ids], device=self.device), places, places, held)
        return held.shared()

    def _check_head(self) -> None:
        """Raise where logits of hidden states are not those of the model as a whole."""
        ids = self._some_ids(8)
        try:
            whole = self._model(input_ids=ids, use_cache=False).logits[0].float()
            alike = self._alike(whole, self.logits(self.plain(ids)[0]))
        except _MISFITS as error:
            raise self._not_understood() from error
        if not whole.isfinite().all():
            raise DataError(
                "the model gives logits that are not finite numbers",
                where=self._model.name_or_path or None,
                fix="look at the loss in the model's report: training may have diverged",
            )
        if not alike:
            raise self._not_understood()
        self.vocabulary = whole.shape[-1]

    def _not_understood(self) -> Unsupported:
        return Unsupported(
            f"the output layer of a {self._model.config.model_type} model cannot be told from the"
            " rest, so its likelihoods would not be its own",
            fix="serve it with another program, and use that one's address",
        )

    def _tried_sight(self) -> Sight | None:
        """The first way to give masks that gives what the model gives without them."""
        rope = getattr(self._model.config.get_text_config(), "rope_parameters", None) or {}
        if rope.get("rope_type") in ("dynamic", "longrope"):
            return None  # positions turn by the longest text of the batch
        for sight in possible_sights(self._model):
            try:
                if self._gives_the_same(sight):
                    return sight
            except _MISFITS:
                continue
        return None

    def _gives_the_same(self, sight: Sight) -> bool:
        # Longer than a small sliding window. With a large one only the form is tried here.
        span = max((span for span in sight.spans.values() if span and span <= 64), default=0)
        config = self._model.config.get_text_config()
        length = min(max(24, span + 8), config.max_position_embeddings)
        first, fork = length // 3, length // 2
        one = self._some_ids(length)
        other = one.clone()
        other[0, fork:] = one[0, fork:].flip(0)
        whole = self.plain(torch.cat([one, other]))
        trunk, branches = one[:, first:fork], (one[:, fork:], other[:, fork:])
        ids = torch.cat([trunk, *branches], 1).expand(2, -1)
        position = torch.cat(
            [torch.arange(first, fork), *[torch.arange(fork, length)] * len(branches)]
        )
        branch = torch.tensor([0] * (fork - first) + [1] * (length - fork) + [2] * (length - fork))
        queries = Places(
            position.expand(2, -1).to(self.device), branch.expand(2, -1).to(self.device)
        )
        held = self._beginning(sight, one[0, :first].tolist())
        keys = Places.trunk(0, first, self.device).before(queries)
        found = self._seeing(sight, ids, queries, keys, held)
        as_whole = torch.cat([whole[0, first:], whole[1, fork:]]).expand_as(found)
        return self._alike(as_whole, found)

    def _some_ids(self, count: int) -> Tensor:
        """Ids without a pattern, the same each time."""
        size = self._model.config.get_text_config().vocab_size
        count = min(count, self._model.config.get_text_config().max_position_embeddings)
        draw = torch.Generator().manual_seed(0)
        return torch.randint(size, (1, count), generator=draw).to(self.device)

    @staticmethod
    def _alike(one: Tensor, other: Tensor) -> bool:
        largest = float(one.abs().max())
        return float((one - other).abs().max()) <= largest * _ALIKE.get(one.dtype, _ALIKE_IN_HALF)
