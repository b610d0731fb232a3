"""Detectors of e-mail addresses, telephone numbers and public IP addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from mowa.corpus.personal._text import (
    AFTER,
    BEFORE,
    HYPHEN,
    SPACE,
    Span,
    Windows,
    after,
    before,
    candidates,
    digits,
    label,
    labels,
    windows_around,
)  # fmt: skip

_AT = re.compile(r"@|\s?[\[({]\s?(?:at|AT|małpa)\s?[\])}]\s?")
_LOCAL = re.compile(r"[\w.%+-]{1,64}")
_DOT = r"(?:\.|\s?[\[(](?:dot|kropka)[\])]\s?)"
_DOMAIN = re.compile(rf"(?:[\w-]{{1,63}}{_DOT}){{1,8}}[A-Za-z]{{2,24}}(?![\w\0-])")

# Numbers of Poland: area codes and the first two digits of mobile numbers (UKE's numbering plan).
_AREAS = frozenset(
    f"{first}{second}"
    for first, seconds in {
        "1": "2345678", "2": "23459", "3": "234", "4": "123468", "5": "245689",
        "6": "123578", "7": "14567", "8": "12345679", "9": "145",
    }.items()
    for second in seconds
)  # fmt: skip
_MOBILES = frozenset(("45", "50", "51", "53", "57", "60", "66", "69", "72", "73", "78", "79", "88"))
_S = rf"(?:{SPACE}|{HYPHEN}|\.)?"
_ABROAD = "1|7|3[0-469]|4[0134-79]|35[0-9]|37[0-9]|38[0-9]|42[01]"
_WITH_CODE = re.compile(
    rf"{BEFORE}(?:\(?(?:\+|00){SPACE}?48\)?(?:[ \u00a0.()/-]{{0,2}}[0-9]){{9}}"
    rf"|\(?\+(?P<abroad>{_ABROAD})\)?(?:[ \u00a0.()/-]{{0,2}}[0-9]){{8,11}}){AFTER}"
)
_SHAPED = re.compile(
    rf"{BEFORE}(?:\((?:0{HYPHEN}?)?(?P<area>[0-9]{{2}})\){SPACE}?[0-9]{{3}}{_S}[0-9]{{2}}{_S}[0-9]{{2}}"
    rf"|(?P<threes>[0-9]{{3}}(?P<gap>{SPACE}|{HYPHEN})[0-9]{{3}}(?P=gap)[0-9]{{3}})"
    rf"|(?P<land>[0-9]{{2}}(?P<one>{SPACE}|{HYPHEN})[0-9]{{3}}(?P<two>{SPACE}|{HYPHEN})[0-9]{{2}}(?P=two)[0-9]{{2}})"
    rf"){AFTER}"
)
_NAMED = re.compile(
    rf"(?<![\w\0])(?:\+|00)?\(?[0-9](?:[ \u00a0./()\u2011\u2013-]{{0,2}}[0-9]){{6,11}}"
    rf"(?![\w\0]|{HYPHEN}[0-9])"
)
_UNIT = re.compile(
    r"\s?(?:zł|pln|eur|usd|€|\$|%|proc|tys|mln|mld|os[oó]b|m2|m²|km|kg|ton|szt|ha\b|gr\b|[-–]\s?\d|\d|[a-ząćęłńóśźż]{4})"
)
_NEAR = 50

_IPV4 = re.compile(r"(?<![\w\0.-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w\0]|[.-]\w)")
_IPV6 = re.compile(r"(?<![\w\0:.])[0-9A-Fa-f:]{6,39}(?![\w\0:])")
# Patterns that begin with a set of signs are the ones that `re` is fast to look for.
_DOTS = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_COLONS = re.compile(r"[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:")
_VERSION = re.compile(r"(?:wersj\w*|version|ver?\.?|\bpkt|\bust\.|§|art\.|rozdz\w*\.?)\W{0,3}$")
_GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")


def emails(text: str, _: Windows) -> Iterator[Span]:
    """E-mail addresses, also with (at) or [małpa] and (kropka)."""
    end = 0
    for at in _AT.finditer(text):
        # Backwards from the sign, so that a long run of letters is walked once.
        local = _LOCAL.match(text[max(end, at.start() - 64) : at.start()][::-1])
        domain = _DOMAIN.match(text, at.end(), at.end() + 512)
        if local is None or domain is None:
            continue
        name = local[0][::-1].lstrip(".%+-")
        start = at.start() - len(name)
        if not name or text[max(0, start - 2) : start] == "//" or text[start - 1 : start] == "\0":
            continue
        if name == "git" or (at[0] != "@" and len(at[0]) < 3):
            continue
        end = domain.end()
        yield start, end, "email"


def telephones(text: str, windows: Windows) -> Iterator[Span]:
    """With +48; in the shape of a number; or, behind a word such as tel., any 7 to 12 digits."""
    taken = [*candidates(_WITH_CODE, text, _with_code, windows)]
    taken += _free(candidates(_SHAPED, text, lambda match: _shaped(text, match), windows), taken)
    named = candidates(_NAMED, text, lambda match: _named(text, match), windows, overlapping=False)
    taken += _free(named, taken)
    yield from taken


def _free(found: Iterator[Span], taken: list[Span]) -> list[Span]:
    used = {at for start, end, _ in taken for at in range(start, end)}
    return [span for span in found if not used or used.isdisjoint(range(span[0], span[1]))]


def _with_code(match: re.Match[str]) -> Span | None:
    if match["abroad"] == "1" and (len(digits(match[0])) != 11 or digits(match[0])[1] in "01"):
        return None
    return match.start(), match.end(), "phone"


def _shaped(text: str, match: re.Match[str]) -> Span | None:
    start, end = match.span()
    if match["area"]:
        return (start, end, "phone") if match["area"] in _AREAS else None
    name = label(before(text, start, _NEAR))
    if name not in ("phone", ""):
        return None
    number = digits(match[0])
    plan = number[:2] in (_MOBILES if match["threes"] else _AREAS) or (
        match["gap"] is not None
        and match["gap"] not in " \u00a0\u2009\u202f"
        and number[:2] in _AREAS
    )
    alone = not re.search(r"[\d,.]\s$", text[max(0, start - 2) : start]) and not _UNIT.match(
        after(text, end, 12)
    )
    if name == "phone" or (plan and alone and not number.endswith("000")):
        return start, end, "phone"
    return None


def _named(text: str, match: re.Match[str]) -> Span | None:
    window = before(text, match.start(), 40)
    # Nothing but other numbers of the kind may stand between the word and the number.
    named = label(window) == "phone" and 7 <= len(digits(match[0])) <= 13
    return (match.start(), match.end(), "phone") if named and not _DATE.match(match[0]) else None


_DATE = re.compile(
    r"(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d|(?:19|20)\d\d\W{1,2}(?:19|20)\d\d)(?!\d)"
)


def addresses_of_hosts(text: str, _: Windows) -> Iterator[Span]:
    """Public IPv4 addresses that are no version or section numbers, and global IPv6 addresses."""

    def ipv4(match: re.Match[str]) -> Span | None:
        octets = match[0].split(".")
        if any(len(part) > 1 and part[0] == "0" for part in octets):
            return None
        if any(int(part) > 255 for part in octets) or not ipaddress.ip_address(match[0]).is_global:
            return None
        window = before(text, match.start(), _NEAR)
        # Sections, versions and statistical codes are of small numbers: such need a word before.
        small = all(int(part) < 100 for part in octets)
        if _VERSION.search(window) or (small and "ip" not in labels(window)):
            return None
        return match.start(), match.end(), "ip"

    def ipv6(match: re.Match[str]) -> Span | None:
        if match[0].count(":") < 2:
            return None
        try:
            address = ipaddress.IPv6Address(
                match[0].rstrip(":") if match[0][-2:] != "::" else match[0]
            )
        except ValueError:
            return None
        if address not in _GLOBAL_IPV6 or not address.is_global:
            return None
        return match.start(), match.end(), "ip"

    dots = windows_around(_DOTS, text, back=4, ahead=8)
    colons = windows_around(_COLONS, text, back=8, ahead=40)
    yield from candidates(_IPV4, text, ipv4, dots)
    yield from candidates(_IPV6, text, ipv6, colons)
