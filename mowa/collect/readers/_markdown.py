"""Markdown: the source is the text, without front matter and comments."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped
from mowa.collect.readers._streams import uncompressed
from mowa.collect.readers._text import read_decoded
from mowa.rights import stated_licence

_FRONT_BYTES = 64 << 10  # characters; what is longer is no front matter
_FRONT = re.compile(
    r"(---|\+\+\+)[ \t]*\n(.*?)^(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_YAML_PAIR = re.compile(r"([\w.-]+):(?:[ \t]+(.*))?")

# Possessive, so that no run of backticks is tried in all its lengths.
_FENCED = (
    r"^ {0,3}(?P<fence>`{3,}+|~{3,}+)[^\n]*+\n"
    r"(?:.*?^ {0,3}(?P=fence)[`~]*+[ \t]*+$|.*\Z)"
)
_CODE_OR_COMMENT = re.compile(
    _FENCED + r"|`[^`\n]+`|<!--.*?-->",
    re.DOTALL | re.MULTILINE,
)
_HEADING = re.compile(
    _FENCED + r"|^ {0,3}#{1,6}[ \t]+(?P<hashes>[^\n]*)$"
    r"|^ {0,3}(?P<lined>\S[^\n]*)\n {0,3}(?:=+|-{2,})[ \t]*$",
    re.DOTALL | re.MULTILINE,
)

_KEYS = {
    "title": ("title", "tytuł"),
    "author": ("author", "authors", "autor", "autorzy"),
    "date": ("date", "data"),
    "licence": ("licence", "license", "licencja"),
    "language": ("lang", "language", "język"),
}


def read_markdown(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """The whole file as one record, known by its path.

    Front matter (YAML of the form ``key: value``, or TOML) gives title, author, date, language and
    licence, the last if it is an SPDX expression or an address of Creative Commons. Without a title
    there, the first heading is one.
    """
    found = read_decoded(path, relative, options)
    if isinstance(found, Skipped):
        yield found
        return
    text, notes = found
    said, text = _front_matter(text)
    text = _without_comments(text)
    known = {
        field: next((value for key in keys if (value := _plain(said.get(key)))), None)
        for field, keys in _KEYS.items()
    }
    yield Record(
        uncompressed(relative),
        relative,
        text,
        title=known["title"] or _first_heading(text),
        author=known["author"],
        date=known["date"],
        language=known["language"],
        licence=stated_licence(known["licence"] or ""),
        notes=notes,
    )


def _front_matter(text: str) -> tuple[Mapping[str, Any], str]:
    """What stands between the first two ``---`` or ``+++``, and the rest."""
    found = _FRONT.match(text[:_FRONT_BYTES])
    if found is None:
        return {}, text
    said = _toml(found[2]) if found[1] == "+++" else _yaml(found[2])
    # A line of hyphens may also be a rule above the text.
    return (said, text[found.end() :]) if said else ({}, text)


def _toml(text: str) -> dict[str, Any]:
    try:
        return {key.lower(): value for key, value in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _yaml(text: str) -> dict[str, Any]:
    """The simple pairs of a YAML mapping; empty where a line shows that it is none.

    All of YAML would take a library for five keys. Lists of plain values, on one line or one a
    line, are read too; what is nested deeper is passed over.
    """
    said: dict[str, Any] = {}
    key = ""
    for line in text.split("\n"):
        if not line.strip() or line[0] in "# \t":
            if key and line.lstrip().startswith("- ") and said[key] in ("", *_lists(said[key])):
                said[key] = [*_lists(said[key]), line.strip()[2:]]
            continue
        pair = _YAML_PAIR.fullmatch(line.rstrip())
        if pair is not None:
            key = pair[1].lower()
            said[key] = _value(pair[2] or "")
        elif key and line.startswith("- "):
            said[key] = [*_lists(said[key]), line[2:]]
        else:
            return {}
    return said


def _lists(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _value(text: str) -> Any:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return [part for part in text[1:-1].split(",") if part.strip()]
    return text


def _plain(value: Any) -> str:
    """One line of text; lists joined, quotes taken off."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_plain, value)))
    if value is None or isinstance(value, dict):
        return ""
    text = str(value).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def _without_comments(text: str) -> str:
    # Behind the last end no comment ends; looking for one from every beginning would take forever.
    end = text.rfind("-->") + 3
    if end < 3:
        return text
    kept = _CODE_OR_COMMENT.sub(
        lambda match: "" if match[0].startswith("<!--") else match[0], text[:end]
    )
    return kept + text[end:]


def _first_heading(text: str) -> str | None:
    for found in _HEADING.finditer(text):
        # Hashes at the end close the heading where a space stands before them.
        words = (found["hashes"] or found["lined"] or "").strip().rpartition(" ")
        heading = words[0].rstrip() if words[2].strip("#") == "" else "".join(words)
        if heading:
            return heading
    return None
