"""Text of a raw HTML page, and what the page says of itself."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_mime, map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

from mowa.collect import decode, parseable
from mowa.corpus._config import Triage
from mowa.corpus.extraction import (
    Markup,
    about,
    blocks_of,
    drop_note_marks,
    from_minimal_html,
    is_surely_in_none_of,
    main_blocks,
    rendered,
)

# Telling main content from boilerplate takes time in proportion to elements x depth. Browsers stop
# nesting at 512 elements (Blink, kMaximumHTMLParserDOMTreeDepth); pages of the web rarely pass 60.
_MAX_DEPTH = 128
_TOO_DEEP = "*" + ">*" * _MAX_DEPTH

# trafilatura takes some 13 ms for a page of 145 kB (its own evaluation pages, one core). A bound by
# time in the place of one by size would make the corpus depend on the machine.
_MAX_CHARACTERS = 4_000_000

# The learned extractor holds some 1,300 bytes of numbers for each block; pages have hundreds.
_MAX_BLOCKS = 20_000

Extraction = Literal["fast", "learned", "exact"]

# Compressed data hold ten per cent of control bytes; text in any encoding but UTF-16 next to none.
_HEAD = 4_096
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1b"))
_MAX_CONTROLS = 0.02


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says.

    Attributes:
        text: The text, paragraphs apart, not yet normalised; empty where there is none.
        title: What it calls itself.
        language: What stands in ``<html lang>``.
        problem: ``binary`` (not text at all), ``too-deep`` (all text was taken, because elements
            are nested too deeply to tell main content), ``cut`` (what follows a tag with too many
            attributes was left out), ``too-large`` (the fast extractor was taken in the place of
            another), ``exact-empty`` or ``learned-empty`` (that one found nothing where the fast
            one did), or None.
        url: Where the page says that it belongs: ``<link rel="canonical">`` or ``og:url``, if that
            is an address of the web.
        author: Who wrote it, as it says; several names are apart by ``; ``.
        date: The day, month or year on which it was published, as ISO 8601.
        licence: What the page says outright that it is under, as an SPDX expression.
        notes: What was done to it, and what its licence could not be told by.
        spared: Why triage left the page to the fast extractor: ``short``, ``language`` or None.
    """

    text: str
    title: str | None = None
    language: str | None = None
    problem: str | None = None
    url: str | None = None
    author: str | None = None
    date: str | None = None
    licence: str | None = None
    notes: tuple[str, ...] = ()
    spared: str | None = None


def extract(
    html: bytes,
    *,
    charset: str | None = None,
    main_content: bool = True,
    extraction: Extraction = "fast",
    markup: Markup = "text",
    triage: Triage | None = None,
    latest: str | None = None,
) -> Page:
    """Text of an HTML page, its declared language, and what it says of itself.

    Args:
        html: The page as it was served.
        charset: What the HTTP header claims.
        main_content: Leave out navigation, comments, post metadata and other boilerplate.
        extraction: What tells main content: resiliparse (fast), boosted trees (learned) or
            trafilatura (exact).
        markup: Whether headings, lists, tables and code are marked as in Markdown.
        triage: Which pages are left to the fast extractor.
        latest: The day on which the page was collected; it is of no later day.
    """
    if _is_binary(html, charset):
        return Page("", problem="binary")
    decoded = decode(html, charset=charset, markup=True)
    source, notes = decoded.text, decoded.notes
    source, is_cut = parseable(source)
    problem = "cut" if is_cut else None
    tree = HTMLTree.parse(source)
    document = tree.document
    assert document is not None
    root = document.query_selector("html")
    language = root.getattr("lang") if root is not None else None
    said = about(document, _ascii(html, source), title=tree.title or None, latest=latest)
    if main_content and document.query_selector(_TOO_DEEP) is not None:
        main_content, problem = False, problem or "too-deep"
    if main_content:
        drop_note_marks(tree)
    mode = extraction if main_content else "fast"
    if mode != "fast" and len(source) > _MAX_CHARACTERS:
        mode, problem = "fast", problem or "too-large"
    spared = None
    if mode != "fast" and triage is not None:
        spared = _spared(_fast(tree, markup="text", main_content=True), triage)
        mode = mode if spared is None else "fast"
    text = ""
    if mode == "learned":
        text = _learned(tree, markup)
    elif mode == "exact":
        text = _exact(source, markup)
    if not text:
        # trafilatura takes no page without an <html> tag, for one.
        text = _fast(tree, markup=markup, main_content=main_content)
        if mode != "fast" and text:
            problem = problem or f"{mode}-empty"
    return Page(
        text,
        said.title,
        language or None,
        problem,
        url=said.url,
        author=said.author,
        date=said.date,
        licence=said.licence,
        notes=(*notes, *said.notes),
        spared=spared,
    )


def _fast(tree: HTMLTree, *, markup: Markup, main_content: bool) -> str:
    text: str = extract_plain_text(
        tree,
        preserve_formatting="minimal_html" if markup == "markdown" else True,
        main_content=main_content,
        alt_texts=False,
        comments=False,
        post_meta=False,
    )
    return rendered(from_minimal_html(text).blocks, markup) if markup == "markdown" else text


def _learned(tree: HTMLTree, markup: Markup) -> str:
    page = blocks_of(tree)
    if len(page.blocks) > _MAX_BLOCKS:
        return ""
    return rendered(main_blocks(page, tree.title or ""), markup)


def _spared(text: str, triage: Triage) -> str | None:
    """Why the page is not worth more time; None where it may be."""
    if len(text) < triage.characters:
        return "short"
    if triage.languages and is_surely_in_none_of(triage.languages, text):
        return "language"
    return None


def _ascii(html: bytes, source: str) -> bytes:
    """Bytes that hold what is ASCII in the page: those of UTF-16 do not."""
    return source.encode("utf-8", "replace") if b"\0" in html[:_HEAD] else html


def _exact(source: str, markup: Markup) -> str:
    """The main text by trafilatura; empty where it finds none.

    Its deduplication remembers earlier pages, so that a page would depend on its neighbours; its
    metadata cost more than the text.
    """
    import trafilatura

    text = trafilatura.extract(source, options=_trafilatura_options(markup))
    return text or ""


@cache
def _trafilatura_options(markup: Markup) -> Any:
    """What trafilatura is asked for; making it anew for each page takes a fifth of a millisecond.

    Its parser asks Python for the class of each element that it hands out, a million times in a
    thousand pages. All elements are of the class that most of them have anyway, told once: the
    others, of the fields of forms, have nothing that the extraction uses.
    """
    from lxml.etree import ElementDefaultClassLookup
    from lxml.html import HtmlComment, HtmlElement, HtmlEntity, HtmlProcessingInstruction
    from trafilatura.settings import Extractor
    from trafilatura.utils import HTML_PARSER

    HTML_PARSER.set_element_class_lookup(
        ElementDefaultClassLookup(
            element=HtmlElement,
            comment=HtmlComment,
            pi=HtmlProcessingInstruction,
            entity=HtmlEntity,
        )
    )
    return Extractor(
        fast=True,
        comments=False,
        dedup=False,
        with_metadata=False,
        output_format="markdown" if markup == "markdown" else "txt",
    )


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
