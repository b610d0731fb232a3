"""Fields to a record: what the reader's options name, in JSON objects and in rows of tables alike.

A field is named by its key, or by a path of keys and places with dots between: ``meta.url``,
``source.0.name``. A key that itself holds the dots comes first.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record


class BrokenRecordError(ValueError):
    """Why something is no record: a reason and its detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def lookup(value: Any, path: str) -> Any:
    """What `path` leads to in `value`; None where it leads nowhere."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def text_fields(options: ReaderOptions) -> list[str]:
    """The fields that together are the text."""
    named = options.text_field
    return [named] if isinstance(named, str) else named


def all_fields(options: ReaderOptions) -> list[str]:
    """Every field that the options name, those of the text first."""
    return [*text_fields(options), *(getattr(options, f"{name}_field") for name in _OTHERS)]


_OTHERS = ("id", "url", "title", "author", "date", "language", "licence")


def record_of(value: Any, fallback: str, locator: str, options: ReaderOptions) -> Record:
    """The record that the fields of `value` make.

    Args:
        value: JSON values, and from tables bytes (UTF-8) and dates too.
        fallback: The key of a record without an id.
        locator: Where it lies.
        options: Names of the fields.

    Raises:
        BrokenRecordError: Where it has no text, one that is too long, or what UTF-8 cannot hold.
    """
    if not isinstance(value, dict):
        raise BrokenRecordError("invalid-json", f"it is {type(value).__name__}, no object")
    text = _text(value, options)

    def optional(name: str) -> str | None:
        found = _plain(lookup(value, getattr(options, f"{name}_field")))
        return encodable(found) if isinstance(found, str) and found else None

    return Record(
        key=_key(_plain(lookup(value, options.id_field))) or fallback,
        locator=locator,
        text=None if options.text_is_html else text,
        html=text.encode() if options.text_is_html else None,
        encoding="utf-8" if options.text_is_html else None,
        url=optional("url"),
        title=optional("title"),
        author=optional("author"),
        date=optional("date"),
        language=optional("language"),
        licence=optional("licence"),
    )


def encodable(text: str) -> str:
    """`text` itself, if UTF-8 can hold it: JSON can write half a surrogate pair, UTF-8 cannot.

    Raises:
        BrokenRecordError: Where it cannot.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BrokenRecordError(
            "invalid-utf-8", f"character {error.start} is half of a surrogate pair"
        ) from error
    return text


def _text(value: dict[str, Any], options: ReaderOptions) -> str:
    paths = text_fields(options)
    pieces = []
    for path in paths:
        found = _plain(lookup(value, path))
        if isinstance(found, str):
            pieces.append(found)
        elif found is not None or len(paths) == 1:
            raise BrokenRecordError("no-text-field", f"{path!r} is {_kind(value, path)}")
    if not pieces:
        raise BrokenRecordError("no-text-field", f"none of {', '.join(paths)} is there")
    text = "\n\n".join(piece for piece in pieces if piece)
    size = len(encodable(text).encode())
    if size > options.max_record_bytes:
        raise BrokenRecordError("record-too-large", f"{size:,} bytes")
    return text


def _plain(found: Any) -> Any:
    """Bytes as text and dates in ISO 8601; anything else as it is."""
    if isinstance(found, bytes):
        try:
            return found.decode("utf-8")
        except UnicodeDecodeError as error:
            detail = f"byte {error.start}: {error.reason}"
            raise BrokenRecordError("invalid-utf-8", detail) from error
    return found.isoformat() if isinstance(found, date) else found


def _kind(value: dict[str, Any], path: str) -> str:
    found = lookup(value, path)
    if found is None and path not in value:
        return "absent"
    return f"{type(found).__name__}, not text"


def _key(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return encodable(str(value))
    raise BrokenRecordError("invalid-id", f"it is {type(value).__name__}")
