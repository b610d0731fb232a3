"""A page as a list of blocks: the paragraphs, headings, list items, rows and code that it shows."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from resiliparse.parse.html import HTMLTree

from mowa.corpus.extraction._hints import CELLS, TAGS, hints_of

# An object for each node costs more than the whole parse: the serialised page is taken apart
# instead. The serialiser closes all tags, quotes all values and escapes quotes in values.
_TOKEN = re.compile(r'<(/?[a-zA-Z][^\s/>]*+(?:\s=?[^=>\s]*+(?:="[^"]*+")?+)*+)\s*/?>([^<]*+)')
_COMMENT = re.compile(r"<!--.*?-->|<!--.*\Z", re.DOTALL)
_NOT_TEXT = (
    "script, style, template, noscript, iframe, svg, math, object, canvas, select, textarea,"
    " button, datalist, audio, video, noframes, noembed, xmp, plaintext, title, meta, link"
)
_LINES = re.compile(r"[^\S\n]*\n")

_IN_A_CELL = frozenset({"p", "div", "center"})

_PARAGRAPH, _LIST, _BREAK, _CELL, _ROW, _LINK, _PRE = range(1, 8)
_KINDS = {
    **dict.fromkeys(TAGS, _PARAGRAPH),
    **dict.fromkeys(("ul", "ol", "menu", "dir"), _LIST),
    **dict.fromkeys(("br", "hr", "wbr"), _BREAK),
    **dict.fromkeys(CELLS, _CELL),
    "tr": _ROW,
    "a": _LINK,
    "pre": _PRE,
    "listing": _PRE,
}
_KINDS |= {f"/{name}": kind for name, kind in _KINDS.items()}  # as they stand in closing tags


@dataclass(slots=True)
class Block:
    """A run of text with nothing between its characters that would begin a new line.

    Attributes:
        tag: What it is: ``p``, ``h1`` to ``h6``, ``li``, ``tr``, ``pre``, or the element around.
        text: Its characters, white space as one blank each but in ``pre``; cells apart by tabs.
        element: Index of the element that it stands in.
        linked: How many of the characters are links.
        links: How many links there are.
        level: How many lists are around it.
        number: In an ordered list, which item it begins; else 0.
        first: Whether it begins its list item.
        heads: How many of its cells are ``th``.
    """

    tag: str
    text: str
    element: int
    linked: int
    links: int
    level: int = 0
    number: int = 0
    first: bool = False
    heads: int = 0


@dataclass(slots=True)
class Blocks:
    """The blocks, and the elements around them, each later than its parent.

    Attributes:
        blocks: In the order of the page.
        parents: Index of each element's parent; the first is its own.
        tags: Name of each element.
        own: What the element's own tag, classes and so on hint at, as bits (`_hints`).
        around: The same of the element and all around it.
        depths: How many elements are around.
        ends: Index after the last element within; those within an element follow it.
    """

    blocks: list[Block] = field(default_factory=list)
    parents: list[int] = field(default_factory=lambda: [0])
    tags: list[str] = field(default_factory=lambda: ["body"])
    own: list[int] = field(default_factory=lambda: [0])
    around: list[int] = field(default_factory=lambda: [0])
    depths: list[int] = field(default_factory=lambda: [0])
    ends: list[int] = field(default_factory=lambda: [0])


def blocks_of(tree: HTMLTree) -> Blocks:
    """The blocks of a page; takes what is no text out of the tree."""
    body = tree.body
    if body is None:
        return Blocks()
    for node in body.query_selector_all(_NOT_TEXT).values():
        node.decompose()
    return blocks_in(body.html)


def blocks_in(source: str) -> Blocks:
    """The blocks of HTML that is well-formed as a serialiser writes it, without scripts."""
    if "<!--" in source:
        source = _COMMENT.sub("", source)
    return _walked(source)


def _walked(source: str) -> Blocks:  # noqa: C901, PLR0912, PLR0915
    """One pass over the tags; it is the hot loop of the extraction, so it is one function."""
    found = Blocks()
    blocks, parents, tags = found.blocks, found.parents, found.tags
    own, around, depths, ends = found.own, found.around, found.depths, found.ends
    kinds = _KINDS
    here = 0  # the element that is open
    begun = 0  # the one in which the only cell began
    pieces: list[str] = []
    linked = links = pre = level = heads = cells = 0
    in_link = is_broken = False
    numbers: list[int] = []
    pending_item = 0  # 1: the next block begins an item; 2: an item of an ordered list

    def flush() -> None:
        nonlocal linked, links, heads, cells, pending_item, is_broken
        if pieces:
            text = "".join(pieces)
            pieces.clear()
            if "&" in text:
                text = html.unescape(text)
            if pre:
                text = _LINES.sub("\n", text).strip("\n")
            elif cells > 1:
                text = "\t".join([" ".join(cell.split()) for cell in text.split("\t")])
            else:
                text = " ".join(text.split())
            if text and not text.isspace():
                tag = "pre" if pre else "tr" if cells > 1 else tags[begun if cells else here]
                element = begun if cells == 1 else here
                block = Block(tag, text, element, min(linked, len(text)), links, level)
                block.heads = heads
                if pending_item:
                    block.first = True
                    block.number = numbers[-1] if pending_item == 2 and numbers else 0
                    pending_item = 0
                blocks.append(block)
        linked = heads = cells = 0
        links = int(in_link)
        is_broken = False

    at = passed = 0
    for part in source.split("<"):
        start, at = at, at + len(part) + 1
        if start < passed:
            continue
        head, _, text = part.partition(">")
        attributes = ""
        quotes = head.count('"')
        if quotes:
            if quotes & 1:
                # There is a sign of markup in a value, or a quotation mark in a name.
                token = _TOKEN.match(source, start - 1)
                if token is None:
                    continue
                head, text = token.groups()
                passed = token.end()
            name, _, attributes = head.partition(" ")
        else:
            name = head
        # Half of all tags begin or end no block: what follows is of the other half.
        kind = kinds.get(name, 0)
        slash = False
        if kind or "-" in name:
            kind = kind or _PARAGRAPH
            slash = name[0] == "/"
            if slash:
                name = name[1:]
        if kind == _LINK:
            in_link = not slash
            links += in_link
        elif kind == _BREAK:
            if pre:
                pieces.append("\n")
            elif name != "wbr":
                if cells:
                    pieces.append(" ")
                else:
                    flush()
            kind = 0
        if kind and kind != _LINK:
            if cells and name in _IN_A_CELL:
                # One paragraph in a cell is the cell; where a second comes, it is no row of data.
                is_broken = True
            elif kind == _CELL:
                if not slash:
                    is_broken = False
                    if cells:
                        pieces.append("\t")
                    elif pieces:
                        flush()
                    cells += 1
                    heads += name == "th"
            elif kind == _PRE and slash:
                flush()
                pre = max(0, pre - 1)
            else:
                # Most elements that end have no text since the last: a call is not worth it.
                if pieces or cells or links:
                    flush()
                pre += kind == _PRE
            if not slash:
                mask = hints_of(name, attributes)
                parents.append(here)
                tags.append(name)
                own.append(mask)
                around.append(around[here] | mask)
                depths.append(depths[here] + 1)
                ends.append(0)
                here = len(parents) - 1
                if kind == _LIST:
                    level += 1
                    numbers.append(0 if name == "ol" else -1)
                elif name == "li":
                    pending_item = 1
                    if numbers and numbers[-1] >= 0:
                        numbers[-1] += 1
                        pending_item = 2
            else:
                ends[here] = len(parents)
                here = parents[here]
                if kind == _LIST and numbers:
                    level -= 1
                    numbers.pop()
        if text:
            if text.isspace():
                if pieces:
                    pieces.append(text if pre else " ")
            else:
                if is_broken:
                    if pieces and not pieces[-1].endswith("\t"):
                        flush()
                    is_broken = False
                if cells and not pieces:
                    begun = here
                pieces.append(text.replace("\t", " ") if cells and not pre else text)
                if in_link:
                    linked += len(text)
    flush()
    ends[0] = len(parents)
    # What a broken tag left open ends with the page.
    found.ends = [end or len(parents) for end in ends]
    return found
