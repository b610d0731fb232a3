"""The page as a whole: escaping, independence, the same bytes, all blocks."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mowa.report import (
    Bars,
    Figures,
    Histogram,
    Lines,
    Page,
    Preformatted,
    Section,
    Table,
    Text,
)

VOID = {"meta", "br", "link", "img"}
POISON = "<script>alert('zażółć')</script> & \"gęślą\""


class Balanced(HTMLParser):
    """Raises where an element is closed that was not opened last."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def parsed(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def everything(word: str) -> Page:
    return Page(
        word,
        word,
        [
            Section(
                word,
                [
                    Figures([(word, word)]),
                    Table([word, "n"], [[word, 1], [word, None]]),
                    Text(word),
                    Preformatted(word),
                    Bars(word, [(word, 1.5), ("b", -2)], unit=word),
                    Histogram(word, [1, 10, 100], [3, 4], word, log_x=True),
                    Lines(word, {word: [(0, 1), (1, 2)], "b": [(0, 3)]}, word, word),
                ],
                note=word,
            )
        ],
    )


def test_text_from_the_web_is_escaped_everywhere():
    page = parsed(everything(POISON).html())
    assert not [tag for tag, _ in page.tags if tag == "script"]
    assert page.text.count(POISON) >= 12


def test_a_page_has_no_script_and_asks_for_nothing_from_outside():
    html = everything("żółw").html()
    page = parsed(html)
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "use", "image"})
    attributes = {name for _, found in page.tags for name in found}
    assert not {name for name in attributes if name.startswith("on")}
    assert attributes.isdisjoint({"src", "href", "xlink:href", "style"})
    assert "url(" not in html
    assert "@import" not in html
    assert re.findall(r"https?://[^\"']+", html).count("http://www.w3.org/2000/svg") == len(
        re.findall(r"https?://", html)
    )
    assert "default-src 'none'" in html


def test_the_same_page_gives_the_same_bytes(tmp_path: Path):
    for name in ("a.html", "b.html"):
        everything("Łódź").write(tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert "Łódź".encode() in (tmp_path / "a.html").read_bytes()
    assert b"\r" not in (tmp_path / "a.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_a_page_can_be_read_without_seeing_it():
    page = parsed(everything("dokumenty").html())
    assert ("html", {"lang": "en"}) in page.tags
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) == 3
    assert all(attributes["role"] == "img" for attributes in pictures)
    html = everything("dokumenty").html()
    assert len(re.findall(r"<svg[^>]*><title>dokumenty</title><desc>[^<]+</desc>", html)) == 3
    headers = [attributes for tag, attributes in page.tags if tag == "th"]
    assert {attributes["scope"] for attributes in headers} == {"row", "col"}


def test_a_page_adapts_to_light_dark_narrow_and_paper():
    html = Page("T", "", []).html()
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert 'name="viewport"' in html
    assert "<title>T</title>" in html


@pytest.mark.parametrize(
    "block",
    [
        Figures([]),
        Table(["a"], []),
        Bars("a", []),
        Histogram("a", [], [], "x"),
        Histogram("a", [0, 1, 2], [0, 0], "x"),
        Lines("a", {}, "x", "y"),
        Lines("a", {"train": []}, "x", "y", log_x=True),
    ],
    ids=lambda block: type(block).__name__,
)
def test_where_there_is_nothing_to_show_a_block_says_so(block):
    html = Page("T", "", [Section("S", [block])]).html()
    assert "no data" in parsed(html).text
    assert "<svg" not in html


def test_numbers_in_a_table_are_formatted_and_aligned():
    html = str(
        Table(
            ["powód", "documents", "share", "known", "uwagi"],
            [["za krótki", 1234567, 0.0123, True, "a"], ["inny", None, 12345.6, False, "ą"]],
        ).html()
    )
    assert '<th scope="row" class="text">za krótki</th>' in html
    assert '<td class="number">1,234,567</td>' in html
    assert '<td class="number">0.01230</td>' in html
    assert '<td class="number">12,346</td>' in html
    assert '<td class="number">–</td>' in html
    assert '<td class="text">yes</td>' in html
    assert '<td class="text">no</td>' in html
    assert html.count('scope="col" class="number"') == 2


def test_numbers_of_numpy_are_numbers():
    html = str(Table(["a", "b"], [[np.int64(12345), np.float64(1.5)]]).html())
    assert ">12,345<" in html
    assert ">1.500<" in html
    assert html.count('<td class="number">') == 2


def test_a_table_refuses_a_row_of_another_length_and_nan():
    with pytest.raises(ValueError, match="a row of 1 cells in a table of 2"):
        Table(["a", "b"], [["x"]])
    with pytest.raises(ValueError, match="nan"):
        Table(["a"], [[float("nan")]])
