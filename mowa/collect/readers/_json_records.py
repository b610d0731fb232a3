"""A JSON document that holds records: in a list, in an object by their keys, or just one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._fields import (
    BrokenRecordError,
    encodable,
    lookup,
    record_of,
    text_fields,
)
from mowa.collect.readers._json import Repeated, read_document
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import uncompressed
from mowa.errors import DataError

_SHOWN = 8  # keys in a message


def read_json(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a member of the list or object that `records_path` leads to, or that is the file.

    A member is an object with the fields that the options name, or just a text. Without
    `records_path`, an object that has the text's field itself is one record.

    Raises:
        DataError: Where there is neither list nor object, or the file is larger than 256 MiB.
    """
    value = read_document(path, relative, options)
    if isinstance(value, Skipped):
        yield value
        return
    members = lookup(value, options.records_path) if options.records_path else value
    stem = uncompressed(relative)
    if isinstance(members, Repeated):
        yield broken(relative, "invalid-json", "a key of the records stands twice", options)
    elif isinstance(members, list):
        for index, member in enumerate(members):
            yield _one(member, f"{stem}#{index}", f"{relative}#item={index}", options)
    elif isinstance(members, dict) and not options.records_path and _has_text(members, options):
        yield _one(members, stem, relative, options)
    elif isinstance(members, dict):
        for key, member in members.items():
            yield _one(member, f"{stem}#{key}", f"{relative}#{key}", options)
    else:
        raise DataError(
            f"there are no records at records_path {options.records_path!r}"
            if options.records_path
            else "this JSON is neither a list nor an object",
            where=str(path),
            fix=f"name the list or object that holds them in reader.records_path{_keys(value)}",
        )


def _has_text(value: dict[str, Any], options: ReaderOptions) -> bool:
    return any(isinstance(lookup(value, field), str) for field in text_fields(options))


def _one(member: Any, key: str, locator: str, options: ReaderOptions) -> Record | Skipped:
    try:
        encodable(key)
        if isinstance(member, str):
            member = {text_fields(options)[0]: member}
        return record_of(member, key, locator, options)
    except BrokenRecordError as error:
        return broken(locator, error.reason, error.detail, options)


def _keys(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return ""
    shown = ", ".join(list(value)[:_SHOWN])
    return f"; the file has {shown}{', …' if len(value) > _SHOWN else ''}"
