"""JSON in SQuAD's form: articles that hold paragraphs; each paragraph's context is a record."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._jsonl import BrokenJsonError, encodable, parse
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import open_stream, uncompressed
from mowa.errors import DataError

MAX_FILE_BYTES = 256 << 20
"""A JSON document is parsed whole, at some ten times its size in memory."""


def read_squad(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a paragraph, keyed by its article's id and its place in the article.

    Where the articles have no ids, the file's path and the article's place stand in.

    Raises:
        DataError: Where the file has another form, or is larger than 256 MiB.
    """
    with open_stream(path) as stream:
        raw = bytearray()
        while len(raw) <= MAX_FILE_BYTES and (chunk := stream.read(1 << 20)):
            raw += chunk
        failure = stream.failure
    if failure is not None:
        yield broken(relative, failure.reason, failure.detail, options)
        return
    if len(raw) > MAX_FILE_BYTES:
        raise DataError(
            f"a JSON file of more than {MAX_FILE_BYTES >> 20} MiB is not read",
            where=str(path),
            fix="split it, or turn it into JSON Lines (.jsonl), which are read line by line",
        )
    try:
        value = parse(bytes(raw.removeprefix(codecs.BOM_UTF8)))
    except BrokenJsonError as error:
        yield broken(relative, error.reason, error.detail, options)
        return
    del raw
    stem = uncompressed(relative)
    for article_index, article in enumerate(_list(value, "data", path)):
        article_key = _id(article) or f"{stem}#{article_index}"
        for index, paragraph in enumerate(_list(article, "paragraphs", path)):
            locator = f"{relative}#paragraph={article_index}/{index}"
            try:
                yield _record(article, paragraph, f"{article_key}/{index}", locator, options)
            except BrokenJsonError as error:
                yield broken(locator, error.reason, error.detail, options)


def _id(article: Any) -> str:
    found = article.get("id") if isinstance(article, dict) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _list(value: Any, key: str, path: Path) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise DataError(
            f"this JSON is not in SQuAD's form: {key} is no list",
            where=str(path),
            fix="leave the file out with the inventory's exclude, or turn it into JSON Lines",
        )
    return found


def _record(
    article: dict[str, Any], paragraph: Any, key: str, locator: str, options: ReaderOptions
) -> Record:
    text = paragraph.get("context") if isinstance(paragraph, dict) else None
    if not isinstance(text, str):
        raise BrokenJsonError("no-text-field", "the paragraph has no context")
    if len(encodable(text).encode()) > options.max_record_bytes:
        raise BrokenJsonError("record-too-large")
    title, url = article.get("title"), article.get("url")
    return Record(
        key=encodable(key),
        locator=locator,
        text=text,
        title=encodable(title) if isinstance(title, str) and title else None,
        url=encodable(url) if isinstance(url, str) and url else None,
    )
