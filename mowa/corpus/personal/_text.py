"""How detectors walk a text: candidates of a pattern, and the words that stand before one.

What was already found is blanked with U+0000, which no pattern matches and no context crosses. So
a text with placeholders for what was found looks to every detector as it did after the find.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

Span = tuple[int, int, str]
Windows = Sequence[tuple[int, int]]
BLANK = "\0"

# Spaces and hyphens as people and typesetters put them inside a number.
SPACE = "[ \u00a0\u2009\u202f]"
HYPHEN = "[-\u2010\u2011\u2013]"

# Not beside a number: a letter, a digit, or a sign that makes it part of a longer one.
BEFORE = rf"(?<![\w\0])(?<!\d[.,/:])(?<!\d{HYPHEN})(?<!\w-)"
AFTER = rf"(?![\w\0])(?!{HYPHEN}\w)(?![./:]\d)(?!,\d{{1,2}}(?!\d))"

# Digits with no more than two signs between them. A foreign account number has letters before and
# behind them, 34 signs in all and a space after four.
_NUMBER = re.compile(r"[0-9](?:[ \u00a0\u2009\u202f\u2010\u2011\u2013.()/-]{0,2}[0-9]){5,}")
_BACK, _AHEAD = 48, 48

_LABELS = re.compile(
    r"(?P<pesel>pesel)|(?P<nip>\bnip\b|identyfikacji podatkow)|(?P<regon>regon)"
    r"|(?P<krs>\bkrs\b|krajow\w{1,3} rejestr\w{0,3} sądow)"
    r"|(?P<phone>\btel\b|telef|\bkom\b|komórk|\bfax|\bfaks|dzwo[nń]|\bsms|infolini|whatsapp|\bmob\b)"
    r"|(?P<card>kart[aąęyo]|\bkart\b|visa|mastercard)"
    r"|(?P<passport>paszport)|(?P<id_card>dow[oó]d|tożsamoś|legitym|\bseri[aięą])"
    r"|(?P<ip>\bip\b|ipv[46]|\badres\w{0,3} ip|\bhost|serwer|\bping|logowa|bramk)"
    r"|(?P<account>\bkont(?:o|a|u|em|ach)\b|rachun|\bnrb\b|iban)"
    r"|(?P<other>isbn|issn|\bean\b|gtin|zamówie|faktur|przesyłk|paczk|polis[ayęo]|umow|sygn|poz\.|wersj|version|\bwer\."
    r"|\bbdo\b|seryjn|imei|\bvin\b|firmware|katalog|artykuł|produkt|indeks|certyfikat)"
)


def windows_around(
    anchor: re.Pattern[str], text: str, *, back: int, ahead: int
) -> list[tuple[int, int]]:
    """From `back` characters before to `ahead` behind each match of `anchor`, merged."""
    windows: list[tuple[int, int]] = []
    for match in anchor.finditer(text):
        start, end = max(0, match.start() - back), min(match.end() + ahead, len(text))
        if windows and start <= windows[-1][1]:
            start = windows.pop()[0]
        windows.append((start, end))
    return windows


def numbers_in(text: str) -> list[tuple[int, int]]:
    """Windows in which a number of six digits and more may stand, with what belongs to it.

    Patterns that begin by looking behind are slow to look for: most texts have few digits.
    """
    return windows_around(_NUMBER, text, back=_BACK, ahead=_AHEAD)


def candidates(
    pattern: re.Pattern[str],
    text: str,
    judge: Callable[[re.Match[str]], Span | None],
    windows: Windows,
    *,
    overlapping: bool = True,
) -> Iterator[Span]:
    """What `judge` makes of matches of `pattern`; one it refuses may overlap the next, if allowed.

    Only `windows` of the text are looked at. Time is linear in the text for patterns with bounded
    matches.
    """
    for begin, end in windows:
        at = begin
        while match := pattern.search(text, at, end):
            span = judge(match)
            if span is not None:
                yield span
            refused = match.start() + 1 if overlapping else match.end()
            at = refused if span is None else span[1]


def before(text: str, start: int, width: int) -> str:
    """Up to `width` characters before `start`, in lower case, back to the last blank."""
    return text[max(0, start - width) : start].rpartition(BLANK)[2].lower()


def after(text: str, end: int, width: int) -> str:
    """Up to `width` characters from `end`, in lower case, up to the first blank."""
    return text[end : end + width].partition(BLANK)[0].lower()


def label(window: str) -> str:
    """The name of the last word in `window` that says what a number is; empty where none does."""
    name = ""
    for match in _LABELS.finditer(window):
        name = match.lastgroup or ""
    return name


def labels(window: str) -> list[str]:
    """The names of all such words, first to last."""
    return [match.lastgroup or "" for match in _LABELS.finditer(window)]


def digits(text: str) -> str:
    """The digits 0 to 9 of `text`."""
    return "".join(sign for sign in text if "0" <= sign <= "9")


def blanked(text: str, spans: list[Span]) -> str:
    """`text` with every character of `spans` blank."""
    parts, at = [], 0
    for start, end, _ in sorted(spans):
        parts += [text[at:start], BLANK * (end - start)]
        at = end
    return "".join([*parts, text[at:]])
