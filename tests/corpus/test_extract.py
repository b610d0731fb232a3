"""HTML to text: encodings as the web has them, and pages made to hurt."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus import _extract
from mowa.corpus._extract import extract

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


def test_the_encoding_is_found_and_noted():
    page = extract(SENTENCE.encode("cp1250"), charset="iso-8859-2")
    assert page.text == SENTENCE
    assert page.notes == ("decoded-windows-1250", "charset-overruled")


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


HEADS = {
    '<link rel="license" href="https://creativecommons.org/licenses/by/4.0/">': "CC-BY-4.0",
    '<meta name="license" content="CC0-1.0">': "CC0-1.0",
    '<meta name="DC.rights" content="http://creativecommons.org/licenses/by-sa/3.0/pl/">': (
        "LicenseRef-CC-BY-SA-3.0-PL"
    ),
    '<meta name="dc.rights" content="Wszelkie prawa zastrzeżone">': None,
    '<link rel="license" href="/regulamin">': None,
    '<link rel="stylesheet" href="https://creativecommons.org/licenses/by/4.0/">': None,
}


@pytest.mark.parametrize(("head", "licence"), HEADS.items())
def test_a_licence_is_what_the_page_marks_as_its_licence(head, licence):
    page = extract(f"<html><head>{head}</head><body><p>{SENTENCE}</p>".encode())
    assert page.licence == licence
    assert ("licence-from-page" in page.notes) == (licence is not None)


def test_a_link_to_a_licence_is_a_claim_only_if_it_says_so():
    link = '<a {}href="//creativecommons.org/licenses/by-nd/4.0/deed.pl">CC</a>'
    assert extract(link.format("").encode()).licence is None
    assert extract(link.format('rel="nofollow License" ').encode()).licence == "CC-BY-ND-4.0"


def test_two_licences_are_none():
    links = "".join(
        f'<a rel="license" href="https://creativecommons.org/licenses/{name}/4.0/">x</a>'
        for name in ("by", "by-sa")
    )
    page = extract(links.encode())
    assert (page.licence, page.notes) == (None, ("licence-ambiguous",))


@pytest.mark.parametrize(
    ("head", "url"),
    [
        ('<link rel="canonical" href="https://żółw.pl/a">', "https://żółw.pl/a"),
        ('<meta property="og:url" content="http://a.pl/b">', "http://a.pl/b"),
        ('<link rel="canonical" href="/a"><meta property="og:url" content="http://a.pl/b">',
         "http://a.pl/b"),
        ('<link rel="canonical" href="javascript:alert(1)">', None),
        ('<link rel="canonical" href="file:///etc/passwd">', None),
        ('<link rel="canonical" href="https://a.pl/b c">', None),
        ('<link rel="canonical">', None),
    ],
)  # fmt: skip
def test_a_page_says_where_it_belongs_in_addresses_of_the_web_only(head, url):
    assert extract(f"<html><head>{head}</head><body>a".encode()).url == url


ARTICLE = PAGE.replace("</article>", f"<p>{(SENTENCE + ' ') * 5}</p></article>")


def test_the_exact_mode_takes_the_main_text_and_the_same_head():
    fast, exact = (extract(ARTICLE.encode(), extraction=mode) for mode in ("fast", "exact"))
    assert (exact.title, exact.language, exact.problem) == (fast.title, fast.language, None)
    assert SENTENCE in exact.text
    assert "Drugi akapit" in exact.text
    assert "prywatności" not in exact.text
    everything = extract(ARTICLE.encode(), extraction="exact", main_content=False)
    assert "prywatności" in everything.text


def test_a_page_gives_the_exact_mode_the_same_text_each_time():
    assert len({extract(ARTICLE.encode(), extraction="exact").text for _ in range(4)}) == 1


@pytest.mark.parametrize("mode", ["learned", "exact"])
def test_a_page_too_large_for_a_costly_mode_is_read_by_the_fast_one(monkeypatch, mode):
    monkeypatch.setattr(_extract, "_MAX_CHARACTERS", 100)
    page = extract(ARTICLE.encode(), extraction=mode)
    assert page.problem == "too-large"
    assert page.text == extract(ARTICLE.encode()).text


def test_a_page_of_too_many_blocks_is_read_by_the_fast_mode(monkeypatch):
    monkeypatch.setattr(_extract, "_MAX_BLOCKS", 2)
    page = extract(ARTICLE.encode(), extraction="learned")
    assert page.problem == "learned-empty"
    assert SENTENCE in page.text


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"<div>" * 50_000 + b"x", "too-deep"),
        (b"<p>a\x00b" + b"c" * 200, None),
        (b"<nav><a href=/>a</a></nav>", None),
        (b"", None),
        (b"<p>x" * 200_000, "learned-empty"),
        (b"<td>x" * 200_000, None),
        (b"<script>" * 100_000, None),
        (b"<main><p>x</p>" + b"<ul><li>x</ul>" * 100_000, "learned-empty"),
        (b"<p " + b" ".join(b"a%d=\"'<p>" % n for n in range(1000)) + b">x</p>", None),
    ],
)
def test_pages_made_to_hurt_end_in_the_learned_mode_too(raw, problem):
    page = extract(raw, charset="utf-7", extraction="learned")
    assert page.problem == problem or problem is None


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"<div>" * 50_000 + b"x", "too-deep"),
        (b"<p>a\x00b" + b"c" * 200, "exact-empty"),
        (b'<?xml version="1.0" encoding="utf-16"?><p>abc', "exact-empty"),
        (b"", None),
    ],
)
def test_pages_made_to_hurt_end_in_the_exact_mode_too(raw, problem):
    assert extract(raw, charset="utf-7", extraction="exact").problem == problem


@pytest.mark.parametrize("mode", ["fast", "learned"])
@pytest.mark.parametrize(
    ("mark", "stays"),
    [
        ('<sup class="reference"><a href="#cite-1">[1]</a></sup>', False),
        ('<sup><a href="#n-2">[<span>uwaga</span> 2]</a> <a href="#n-3">[3]</a></sup>', False),
        ('<sup>[<i><a href="/przypisy">potrzebny przypis</a></i>]</sup>', False),
        ('<sup id="r1"><a href="#fn1">1</a></sup>', False),
        ('<sup><sup><a href="#fn1">1</a></sup></sup>', False),
        ("<sup>2</sup>", True),
        ("<sup>[2]</sup>", True),
        ('<sup><a href="/potega">2</a></sup>', True),
        ("[1]", True),
    ],
)
def test_marks_of_notes_leave_no_trace_in_a_sentence(mode, mark, stays):
    page = ARTICLE.replace("flaszy.</p>", f"flaszy.{mark}</p>")
    text = extract(page.encode(), extraction=mode).text
    assert ("flaszy.\n" in text) is not stays
