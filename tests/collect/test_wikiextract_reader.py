import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import real

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.errors import DataError

ELEMENTS = """<doc id="12" url="https://szl.wikipedia.org/wiki?curid=12" title="Lama">
Lama

Lama to je zwjyrz: 3 &lt; 5 &amp; basta.

Mo futro.

</doc>
<doc id="13" revid="9" url="https://a.pl/13" title="Film "Rejs" &amp; inne">
Film "Rejs" &amp; inne

Komedia.
</doc>
"""

BLOCKS = """
Lama:
Lama to je zwjyrz.
Sōm trzi ôrty:
wielgo a mało

Dalszy akapit bez mjana.

Porto:
Porto – mjasto.
"""


def test_an_element_is_an_article(read):
    assert read("AA/wiki_00", ELEMENTS.encode(), format="wikiextract") == [
        Record(
            key="12",
            locator="AA/wiki_00#doc=12",
            text="Lama to je zwjyrz: 3 < 5 & basta.\n\nMo futro.",
            title="Lama",
            url="https://szl.wikipedia.org/wiki?curid=12",
        ),
        Record(
            key="13",
            locator="AA/wiki_00#doc=13",
            text="Komedia.",
            title='Film "Rejs" & inne',
            url="https://a.pl/13",
        ),
    ]


def test_a_block_with_a_title_and_a_colon_is_an_article(read):
    found = read("szl.txt.gz", gzip.compress(BLOCKS.encode(), mtime=0), format="wikiextract")
    assert found == [
        Record(
            key="szl.txt#Lama",
            locator="szl.txt.gz#line=2",
            text="Lama to je zwjyrz.\nSōm trzi ôrty:\nwielgo a mało\n\nDalszy akapit bez mjana.",
            title="Lama",
        ),
        Record("szl.txt#Porto", "szl.txt.gz#line=9", "Porto – mjasto.", title="Porto"),
    ]


def test_an_article_without_text_is_an_empty_record(read):
    found = read("a.txt", "Przodńo zajta:\n \n\nLama:\nTekst.\n".encode(), format="wikiextract")
    assert [(record.title, record.text.strip()) for record in found] == [
        ("Przodńo zajta", ""),
        ("Lama", "Tekst."),
    ]


def test_text_before_the_first_title_is_not_lost(read):
    found = read("a.txt", "Wstęp.\n\nLama:\nTekst.\n".encode(), format="wikiextract")
    assert [(record.key, record.text) for record in found] == [
        ("a.txt#1", "Wstęp."),
        ("a.txt#Lama", "Tekst."),
    ]


@pytest.mark.parametrize("form", ["element", "block"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [(b"\xb3\xf3d\xbc\n", "invalid-utf-8"), (b"a" * 900 + b"\n", "record-too-large")],
)
def test_a_broken_line_costs_its_article_alone(read, form, line, reason):
    heads = [b'<doc id="%d" title="T">\n', b"T%d:\n"]
    head, end = (heads[0], b"</doc>\n") if form == "element" else (heads[1], b"\n")
    raw = b"".join(head % n + (line if n == 2 else b"Tekst.\n") + end for n in (1, 2, 3))
    found = read("a", raw, format="wikiextract", bad_input="skip", max_record_bytes=500)
    assert [
        getattr(item, "reason", item.key if isinstance(item, Record) else "") for item in found
    ][1] == reason
    assert [item.text for item in (found[0], found[2])] == ["Tekst.", "Tekst."]
    with pytest.raises(DataError):
        read("a", raw, format="wikiextract", max_record_bytes=500)


def test_an_article_too_large_is_counted(outline):
    raw = (
        b'<doc id="1" title="T">\n'
        + b"wers\n" * 300
        + b'</doc>\n<doc id="2" title="U">\nx\n</doc>\n'
    )
    found = outline("a", raw, format="wikiextract", bad_input="skip", max_record_bytes=1000)
    assert found == ["-record-too-large", "2"]


def test_an_article_that_does_not_end_is_counted(outline):
    raw = ELEMENTS.encode().replace(b"</doc>\n", b"")
    found = outline("a", raw, format="wikiextract", bad_input="skip")
    assert found == ["-unclosed-article", "-unclosed-article"]
    with pytest.raises(DataError, match="in the middle of an article"):
        outline("a", raw, format="wikiextract")


def test_a_line_outside_articles_is_counted(outline):
    raw = ELEMENTS.encode() + b"poza\n"
    found = outline("a", raw, format="wikiextract", bad_input="skip")
    assert found == ["12", "13", "-outside-article"]


def test_a_file_cut_short_gives_its_whole_articles(outline):
    packed = gzip.compress(BLOCKS.encode(), mtime=0)[:-4]
    found = outline("a.txt.gz", packed, format="wikiextract", bad_input="skip")
    assert found == ["a.txt#Lama", "-truncated-gzip"]


@given(
    st.lists(
        st.sampled_from(['<doc id="1" title="T">', "</doc>", "T:", "", " ", "tekst", "<doc ", ":"])
        | st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=9)
    )
)
def test_any_lines_give_records_or_reasons(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("wiki") / "a"
    path.write_text("\n".join(lines), "utf-8")
    options = ReaderOptions(bad_input="skip", format="wikiextract")
    found = list(read_file(path, "a", options))
    assert all(isinstance(item, Record | Skipped) for item in found)


def test_the_silesian_wikipedia_is_read_article_by_article():
    name = "szlwiki-20171020-pages-articles.txt"
    path = real(f"text/silesian-wikipedia/{name}")
    found = list(read_file(path, name, ReaderOptions(format="wikiextract")))
    assert len(found) == 6_421 + 1
    assert found[1].title == "Lama"
    assert len({record.key for record in found}) == len(found)
    written = sum(len(line.strip()) for line in path.read_text("utf-8").split("\n"))
    kept = sum(len(line.strip()) for record in found for line in record.text.split("\n"))
    titles = sum(len(record.title or "") + 1 for record in found)
    assert written - titles - 2 <= kept <= written
