"""Detectors that go by Polish words: postal addresses, dates of birth, plates of vehicles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mowa.corpus.personal._text import (
    BEFORE,
    SPACE,
    Span,
    Windows,
    after,
    before,
    candidates,
    windows_around,
)

_UPPER = "A-ZĄĆĘŁŃÓŚŹŻ"
_WORD = rf"[{_UPPER}](?:\w|[’'.-](?=\w)){{0,30}}"
_SMALL = (
    r"(?:gen|ks|św|kard|bp|abp|płk|ppłk|mjr|kpt|por|ppor|prof|dr|inż|hr|im|marsz|rtm|bł|o|br|dyw|bryg"
    r"|[A-ZŁŚŻ]|i|w|we|pod|nad|na|przy|od|z|do|de|van|von|księdza|generała|świętego|świętej)\.?"
)
_STREET = (
    r"(?<![\w\0])(?:[Uu]l\.|UL\.|[Uu]lic[aęyąi]|[Uu]licami?|[Aa]l\.|AL\.|[Aa]lej[aęiąe]|[Aa]lejach|[Oo]s\.|OS\."
    r"|[Oo]siedl[eua]|[Oo]siedlem|[Pp]l\.|PL\.|[Pp]lac|[Pp]lac[ue]|[Pp]lacem|[Ss]kwer\w{0,2}|[Rr]ond\w{1,2}|[Bb]ulwar\w{0,3})"
)
_HOUSE = (
    rf"[0-9]{{1,4}}(?:[A-Za-z]|{SPACE}[A-Z])?(?![\w\0])"
    rf"(?:{SPACE}?[/\\–-]{SPACE}?[0-9]{{1,4}}[A-Za-z]?(?![\w\0]))?"
    rf"(?:,?{SPACE}?(?:m\.|lok\.|mieszkani[ae]|lokal|lok|m){SPACE}?[0-9]{{1,4}}[A-Za-z]?(?![\w\0]))?"
)
_TOWN = rf"[0-9]{{2}}-[0-9]{{3}}\s{_WORD}(?:[ -]{_WORD}){{0,2}}"
_IN_TOWN = (
    rf"(?:,?\s(?:w\s)?{_TOWN}|,\s{_WORD}(?=[,.;)\n]|$)|,?\sw(?:e)?\s{_WORD}(?:{SPACE}{_WORD})?)?"
)
_ADDRESS = re.compile(
    rf"{_STREET}{SPACE}{{0,2}}"
    rf"(?:[0-9]{{1,3}}(?:\.|-\w{{1,6}})?{SPACE})?(?:{_SMALL}{SPACE}?){{0,3}}{_WORD}"
    rf"(?:{SPACE}(?:{_WORD}|{_SMALL})){{0,4}}{SPACE}(?:nr{SPACE})?(?P<house>{_HOUSE}){_IN_TOWN}"
)
# Patterns that begin with a set of letters are the ones that `re` is fast to look for.
_STREET_WORD = re.compile(r"[UuAaOoPpSsRrBb](?:[lLsS]\.|lic|lej|siedl|lac|kwer|ond|ulwar)")
_BORN_WORD = re.compile(r"[Uu][Rr](?:\.|[Oo][Dd][Zz]|\b)")
_PLATE_WORD = re.compile(r"[RrTt](?:[Ee][Jj]|[Aa][Bb][Ll][Ii][Cc])")
_CODE = re.compile(r"[0-9]{2}-[0-9]{3}\s")
_TOWN_BEFORE = re.compile(rf"(?<![\w\0-]){_TOWN},?\s$")
_NO_STREET = re.compile(
    rf"(?<![\w\0-]){_WORD}(?:{SPACE}{_WORD}){{0,2}}{SPACE}(?P<house>{_HOUSE}),?\s{_TOWN}"
)
_MONTH = (
    r"stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada"
    r"|grudnia"
)
# What may follow a number that is no house: "przy ulicy Długiej 5 maja", "20 osób".
_NO_HOUSE = re.compile(
    rf"\s?(?:{_MONTH}|r\.|rok|lat\b|lata|os[oó]b|minut|metr|km\b|zł|proc|%|tys|mln|godz|dni\b|razy|w\.\s)"
)
_DATE = re.compile(
    rf"{BEFORE}(?:[0-9]{{1,2}}{SPACE}?[.\-/]{SPACE}?[0-9]{{1,2}}{SPACE}?[.\-/]{SPACE}?(?P<one>(?:19|20)[0-9]{{2}})"
    rf"|[0-9]{{1,2}}{SPACE}(?:{_MONTH}|[IVX]{{1,4}}){SPACE}(?P<two>(?:19|20)[0-9]{{2}})"
    rf"|(?P<three>(?:19|20)[0-9]{{2}})-[0-9]{{2}}-[0-9]{{2}})(?![\w\0])"
)
_BORN = re.compile(r"(?:\bur\.|urodz\w{0,8}|\bdat\w{0,2} ur)[^0-9\n]{0,40}$")
# "Ubezpieczeni urodzeni po dniu 31 grudnia 1948 r." are nobody in particular.
_BOUND = re.compile(r"\b(?:po|przed|do|od|śmierci|zmarł\w*|między)\b[^0-9\n]{0,20}$")
_DEAD = re.compile(r"\bzm\.|zmarł|poległ|†|\bzg\.|[–—-]\s?\d")
_PLATE = re.compile(
    rf"(?<![\w\0-])[BCDEFGHKLNOPRSTUWZ][A-Z]{{0,2}}{SPACE}?(?=[0-9A-Z]{{0,4}}[0-9])[0-9A-Z]{{4,5}}(?![\w\0])"
)
_REGISTERED = re.compile(r"(?:nr\.? rej|rejestracyjn|tablic)[^0-9\n]{0,40}$")
# People born before have died: the law on personal data is of the living (recital 27 of the GDPR).
_FIRST_YEAR = 1910


def postal_addresses(text: str, _: Windows) -> Iterator[Span]:
    """Street and number, with or without postal code and town; without "ul." only with both."""

    def judge(match: re.Match[str]) -> Span | None:
        house = match.end("house")
        if house == match.end() and _NO_HOUSE.match(after(text, house, 16)):
            return None
        start = match.start()
        town = _TOWN_BEFORE.search(text, max(0, start - 80), start)
        return (town.start() if town else start), match.end(), "address"

    last = 0
    found = []
    for word in _STREET_WORD.finditer(text):
        match = _ADDRESS.match(text, word.start()) if word.start() >= last else None
        span = match and judge(match)
        if span and span[0] >= last:
            found.append(span)
            last = span[1]
    yield from found
    codes = windows_around(_CODE, text, back=120, ahead=80)
    for span in candidates(_NO_STREET, text, judge, codes):
        if all(span[1] <= start or end <= span[0] for start, end, _ in found):
            yield span


def birth_dates(text: str, _: Windows) -> Iterator[Span]:
    """Dates behind "ur." or a form of "urodzony", of people who may live."""

    def judge(match: re.Match[str]) -> Span | None:
        year = int(match["one"] or match["two"] or match["three"])
        if year < _FIRST_YEAR or not _BORN.search(before(text, match.start(), 60)):
            return None
        if _BOUND.search(before(text, match.start(), 40)) or _DEAD.search(
            after(text, match.end(), 60)
        ):
            return None
        return match.start(), match.end(), "birth_date"

    born = windows_around(_BORN_WORD, text, back=0, ahead=110)
    return candidates(_DATE, text, judge, born)


def plates(text: str, _: Windows) -> Iterator[Span]:
    """Registration numbers of vehicles behind words that announce one."""

    def judge(match: re.Match[str]) -> Span | None:
        named = _REGISTERED.search(before(text, match.start(), 60))
        return (match.start(), match.end(), "plate") if named else None

    words = windows_around(_PLATE_WORD, text, back=0, ahead=90)
    return candidates(_PLATE, text, judge, words)
