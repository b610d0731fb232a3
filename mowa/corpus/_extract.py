"""Text, title and declared language of a raw HTML page."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import (
    bytes_to_str,
    detect_encoding,
    detect_mime,
    map_encoding_to_html5,
)
from resiliparse.parse.html import HTMLTree

# Telling main content from boilerplate takes time in proportion to elements x depth. Browsers stop
# nesting at 512 elements (Blink, kMaximumHTMLParserDOMTreeDepth); pages of the web rarely pass 60.
_MAX_DEPTH = 128
_TOO_DEEP = "*" + ">*" * _MAX_DEPTH

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

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# Compressed data hold ten per cent of control bytes; text in any encoding but UTF-16 next to none.
_HEAD = 4_096
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1b"))
_MAX_CONTROLS = 0.02

# Share of the characters beyond ASCII that may be broken before a page that claims to be UTF-8 is
# taken for something else; a page cut in a character or with one bad include stays below.
_MAX_BROKEN = 0.2


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says.

    Attributes:
        text: The text, paragraphs apart, not yet normalised; empty where there is none.
        title: What stands in ``<title>``.
        language: What stands in ``<html lang>``.
        problem: ``binary`` (not text at all), ``too-deep`` (all text was taken, because elements
            are nested too deeply to tell main content), ``cut`` (what follows a tag with too many
            attributes was left out), or None.
    """

    text: str
    title: str | None = None
    language: str | None = None
    problem: str | None = None


def extract(html: bytes, *, charset: str | None = None, main_content: bool = True) -> Page:
    """Text, title and declared language of an HTML page.

    Args:
        html: The page as it was served.
        charset: What the HTTP header claims.
        main_content: Leave out navigation, comments, post metadata and other boilerplate.
    """
    if _is_binary(html, charset):
        return Page("", problem="binary")
    source = decode(html, charset)
    problem = None
    if len(source) > _ALWAYS_SANE:
        sane = _SANE_TAGS.match(source)
        if sane is not None and sane.end() < len(source):
            source, problem = source[: sane.end()], "cut"
    tree = HTMLTree.parse(source)
    document = tree.document
    assert document is not None
    root = document.query_selector("html")
    if main_content and document.query_selector(_TOO_DEEP) is not None:
        main_content, problem = False, problem or "too-deep"
    text = extract_plain_text(
        tree,
        preserve_formatting=True,
        main_content=main_content,
        alt_texts=False,
        comments=False,
        post_meta=False,
    )
    language = root.getattr("lang") if root is not None else None
    return Page(text, tree.title or None, language or None, problem)


def decode(html: bytes, charset: str | None = None) -> str:
    """The characters of an HTML page.

    The order: byte order mark; UTF-8 where the bytes beyond ASCII are valid UTF-8 (no other
    encoding of running text is, whatever the header says); the header; ``<meta>`` or a guess by
    uchardet. Bytes that are not valid in the encoding become U+FFFD.
    """
    for mark, name in _BOMS:
        if html.startswith(mark):
            return html[len(mark) :].decode(name, "replace")
    if not html.isascii():
        try:
            return html.decode("utf-8")
        except UnicodeDecodeError:
            pass
    claimed = map_encoding_to_html5(charset, fallback_utf8=False) if charset else None
    name = claimed or detect_encoding(html, from_html_meta=True) or "utf-8"
    if name == "utf-8":
        text = html.decode("utf-8", "replace")
        if text.count("\ufffd") <= _MAX_BROKEN * sum(map(len, re.findall(r"[^\x00-\x7f]+", text))):
            return text
        name = detect_encoding(html) or "utf-8"
    return str(bytes_to_str(html, name, errors="replace", fallback_encodings=()))


def _is_binary(html: bytes, charset: str | None) -> bool:
    if html.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _is_utf_16(charset):
        return False
    head = html[:_HEAD]
    # What is not ASCII is an octet-stream to `detect_mime`; only a signature that it knows counts.
    mime = str(detect_mime(head))
    if mime.startswith(("image/", "audio/", "video/", "font/")):
        return True
    if mime.startswith("application/") and not mime.endswith(("octet-stream", "xml", "html")):
        return True
    return len(head) - len(head.translate(None, _CONTROLS)) > _MAX_CONTROLS * len(head)


def _is_utf_16(charset: str | None) -> bool:
    name = map_encoding_to_html5(charset, fallback_utf8=False) if charset else None
    return name is not None and name.startswith("utf-16")
