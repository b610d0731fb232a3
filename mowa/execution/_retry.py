"""How long a server asks to be left alone."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime


def retry_after(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header: a number, or a date (RFC 9110, 10.2.3).

    Example:
        >>> retry_after(" 1.5 "), retry_after("soon"), retry_after(None)
        (1.5, None, None)
    """
    value = (value or "").strip()
    if value.replace(".", "", 1).isdecimal():
        return float(value[:9])
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)
