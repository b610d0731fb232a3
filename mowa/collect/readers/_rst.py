"""reStructuredText: prose and code of a source file, without directives, roles and targets.

docutils is not used: it executes directives that read other files, and what it does not know (most
of Sphinx) becomes error messages in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped
from mowa.collect.readers._streams import uncompressed
from mowa.collect.readers._text import read_decoded
from mowa.rights import stated_licence

_DIRECTIVE = re.compile(
    r"\.\.[ \t]+(?:\|[^|]+\|[ \t]+)?(?P<name>[\w:+.-]*\w)::(?:[ \t]+(?P<rest>.*))?"
)
_FOOTNOTE = re.compile(r"\.\.[ \t]+\[(?P<label>[^\]]+)\][ \t]+(?P<rest>.*)")
_FIELD = re.compile(r":(?P<name>[^:\s][^:]*):(?:[ \t]+(?P<value>.*))?")
_UNDERLINE = re.compile(r"([!-/:-@\[-`{-~])\1+")

# What stands in these is code, kept as it is; in those, not prose at all. All others (notes,
# admonitions, glossaries, figures with their captions) hold prose.
_CODE = {"code", "code-block", "sourcecode", "parsed-literal", "math", "doctest", "prompt"}
_NOT_PROSE = {
    "raw", "literalinclude", "include", "highlight", "contents", "toctree", "index", "meta", "only",
    "image", "csv-table", "default-role", "role", "sectnum", "target-notes", "replace", "unicode",
    "title", "tabularcolumns", "automodule", "autoclass", "autofunction", "video", "youtube",
}  # fmt: skip
_WITH_TITLE = {"admonition", "topic", "sidebar", "rubric", "centered", "glossary", "seealso"} | {
    "note", "tip", "hint", "important", "warning", "attention", "caution", "danger", "error",
    "epigraph", "versionadded", "versionchanged", "deprecated",
}  # fmt: skip

# Lengths are bounded, so that no line takes more than its length of time.
_INLINE = re.compile(
    r"(?P<literal>``(?:[^`]|`(?!`)){1,1000}``)"
    r"|:[\w:+.-]{1,50}:`(?P<role>[^`]{1,1000})`"
    r"|`(?P<link>[^`<]{1,1000}?)\s{0,9}<[^`>]{1,1000}>`__?"
    r"|`(?P<reference>[^`]{1,1000})`__?(?!\w)"
)
_MAX_DEPTH = 32  # directives in directives
_ROLE_TARGET = re.compile(r"(?s)\s*<[^<>]*>\Z")

_DOCINFO = {
    "author": "author", "authors": "author", "autor": "author", "date": "date", "data": "date",
    "lang": "language", "language": "language", "licence": "licence", "license": "licence",
    "licencja": "licence",
}  # fmt: skip


def read_rst(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """The whole file as one record, known by its path; its first section title is its title.

    Fields at its beginning (``:author:``, ``:date:``, ``:license:``) are taken as what they say.
    """
    found = read_decoded(path, relative, options)
    if isinstance(found, Skipped):
        yield found
        return
    source, notes = found
    lines = [line.expandtabs(8).rstrip() for line in source.split("\n")]
    said: dict[str, str] = {}
    titles: list[str] = []
    text = "\n".join(_block(lines, titles, said)).strip("\n")
    yield Record(
        uncompressed(relative),
        relative,
        re.sub(r"\n{3,}", "\n\n", text) + "\n" if text else "",
        title=titles[0] if titles else None,
        author=said.get("author"),
        date=said.get("date"),
        language=said.get("language"),
        licence=stated_licence(said.get("licence", "")),
        notes=notes,
    )


def _block(
    lines: list[str], titles: list[str], said: dict[str, str], depth: int = 0
) -> Iterator[str]:
    """The lines of one level of indentation, as prose and code."""
    if depth > _MAX_DEPTH:
        yield from lines
        return
    prose: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        marked = line.lstrip()
        if marked == ".." or marked.startswith((".. ", "__ ")):
            yield from _prose(prose)
            number, body = _body(lines, number, len(line) - len(marked))
            yield from _explicit(marked, body, titles, said, depth + 1)
        elif (is_title := _titled(lines, number)) is not None:
            yield from _prose(prose)
            title, number = is_title
            titles += [_inline(title)] if title else []
            yield _inline(title)
        elif not prose and not titles and (field := _FIELD.fullmatch(line)):
            number += 1
            if key := _DOCINFO.get(field["name"].lower()):
                said.setdefault(key, (field["value"] or "").strip())
        elif line.endswith("::"):
            prose.append(
                line[:-1] if line[:-2].strip() and not line[-3:-2].isspace() else line[:-2]
            )
            yield from _prose(prose)
            number, body = _body(lines, number, len(line) - len(marked))
            yield from body
        else:
            prose.append(line)
            number += 1
    yield from _prose(prose)


def _prose(lines: list[str]) -> Iterator[str]:
    """The lines with inline marks resolved, which may run over line ends; `lines` is emptied."""
    for paragraph in re.split(r"(\n{2,})", "\n".join(lines)):
        yield from (
            _inline(paragraph).split("\n") if paragraph.strip("\n") else paragraph[1:].split("\n")
        )
    lines.clear()


def _titled(lines: list[str], number: int) -> tuple[str, int] | None:
    """A section title that begins at a line, and the line behind it."""
    line = lines[number]
    before = lines[number - 1] if number else ""
    if before or not line or line[0] == " ":
        return None
    below = [*lines[number + 1 : number + 3], "", ""]
    if _UNDERLINE.fullmatch(line):
        if below[0] and below[1] == line:
            return below[0].strip(), number + 3
        # Four signs or more that stand alone are a line between two parts of the text.
        return ("", number + 1) if len(line) >= 4 and not below[0] else None
    if _UNDERLINE.fullmatch(below[0]) and len(below[0]) >= min(len(line), 4):
        return line, number + 2
    return None


def _body(lines: list[str], number: int, indent: int) -> tuple[int, list[str]]:
    """The line behind a block that is indented deeper than its first line, and its lines."""
    end = number + 1
    while end < len(lines) and (
        not lines[end] or len(lines[end]) - len(lines[end].lstrip()) > indent
    ):
        end += 1
    return end, lines[number + 1 : end]


def _explicit(
    first: str, body: list[str], titles: list[str], said: dict[str, str], depth: int
) -> Iterator[str]:
    """What is kept of a directive, a footnote, a target or a comment."""
    footnote = _FOOTNOTE.fullmatch(first)
    if footnote is not None:
        yield _inline(f"[{footnote['label'].lstrip('#*')}] {footnote['rest']}")
        yield from _block(_dedented(body), titles or [""], said, depth)
        return
    directive = _DIRECTIVE.fullmatch(first)
    if directive is None:
        yield ""
        return
    name, rest = directive["name"].rpartition(":")[2].lower(), directive["rest"] or ""
    if name in _NOT_PROSE:
        yield ""
        return
    body = _without_options(body)
    yield ""
    if name in _CODE:
        if name == "math" and rest:
            yield rest
        yield from _dedented(body, keep=4)
    else:
        if name in _WITH_TITLE and rest:
            yield _inline(rest)
        yield from _block(_dedented(body), titles or [""], said, depth)
    yield ""


def _without_options(body: list[str]) -> list[str]:
    number = 0
    while number < len(body) and _FIELD.fullmatch(body[number].strip()):
        number += 1
    return body[number:]


def _dedented(lines: list[str], keep: int = 0) -> list[str]:
    least = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    cut = max(least - keep, 0)
    return [line[cut:] for line in lines]


def _inline(text: str) -> str:
    def shown(found: re.Match[str]) -> str:
        if found["literal"]:
            return found["literal"][1:-1]
        if found["role"]:
            return _ROLE_TARGET.sub("", found["role"]) or found["role"]
        return found["link"] or found["reference"]

    return _INLINE.sub(shown, text)
