"""JSON in SQuAD's form: articles that hold paragraphs; each paragraph's context is a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._fields import BrokenRecordError, encodable
from mowa.collect.readers._json import read_document
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import uncompressed
from mowa.errors import DataError


def read_squad(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a paragraph, keyed by its article's id and its place in the article.

    Where the articles have no ids, the file's path and the article's place stand in.

    Raises:
        DataError: Where the file has another form, or is larger than 256 MiB.
    """
    value = read_document(path, relative, options)
    if isinstance(value, Skipped):
        yield value
        return
    stem = uncompressed(relative)
    for article_index, article in enumerate(_list(value, "data", path)):
        article_key = _id(article) or f"{stem}#{article_index}"
        for index, paragraph in enumerate(_list(article, "paragraphs", path)):
            locator = f"{relative}#paragraph={article_index}/{index}"
            try:
                yield _record(article, paragraph, f"{article_key}/{index}", locator, options)
            except BrokenRecordError as error:
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
            fix='say format = "json" in the reader if its records are a list or an object; or leave'
            " the file out with the inventory's exclude",
        )
    return found


def _record(
    article: dict[str, Any], paragraph: Any, key: str, locator: str, options: ReaderOptions
) -> Record:
    text = paragraph.get("context") if isinstance(paragraph, dict) else None
    if not isinstance(text, str):
        raise BrokenRecordError("no-text-field", "the paragraph has no context")
    if len(encodable(text).encode()) > options.max_record_bytes:
        raise BrokenRecordError("record-too-large")
    title, url = article.get("title"), article.get("url")
    return Record(
        key=encodable(key),
        locator=locator,
        text=text,
        title=encodable(title) if isinstance(title, str) and title else None,
        url=encodable(url) if isinstance(url, str) and url else None,
    )
