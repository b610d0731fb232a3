import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.collect.readers._srt import spoken

FILE = """\ufeff1
00:00:01,000 --> 00:00:02,500
<i>Witaj,
świecie!</i>

2
00:00:04,000 --> 00:00:05,000 X1:1 X2:2
{\\an8}- Kto to?
- Ja.

3
00:00:20,000 --> 00:00:21,000
♪ La, la ♪

4
00:00:22,000 --> 00:00:23,000
Był rok
1984
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_what_is_said_stays_without_numbers_times_tags_and_music(read, line_end):
    (record,) = read("film.srt", FILE.replace("\n", line_end).encode())
    assert record.text == "Witaj, świecie!\n- Kto to?\n- Ja.\n\nLa, la\nBył rok 1984"
    assert (record.key, record.locator) == ("film.srt", "film.srt")


def test_bytes_that_are_not_utf8_are_told(outline):
    assert outline("film.srt", FILE.encode("cp1250", "ignore"), bad_input="skip") == [
        "-invalid-utf-8"
    ]


@given(st.text(alphabet="0123:,->\n <>i{}\\a#♪", max_size=120))
def test_anything_gives_text_without_numbers_and_times(text):
    said = spoken(
        f"7\n00:00:01,000 --> 00:00:02,000\n{text}\n\n8\n00:00:03,000 --> 00:00:04,000\nTak"
    )
    assert said.endswith("Tak")
    assert "00:00:03,000" not in said
