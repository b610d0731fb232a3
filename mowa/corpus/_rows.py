"""Records as rows of `documents/`: their text mended and normalised, their ids and licences."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pyarrow as pa
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from mowa.collect import Record, repair_together
from mowa.corpus._normalise import normalised, normalised_line, without_surrogates
from mowa.corpus._parts import one_text
from mowa.corpus._schema import DOCUMENTS, SCHEMA_VERSION, as_table

_LINES = ("title", "author", "date", "language", "url", "locator")


@dataclass
class Batch:
    """Rows on their way into a row group, as columns."""

    columns: dict[str, list[str | None]]
    bytes: int = 0

    @property
    def rows(self) -> int:
        return len(self.columns["doc_id"])


def new_batch() -> Batch:
    return Batch({name: [] for name in ("doc_id", "text", "host", "licence", "parts", *_LINES)})


def add(
    batch: Batch, record: Record, doc_id: str, source: dict[str, Any], counts: Counter[str]
) -> None:
    parts = None
    text, replaced = without_surrogates(record.text or "")
    if record.parts:
        text, parts, replaced = one_text(record.parts)
    counts["replaced_characters"] += replaced
    licence = source["licence"]
    if record.licence is not None and record.licence.strip():
        own = _canonical(record.licence.strip())
        counts["unknown_licences"] += own is None
        licence = own or licence
    columns = batch.columns
    columns["doc_id"].append(doc_id)
    columns["text"].append(text)
    columns["host"].append(_host(record.url))
    columns["licence"].append(licence)
    columns["parts"].append(parts)
    for name in _LINES:
        value = getattr(record, name) or (record.captured if name == "date" else None)
        columns[name].append(None if value is None else without_surrogates(value)[0])
    batch.bytes += len(text.encode())


def table_of(batch: Batch, source: dict[str, Any], counts: Counter[str]) -> pa.Table:
    strings = pl.DataFrame(batch.columns, schema=dict.fromkeys(batch.columns, pl.String))
    # A locator is an address, not prose: it stays as the reader gave it.
    lines = [name for name in _LINES if name not in ("url", "locator")]
    frame = strings.with_columns(
        normalised(pl.col("text")), *(normalised_line(pl.col(name)) for name in lines)
    ).with_columns(pl.col("language").fill_null(pl.lit(source.get("language"), pl.String)))
    texts = frame["text"].to_list()
    counts["characters"] += int(frame["text"].str.len_chars().sum())
    counts["bytes"] += int(frame["text"].str.len_bytes().sum())
    counts["empty"] += int((frame["text"] == "").sum())
    frame = frame.with_columns(
        pl.Series("content_hash", [_blake(text) for text in texts], pl.String),
        pl.lit(SCHEMA_VERSION, pl.Int16).alias("schema"),
        pl.lit(None, pl.String).alias("reservation"),
        *(
            pl.lit(source.get(key), pl.String).alias(column)
            for column, key in (
                ("source", "name"),
                ("legal_basis", "legal_basis"),
                ("agreement", "agreement"),
                ("release", "release"),
                ("collected_at", "collected_at"),
            )
        ),
    )
    return as_table(frame, DOCUMENTS)


def repaired(record: Record) -> Record:
    """The record without mojibake in its text or parts, title and author."""
    fields, notes = repair_together(
        (record.title, record.author, record.text, *(part.text for part in record.parts))
    )
    if not notes:
        return record
    title, author, text, *of_parts = fields
    parts = tuple(
        replace(part, text=mended or "")
        for part, mended in zip(record.parts, of_parts, strict=True)
    )
    return replace(
        record, title=title, author=author, text=text, parts=parts, notes=(*record.notes, *notes)
    )


def doc_id_of(source: str, key: str, keys: Counter[str]) -> str:
    """Hash of the source's name and the record's key; a key that the unit had before gets #2."""
    keys[key] += 1
    while keys[key] > 1:
        key = f"{key}#{keys[key]}"
        keys[key] += 1
    return document_id(source, key)


def document_id(source: str, key: str) -> str:
    """The id of the document that the record `key` of `source` becomes: BLAKE2b-128 of both."""
    return _blake(f"{source}\0{key}")


def _blake(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@lru_cache(maxsize=4096)
def _canonical(licence: str) -> str | None:
    """The SPDX expression in its one spelling; None where it is not one."""
    try:
        return str(canonicalize_license_expression(licence))
    except InvalidLicenseExpression:
        return None


def _host(url: str | None) -> str | None:
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return without_surrogates(host)[0] if host else None
