"""Pieces of a text that a translator must not touch, and the markers that stand for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

# In this order: what holds others comes first. All have bounds: a text that begins a thousand
# formulas and ends none must not take a thousand looks at all of it.
_PIECES = (
    # A code block, to its end or to that of the text.
    r"(?ms:^[ \t]*(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z))",
    # Inline code.
    r"(?s:(?<!`)(?P<ticks>`+)(?!`).{1,2000}?(?<!`)(?P=ticks)(?!`))",
    # Formulas. As pandoc has it, there is no space inside the dollars and no digit after them, so
    # that $5 and $6 are money.
    r"(?s:\\begin\{(?P<env>[a-z*]{1,30})\}.{1,5000}?\\end\{(?P=env)\})",
    r"(?s:\$\$.{1,2000}?\$\$|\\\[.{1,2000}?\\\]|\\\(.{1,2000}?\\\))",
    r"\$(?![\s${])[^$\n]{0,500}?(?<![\s\\$])\$(?!\d)",
    # Addresses.
    r"(?i:\b(?:https?|ftp)://|\bwww\.)[^\s<>\"'`]{0,2000}[^\s<>\"'`.,;:!?)\]}]",
    r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b",
    # <tag> and <YOUR NAME>; {x}, {{x}}, ${x}; %s, %(name)s, %1$s; [NAME].
    r"</?[A-Za-z][\w:.-]{0,100}(?:\s[^<>\n]{0,500})?/?>",
    r"\$?\{\{?[^{}\n]{0,100}\}?\}",
    r"%(?:\(\w{1,50}\)|\d{1,3}\$)?[-+#0]{0,3}\d{0,3}(?:\.\d{1,3})?[sdifgxr](?!\w)",
    r"\[[A-Z][A-Z0-9_ ]{1,100}\]",
)
_MARKER = r"\[\[{salt}(\d+)\]\]"


class Unprotected(Exception):  # noqa: N818 - a translation that is not as asked, which is counted
    """A translation whose markers are not those of the original; says which."""


@dataclass(frozen=True)
class Protected:
    """A text with markers in place of what must stay.

    Attributes:
        text: What is translated; without the white space around it.
        pieces: What the markers stand for, in their order.
        salt: Of the markers, so that nothing else in the text is one.
        before: White space that stood before.
        after: White space that stood after.
    """

    text: str
    pieces: tuple[str, ...]
    salt: str
    before: str
    after: str

    @property
    def has_words(self) -> bool:
        """Is there anything to translate?"""
        return any(map(str.isalpha, self.without_markers(self.text)))

    def without_markers(self, text: str) -> str:
        """A text without the markers."""
        return re.sub(_marker(self.salt), " ", text)

    def restored(self, text: str) -> str:
        """A translation of `text` with the pieces in place of their markers.

        Raises:
            Unprotected: Where a marker is missing, stands twice, is out of its order, or is none
                of these.
        """
        found = [int(number) for number in re.findall(_marker(self.salt), text)]
        due = list(range(1, len(self.pieces) + 1))
        if sorted(found) != due:
            lacking = sorted(set(due) - set(found))
            twice = {number for number in due if found.count(number) > 1}
            more = sorted(twice | set(found) - set(due))
            said = [f"without {_numbers(lacking)}"] if lacking else []
            said += [f"too many of {_numbers(more)}"] if more else []
            raise Unprotected(", ".join(said))
        if found != due:
            raise Unprotected(f"in another order: {_numbers(found)}")
        text = re.sub(_marker(self.salt), lambda one: self.pieces[int(one[1]) - 1], text.strip())
        return f"{self.before}{text}{self.after}"


def protect(text: str, names: Sequence[str] = ()) -> Protected:
    """Put markers in place of code, formulas, addresses, placeholders and names.

    Args:
        text: Any text.
        names: Words that stay as they are; whole words, in this spelling.

    Example:
        >>> protect("Use `ls` on {host}.").text
        'Use [[1]] on [[2]].'
        >>> protect("Use `ls` on {host}.").restored("Na [[1]] użyj [[2]].")
        'Na `ls` użyj {host}.'
    """
    inner = text.strip()
    at = len(text) - len(text.lstrip())
    before, after = text[:at], text[at + len(inner) :]
    salt = _unused(inner)
    pieces: list[str] = []

    def mark(found: re.Match[str]) -> str:
        pieces.append(found[0])
        return f"[[{salt}{len(pieces)}]]"

    marked = re.sub(_pattern(names), mark, inner)
    return Protected(marked, tuple(pieces), salt, before, after)


def _pattern(names: Sequence[str]) -> str:
    longest = sorted((name for name in names if name.strip()), key=len, reverse=True)
    words = [rf"(?<!\w){re.escape(name)}(?!\w)" for name in longest]
    return "|".join([*_PIECES, *words])


def _marker(salt: str) -> str:
    return _MARKER.format(salt=salt)


def _unused(text: str) -> str:
    """Nothing, or else the first A, B … with which no marker stands in the text already."""
    letters = ("" if n == 0 else _letters(n) for n in count())
    return next(salt for salt in letters if not re.search(rf"\[\[{salt}\d", text))


def _letters(number: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + ("…" if len(numbers) > 5 else "")
