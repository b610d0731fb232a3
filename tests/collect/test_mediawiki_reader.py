import itertools
import tracemalloc

import pytest

from mowa.collect import ReaderOptions, Record, Skipped, read_file

SITE = """<siteinfo><sitename>Wikipedia</sitename><dbname>plwiki</dbname>
<base>https://pl.wikipedia.org/wiki/Wikipedia:Strona_g%C5%82%C3%B3wna</base>
<namespaces><namespace key="0" /><namespace key="6">Plik</namespace>
<namespace key="14">Szufladka</namespace></namespaces></siteinfo>"""


def page(number, text="Treść.", *, title=None, ns=0, model="wikitext", more="", revision=None):
    return f"""<page><title>{title or f"Hasło {number}"}</title><ns>{ns}</ns><id>{number}</id>{more}
<revision><id>{revision or number * 10}</id><parentid>7</parentid>
<timestamp>2026-10-0{number % 9 + 1}T00:00:00Z</timestamp>
<contributor><username>Ktoś</username><id>99</id></contributor><comment>[[x]]</comment>
<model>{model}</model><format>text/x-wiki</format>
<text bytes="9" xml:space="preserve">{text}</text><sha1>abc</sha1></revision></page>"""


def dump(*pages, site=SITE):
    return (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" '
        f'xml:lang="pl">{site}{"".join(pages)}</mediawiki>'
    ).encode()


def test_a_page_is_a_record_that_is_the_same_in_the_next_dump(read):
    raw = dump(page(123, "'''Młyn wodny''' – [[młyn]]. [[Szufladka:Młyny]]", title="Młyn (wodny)?"))
    (record,) = read("plwiki/pages-articles.xml", raw)
    assert record == Record(
        key="plwiki/123",
        locator="plwiki/pages-articles.xml#page=123&revision=1230",
        text="Młyn wodny – młyn.",
        url="https://pl.wikipedia.org/wiki/M%C5%82yn_(wodny)%3F",
        title="Młyn (wodny)?",
        date="2026-10-07T00:00:00Z",
        language="pl",
    )


@pytest.mark.parametrize(
    ("base", "key", "url"),
    [
        ("<dbname>x</dbname>", "x/1", None),
        (
            "<base>http://w.example/index.php/Główna</base>",
            "w.example/1",
            "http://w.example/index.php/",
        ),
        ("<base>javascript:alert(1)</base>", "wiki/1", None),
        ("<base>http://[::1/wiki/A</base>", "wiki/1", None),
        ("", "wiki/1", None),
    ],
)
def test_the_site_is_named_by_the_dump_or_its_host(read, base, key, url):
    (record,) = read("a.xml", dump(page(1, title="A"), site=f"<siteinfo>{base}</siteinfo>"))
    assert (record.key, record.url) == (key, url and f"{url}A")


@pytest.mark.parametrize(
    ("one", "reason", "detail"),
    [
        (page(1, ns=10), "other-namespace", "10"),
        (page(1, more='<redirect title="Inne" />'), "redirect", "Inne"),
        (page(1, "#PATRZ [[Inne]]"), "redirect", ""),
        (page(1, "# przekieruj [[Inne]]"), "redirect", ""),
        (page(1, "a = 1", model="Scribunto"), "not-wikitext", "Scribunto"),
        (page(1).replace("<text bytes", '<text deleted="deleted" bytes'), "deleted-text", ""),
    ],
)
def test_what_is_no_article_is_skipped_with_its_reason(read, one, reason, detail):
    found = read("a.xml", dump(one, page(2)))
    assert [type(item) for item in found] == [Skipped, Record]
    assert found[0] == Skipped("a.xml#page=1&revision=10", reason, detail)


def test_other_namespaces_are_read_where_the_options_name_them(outline):
    raw = dump(page(1), page(2, ns=100), page(3, ns=1))
    assert outline("a.xml", raw, wiki_namespaces=[0, 100]) == [
        "plwiki/1",
        "plwiki/2",
        "-other-namespace",
    ]


def test_of_several_revisions_the_last_one_counts(read):
    newer = page(1, "Nowa.", revision=11).partition("<revision>")[2]
    raw = dump(page(1, "Stara.").removesuffix("</page>") + "<revision>" + newer)
    (record,) = read("a.xml", raw)
    assert (record.text, record.locator) == ("Nowa.", "a.xml#page=1&revision=11")


def test_a_page_too_large_is_counted_and_the_next_is_read(outline):
    raw = dump(page(1, "ż" * 600), page(2))
    assert outline("a.xml", raw, bad_input="skip", max_record_bytes=1000) == [
        "-record-too-large",
        "plwiki/2",
    ]


def test_a_dump_that_is_cut_gives_the_pages_before_the_cut(read):
    raw = dump(page(1), page(2), page(3))
    found = read("a.xml", raw[: raw.index(b"30</id>") + 20], bad_input="skip")
    assert [item.key for item in found[:2]] == ["plwiki/1", "plwiki/2"]
    assert (found[2].locator, found[2].reason) == ("a.xml#page=3&revision=30", "truncated-xml")


def test_memory_does_not_grow_with_the_dump(tmp_path):
    path = tmp_path / "a.xml"
    filler = page(5, "słowo " * 20_000, ns=1).encode()
    with path.open("wb") as file:
        file.write(dump().removesuffix(b"</mediawiki>"))
        for _ in itertools.repeat(None, 200):
            file.write(filler)
        file.write(b"</mediawiki>")
    assert path.stat().st_size > 24 << 20
    tracemalloc.start()
    count = sum(1 for _ in read_file(path, "a.xml", ReaderOptions()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, peak < 6 << 20) == (200, True)
