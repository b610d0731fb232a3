"""Dates as pages write them for machines, as ISO 8601."""

from __future__ import annotations

import re
from datetime import date

# What stands for "no date": the first day of Unix, of spreadsheets, of .NET and of MySQL.
_NO_DATES = frozenset({"1970-01-01", "1900-01-01", "1899-12-30", "0001-01-01", "1601-01-01"})
_FIRST_YEAR = 1000
_MOST_CHARACTERS = 64

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?:\D.*)?",
        r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?:[tT ]?\d{4,6}.*)?",
        # Day first: with points it is so everywhere, and nobody writes a month above 12.
        r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?:\D.*)?",
        # RFC 5322, as in HTTP and RSS.
        r"(?:[A-Za-z]{3,9},? )?(?P<d>\d{1,2})[ -](?P<m>[A-Za-z]{3})[a-z]*[ -](?P<y>\d{4})(?:\D.*)?",
        r"(?:[A-Za-z]{3,9},? )?(?P<m>[A-Za-z]{3})[a-z]*\.? (?P<d>\d{1,2}),? (?P<y>\d{4})(?:\D.*)?",
        r"(?P<y>\d{4})-(?P<m>\d\d)",
        r"(?P<y>\d{4})",
    )
)


def iso_date(text: str, latest: str | None = None) -> str | None:
    """The day, month or year that `text` names, as ISO 8601; None where it names none.

    What may be read in two ways (``05/06/2012``) names none; nor does a day that the calendar does
    not have, one after `latest`, or one that programs write for "no date".

    Args:
        text: What a page says.
        latest: The day on which the page was collected, as ISO 8601.

    Example:
        >>> iso_date("Thu, 31 May 2012 10:00:00 GMT"), iso_date("2012-05-31T23:59+02:00")
        ('2012-05-31', '2012-05-31')
        >>> iso_date("31.02.2012"), iso_date("2030-01-01", "2026-01-31")
        (None, None)
    """
    text = text.strip()
    if len(text) > _MOST_CHARACTERS or not text.isascii():
        return None
    for form in _FORMS:
        if (found := form.fullmatch(text)) is not None:
            return _checked(found.groupdict(), latest)
    return None


def _checked(parts: dict[str, str], latest: str | None) -> str | None:
    month = parts.get("m", "1")
    number = int(month) if month.isdigit() else _MONTHS.get(month.lower(), 0)
    try:
        day = date(int(parts["y"]), number, int(parts.get("d", "1")))
    except ValueError:
        return None
    size = 4 if "m" not in parts else 7 if "d" not in parts else 10
    named = day.isoformat()[:size]
    # Time zones: a page may be of the day after the one on which it was fetched, as we count.
    if day.year < _FIRST_YEAR or named in _NO_DATES or (latest and _is_after(day, latest)):
        return None
    return named


def _is_after(day: date, latest: str) -> bool:
    try:
        return day.toordinal() > date.fromisoformat(latest[:10]).toordinal() + 1
    except ValueError:
        return False
