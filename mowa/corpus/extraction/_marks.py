"""Marks of notes in running text, which lead to a note and are no part of the sentence."""

from __future__ import annotations

import re

from resiliparse.parse.html import ElementNode, HTMLTree

# "[1]", "[a]", "[note 2]", "[citation needed]", several side by side. MediaWiki, and the papers and
# weblogs that follow it, put them into <sup>, with a link to the note.
_BRACKETED = re.compile(r"(?:\[[^\[\]]{1,40}\]\s*)+")
# A bare number or sign is a mark only where it leads to another place of the page: m<sup>2</sup>.
_BARE = re.compile(r"(?:\d{1,3}|[*†‡§]{1,3})(?:\s*,\s*\d{1,3})*")


def drop_note_marks(tree: HTMLTree) -> None:
    """Take out of a page each ``<sup>`` that holds nothing but links to notes.

    Time is that of the page's size times the depth of its elements.
    """
    body = tree.body
    if body is None:
        return
    for node in body.query_selector_all("sup").values():
        if _is_mark(node):
            # Not destroyed: another <sup> that is still to be looked at may stand in it.
            node.remove()


def _is_mark(node: ElementNode) -> bool:
    text = (node.text or "").strip()
    if _BRACKETED.fullmatch(text):
        return node.query_selector("a") is not None
    if not _BARE.fullmatch(text):
        return False
    link = node.query_selector("a")
    return link is not None and (link.getattr("href") or "").startswith("#")
