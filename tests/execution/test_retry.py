"""What a server says of when to ask again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mowa.execution import retry_after


def test_a_date_is_the_time_until_then():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < retry_after(soon) <= 100
    assert 90 < retry_after(soon.replace("GMT", "-0000")) <= 100
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_a_number_is_of_seconds():
    assert retry_after(" 7 ") == 7
    assert retry_after("9" * 400) == 999_999_999


@pytest.mark.parametrize("value", [None, "", " ", "nan", "soon", "-1", "1.2.3", "."])
def test_nonsense_is_no_time(value):
    assert retry_after(value) is None
