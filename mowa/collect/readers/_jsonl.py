"""JSON Lines: one object a line, its fields named by the reader's options."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import lines, open_stream, uncompressed


class BrokenJsonError(ValueError):
    """Why a piece of JSON is no record: a reason and its detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def read_jsonl(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a line; blank lines are none. A line without an id is known by its number."""
    number = 0
    stem = uncompressed(relative)
    with open_stream(path) as stream:
        for number, line in lines(stream, options.max_record_bytes):
            locator = f"{relative}#line={number}"
            if line is None:
                yield broken(locator, "record-too-large", "", options)
                continue
            raw = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if not raw.strip():
                continue
            try:
                yield _record(parse(raw), f"{stem}#{number}", locator, options)
            except BrokenJsonError as error:
                yield broken(locator, error.reason, error.detail, options)
        if stream.failure is not None:
            locator = f"{relative}#line={number + 1}"
            yield broken(locator, stream.failure.reason, stream.failure.detail, options)


def parse(raw: bytes) -> Any:
    """The JSON value in UTF-8 bytes.

    Raises:
        BrokenJsonError: Where it is not one, or Python will not hold it (nested too deeply, a
            number of more than 4,300 digits).
    """
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BrokenJsonError("invalid-utf-8", f"byte {error.start}: {error.reason}") from error
    except RecursionError as error:
        raise BrokenJsonError("invalid-json", "nested too deeply") from error
    except json.JSONDecodeError as error:
        raise BrokenJsonError("invalid-json", f"{error.msg} at character {error.pos}") from error
    except ValueError as error:
        raise BrokenJsonError("invalid-json", str(error).partition(";")[0]) from error


def encodable(text: str) -> str:
    """`text` itself, if UTF-8 can hold it: JSON can write half a surrogate pair, UTF-8 cannot.

    Raises:
        BrokenJsonError: Where it cannot.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BrokenJsonError(
            "invalid-utf-8", f"character {error.start} is half of a surrogate pair"
        ) from error
    return text


def _record(value: Any, fallback: str, locator: str, options: ReaderOptions) -> Record:
    if not isinstance(value, dict):
        raise BrokenJsonError("invalid-json", "the line is no object")
    text = value.get(options.text_field)
    if not isinstance(text, str):
        raise BrokenJsonError("no-text-field", f"{options.text_field!r} is {_kind(value, options)}")

    def optional(field: str) -> str | None:
        found = value.get(field)
        return encodable(found) if isinstance(found, str) and found else None

    return Record(
        key=_key(value.get(options.id_field)) or fallback,
        locator=locator,
        text=encodable(text),
        url=optional(options.url_field),
        title=optional(options.title_field),
        author=optional(options.author_field),
        date=optional(options.date_field),
        language=optional(options.language_field),
        licence=optional(options.licence_field),
    )


def _kind(value: dict[str, Any], options: ReaderOptions) -> str:
    if options.text_field not in value:
        return "absent"
    return f"{type(value[options.text_field]).__name__}, not text"


def _key(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return encodable(str(value))
    raise BrokenJsonError("invalid-id", f"it is {type(value).__name__}")
