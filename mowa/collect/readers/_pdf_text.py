"""Lines of pages to paragraphs: broken words, sentences and paragraphs made whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from mowa.collect.readers._pdf_heads import running_heads
from mowa.collect.readers._pdf_pages import Line
from mowa.collect.readers._pdf_words import has_swapped_letters, joined, mended, words_of
from mowa.collect.readers._records import Part

_BULLET = re.compile(r"[•▪◦●○■□‣➢➔✓✔·*]|[-–—](?= )|§(?= \d)")
_BULLETS = frozenset("•▪◦●○■□‣➢➔✓✔·*-–—")
_NUMBERED = re.compile(r"(?i)\(?(?:\d{1,3}(?:\.\d{1,3})*|[ivx]{1,5}|[a-z]{1,2})[.)](?= )")
_FOOTNOTE = re.compile(r"(?:\d{1,3}|\*{1,3})\)?(?= ?[^\W\d])")
_ENDS = re.compile(r"[.!?…:;][\"”»’)\]]*(?:\d{1,3}\)?)?$")
_LEADERS = re.compile(r"(?:[.…_]|\. ){4,}\s*\d*$")
# Behind these a sentence goes on, whatever letter follows.
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:art|ust|poz|pkt|lit|Dz\. ?U|[nN]r|np|tzw|tj|zob|por|ul|al|pl|im|św|m\. ?in|prof|dr"
    r"|mgr|inż|płk|gen|ks|str)\.$"
)
_TAIL = 64  # characters at an end that tell how it ends
_LONGEST_ROW = 2_000  # characters; no printed line is longer

_FEW_LINES = 4  # too few to tell where full lines end
_USUAL = 0.2  # of all lines; those of justified text that is not in columns
_FAR = 1.35  # of the usual distance between baselines: an empty line, or most of one


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The pages that have text, in order, and what was done to get them."""

    parts: tuple[Part, ...]
    repeated_lines: int
    repaired_letters: bool


def cleaned(pages: Sequence[Sequence[Line]]) -> Cleaned:
    """Paragraphs of each page, an empty line between them; lists, tables and code keep lines."""
    swapped = has_swapped_letters(pages)
    rows = [rows_of(mended(line, swapped=swapped) for line in page) for page in pages]
    heads = running_heads(rows)
    bodies = [
        [line for at, line in enumerate(page) if (number, at) not in heads]
        for number, page in enumerate(rows)
    ]
    words = words_of(line for page in bodies for line in page)
    usual_right = _usual_right(bodies)
    parts: list[Part] = []
    last: list[Line] = []
    for number, lines in enumerate(bodies, start=1):
        text = _page_text(lines, words, usual_right)
        if not text:
            continue
        runs_on = bool(last) and (
            _runs_on(parts[-1].text, text)
            or (_is_full(last) and _begins_inside(lines) and not _NUMBERED.match(text))
        )
        if runs_on:
            parts[-1], text = _whole_word(parts[-1], text, words)
        if text:
            parts.append(Part(f"page={number}", text, runs_on=runs_on))
            last = lines
    return Cleaned(tuple(parts), len(heads), swapped)


def rows_of(lines: Iterable[Line]) -> list[Line]:
    """Pieces that stand side by side on one baseline, such as a raised number, are one line."""
    rows: list[Line] = []
    for line in lines:
        last = rows[-1] if rows else None
        if last is None or not _is_beside(last, line):
            rows.append(line)
            continue
        glue = " " if line.left - last.right > 0.18 * max(line.size, last.size) else ""
        rows[-1] = replace(
            last if len(last.text) >= len(line.text) else line,
            text=last.text + glue + line.text,
            left=last.left,
            right=line.right,
            hyphenated=line.hyphenated,
        )
    return rows


def _is_beside(last: Line, line: Line) -> bool:
    size = max(line.size, last.size)
    return (
        not last.hyphenated
        and line.left - last.right >= -0.3 * size
        and abs(line.y - last.y) <= 0.45 * size
        and len(last.text) < _LONGEST_ROW
    )


