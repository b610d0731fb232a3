"""A text that is shown while it is written; what was read for it is kept for its next turn."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from torch import Tensor

from mowa.errors import DataError
from mowa.inference._attention import SharedKeys
from mowa.inference._decoding import Alone, Together
from mowa.inference._forward import Forward
from mowa.inference._pairs import common
from mowa.inference._protocol import Finish, Generated
from mowa.inference._sampling import Sampler
from mowa.inference._stops import Stops

_AT_ONCE = 2048
"""Tokens of a prompt that go through the layers at once: a mask of all would grow as their square.
"""


@dataclass(frozen=True)
class Task:
    """What is to be written.

    Attributes:
        ids: The prompt; where the text ends with the window, it must be shorter than that.
        most: Most tokens to write.
        ends: Tokens that end it.
        stops: Strings that end it, and tokens that do as they do.
        window: Most tokens that the model sees.
        forgets: Where the text outgrows the window, forget its oldest quarter, in place of ending.
    """

    ids: list[int]
    most: int
    ends: frozenset[int]
    stops: tuple[str, ...]
    stop_tokens: frozenset[int]
    window: int
    forgets: bool


class Streamer:
    """Writes one text at a time with one model.

    Args:
        forward: The model's layers; None where they cannot be told from the rest.
        model: The model as a whole.
        tokenizer: Makes text of tokens.
    """

    def __init__(self, forward: Forward | None, model: Any, tokenizer: Tokenizer) -> None:
        self._forward = forward if forward is not None and forward.sight is not None else None
        self._model, self._tokenizer = model, tokenizer
        self._memory: Alone | Together | None = None
        self._read: list[int] = []
        self._held = SharedKeys({})

    def write(self, task: Task, sampler: Sampler) -> Generator[str, None, Generated]:
        """Yield the text piece by piece, never half a character, and return the whole of it.

        Raises:
            DataError: Where the model gives logits that are not numbers.
        """
        decoder = DecodeStream(ids=task.ids, skip_special_tokens=True)
        stops = Stops(task.stops)
        shown: list[str] = []
        context, tokens = list(task.ids), 0
        finish: Finish = "length"
        most = task.most if task.forgets else min(task.most, task.window - len(context))
        try:
            while tokens < most:
                if len(context) > task.window:
                    context = context[-max(task.window * 3 // 4, 1) :]
                    self._keep()
                token = sampler.draw(self._logits(context, min(most - tokens, task.window)))
                if token in task.ends or token in task.stop_tokens:
                    finish = "eos" if token in task.ends else "stop"
                    break
                tokens += 1
                context.append(token)
                if piece := stops.add(decoder.step(self._tokenizer, token) or ""):
                    shown.append(piece)
                    yield piece
                if stops.found:
                    finish = "stop"
                    break
            if piece := stops.rest():
                shown.append(piece)
                yield piece
        finally:
            self._keep()
        text = "".join(shown)
        return Generated(
            text=text,
            tokens=tokens,
            finish=finish if text else "empty",
            prompt_tokens=len(task.ids),
        )

    def _logits(self, context: list[int], room: int) -> Tensor:
        """Of what comes after `context`, of shape (vocabulary,)."""
        if self._memory is None:
            logits = self._begun(context, room)
        else:
            logits = self._memory.go_on(context[-1:])
            self._read.append(context[-1])
        if logits.isnan().any():
            raise DataError(
                "the model gives logits that are not numbers",
                fix="look at the loss in the model's report: training may have diverged",
            )
        return logits[0]

    def _begun(self, context: list[int], room: int) -> Tensor:
        """Read `context`, but for what it has in common with the last text."""
        memory: Alone | Together
        if self._forward is None:
            memory = Alone(self._model)
            logits = memory.read([context], room)
        else:
            known = min(common([self._read, context]), len(context) - 1)
            memory = Together(self._forward, self._held.first(known))
            portion = context[: known + _AT_ONCE]
            logits = memory.read([portion], len(context) - len(portion) + room)
            for begin in range(len(portion), len(context), _AT_ONCE):
                logits = memory.more([context[begin : begin + _AT_ONCE]])
        # Only now: whoever is interrupted before this goes on with what was read before.
        self._memory, self._read = memory, list(context)
        return logits

    def _keep(self) -> None:
        """Keep what was read for a text that begins alike."""
        if isinstance(self._memory, Together):
            self._held = self._memory.held(len(self._read))
        self._memory = None
