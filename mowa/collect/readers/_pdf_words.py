"""Words and letters of a PDF made whole: hyphens at the ends of lines, ligatures, wrong letters.

It goes by what the same file has elsewhere, but for two habits of Polish print: compounds such as
"polsko-niemiecki", and the letters that the printer drivers of Windows once confused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from mowa.collect.readers._pdf_pages import Line

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_WORD_AT_END = re.compile(r"[^\W\d_]+$")
_WORD_AT_START = re.compile(r"[^\W\d_]+")
_LONGEST = 60  # letters of a word that is looked at

# First halves of compounds of two adjectives: "polsko-", "społeczno-", "naukowo-", "kulturalno-".
# Syllables end so too ("jedno-znaczny"): the first half must be long, the second an adjective.
_FIRST_HALF = re.compile(r"(?:[sc]ko|dzko|czno|czo|owo|[aei]lno|yjno|północno|prawno|biało)$")
_SECOND_HALF = re.compile(r"(?!ści).*(?:[yiae]|ego|emu|[yi]m|ej|ą|[yi]ch|[yi]mi)$")
_ADVERBS = frozenset(("blisko", "płasko"))
_SHORTEST_HALF = 5

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)
# Bullets and ticks of the fonts Symbol and Wingdings, which word processors write as they lie.
_LETTERS = _LIGATURES | str.maketrans(
    {0xF0B7: "•", 0xF0A7: "▪", 0xF06F: "□", 0xF0D8: "➢", 0xF0FC: "✓", 0xF02D: "–", 0xF0E0: "→"}
)
_CAPITAL = "[A-ZĄĆĘŁŃÓŚŹ]"
_SWAPPED = re.compile(r"[a-ząćęłńóśź]Ŝ")
_SWAPPED_CAPITAL = re.compile(f"(?<={_CAPITAL})ś|ś(?={_CAPITAL}{{2}})")


def has_swapped_letters(pages: Iterable[Iterable[Line]]) -> bool:
    """Is "ż" written as "Ŝ", and so "Ż" as "ś"?

    So it is in files that went through PostScript with the fonts of Windows about the year 2010:
    two letters of code page 1250 were named wrongly. A capital "Ŝ" behind a small letter is no
    spelling of any language.
    """
    return any(_SWAPPED.search(line.text) for page in pages for line in page)


def mended(line: Line, *, swapped: bool) -> Line:
    """The line without ligatures and with the right letters, where `swapped` says so."""
    text = line.text.translate(_LETTERS)
    # Type that calls its hyphen a soft one: what is printed in the middle of a line is a hyphen.
    text = re.sub(r"(?<=\w)\xad(?=\w)", "-", text)
    if swapped:
        text = _SWAPPED_CAPITAL.sub("Ż", text).replace("Ŝ", "ż")
    return line if text == line.text else replace(line, text=text)


def words_of(lines: Iterable[Line]) -> Counter[str]:
    """How often the words of the file stand in the middle of its lines, compounds as they are."""
    return Counter(word.lower() for line in lines for word in _WORD.findall(line.text))


def joined(head: str, tail: str, words: Counter[str]) -> str | None:
    """`head` and `tail` with or without the hyphen that a line broke between them.

    None where `head`, given without its hyphen, ends in no letter or digit: that is a dash.
    """
    if not tail or not head[-1:].isalnum():
        return None
    first, second = _WORD_AT_END.search(head[-_LONGEST:]), _WORD_AT_START.match(tail[:_LONGEST])
    if first is None or second is None or _keeps_hyphen(first[0], second[0], words):
        return f"{head}-{tail}"
    return head + tail


def _keeps_hyphen(first: str, second: str, words: Counter[str]) -> bool:
    """Is it a compound, whose hyphen is its own? What the file has elsewhere says it best."""
    whole, compound = (first + second).lower(), f"{first}-{second}".lower()
    if words[whole] or words[compound]:
        return words[compound] > words[whole]
    if second[0].isupper():
        return True
    head, tail = first.lower(), second.lower()
    return (
        min(len(head), len(tail)) >= _SHORTEST_HALF
        and head not in _ADVERBS
        and _FIRST_HALF.search(head) is not None
        and _SECOND_HALF.match(tail) is not None
    )
