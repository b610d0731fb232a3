"""What an endpoint answers, whole or in a stream: read strictly, so that half of it is not all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mowa.inference._http import Again
from mowa.inference._sse import events

_DONE = "[DONE]"

# Half of a pair, as a server sends that cuts UTF-16 at its limit: no file takes it.
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        text: What was written.
        finish: As the endpoint says it: ``stop``, ``length`` …
        prompt_tokens: As it counts them; None where it does not.
        tokens: Those it made.
        choice: The whole of it, as JSON; empty where it was streamed.
    """

    text: str
    finish: str
    prompt_tokens: int | None
    tokens: int | None
    choice: dict[str, Any] = field(default_factory=dict)


def read_whole(chunks: Iterable[bytes]) -> Answer:
    """An answer in one piece.

    Raises:
        Again: Where it is no JSON, an error, or has no choice.
    """
    data = _json(b"".join(chunks).decode("utf-8", "replace"))
    choice = _choice(data)
    if choice is None:
        raise Again("the answer has no choice in it")
    prompt_tokens, tokens = _usage(data)
    return Answer(_text(choice), _finish(choice), prompt_tokens, tokens, choice)


def read_stream(chunks: Iterable[bytes]) -> Answer:
    """An answer in a stream.

    Raises:
        Again: Where an event is no JSON or an error, or the stream ends before the answer does.
    """
    text, finish = "", ""
    prompt_tokens: int | None = None
    tokens: int | None = None
    for data in _until_done(chunks):
        choice = _choice(data)
        if choice is not None:
            text += _text(choice)
            finish = _finish(choice) or finish
        if data.get("usage"):
            prompt_tokens, tokens = _usage(data)
    if not finish:
        raise Again(f"the stream broke off after {len(text)} characters")
    return Answer(text, finish, prompt_tokens, tokens)


def pieces(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Text and finish of each event of a stream as it comes; raises as `read_stream`."""
    ended = False
    for data in _until_done(chunks):
        choice = _choice(data)
        if choice is not None:
            ended = ended or bool(_finish(choice))
            yield _text(choice), _finish(choice)
    if not ended:
        raise Again("the stream broke off")


def _until_done(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    seen = ""
    for event in events(chunks):
        if event.strip() == _DONE:
            return
        seen = event
        yield _json(event)
    if not seen:
        raise Again("no stream came")


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        begin = " ".join(text.split())[:60]
        raise Again(f"what came is not JSON: {begin!r}") from None
    if data.get("error"):
        error = data["error"]
        said = error.get("message", error) if isinstance(error, dict) else error
        raise Again(f"the endpoint failed: {' '.join(str(said).split())[:200]}")
    return data


def _choice(data: dict[str, Any]) -> dict[str, Any] | None:
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    return choices[0]


def _text(choice: dict[str, Any]) -> str:
    """Of a completion, of a turn, of a part of a turn; a model that wrote nothing may say null."""
    for holder in (choice, choice.get("message"), choice.get("delta")):
        if isinstance(holder, dict):
            for key in ("text", "content"):
                if isinstance(value := holder.get(key), str):
                    return _SURROGATE.sub("\ufffd", value)
    return ""


def _finish(choice: dict[str, Any]) -> str:
    value = choice.get("finish_reason")
    return value if isinstance(value, str) else ""


def _usage(data: dict[str, Any]) -> tuple[int | None, int | None]:
    usage = data.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompt, made = (counts.get(key) for key in ("prompt_tokens", "completion_tokens"))
    return (
        prompt if isinstance(prompt, int) and prompt >= 0 else None,
        made if isinstance(made, int) and made >= 0 else None,
    )
