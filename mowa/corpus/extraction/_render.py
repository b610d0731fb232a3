"""Blocks as plain text or as Markdown: what stands on a line of its own, and how it is marked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from mowa.corpus.extraction._blocks import Block, Blocks, blocks_in

Markup = Literal["text", "markdown"]

_HEADING = re.compile(r"h([1-6])")
_TICKS = re.compile(r"`{3,}")
_PRE = re.compile(r"(<pre>.*?</pre>)", re.DOTALL)
_ROW = re.compile(r"^[ ]*(?!<)([^\n<]*\t\t[^\n<]*)$", re.MULTILINE)


def rendered(blocks: Iterable[Block], markup: Markup = "text") -> str:
    """The text of the blocks; paragraphs are apart by an empty line, items and rows are not.

    The text of each block is there as it is. In Markdown marks are put before it, cells stand
    between bars, and code between fences; the lines of code are left alone in both forms.
    """
    parts: list[str] = []
    before: Block | None = None
    for block in blocks:
        if before is not None:
            parts.append("\n" if _are_close(before, block) else "\n\n")
        parts.append(_as_markdown(block, before) if markup == "markdown" else _as_text(block))
        before = block
    return "".join(parts)


def from_minimal_html(source: str) -> Blocks:
    """The blocks of what resiliparse gives as minimal HTML, where lines and tabs mean something."""
    parts = _PRE.split(source)
    for at in range(0, len(parts), 2):
        parts[at] = _ROW.sub(_cells, parts[at]).replace("\n", "<br>")
    return blocks_in("".join(parts))


def _cells(line: re.Match[str]) -> str:
    cells = "".join(f"<td>{cell}</td>" for cell in line[1].split("\t\t"))
    return f"<table><tr>{cells}</tr></table>"


def _are_close(before: Block, block: Block) -> bool:
    if "pre" in (before.tag, block.tag) or _HEADING.fullmatch(block.tag):
        return False
    if before.element == block.element or (before.level > 0 and block.level > 0):
        return True
    return before.tag == block.tag == "tr"


def _as_text(block: Block) -> str:
    return f"{_indent(block)}{_item(block, '•')}{block.text}"


def _as_markdown(block: Block, before: Block | None) -> str:
    if (heading := _HEADING.fullmatch(block.tag)) is not None:
        return f"{'#' * int(heading[1])} {block.text}"
    if block.tag == "pre":
        longest = max(map(len, _TICKS.findall(block.text)), default=2)
        fence = "`" * (longest + 1)
        return f"{fence}\n{block.text}\n{fence}"
    if block.tag == "tr":
        cells = [cell.replace("|", "\\|") for cell in block.text.split("\t")]
        row = f"| {' | '.join(cells)} |"
        if before is not None and before.tag == "tr":
            return row
        return f"{row}\n|{' --- |' * len(cells)}"
    return f"{_indent(block)}{_item(block, '-')}{block.text}"


def _indent(block: Block) -> str:
    if block.tag == "pre" or not block.level:
        return ""
    return "  " * (block.level - 1 if block.first else block.level)


def _item(block: Block, mark: str) -> str:
    if not block.first or not block.level:
        return ""
    return f"{block.number}. " if block.number else f"{mark} "
