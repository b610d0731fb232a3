"""What a page says of itself: title, author, date, licence, in the forms that the web has."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus._extract import extract
from mowa.corpus.extraction._dates import iso_date
from mowa.corpus.extraction._json_ld import said_in

TODAY = "2026-01-31"


def page_of(head="", body="<p>Zażółć gęślą jaźń.</p>"):
    html = f"<html><head><title>Żółw</title>{head}</head><body>{body}</body></html>"
    return extract(html.encode(), latest=TODAY)


def ld(value, kind="application/ld+json"):
    return f'<script type="{kind}">{json.dumps(value)}</script>'


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2012-05-31", "2012-05-31"),
        ("2012-05-31T23:59:59+02:00", "2012-05-31"),
        (" 2012/5/1 ", "2012-05-01"),
        ("20120531", "2012-05-31"),
        ("20120531T101500", "2012-05-31"),
        ("31.05.2012", "2012-05-31"),
        ("31.05.2012, 10:15", "2012-05-31"),
        ("Thu, 31 May 2012 10:00:00 GMT", "2012-05-31"),
        ("May 31, 2012", "2012-05-31"),
        ("2012-05", "2012-05"),
        ("1834", "1834"),
        ("05/06/2012", None),
        ("2012-13-01", None),
        ("2011-02-29", None),
        ("31.04.2012", None),
        ("2026-02-01", "2026-02-01"),
        ("2026-02-02", None),
        ("9999-12-31", None),
        ("1970-01-01T00:00:00Z", None),
        ("0001-01-01", None),
        ("12 Foo 2012", None),
        ("wczoraj", None),
        ("1338465599", None),
        ("", None),
        ("2012-05-31" + "0" * 100, None),
        ("２０１２-05-31", None),
    ],
)
def test_a_date_is_iso_8601_or_none(text, day):
    assert iso_date(text, TODAY) == day


@given(st.dates(date(1000, 1, 1), date(2026, 1, 31)))
def test_a_day_in_any_of_the_forms_is_that_day(day):
    named = day.isoformat()
    forms = [
        named,
        day.strftime("%d.%m.") + named[:4],
        named.replace("-", ""),
        f"{named} 10:00",
        f"{day.day} {'JanFebMarAprMayJunJulAugSepOctNovDec'[day.month * 3 - 3 :][:3]} {named[:4]}",
    ]
    known = {"1970-01-01", "1900-01-01", "1899-12-30", "1601-01-01"}
    assert {iso_date(form, TODAY) for form in forms} == {None if named in known else named}
    assert iso_date(named, (day - timedelta(days=2)).isoformat()) is None


@given(st.text("0123456789-/.: TZMayJun", max_size=24))
def test_what_is_taken_for_a_date_is_one(text):
    found = iso_date(text)
    if found is not None:
        date.fromisoformat(found + "-01-01"[: 10 - len(found)] if len(found) < 10 else found)


def test_each_form_of_title_author_and_date_is_read():
    forms = {
        "json": ld(
            {
                "@context": "https://schema.org",
                "@graph": [
                    {"@type": "Organization", "@id": "#o", "name": "Gazeta"},
                    {"@type": "Person", "@id": "#a", "name": "Anna Nowak"},
                    {
                        "@type": ["NewsArticle"],
                        "headline": "O żółwiu",
                        "datePublished": "2020-03-04T10:00:00+01:00",
                        "author": [{"@id": "#a"}],
                        "publisher": {"@id": "#o"},
                    },
                ],
            }
        ),
        "opengraph": '<meta property="og:title" content="O żółwiu">'
        '<meta name="author" content="Anna Nowak">'
        '<meta property="article:published_time" content="2020-03-04T10:00:00Z">',
        "dublin core": "<META NAME=DC.title CONTENT='O żółwiu'><meta name=DC.creator "
        "content='Anna Nowak'><meta name=DC.date.issued content=2020-03-04>",
    }
    for form, head in forms.items():
        page = page_of(head)
        said = (page.title, page.author, page.date)
        assert said == ("O żółwiu", "Anna Nowak", "2020-03-04"), form
    page = page_of(
        body='<h1 itemprop="headline">O żółwiu</h1><span itemprop="author" itemscope>'
        '<b itemprop="name">Anna Nowak</b></span><time itemprop="datePublished" '
        'datetime="2020-03-04">wczoraj</time>'
    )
    assert (page.title, page.author, page.date) == ("O żółwiu", "Anna Nowak", "2020-03-04")
    page = page_of(
        body='<article><header><time datetime="2020-03-04">4 III</time>'
        '<a rel="nofollow author" href="/a">Anna Nowak</a></header></article>'
    )
    assert (page.author, page.date) == ("Anna Nowak", "2020-03-04")


def test_a_page_that_says_nothing_has_a_title_alone():
    page = page_of(body="<p>Napisał Jan, 4 marca 2020. <time datetime='2020-03-04'>x</time>")
    assert (page.title, page.author, page.date, page.licence) == ("Żółw", None, None, None)


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("O żółwiu | Gazeta", "", "O żółwiu"),
        ("O żółwiu – i żabie – Gazeta", "", "O żółwiu – i żabie"),
        ("O żółwiu – i żabie", "", "O żółwiu – i żabie"),
        ("O żółwiu - Blog Jana", "<h1>O  żółwiu</h1>", "O żółwiu"),
        ("O żółwiu - Blog Jana", "<h1>Blog Jana</h1>", "O żółwiu - Blog Jana"),
        ("Gazeta", "", "Żółw"),
    ],
)
def test_a_title_is_without_the_name_of_the_site(title, body, expected):
    head = '<meta property="og:site_name" content="Gazeta"><meta property="og:title" content='
    assert page_of(f'{head}"{title}">', body).title == expected


@pytest.mark.parametrize(
    ("name", "author"),
    [
        ("Anna Nowak", "Anna Nowak"),
        ("By Anna Nowak", "Anna Nowak"),
        ("Autor: Anna Nowak", "Anna Nowak"),
        ("Bya Nowak", "Bya Nowak"),
        ("Jan &amp;amp; Anna", "Jan & Anna"),
        ("admin", None),
        ("https://www.facebook.com/gazeta", None),
        ("anna@example.org", None),
        ("gazeta.pl", None),
        ("x", None),
        ("7", None),
        ("Ten tekst napisała dla nas w zeszłym roku pani Anna Nowak z Krakowa, dziękujemy", None),
    ],
)
def test_an_author_is_a_name(name, author):
    assert page_of(f'<meta name="author" content="{name}">').author == author


def test_a_licence_in_json_counts_for_the_work_and_not_for_its_picture():
    by = "https://creativecommons.org/licenses/by/4.0/"
    assert page_of(ld({"@type": "Article", "license": by})).licence == "CC-BY-4.0"
    assert page_of(ld({"@type": "Article", "license": {"@id": by}})).licence == "CC-BY-4.0"
    assert page_of(ld({"@type": "ImageObject", "license": by})).licence is None
    image = {"@type": "Article", "image": {"@type": "ImageObject", "license": by}}
    assert page_of(ld(image)).licence is None
    nd = "https://creativecommons.org/licenses/by-nd/4.0/"
    both = page_of(ld({"@type": "Article", "license": by}) + f'<link rel=license href="{nd}">')
    assert (both.licence, both.notes) == (None, ("licence-ambiguous",))


def test_tags_in_scripts_styles_comments_and_values_are_no_tags():
    fake = '<meta name="author" content="Zły Autor">'
    head = (
        f"<script>var a = '{fake}';</script><style>{fake}</style><!-- {fake} -->"
        f"<noscript>{fake}</noscript><meta name=description content='{fake}'>"
    )
    assert page_of(head).author is None
    assert page_of(head + '<meta name="author" content="Anna Nowak">').author == "Anna Nowak"


@pytest.mark.parametrize(
    "script",
    [
        "[" * 200_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"@type":"Article","author":' + "[" * 900 + '"x"' + "]" * 900 + "}",
        '{"@graph":[' + '{"@type":"Article"},' * 50_000 + "{}]}",
        '{"@type":"Article","headline":' + "9" * 10_000 + "}",
        '{"@type":{"a":1},"headline":"x"}',
        '{"@type":"Article","author":[[],{},null,{"name":[]},{"@id":[]},{"name":{"a":1}}]}',
        "NaN",
        "",
        '"' + "x" * 600_000 + '"',
        "\0",
    ],
)
def test_json_made_to_hurt_says_nothing(script):
    said = said_in([script])
    assert (said.titles, said.authors, said.dates) == ([], [], [])


def test_json_as_sloppy_as_pages_have_it_is_read():
    script = '//<![CDATA[\n{"@type":"Article","headline":"O\n żółwiu"};\n//]]>'
    assert said_in([script]).titles == ["O\n żółwiu"]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["@type", "@id", "@graph", "author", "name", "headline", "license", "publisher"]
            )
            | st.text(max_size=3),
            inner | st.sampled_from(["Article", "WebPage", "Person", "#a"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values)
def test_no_json_makes_a_page_fail(value):
    page = page_of(ld(value))
    assert page.author is None or len(page.author) <= 300


def test_many_marked_elements_take_no_more_time_than_few():
    """Going through all nodes that a query finds takes time in their number's square."""
    links = '<a rel="license" href="/x">x</a><time>' * 60_000
    assert page_of(body=f"{links}<p>abc</p>").licence is None
