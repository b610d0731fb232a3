"""Pages as blocks, and blocks as plain text and as Markdown."""

import html
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from mowa.corpus._extract import extract
from mowa.corpus.extraction import blocks_of, from_minimal_html, rendered
from mowa.corpus.extraction._features import FEATURES, features
from mowa.corpus.extraction._hints import GROUPS, hints_of

PAGE = """<body><nav class=menu><a href=/>Dom</a></nav><h1>T&amp;t &lt;b&gt;</h1>
<p>Ala <b>ma</b> <a href="x>y">kota</a><br>druga<ol><li>raz<ul><li>pod</ul><li>dwa</ol><pre>a
   b &lt;x&gt;

 c</pre><table><tr><th>A<th>B|c<tr><td><p>1</p><td>2</table>
<table><tr><td><p>lewy</p><p>drugi</p><td>prawy</table><script>zły()</script><!-- nic -->
<div hidden>skryte</div>"""


def blocks(source):
    return blocks_of(HTMLTree.parse(source)).blocks


def test_a_page_is_the_blocks_that_it_shows():
    found = [(block.tag, block.text) for block in blocks(PAGE)]
    assert found == [
        ("nav", "Dom"),
        ("h1", "T&t <b>"),
        ("p", "Ala ma kota"),
        ("p", "druga"),
        ("li", "raz"),
        ("li", "pod"),
        ("li", "dwa"),
        ("pre", "a\n   b <x>\n\n c"),
        ("tr", "A\tB|c"),
        ("tr", "1\t2"),
        ("p", "lewy"),
        ("p", "drugi"),
        ("td", "prawy"),
        ("div", "skryte"),
    ]


def test_links_lists_and_numbers_are_counted():
    found = {block.text: block for block in blocks(PAGE)}
    assert (found["Dom"].linked, found["Dom"].links) == (3, 1)
    assert (found["Ala ma kota"].linked, found["druga"].links) == (4, 0)
    assert [(found[name].level, found[name].number) for name in ("raz", "pod", "dwa")] == [
        (1, 1),
        (2, 0),
        (1, 2),
    ]
    assert found["A\tB|c"].heads == 2


def test_markdown_keeps_headings_lists_tables_and_code():
    found = blocks(PAGE)[1:12]
    assert rendered(found, "markdown") == (
        "# T&t <b>\n\nAla ma kota\ndruga\n\n1. raz\n  - pod\n2. dwa\n\n"
        "```\na\n   b <x>\n\n c\n```\n\n| A | B\\|c |\n| --- | --- |\n| 1 | 2 |\n\nlewy\n\ndrugi"
    )
    assert "1. raz\n  • pod\n2. dwa\n\na\n   b <x>\n\n c\n\nA\tB|c\n1\t2" in rendered(found)


def test_a_fence_is_longer_than_any_in_the_code():
    [block] = blocks("<pre>a\n````\nb</pre>")
    assert rendered([block], "markdown") == "`````\na\n````\nb\n`````"


words = st.text(st.sampled_from("ab <>&\"'|#*-`\tąż.\n\\"), min_size=1, max_size=12)
elements = st.recursive(
    words.map(html.escape),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>",
        st.sampled_from(
            ["p", "div", "li", "ul", "ol", "h2", "b", "a", "pre", "td", "table", "tr", "x-y"]
        ),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


def letters(text):
    return re.sub(r"[\s\\]+", "", text)


@settings(deadline=None, max_examples=300)
@given(elements)
def test_no_text_of_a_page_is_lost_in_either_form(source):
    tree = HTMLTree.parse(f"<body>{source}")
    whole = letters(tree.body.text)
    found = blocks_of(tree).blocks
    assert letters("".join(block.text for block in found)) == whole
    for markup in ("text", "markdown"):
        form = rendered(found, markup)
        at = 0
        for block in found:
            for cell in block.text.split("\t"):
                text = cell.replace("|", "\\|") if block.tag == "tr" else cell
                text = text if markup == "markdown" else cell
                assert text in form[at:]
            at = form.index(block.text.split("\t")[0].split("|")[0], at)
            if block.tag == "pre":
                assert block.text in form


@settings(deadline=None, max_examples=200)
@given(st.text("<>/= \"'!-abdivtableps&;#x\0ą\t\n", max_size=200))
def test_no_markup_makes_blocks_fail(source):
    page = blocks_of(HTMLTree.parse(source))
    rendered(page.blocks, "markdown")
    if page.blocks:
        numbers = features(page, "a")
        assert numbers.shape == (len(page.blocks), len(FEATURES))
        assert np.isfinite(numbers).all()
    rendered(from_minimal_html(source).blocks, "markdown")


def test_hints_are_words_of_class_id_and_role():
    def hints(attributes):
        bits = hints_of("div", attributes)
        return {name for at, name in enumerate(GROUPS) if bits >> at & 1}

    assert hints('class="postComment" id="x"') == {"article", "comment"}
    assert hints('class="entry-content"') == {"content"}
    assert hints('class="post__body"') == {"content", "article", "body"}
    assert hints('style="color:red; display : none"') == {"hidden"}
    assert hints('data-class="sidebar"') == set()
    assert hints('role="navigation" hidden=""') >= {"nav", "hidden"}


SENTENCE = "Zażółć gęślą jaźń, pójdźże, kiń tę chmurność w głąb flaszy, a potem wróć do domu. "
ARTICLE = f"""<html lang="pl"><head><title>O żółwiu</title></head><body>
<nav class="menu"><ul><li><a href="/">Strona główna</a><li><a href="/k">Kontakt</a></ul></nav>
<main><article class="post"><h1>O żółwiu</h1><div class="entry-content"><p>{SENTENCE * 4}</p>
<h2>Co je</h2><p>{SENTENCE * 3}</p><ul><li>{SENTENCE}</li><li>{SENTENCE[:50]}</li></ul>
<table><tr><th>Rok</th><th>Waga</th></tr><tr><td>2020</td><td>3 kg</td></tr></table>
<pre>def f():
    return  1</pre><p>{SENTENCE * 4}</p></div></article></main>
<aside class="sidebar widget"><h3>Czytaj też</h3><ul><li><a href="/1">O żabie</a></ul></aside>
<footer class="site-footer"><p>Polityka prywatności</p></footer></body></html>"""


@pytest.mark.parametrize("mode", ["fast", "learned", "exact"])
def test_each_extractor_gives_markdown(mode):
    page = extract(ARTICLE.encode(), extraction=mode, markup="markdown")
    assert page.problem is None
    assert "## Co je" in page.text
    assert f"- {SENTENCE[:50].strip()}" in page.text
    assert "def f():\n    return  1" in page.text
    assert re.search(
        r"\| *Rok *\| *Waga *\| *\n\|[ :-]+\|[ :-]+\| *\n\| *2020 *\| *3 kg *\|", page.text
    )
    assert "prywatności" not in page.text
    assert extract(ARTICLE.encode(), extraction=mode).text.count("##") == 0


def test_markdown_holds_the_words_of_the_plain_text():
    for mode in ("fast", "learned"):
        plain, marked = (
            extract(ARTICLE.encode(), extraction=mode, markup=markup).text
            for markup in ("text", "markdown")
        )
        assert re.findall(r"\w+", marked) == re.findall(r"\w+", plain)