@dataclass(frozen=True, slots=True)
class _Setting:
    """What surrounds two lines.

    Attributes:
        left: The left side of their block, and
        right: the right.
        leading: The usual distance between baselines on the page.
        marked: They are in an entry of a list.
        marker: What marks the second as an entry of its own.
    """

    left: float
    right: float
    leading: float
    marked: bool
    marker: str | None


def _page_text(lines: Sequence[Line], words: Counter[str], usual_right: float) -> str:
    leading, body = _leading(lines), _body_size(lines)
    pieces: list[str] = []
    marker: str | None = None  # of the last entry of a list
    for block in _blocks(lines):
        left, right = _sides(block)
        if len(block) < _FEW_LINES:
            right = max(right, usual_right)
        verse = _is_verse(block, right)
        marked = False  # whether the lines go on with an entry of a list
        for at, line in enumerate(block):
            before = block[at - 1] if at else None
            own = _marker(line, body)
            if before is None:
                glue = " " if pieces and _runs_on(pieces[-1], line.text) else "\n\n"
            elif own and _follows(marker, own):
                far = before.y - line.y > _FAR * leading and own[0] not in _BULLETS
                glue = "\n\n" if far else "\n"
            else:
                following = block[at + 1] if at + 1 < len(block) else None
                setting = _Setting(left, right, leading, marked=marked, marker=own)
                glue = _glue(before, line, following, setting)
                glue = "\n" if verse and glue == " " and not before.hyphenated else glue
            _append(pieces, glue, line, words)
            if glue != " ":
                marked = own is not None
                marker = own or marker
    return "".join(pieces)


def _append(pieces: list[str], glue: str, line: Line, words: Counter[str]) -> None:
    text = line.text + "-" if line.hyphenated else line.text
    last = pieces[-1] if pieces else ""
    if glue == " " and last.endswith(("-", "\xad")):
        whole = joined(last[:-1], text, words)
        if whole is not None:
            pieces[-1] = whole
            return
    if pieces:
        pieces.append(glue)
    pieces.append(text)


