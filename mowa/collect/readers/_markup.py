"""Markup that is safe to hand to a parser of HTML."""

from __future__ import annotations

import re

# The parser compares each attribute of a tag with all before it: a megabyte of attributes in one
# tag takes a quarter of a minute, and it grows with the square.
_MAX_ATTRIBUTES = 2_000
_ATTRIBUTE = (
    r"""[\s/]*+=?[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+|))?+|[\s/]*+="""
)
_SANE_TAGS = re.compile(
    r"(?:[^<]++|<(?![a-zA-Z])|<[a-zA-Z][^\s/>]*+"
    rf"(?:{_ATTRIBUTE}){{0,{_MAX_ATTRIBUTES}}}+[\s/]*+(?:>|\Z))*+"
)
_ALWAYS_SANE = 32 << 10  # characters; a shorter page is parsed in a tenth of a second at worst

_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_EMPTY_ELEMENT = re.compile(
    rb"<(?!(?:%s)[\s/])([a-zA-Z][\w:.-]{0,60}+)((?:\s[^<>]{0,2000}?)?)/>" % _VOID.encode(),
    re.IGNORECASE,
)


def parseable(source: str) -> tuple[str, bool]:
    """A page up to the first tag with too many attributes; and whether that is not all of it."""
    if len(source) > _ALWAYS_SANE:
        sane = _SANE_TAGS.match(source)
        if sane is not None and sane.end() < len(source):
            return source[: sane.end()], True
    return source, False


def as_html(xhtml: bytes) -> bytes:
    """XHTML for a parser of HTML, to which ``<title/>`` is the beginning of a title without end."""
    return _EMPTY_ELEMENT.sub(rb"<\1\2></\1>", xhtml)
