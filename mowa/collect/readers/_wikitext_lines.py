"""The lines of a wiki page whose markup is gone: headings, lists, and what emptied on the way."""

from __future__ import annotations

import re

_SPACES = re.compile(r"[ \t\xa0]+")
_EMPTY_BRACKETS = re.compile(r" ?\((?:[ ,;:/–-])*\)| ?\[[ ,;:]*\]")
_AFTER_BRACKET = re.compile(r"\([ ,;:]+(?=[^ ,;:)])")
_BEFORE_BRACKET = re.compile(r"[ ,;:]{1,8}\)")
_BEFORE_SIGN = re.compile(r" ([,.;:)])(?=\s|$)")
_BULLETS = {"*": "* ", "#": "- ", ":": "", ";": ""}


def tidied(text: str) -> str:
    r"""Headings as Markdown's, list items as ``*`` and ``-`` lines, nothing that is empty.

    Example:
        >>> tidied("== Historia ==\n=== Pusta ===\n== Ludzie ==\n** Jan ( )")
        '## Ludzie\n\n* Jan'
    """
    return _without_empty_sections([line for raw in text.split("\n") for line in _line(raw)])


def _line(raw: str) -> list[str]:
    line = _SPACES.sub(" ", raw).strip()
    if not line:
        return [""]
    if line[0] == "|":  # a row of a table or template that never ended
        return []
    if line[0] == "=":
        return _heading(line)
    bullets = len(line) - len(line.lstrip("*#:;"))
    mark = _BULLETS[line[bullets - 1]] if bullets else ""
    line = line[bullets:].strip()
    line = _EMPTY_BRACKETS.sub("", line)
    line = _AFTER_BRACKET.sub("(", line)
    line = _BEFORE_BRACKET.sub(")", line)
    line = _BEFORE_SIGN.sub(r"\1", line).strip()
    if mark:
        line = line.lstrip(" ,;")  # what followed a template that began the item
    if not line.strip(" .,;:–—-*•|/"):
        return []
    return [mark + line]


def _heading(line: str) -> list[str]:
    """A line of as many signs = at its end as at its beginning, one to six."""
    title = line.strip("=")
    level = min(len(line) - len(line.lstrip("=")), len(line) - len(line.rstrip("=")), 6)
    if not title.strip() or not level:
        return [line] if title.strip() else []
    return [f"\x00{level}{title.strip()}"]


def _without_empty_sections(lines: list[str]) -> str:
    """From the end on: a heading stays where text, or a lower heading that stayed, follows it."""
    kept: list[str] = []
    below = 0  # the level of the heading that comes next; 7 where text does, 0 where nothing
    for line in reversed(lines):
        if line.startswith("\x00"):
            level = int(line[1])
            if level < below:
                kept += ["", f"{'#' * level} {line[2:]}", ""]
                below = level
        else:
            kept.append(line)
            below = 7 if line else below
    text = "\n".join(reversed(kept))
    return re.sub(r"\n\n\n+", "\n\n", text).strip("\n")
