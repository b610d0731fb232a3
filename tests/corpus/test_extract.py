"""HTML to text: encodings as the web has them, and pages made to hurt."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus._extract import decode, extract

SENTENCE = "Zażółć gęślą jaźń, pójdźże, kiń tę chmurność w głąb flaszy."
PAGE = f"""<!DOCTYPE html>
<html lang="pl"><head><title>Żółw</title><script>var a = "<b";</script></head>
<body><nav><a href="/">Strona główna</a> <a href="/kontakt">Kontakt</a></nav>
<main><article><h1>O żółwiu</h1><p>{SENTENCE}</p>
<p>Drugi akapit o żółwiach i żabach.</p></article></main>
<footer>Polityka prywatności</footer></body></html>"""


def test_the_main_text_title_and_language_are_taken_and_the_boilerplate_left():
    page = extract(PAGE.encode())
    assert (page.title, page.language, page.problem) == ("Żółw", "pl", None)
    assert SENTENCE in page.text
    assert "Drugi akapit" in page.text.split("\n\n")[-1]
    assert "prywatności" not in page.text
    assert "var a" not in page.text
    assert "prywatności" in extract(PAGE.encode(), main_content=False).text


@pytest.mark.parametrize(
    ("raw", "charset"),
    [
        (SENTENCE.encode(), None),
        (SENTENCE.encode(), "iso-8859-2"),
        (SENTENCE.encode("utf-8-sig"), None),
        (SENTENCE.encode("utf-16"), None),
        (b"\xfe\xff" + SENTENCE.encode("utf-16-be"), "utf-8"),
        (SENTENCE.encode("utf-16-le"), "UTF-16LE"),
        (SENTENCE.encode("iso-8859-2"), "ISO-8859-2"),
        (SENTENCE.encode("cp1250"), "windows-1250"),
        (b'<meta charset="windows-1250">' + SENTENCE.encode("cp1250"), None),
        (b'<meta charset="iso-8859-2">' + SENTENCE.encode("iso-8859-2"), "no-such-charset"),
    ],
)
def test_polish_letters_survive_every_way_to_name_an_encoding(raw, charset):
    assert decode(raw, charset).endswith(SENTENCE)
    assert extract(raw, charset=charset).text == SENTENCE


def test_a_page_that_is_cut_inside_a_letter_stays_utf_8():
    text = decode((SENTENCE * 5).encode()[:-1] + b"\xc5", "utf-8")
    assert text.startswith(SENTENCE)
    assert text.endswith("\ufffd")


def test_a_page_that_lies_about_utf_8_is_not_all_replacement_characters():
    russian = "Все люди рождаются свободными и равными в своём достоинстве и правах. " * 5
    assert decode(russian.encode("cp1251"), "utf-8") == russian


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html><frameset><frame src=a></frameset></html>",
        b"<!-- <p>nic",
        b"<" * 1000,
        b"\x00<p>a\x00b" + b"c" * 200,
    ],
)
def test_pages_without_a_body_give_no_error(raw):
    assert extract(raw).problem is None


@pytest.mark.parametrize(
    "raw",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
        b"%PDF-1.7\n" + b"stream " * 50,
        bytes(range(256)) * 40,
        "tekst".encode("utf-16-le") * 50,
    ],
)
def test_what_is_not_text_is_named_so(raw):
    page = extract(raw)
    assert (page.text, page.problem) == ("", "binary")


def test_ten_megabytes_of_nested_elements_are_read_in_full_without_telling_main_content():
    page = extract(b"<div>x" * 1_700_000)
    assert page.problem == "too-deep"
    assert page.text.count("x") == 1_700_000


def test_a_tag_with_a_million_attributes_cuts_the_page_before_it():
    attributes = " ".join(f'a{number}=">"' for number in range(1_000_000))
    page = extract(f"<p>{SENTENCE}</p><div {attributes}>dalej</div>".encode())
    assert (page.text, page.problem) == (SENTENCE, "cut")


def test_a_long_page_with_many_ordinary_tags_is_not_cut():
    row = "<tr><td class=\"a b\" title='x > y'>1 < 2</td><td data-x=ż checked>b</td></tr>"
    page = extract(f"<table>{row * 2000}</table><p>{SENTENCE}</p>".encode())
    assert page.problem is None
    assert SENTENCE in page.text


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.binary(max_size=300), st.text("<>/= \"'!-abdivtableps&;#x\0ą", max_size=300)))
def test_no_bytes_make_extraction_fail(raw):
    page = extract(raw if isinstance(raw, bytes) else raw.encode())
    page.text.encode()


@pytest.mark.parametrize("charset", [None, "utf-8", "cp1250", "utf-16", "gb18030", "bogus"])
def test_no_charset_makes_random_bytes_fail(charset):
    extract(b"<p>" + os.urandom(2000).translate(None, bytes(32)), charset=charset)
