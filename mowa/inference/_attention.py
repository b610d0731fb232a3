"""Which token sees which, and keys and values that outlive a forward: for any family of models.

Several prompts, or the choices of one question, go through the model as one batch. Each token has a
position and a branch: the trunk (0) is seen by all that stands behind it in its row, a branch only
by itself, padding (-1) by nothing that counts. Masks follow from that, sliding windows among them;
the model's own forward does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import Cache

TRUNK, PADDING = 0, -1


@dataclass(frozen=True)
class Places:
    """Where tokens stand: position in their text and branch, both of shape (rows, tokens)."""

    position: Tensor
    branch: Tensor

    @classmethod
    def trunk(cls, first: int, count: int, device: torch.device) -> Places:
        """One row of `count` tokens of the trunk, from position `first` on."""
        position = torch.arange(first, first + count, device=device)[None]
        return cls(position, torch.full_like(position, TRUNK))

    def before(self, other: Places) -> Places:
        """These, then `other`, for as many rows as `other` has."""
        rows = len(other.position)
        return Places(
            torch.cat([self.position.expand(rows, -1), other.position], 1),
            torch.cat([self.branch.expand(rows, -1), other.branch], 1),
        )


@dataclass(frozen=True)
class Sight:
    """How a model wants its masks, and how far each kind of its layers looks back.

    Attributes:
        form: A mask by kind of layer, or one for all layers.
        spans: Tokens that a layer of a kind sees, itself included; None for all.
        dtype: Of additive masks; None where the attention takes booleans.
    """

    form: Literal["by kind", "one"]
    spans: dict[str, int | None]
    dtype: torch.dtype | None

    def masks(self, queries: Places, keys: Places) -> Any:
        """What goes into the model as ``attention_mask``.

        A single query that sees all keys needs no mask, which is faster.
        """
        seen = (keys.position[:, None] <= queries.position[:, :, None]) & (
            (keys.branch[:, None] == TRUNK) | (keys.branch[:, None] == queries.branch[:, :, None])
        )
        made: dict[int | None, Tensor | None] = {}
        for span in self.spans.values():
            if span not in made:
                made[span] = self._mask(_within(span, seen, queries, keys))
        by_kind = {kind: made[span] for kind, span in self.spans.items()}
        return by_kind if self.form == "by kind" else next(iter(by_kind.values()))

    def _mask(self, seen: Tensor) -> Tensor | None:
        if seen.shape[1] == 1 and bool(seen.all()):
            return None
        seen = seen[:, None]
        if self.dtype is None:
            return seen
        return torch.zeros(seen.shape, dtype=self.dtype, device=seen.device).masked_fill_(
            ~seen, torch.finfo(self.dtype).min
        )


def _within(span: int | None, seen: Tensor, queries: Places, keys: Places) -> Tensor:
    if span is None:
        return seen
    return seen & (queries.position[:, :, None] - keys.position[:, None] < span)


def possible_sights(model: Any) -> list[Sight]:
    """The ways that a model of this configuration may want its masks, the likeliest first.

    None of them where it has layers that are not attention, or attention of another kind.
    """
    config = model.config.get_text_config()
    dtype = None if config._attn_implementation == "sdpa" else model.dtype  # noqa: SLF001 - no other name
    kinds = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    if getattr(config, "use_sliding_window", True) is False:
        window = None
    if not kinds:
        return [Sight("one", {"all": window}, dtype)]
    if not set(kinds) <= {"full_attention", "sliding_attention"}:
        return []
    spans = {
        "full_attention": None,
        "sliding_attention": window if "sliding_attention" in kinds else None,
    }
    ways = [Sight("by kind", spans, dtype)]
    if len(set(kinds)) == 1:
        ways.append(Sight("one", {kinds[0]: spans[kinds[0]]}, dtype))
    return ways


class SharedKeys(Cache):  # type: ignore[misc]  # transformers is not typed
    """Keys and values of a beginning that every row of every batch has; what follows is not kept.

    Args:
        layers: Keys and values of each layer, each of shape (1, heads, tokens, head size).
    """

    def __init__(self, layers: dict[int, tuple[Tensor, Tensor]]) -> None:
        super().__init__(layers=[])
        self.held = layers

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Keys and values of the beginning and of these tokens, for one layer."""
        if layer_idx not in self.held:
            return key_states, value_states
        rows = len(key_states)
        keys, values = (part.expand(rows, -1, -1, -1) for part in self.held[layer_idx])
        return torch.cat([keys, key_states], 2), torch.cat([values, value_states], 2)

    def first(self, count: int) -> SharedKeys:
        """Those of the first `count` tokens."""
        if not count:
            return SharedKeys({})
        return SharedKeys(
            {layer: (k[:, :, :count], v[:, :, :count]) for layer, (k, v) in self.held.items()}
        )

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens of the beginning."""
        return int(self.held[layer_idx][0].shape[2]) if self.held else 0

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Keys that `query_length` queries see, and the first one's place."""
        return self.get_seq_length(layer_idx) + query_length, 0


class GrowingKeys(Cache):  # type: ignore[misc]  # transformers is not typed
    """Keys and values of all tokens so far, written into room that is made once.

    Args:
        capacity: Most tokens of a row.
        start: Their beginning, the same in every row.
    """

    def __init__(self, capacity: int, start: SharedKeys | None = None) -> None:
        super().__init__(layers=[])
        self._capacity = capacity
        self._start = start
        self._room: dict[int, tuple[Tensor, Tensor]] = {}
        self._used: dict[int, int] = {}

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Keep keys and values of one layer; give back all that it has."""
        if layer_idx not in self._room:
            self._make_room(key_states, value_states, layer_idx)
        used = self._used[layer_idx]
        stop = used + key_states.shape[2]
        keys, values = self._room[layer_idx]
        keys[:, :, used:stop] = key_states
        values[:, :, used:stop] = value_states
        self._used[layer_idx] = stop
        return keys[:, :, :stop], values[:, :, :stop]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens so far."""
        return self._used.get(layer_idx, self._start.get_seq_length() if self._start else 0)

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Keys that `query_length` queries see, and the first one's place."""
        return self.get_seq_length(layer_idx) + query_length, 0

    def select(self, rows: Tensor) -> None:
        """Keep only these rows."""
        for layer, (keys, values) in self._room.items():
            self._room[layer] = (keys[rows], values[rows])

    def shared(self) -> SharedKeys:
        """What is held, as a beginning for others; of one row."""
        return SharedKeys(
            {
                layer: (keys[:, :, : self._used[layer]], values[:, :, : self._used[layer]])
                for layer, (keys, values) in self._room.items()
            }
        )

    def _make_room(self, key_states: Tensor, value_states: Tensor, layer: int) -> None:
        keys, values = (
            states.new_empty(*states.shape[:2], self._capacity, states.shape[3])
            for states in (key_states, value_states)
        )
        used = 0
        if self._start is not None and layer in self._start.held:
            before_keys, before_values = self._start.held[layer]
            used = before_keys.shape[2]
            keys[:, :, :used] = before_keys
            values[:, :, :used] = before_values
        self._room[layer], self._used[layer] = (keys, values), used
