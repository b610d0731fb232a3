"""Detectors of numbers with check digits: accounts, cards, persons, businesses, documents, land."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mowa.corpus.personal import _checks
from mowa.corpus.personal._text import (
    AFTER,
    BEFORE,
    HYPHEN,
    SPACE,
    Span,
    Windows,
    before,
    candidates,
    digits,
    label,
    labels,
)  # fmt: skip

_GAP = rf"(?:{SPACE}|{HYPHEN})?"
# A number may follow its label without a space.
_LABELLED = r"(?:" + BEFORE + r"|(?<=PESEL)|(?<=REGON)|(?<=NIP)|(?<=KRS)|(?<=nip)|(?<=NIP PL))"
_POLISH_ACCOUNT = re.compile(
    rf"{BEFORE}(?:PL{SPACE}?)?[0-9]{{2}}(?:{_GAP}[0-9]{{4}}){{6}}{AFTER}", re.ASCII
)
_FOREIGN_ACCOUNT = re.compile(
    rf"{BEFORE}[A-Z]{{2}}[0-9]{{2}}(?:{SPACE}?[A-Z0-9]{{4}}){{2,6}}(?:{SPACE}?[A-Z0-9]{{1,3}})?{AFTER}"
)
_CARD = re.compile(
    rf"{BEFORE}(?:[2-6][0-9]{{3}}(?P<gap>{SPACE}|-)[0-9]{{4}}(?P=gap)[0-9]{{4}}(?P=gap)[0-9]{{4}}"
    rf"|3[47][0-9]{{2}}(?:{SPACE}|-)[0-9]{{6}}(?:{SPACE}|-)[0-9]{{5}}|(?P<bare>[2-6][0-9]{{12,18}})){AFTER}"
)
_PESEL = re.compile(rf"{_LABELLED}[0-9]{{6}}{SPACE}?[0-9]{{5}}{AFTER}")
_REGON = re.compile(
    rf"{_LABELLED}[0-9]{{3}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{3}}(?:{_GAP}[0-9]{{5}})?{AFTER}"
)
_NIP = re.compile(
    rf"{_LABELLED}(?:PL{SPACE}?)?(?:(?P<own>[0-9]{{3}}{HYPHEN}[0-9]{{3}}{HYPHEN}[0-9]{{2}}{HYPHEN}[0-9]{{2}}"
    rf"|[0-9]{{3}}{HYPHEN}[0-9]{{2}}{HYPHEN}[0-9]{{2}}{HYPHEN}[0-9]{{3}})"
    rf"|[0-9]{{3}}{SPACE}?[0-9]{{3}}{SPACE}?[0-9]{{2}}{SPACE}?[0-9]{{2}}"
    rf"|[0-9]{{3}}{SPACE}[0-9]{{2}}{SPACE}[0-9]{{2}}{SPACE}[0-9]{{3}}){AFTER}"
)
_KRS = re.compile(rf"{_LABELLED}[0-9]{{10}}{AFTER}")
_LAND_REGISTER = re.compile(
    rf"{BEFORE}([A-Z]{{2}}[0-9][A-Z]){SPACE}?/{SPACE}?([0-9]{{8}}){SPACE}?/{SPACE}?([0-9]){AFTER}"
)
_SERIES = rf"(?:{SPACE}|{HYPHEN}|,? ?(?:nr|numer|NR)\.?:?{SPACE}?)?"
_ID_CARD = re.compile(rf"{BEFORE}[A-Z]{{3}}{_SERIES}[0-9]{{6}}{AFTER}")
_PASSPORT = re.compile(rf"{BEFORE}[A-Z]{{2}}{_SERIES}[0-9]{{7}}{AFTER}")
_NEAR, _FAR = 60, 100  # characters in which a label counts


def accounts(text: str, windows: Windows) -> Iterator[Span]:
    """Polish account numbers with or without PL, and IBANs of other countries; mod 97."""

    def polish(match: re.Match[str]) -> Span | None:
        number = digits(match[0])
        return (match.start(), match.end(), "iban") if _checks.is_iban(f"PL{number}") else None

    def foreign(match: re.Match[str]) -> Span | None:
        # The last group may be a word in capitals that follows: shorten to the country's length.
        length = _checks.IBAN_LENGTHS.get(match[0][:2], 0)
        number = "".join(sign for sign in match[0] if sign.isascii() and sign.isalnum())
        if length and len(number) == length and _checks.is_iban(number):
            return match.start(), match.end(), "iban"
        return None

    found = list(candidates(_POLISH_ACCOUNT, text, polish, windows))
    yield from found
    for span in candidates(_FOREIGN_ACCOUNT, text, foreign, windows):
        if all(span[1] <= start or end <= span[0] for start, end, _ in found):
            yield span


def cards(text: str, windows: Windows) -> Iterator[Span]:
    """Payment cards in groups, or without where the words before speak of a card; Luhn."""

    def judge(match: re.Match[str]) -> Span | None:
        if match["bare"] and label(before(text, match.start(), _NEAR)) != "card":
            return None
        number = digits(match[0])
        return (match.start(), match.end(), "card") if _checks.is_card(number) else None

    return candidates(_CARD, text, judge, windows)


def pesels(text: str, windows: Windows) -> Iterator[Span]:
    """PESELs of people born 1900 to 2039; any eleven digits close behind the word PESEL."""

    def judge(match: re.Match[str]) -> Span | None:
        number = digits(match[0])
        named = label(before(text, match.start(), _NEAR)) == "pesel"
        year = _checks.birth_year(number)
        alive = year is not None and 1900 <= year < 2040 and _checks.is_pesel(number)
        if named or (alive and len(match[0]) == 11):
            return match.start(), match.end(), "pesel"
        return None

    return candidates(_PESEL, text, judge, windows)


def regons(text: str, windows: Windows) -> Iterator[Span]:
    """Nine or fourteen digits with REGON before them."""

    def judge(match: re.Match[str]) -> Span | None:
        if "regon" not in labels(before(text, match.start(), _NEAR)):
            return None
        number = digits(match[0])
        return (match.start(), match.end(), "regon") if _checks.is_regon(number) else None

    return candidates(_REGON, text, judge, windows)


def nips(text: str, windows: Windows) -> Iterator[Span]:
    """Tax numbers with their hyphens, or ten digits with NIP before them."""

    def judge(match: re.Match[str]) -> Span | None:
        if not _checks.is_nip(digits(match[0])):
            return None
        names = [
            name for name in labels(before(text, match.start(), _NEAR)) if name in ("nip", "krs")
        ]
        if match["own"] or match[0].startswith("PL") or names[-1:] == ["nip"]:
            return match.start(), match.end(), "nip"
        return None

    return candidates(_NIP, text, judge, windows)


def court_registers(text: str, windows: Windows) -> Iterator[Span]:
    """Ten digits with KRS before them."""

    def judge(match: re.Match[str]) -> Span | None:
        names = [
            name for name in labels(before(text, match.start(), _FAR)) if name in ("nip", "krs")
        ]
        return (match.start(), match.end(), "krs") if names[-1:] == ["krs"] else None

    return candidates(_KRS, text, judge, windows)


def land_registers(text: str, windows: Windows) -> Iterator[Span]:
    """Numbers of land and mortgage registers."""

    def judge(match: re.Match[str]) -> Span | None:
        right = _checks.is_land_register(match[1], match[2], match[3])
        return (match.start(), match.end(), "land_register") if right else None

    return candidates(_LAND_REGISTER, text, judge, windows)


def _document(kind: str, number: str, text: str, match: re.Match[str]) -> Span | None:
    right = _checks.is_id_card if kind == "id_card" else _checks.is_passport
    if not right(number):
        return None
    window = before(text, match.start(), _FAR)
    named = label(window) in ("id_card", "passport") and not re.search(r"rejestracyjn", window)
    return (match.start(), match.end(), kind) if named else None


def documents(text: str, windows: Windows) -> Iterator[Span]:
    """Identity cards and passports where the words before speak of one."""
    for pattern, kind in ((_ID_CARD, "id_card"), (_PASSPORT, "passport")):
        yield from candidates(
            pattern,
            text,
            lambda match, kind=kind, size=3 if kind == "id_card" else 2: _document(  # type: ignore[misc]
                kind, match[0][:size] + digits(match[0]), text, match
            ),
            windows,
        )
