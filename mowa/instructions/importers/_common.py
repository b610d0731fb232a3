"""What importers share: turns, texts, and what a row says of itself."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mowa.corpus._language_codes import iso_639_3
from mowa.inference import Message
from mowa.instructions._dialogue import ORIGINS, Dialogue
from mowa.rights import stated_licence

Fields = Mapping[str, Any]

_MOST_OF_AN_ID = 200  # characters; a longer one is none
_MOST_OF_A_DETAIL = 2_000  # characters of one field that is kept beside the turns
_MOST_DETAILS = 64

_ROLES = {
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
}


class BadRowError(ValueError):
    """Why a row is no dialogue: a reason that can be counted, and its detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def turn(role: Any, content: Any) -> Message:
    """One turn; what others call ``human`` or ``gpt`` is a user or an assistant here.

    Raises:
        BadRowError: Where the content is no text.
    """
    name = role if isinstance(role, str) else str(role)
    return Message(_ROLES.get(name, name), text_of(content))


def turns_of(messages: Any, role: str = "role", content: str = "content") -> tuple[Message, ...]:
    """The turns of a list of objects.

    Raises:
        BadRowError: Where it is no such list.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str | bytes):
        raise BadRowError("messages are no list", type(messages).__name__)
    found = []
    for message in messages:
        if not isinstance(message, Mapping) or role not in message:
            raise BadRowError("a message has no role")
        found.append(turn(message[role], message.get(content)))
    return tuple(found)


def text_of(content: Any) -> str:
    """The text of a turn: a text, nothing, or a list of parts that are all text.

    Unicode is composed (NFC) and every line break is LF, as in a corpus; empty lines around the
    text and spaces after it go. Spaces within stay: they mean something in code.

    Raises:
        BadRowError: Where it is anything else.
    """
    if content is None:
        return ""
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        content = "".join(_part(part) for part in content)
    if not isinstance(content, str):
        raise BadRowError("content is no text", type(content).__name__)
    text = unicodedata.normalize("NFC", content.replace("\r\n", "\n").replace("\r", "\n"))
    return text.rstrip().lstrip("\n")


def weight_of(row: Fields) -> float | None:
    """The row's own weight.

    Raises:
        BadRowError: Where it is no number.
    """
    weight = row.get("weight")
    if weight is None:
        return None
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise BadRowError("weight is negative or no number", type(weight).__name__)
    return float(weight) if abs(weight) < 1e300 else math.inf


def licence_of(row: Fields) -> tuple[str | None, bool]:
    """The row's own licence, None where its words name none; and whether it states any."""
    for name in ("licence", "license"):
        value = row.get(name)
        if isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        if isinstance(value, str):
            value = value.strip()
        if value not in (None, "", [], (), {}):
            return (stated_licence(value) if isinstance(value, str) else None), True
    return None, False


def with_own_facts(base: Dialogue, row: Fields, used: Collection[str]) -> Dialogue:
    """`base` with what the row says of itself.

    That is its id, origin, licence, language, weight, author and model. A licence in words that
    name none leaves it without: what is said of the whole set is not true of this row. Its further
    fields that hold a text, a number, or yes or no go into `details`.

    Args:
        base: What is known of rows that say nothing.
        row: The row.
        used: Fields that are taken otherwise.

    Raises:
        BadRowError: Where its weight is no number.
    """
    licence, is_stated = licence_of(row)
    language = iso_639_3(_text(row, "language") or _text(row, "lang"))
    weight = weight_of(row)
    origin = next((known for known in ORIGINS if known == _text(row, "origin")), None)
    taken = {*used, "id", "weight", *(("language", "lang") if language else ())}
    taken |= {"origin"} if origin else set()
    if licence or not is_stated:
        taken |= {"licence", "license"}
    return replace(
        base,
        id=_id(row.get("id")) or base.id,
        origin=origin or base.origin,
        licence=licence if is_stated else base.licence,
        language=language or base.language,
        weight=base.weight if weight is None else weight,
        author=_text(row, "author") or base.author,
        model=_text(row, "model") or base.model,
        details=details_of(row, taken | {"author", "model"}) or base.details,
    )


def details_of(row: Fields, taken: Collection[str]) -> str | None:
    """JSON of the plain fields that nothing else takes; None where there are none."""
    kept = {}
    for name in sorted(row):
        value = row[name]
        plain = isinstance(value, str | bool | int | float) and value != ""
        if name in taken or not plain or (isinstance(value, float) and not math.isfinite(value)):
            continue
        kept[name] = value[:_MOST_OF_A_DETAIL] if isinstance(value, str) else value
        if len(kept) == _MOST_DETAILS:
            break
    return json.dumps(kept, ensure_ascii=False) if kept else None


def _part(part: Any) -> str:
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return str(part["text"])
    raise BadRowError("content is no text", "a part that holds none")


def _text(row: Fields, name: str) -> str | None:
    value = row.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value).strip()
    return text if len(text) <= _MOST_OF_AN_ID else ""