def _blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that follow one another downwards: columns, frames and notes are apart."""
    blocks: list[list[Line]] = []
    for line in lines:
        last = blocks[-1][-1] if blocks else None
        if last is None or line.y > last.y + 0.6 * max(line.size, last.size):
            blocks.append([])
        blocks[-1].append(line)
    return blocks


def _leading(lines: Sequence[Line]) -> float:
    """The usual distance between baselines."""
    steps = [
        before.y - after.y
        for before, after in pairwise(lines)
        if 0.5 * before.size < before.y - after.y < 3 * before.size
    ]
    return median(steps) if steps else 0.0


def _body_size(lines: Sequence[Line]) -> float:
    """The size of type that most of the text has."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _sides(block: Sequence[Line]) -> tuple[float, float]:
    """Where full lines begin and end; the odd one that sticks out does not count."""
    ends = sorted((line.right for line in block), reverse=True)
    return min(line.left for line in block), ends[min(len(ends) // 10, 3)]


def _usual_right(pages: Sequence[Sequence[Line]]) -> float:
    """Where most full lines of the file end, for pages that have few; 0 where none do."""
    ends = Counter(round(line.right) for page in pages for line in page)
    if not ends:
        return 0.0
    right, count = ends.most_common(1)[0]
    return right if count >= _USUAL * ends.total() else 0.0


def _is_verse(block: Sequence[Line], right: float) -> bool:
    """Is it verse, or a table: lines that begin anew and end where they like?

    The longest of them look full.
    """
    capitals = sum(line.text[0].isupper() or line.text[0].isdigit() for line in block)
    full = sum(right - line.right < 2 * line.size for line in block)
    return len(block) >= 4 and capitals > 0.8 * len(block) and full < 0.4 * len(block)


def _glue(before: Line, line: Line, following: Line | None, setting: _Setting) -> str:
    """What stands between two lines: a space, a line end, or an empty line."""
    if before.hyphenated:
        return " "
    gap, shift, size = before.y - line.y, line.left - before.left, max(before.size, line.size)
    ended = _is_end(before.text)
    goes_on = setting.marker is None and not line.text[0].isupper() and line.text[0].isalnum()
    short = _has_room(before, line, setting, goes_on=goes_on)
    indented = 0.7 * size < shift < 8 * size and not setting.marked and not goes_on
    if (before.fixed and line.fixed) or _LEADERS.search(before.text[-_TAIL:]):
        glue = "\n"
    elif gap > max(_FAR * setting.leading, 1.1 * size):
        near = gap < 2 * setting.leading
        glue = " " if goes_on and not ended and not short and near else "\n\n"
    elif setting.marker and (
        ended or (not setting.marker[0].isupper() and (short or shift > size))
    ):
        glue = "\n"
    elif (abs(before.size - line.size) > 0.15 * size and (ended or not goes_on)) or (
        indented
        and (ended or short)
        and (following is None or following.left < line.left - 0.5 * size)
    ):
        glue = "\n\n"
    elif short:
        begins = line.text[0].isupper() and before.text[-1] not in ":;"
        glue = "\n\n" if ended and begins and not setting.marked else "\n"
    else:
        glue = " "
    return glue


def _has_room(before: Line, line: Line, setting: _Setting, *, goes_on: bool) -> bool:
    """Would the first word of `line` have stood at the end of the line before it?

    Words of one letter never end a line in Polish print: they go with the word behind them. Where
    the line seems to go on with a sentence, the room must be plain to see.
    """
    first = re.match(r"(?:[^\W\d] )*\S+", line.text)
    word = (first.end() if first else 0) + 1
    each = (line.right - line.left) / max(len(line.text), 1)
    needed = word * each * 1.05 + 0.5 * line.size
    if goes_on:
        needed = max(needed, 0.2 * (setting.right - setting.left))
    return setting.right - before.right > needed


def _is_end(text: str) -> bool:
    """Does a sentence end here, as far as can be seen?"""
    tail = text[-_TAIL:]
    return _ENDS.search(tail) is not None and _ABBREVIATION.search(tail) is None


def _marker(line: Line, body: float) -> str | None:
    """What marks the line as an entry of a list or a note: a bullet, ``12.``, ``b)``, a small 3."""
    found = _BULLET.match(line.text) or _NUMBERED.match(line.text)
    if found is None and line.size < 0.8 * body:
        found = _FOOTNOTE.match(line.text)
    return found[0] if found else None


def _follows(last: str | None, marker: str) -> bool:
    """Is it the next in order: ``13.`` behind ``12.``, ``c)`` behind ``b)``, a bullet again?"""
    if not last or marker[0] in _BULLETS:
        return last == marker
    if last[-1] != marker[-1] and not (last + marker).isdecimal():
        return False
    before, after = last.strip("(.)"), marker.strip("(.)")
    if before.isdecimal() and after.isdecimal():
        return int(after) == int(before) + 1
    return len(before) == len(after) == 1 and ord(after) == ord(before) + 1


def _runs_on(before: str, text: str) -> bool:
    """Does `text` go on with the sentence at the end of `before`, as far as words show it?"""
    if before.endswith("-") and text[0].isalpha():
        return True
    if _NUMBERED.match(text) or _BULLET.match(text):
        return False
    return not _is_end(before) and (text[0].islower() or before[-1] in ".,")


def _is_full(lines: Sequence[Line]) -> bool:
    """Does the page end with a line that is full, and so with no end of a paragraph?"""
    left, right = _sides(lines)
    last = lines[-1]
    wide = last.right - last.left > 0.6 * (right - left)
    return wide and right - last.right < 2 * last.size and not _is_end(last.text)


def _begins_inside(lines: Sequence[Line]) -> bool:
    """Does the page begin with a line that no paragraph begins with?"""
    first = lines[0]
    after = lines[1] if len(lines) > 1 else first
    indented = first.left > after.left + 0.5 * first.size
    wide = first.right - first.left > 0.6 * (after.right - after.left)
    return wide and not indented and abs(first.size - after.size) < 0.1 * first.size


def _whole_word(part: Part, text: str, words: Counter[str]) -> tuple[Part, str]:
    """The word that the end of a page breaks is put on the page where it begins."""
    if not part.text.endswith("-"):
        return part, text
    first = re.match(r"\S+", text)
    assert first is not None, "text begins with no space"
    whole = joined(part.text[:-1], first[0], words)
    if whole is None:
        return part, text
    return replace(part, text=whole), text[first.end() :].lstrip()
