"""The likelihoods of a prompt's own tokens, as some completion endpoints echo them.

An endpoint that does not know `echo` answers all the same, with the likelihood of what it wrote
itself: numbers that look like others, and are chance. So nothing is read that is not proved to be
of the prompt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

PROBE = "Kraków leży nad Wisłą, a Gdańsk nad Motławą."
"""What an endpoint is asked to echo before it is believed; several tokens for any tokenizer."""


class NotEchoedError(Exception):
    """The answer is not an echo of the prompt with its likelihoods; says in what it fails."""


@dataclass(frozen=True)
class EchoedToken:
    """A token of the prompt.

    Attributes:
        start: Its first character; below 0 for what stands before the text, as BOS.
        stop: The character after its last one.
        logprob: None for the first token of all, which nothing foretells.
        greedy: Is it the likeliest at its place?
    """

    start: int
    stop: int
    logprob: float | None
    greedy: bool


def body_of_echo(prompt: str) -> dict[str, Any]:
    """What a request for an echo says, besides the model.

    One token is written: not every server takes 0.
    """
    return {"prompt": prompt, "max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}


def echoed(choice: dict[str, Any], prompt: str) -> list[EchoedToken]:
    """The tokens of `prompt` in an answer's choice.

    Raises:
        NotEchoedError: Where they are not there, or something in them does not fit.
    """
    text, found = choice.get("text"), choice.get("logprobs")
    if not isinstance(text, str) or not text.startswith(prompt):
        raise NotEchoedError("the answer does not repeat the prompt: the endpoint ignores `echo`")
    if not isinstance(found, dict):
        raise NotEchoedError("the answer has no logprobs in the form of completions")
    tokens, values, tops = (found.get(key) for key in ("tokens", "token_logprobs", "top_logprobs"))
    if not isinstance(tokens, list) or not isinstance(values, list) or not tokens:
        raise NotEchoedError("the logprobs do not name their tokens")
    if len(tokens) != len(values) or (isinstance(tops, list) and len(tops) != len(tokens)):
        raise NotEchoedError("there are not as many logprobs as tokens")
    starts = _starts(tokens, found.get("text_offset"), text)
    stops = [*starts[1:], len(text)]
    made = []
    for place, (start, stop, value) in enumerate(zip(starts, stops, values, strict=True)):
        if start >= len(prompt):
            break  # from here on it is what the model wrote
        if not (value is None and place == 0) and not _is_logprob(value):
            raise NotEchoedError(f"the likelihood of token {place} of the prompt is {value!r}")
        top = tops[place] if isinstance(tops, list) else None
        best = max(top.values()) if isinstance(top, dict) and top else None
        likeliest = value is not None and best is not None and value >= best - 1e-9
        made.append(EchoedToken(start, stop, value, likeliest))
    return made


def check_probe(tokens: list[EchoedToken]) -> None:
    """Raise `NotEchoedError` where the tokens of `PROBE` cannot be what a model makes of it."""
    values = [token.logprob for token in tokens if token.logprob is not None]
    if len(values) < 3:
        raise NotEchoedError(f"only {len(values)} tokens of a whole sentence have a likelihood")
    if len(set(values)) == 1:
        raise NotEchoedError("all tokens of a sentence have one and the same likelihood")


def _starts(tokens: list[Any], offsets: Any, text: str) -> list[int]:
    """Where in `text` each token begins."""
    joined = "".join(map(str, tokens))
    if joined.endswith(text):
        # Some servers count what stands before the text, as BOS, and some do not name it.
        before = len(joined) - len(text)
        lengths = accumulate((len(str(token)) for token in tokens[:-1]), initial=-before)
        return list(lengths)
    # Tokens that are parts of a character do not join to the text.
    if (
        isinstance(offsets, list)
        and len(offsets) == len(tokens)
        and all(isinstance(at, int) for at in offsets)
        and offsets == sorted(offsets)
        and offsets[0] == 0
        and offsets[-1] <= len(text)
    ):
        return offsets
    raise NotEchoedError("the tokens of the logprobs do not make up the text")


def _is_logprob(value: Any) -> bool:
    return isinstance(value, (int, float)) and not math.isnan(value) and value <= 0
