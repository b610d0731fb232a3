"""Searching a corpus for words or a pattern, a shard in memory at a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mowa.corpus.catalogue._frames import documents_of, known_column, shards_of
from mowa.errors import UsageError

FIELDS = ("text", "title", "url", "author", "host")
_CONTEXT = 60
_MOST_PATTERN = 1_000
_COLUMNS = ("doc_id", "source", "text", "title", "url", "author", "host")
# Letters that decomposition leaves as they are.
_STROKED = ("ł", "ø", "đ", "ß", "æ", "œ", "ı"), ("l", "o", "d", "ss", "ae", "oe", "i")


@dataclass(frozen=True, slots=True)
class Hit:
    """One document that was found, where, and what stands around the first match."""

    doc_id: str
    source: str
    decision: str
    field: str
    snippet: str


def search(
    corpus: Path,
    pattern: str,
    *,
    regex: bool = False,
    fold: bool = False,
    kept: bool = True,
    fields: Sequence[str] = ("text", "title", "url"),
    limit: int = 20,
) -> Iterator[Hit]:
    """Documents in which `pattern` occurs, in the order of the corpus, each once.

    Args:
        corpus: The folder of the corpus.
        pattern: Words as they stand, or with `regex` a pattern in Rust's syntax, whose time is
            linear in the text.
        regex: Take it as a pattern.
        fold: Regard neither case nor diacritics: ``zolw`` finds ``Żółw``.
        kept: Only kept documents, and of these what is kept.
        fields: Where to look, the first field that matches is shown.
        limit: At most so many documents.

    Raises:
        UsageError: Where the pattern is empty or malformed, or a field is unknown.
    """
    if not pattern or len(pattern) > _MOST_PATTERN:
        raise UsageError(f"a pattern has 1 to {_MOST_PATTERN:,} characters")
    for name in fields:
        known_column(name, FIELDS, "field")
    wanted = _pattern(pattern, regex=regex, fold=fold)
    for shard in shards_of(corpus):
        frame = documents_of(corpus, shard, _COLUMNS, kept=kept)
        found = _matches(frame, wanted, fields, fold=fold).head(limit)
        for row in found.iter_rows(named=True):
            field = next(name for name in fields if row[f"{name}?"])
            yield Hit(
                row["doc_id"], row["source"], row["decision"], field,
                _snippet(row, field, fold=fold),
            )  # fmt: skip
        limit -= found.height
        if limit <= 0:
            return


def folded(column: pl.Expr) -> pl.Expr:
    """Text without case and diacritics."""
    plain = column.str.to_lowercase().str.normalize("NFD").str.replace_all(r"\p{M}+", "")
    return plain.str.replace_many(list(_STROKED[0]), list(_STROKED[1]))


def _pattern(pattern: str, *, regex: bool, fold: bool) -> str:
    if fold:
        lowered = pattern if regex else pattern.lower()
        pattern = "".join(
            dict(zip(*_STROKED, strict=True)).get(sign, sign)
            for sign in unicodedata.normalize("NFD", lowered)
            if not unicodedata.combining(sign)
        )
    wanted = pattern if regex else _escaped(pattern)
    wanted = f"(?i){wanted}" if fold else wanted
    try:
        pl.Series([""]).str.contains(wanted)
    except pl.exceptions.PolarsError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UsageError(
            f"this pattern is malformed: {lines[-1] if lines else error}",
            where=pattern,
            fix="Rust's regular expressions have no look-around and no back-references; "
            "leave out --regex to search for the words as they stand",
        ) from error
    return wanted


def _escaped(words: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$#&\-~])", r"\\\1", words)


def _matches(
    frame: pl.DataFrame, wanted: str, fields: Sequence[str], *, fold: bool
) -> pl.DataFrame:
    looked = {name: folded(pl.col(name)) if fold else pl.col(name) for name in fields}
    try:
        marked = frame.with_columns(
            looked[name].str.contains(wanted).fill_null(value=False).alias(f"{name}?")
            for name in fields
        ).filter(pl.any_horizontal(f"{name}?" for name in fields))
        # Everything before the match, so that its place is known in characters.
        around = (
            rf"(?s)^(.*?)({wanted})"
            if not wanted.startswith("(?i)")
            else (rf"(?si)^(.*?)({wanted[4:]})")
        )
        return marked.with_columns(
            part.alias(f"{name}{end}")
            for name in fields
            for end, part in (
                ("<", looked[name].str.extract(around, 1).str.len_chars()),
                ("=", looked[name].str.extract(around, 2).str.len_chars()),
            )
        )
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"this pattern cannot be searched for: {error}") from error


def _snippet(row: dict[str, object], field: str, *, fold: bool) -> str:
    text, start, length = str(row[field]), row[f"{field}<"], row[f"{field}="]
    if not isinstance(start, int) or not isinstance(length, int):
        return " ".join(text[: 2 * _CONTEXT].split())
    if fold and start + length > len(text):
        start = max(0, len(text) - length)
    first, last = max(0, start - _CONTEXT), start + min(length, 4 * _CONTEXT) + _CONTEXT
    shown = " ".join(text[first:last].split())
    return f"{'…' if first else ''}{shown}{'…' if last < len(text) else ''}"
