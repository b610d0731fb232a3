"""Writing several texts at once, each as it would be written alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import DynamicCache

from mowa.errors import DataError
from mowa.inference._attention import PADDING, TRUNK, GrowingKeys, Places, SharedKeys
from mowa.inference._beginnings import Beginnings
from mowa.inference._forward import TOKENS_AT_ONCE, Forward
from mowa.inference._protocol import Finish, Generated, GenerateRequest
from mowa.inference._sampling import Sampler
from mowa.inference._stops import cut_at

# Texts written at once, and bytes of keys and values that they may take.
_ROWS_AT_ONCE = 64
_KEYS_AT_ONCE = 1 << 30

# Tokens of the prompt that are decoded with the text.
_BEFORE = 8

# A batch shrinks when so many of its rows are written: each time all keys are copied.
_SHRINK_AT = 0.75


@dataclass
class Draft:
    """A text that is being written.

    Attributes:
        index: Of the request.
        request: What was asked.
        prompt: Its token ids, as many as fit.
        cut: Those that did not.
        room: Most tokens to write.
        ends: Tokens that end it.
        stops: Strings that end it, and tokens that do as they do.
    """

    index: int
    request: GenerateRequest
    prompt: list[int]
    cut: int
    room: int
    ends: frozenset[int]
    stops: tuple[str, ...]
    stop_tokens: frozenset[int]
    written: list[int] = field(default_factory=list)
    finish: Finish | None = None
    sampler: Sampler = field(init=False)

    def __post_init__(self) -> None:
        self.sampler = Sampler(
            temperature=self.request.temperature, top_p=1.0, top_k=0, seed=self.request.seed
        )
        # A character takes four tokens at most; four more, for what the first ones are half of.
        self._look_back = 4 * max(map(len, self.stops), default=0) + 4

    def take(self, token: int, tokenizer: Tokenizer) -> None:
        """Add a token that was drawn."""
        if token in self.ends or token in self.stop_tokens:
            self.finish = "eos" if token in self.ends else "stop"
            return
        self.written.append(token)
        if self.stops:
            tail = tokenizer.decode(self.written[-self._look_back :])
            if any(stop in tail for stop in self.stops):
                self.finish = "stop"
        if self.finish is None and len(self.written) == self.room:
            self.finish = "length"

    def done(self, tokenizer: Tokenizer) -> Generated:
        """What was written, without half a character at its end."""
        assert self.finish is not None
        text = cut_at(self._text(tokenizer), self.stops)[0].rstrip("\ufffd")
        return Generated(
            text=text,
            tokens=len(self.written),
            finish=self.finish if text else "empty",
            cut=self.cut,
            prompt_tokens=len(self.prompt),
        )

    def _text(self, tokenizer: Tokenizer) -> str:
        # Some decoders take the space before a first word away: the prompt's end is put there.
        before = tokenizer.decode(self.prompt[-_BEFORE:])
        text = tokenizer.decode([*self.prompt[-_BEFORE:], *self.written])
        if text.startswith(before):
            return str(text[len(before) :])
        return str(tokenizer.decode(self.written))


class Writer:
    """Writes drafts with one model.

    Args:
        forward: The model's layers and output layer.
        beginnings: What prompts share.
        model: The model as a whole, for those whose layers take no masks of ours.
        tokenizer: Makes text of tokens.
    """

    def __init__(
        self, forward: Forward, beginnings: Beginnings, model: Any, tokenizer: Tokenizer
    ) -> None:
        self._forward, self._beginnings = forward, beginnings
        self._model, self._tokenizer = model, tokenizer

    def write(self, drafts: Sequence[Draft]) -> Iterator[Draft]:
        """Yield drafts as they are finished."""
        for draft in drafts:
            if draft.room < 1:
                draft.finish = "length"
                yield draft
        left = sorted(
            (draft for draft in drafts if draft.finish is None),
            key=lambda draft: (-len(draft.prompt), -draft.room, draft.index),
        )
        if self._forward.sight is None:
            for draft in left:
                yield from self._together([draft], Alone(self._model))
            return
        start = self._beginnings.of([draft.prompt[:-1] for draft in left])
        while left:
            count = self._rows_at_once(left[0], start.get_seq_length())
            batch, left = left[:count], left[count:]
            yield from self._together(batch, Together(self._forward, start))

    def _rows_at_once(self, largest: Draft, shared: int) -> int:
        config = self._model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        token = 2 * config.num_hidden_layers * heads * size * self._model.dtype.itemsize
        tokens = len(largest.prompt) + largest.room
        return max(
            min(
                _KEYS_AT_ONCE // int(tokens * token),
                TOKENS_AT_ONCE // (len(largest.prompt) - shared),
                _ROWS_AT_ONCE,
            ),
            1,
        )

    def _together(self, batch: list[Draft], memory: Memory) -> Iterator[Draft]:
        logits = memory.read([draft.prompt for draft in batch], max(d.room for d in batch))
        rows: list[Draft] = batch
        while True:
            tokens = _drawn(logits, rows)
            for draft, token in zip(rows, tokens, strict=True):
                if draft.finish is None:
                    draft.take(token, self._tokenizer)
                    if draft.finish is not None:
                        yield draft
            open_rows = [place for place, draft in enumerate(rows) if draft.finish is None]
            if not open_rows:
                return
            if len(open_rows) <= _SHRINK_AT * len(rows):
                memory.select(open_rows)
                rows = [rows[place] for place in open_rows]
                tokens = [tokens[place] for place in open_rows]
            logits = memory.go_on(tokens)


def _drawn(logits: Tensor, rows: list[Draft]) -> list[int]:
    """The next token of each row, from logits of shape (rows, vocabulary)."""
    best, likeliest = logits.max(-1)
    if best.isnan().any():
        raise DataError(
            "the model gives logits that are not numbers",
            fix="look at the loss in the model's report: training may have diverged",
        )
    tokens: list[int] = likeliest.tolist()
    return [
        draft.sampler.draw(row) if draft.request.temperature > 0 and not draft.finish else token
        for draft, token, row in zip(rows, tokens, logits, strict=True)
    ]


class Memory(Protocol):
    """What the model has read of some texts; logits are of shape (rows, vocabulary)."""

    def read(self, prompts: list[list[int]], room: int) -> Tensor: ...

    def go_on(self, tokens: list[int]) -> Tensor: ...

    def select(self, rows: list[int]) -> None: ...


class Alone:
    """One text in the model's own way."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache = DynamicCache(config=model.config)

    def read(self, prompts: list[list[int]], room: int) -> Tensor:  # noqa: ARG002 - as the other
        (prompt,) = prompts
        return self.go_on(prompt)

    @torch.inference_mode()
    def go_on(self, tokens: list[int]) -> Tensor:
        logits: Tensor = self._model(
            input_ids=torch.tensor([tokens], device=self._model.device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        return logits.float()

    def select(self, rows: list[int]) -> None:
        raise AssertionError(rows)  # one row is never fewer


class Together:
    """Several texts: their common beginning once, the rest of the prompts filled up on the left."""

    def __init__(self, forward: Forward, start: SharedKeys) -> None:
        self._forward, self._start = forward, start

    def read(self, prompts: list[list[int]], room: int) -> Tensor:
        forward, device = self._forward, self._forward.device
        shared = self._start.get_seq_length()
        longest = max(map(len, prompts)) - shared
        ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        position = torch.zeros_like(ids)
        branch = torch.full_like(ids, PADDING)
        for row, prompt in enumerate(prompts):
            rest = prompt[shared:]
            ids[row, -len(rest) :] = torch.tensor(rest)
            position[row, -len(rest) :] = torch.arange(shared, len(prompt))
            branch[row, -len(rest) :] = TRUNK
        queries = Places(position.to(device), branch.to(device))
        self._keys = Places.trunk(0, shared, device).before(queries)
        self._next = queries.position[:, -1:] + 1
        self._held = GrowingKeys(shared + longest + room, self._start)
        hidden = forward.seeing(ids.to(device), queries, self._keys, self._held)
        return forward.logits(hidden[:, -1])

    def go_on(self, tokens: list[int]) -> Tensor:
        """Read one more token a row."""
        return self.more([[token] for token in tokens])

    def more(self, parts: list[list[int]]) -> Tensor:
        """Read as many more tokens of each row."""
        ids = torch.tensor(parts, device=self._forward.device)
        position = self._next + torch.arange(ids.shape[1], device=ids.device)
        queries = Places(position, torch.full_like(position, TRUNK))
        keys = self._keys.before(queries)
        hidden = self._forward.seeing(ids, queries, keys, self._held)
        self._keys, self._next = keys, position[:, -1:] + 1
        return self._forward.logits(hidden[:, -1])

    def held(self, count: int) -> SharedKeys:
        """Keys and values of the first `count` tokens, of the only row."""
        return self._held.shared().first(count)

    def select(self, rows: list[int]) -> None:
        chosen = torch.tensor(rows, device=self._forward.device)
        self._keys = Places(self._keys.position[chosen], self._keys.branch[chosen])
        self._next = self._next[chosen]
        self._held.select(chosen)
