"""The sources that come with Mowa, against servers of the shape that theirs have."""

import gzip
import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest
import zstandard
from fetch_web import send
from pydantic import TypeAdapter

from mowa.collect import ReaderOptions
from mowa.collect.fetching import FetchOptions, fetch
from mowa.rights import Fetch, FetchApi, available_sources, load_source, shipped_register

ROOT = Path(__file__).parents[3]
REGISTER = ROOT / "sources"
PDF = b"%PDF-1.7 tekst"
HTML = "<p>Otwieram posiedzenie. Proszę o zabranie głosu.</p>".encode()


def reply(value):
    return lambda handler: send(handler, json.dumps(value, ensure_ascii=False).encode())


def pages(parameter, by_value):
    """Answers by the value of a parameter."""

    def answer(handler):
        found = re.search(rf"[?&]{parameter}=([^&]*)", handler.path)
        value = by_value.get(found[1] if found else "", by_value.get("else"))
        send(handler, json.dumps(value).encode())

    return answer


def wolne_lektury(web):
    books = [{"title": title, "slug": slug, "href": f"{web.url}api/books/{slug}/", "author": "?"}
             for title, slug in (("Treny", "treny"), ("Tren I", "treny-tren-i"))]  # fmt: skip
    web.answers["/api/books/"] = reply(books)
    web.answers["/api/books/treny/"] = reply({"title": "Treny", "xml": "", "children": []})
    xml = f"{web.url}media/book/xml/treny-tren-i_2.xml"
    web.answers["/api/books/treny-tren-i/"] = reply({"title": "Tren I", "xml": xml})
    web.answers["/media/book/xml/treny-tren-i_2.xml"] = b"<utwor/>"
    return {"media/book/xml/treny-tren-i_2.xml": b"<utwor/>"}


def wiki(database):
    def serve(web):
        data = b"BZh9 pages"
        name = f"{database}-20261101-pages-articles.xml.bz2"
        web.answers[f"/{database}/"] = b'<a href="20261101/">20261101</a> <a href="latest/">l</a>'
        path = f"/{database}/20261101/{name}"
        sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        facts = {"size": len(data), "url": path, "md5": "0" * 32, "sha1": sha1}
        jobs = {
            "articlesdump": {"status": "done", "updated": "2026-11-03", "files": {name: facts}},
            "metahistorybz2dump": {"status": "waiting"},
        }
        web.answers[f"/{database}/20261101/dumpstatus.json"] = reply(
            {"version": "0.8", "jobs": jobs}
        )
        web.answers[path] = data
        return {f"20261101/{name}": data}

    return serve


def sejm(web):
    web.answers["/sejm/term10/proceedings"] = reply([
        {"number": 0, "dates": ["2026-12-01"], "title": "Planowane"},
        {"number": 1, "dates": ["2023-11-13", "2023-11-14"], "title": "1. Posiedzenie"},
    ])  # fmt: skip
    statements = [{"num": 0, "name": ""}, {"num": 1, "name": "Marszałek Senior"}]
    web.answers["/sejm/term10/proceedings/1/2023-11-13/transcripts"] = reply(
        {"date": "2023-11-13", "proceedingNum": 1, "statements": statements}
    )
    for number in (0, 1):
        web.answers[f"/sejm/term10/proceedings/1/2023-11-13/transcripts/{number}"] = HTML
    return {f"term10/1/2023-11-13/{number}.html": HTML for number in (0, 1)}


def senate(web):
    page = '<a href="/prace/posiedzenia/przebieg,700,1.html">1</a><a href="/o-senacie/">o</a>'
    page += '<a href="przebieg,700,1,glosowania.html">votes</a>'
    more = '<a href="/prace/posiedzenia/?k=11&amp;pp=100&amp;page=2">2</a>'
    last = '<a href="przebieg,701,1.html">2</a>'
    web.answers["/prace/posiedzenia/?k=11&pp=100"] = f"{page}{more}".encode()
    web.answers["/prace/posiedzenia/?k=11&pp=100&page=2"] = last.encode()
    for number in (700, 701):
        web.answers[f"/prace/posiedzenia/przebieg,{number},1.html"] = HTML
    return {f"prace/posiedzenia/przebieg,{number},1.html": HTML for number in (700, 701)}


def eli(web):
    web.answers["/eli/acts/DU"] = reply({"code": "DU", "years": [1997, 2026], "actsCount": 3})
    acts = [
        {"pos": 1, "textHTML": True, "textPDF": True, "address": "WDU20260000001"},
        {"pos": 2, "textHTML": False, "textPDF": True},
        {"pos": 3, "textPDF": True},
        {"pos": 4, "textHTML": False, "textPDF": False},
    ]
    web.answers["/eli/acts/DU/2026"] = reply({"count": 4, "items": acts, "totalCount": 4})
    web.answers["/eli/acts/DU/2026/1/text.html"] = HTML
    web.answers["/eli/acts/DU/2026/2/text.pdf"] = web.answers["/eli/acts/DU/2026/3/text.pdf"] = PDF
    return {"DU/2026/1.html": HTML, "DU/2026/2.pdf": PDF, "DU/2026/3.pdf": PDF}


def rows_of(*pages_of_items):
    return {
        f"pages/{at:06}.jsonl": "".join(
            json.dumps(item, ensure_ascii=False) + "\n" for item in items
        ).encode()
        for at, items in enumerate(pages_of_items)
    }


def saos(web):
    items = [{"id": 1, "textContent": "<p>Wyrok</p>", "judgmentDate": "2020-01-02"}]
    answer = {"links": [{"rel": "next", "href": "https://www.saos.org.pl/x"}], "items": items}
    web.answers["/api/dump/judgments"] = pages(
        "pageNumber", {"0": answer, "else": {"links": [], "items": []}}
    )
    return rows_of(items)


def polona(web):
    hits = [{"id": "a", "title": "Kurier"}]
    web.answers["/api/search-service/search/simple"] = pages(
        "page", {"0": {"hits": hits, "totalElements": 1}, "else": {"hits": []}}
    )
    return rows_of(hits)


def europeana(web):
    one, two = [{"id": "/1/a", "title": ["Kurier"]}], [{"id": "/1/b", "title": ["Goniec"]}]
    web.answers["/record/v2/search.json"] = pages(
        "cursor",
        {"%2A": {"items": one, "nextCursor": "AoE"}, "*": {"items": one, "nextCursor": "AoE"},
         "AoE": {"items": two}},
    )  # fmt: skip
    return rows_of(one, two)


def opus(web):
    there = f"{web.url}OPUS-OpenSubtitles/v2024/"
    corpora = [
        {"corpus": "OpenSubtitles", "version": "v2024", "url": f"{there}{path}", "size": 1}
        for path in ("raw/pl.zip", "mono/pl.txt.gz", "moses/en-pl.txt.zip", "freq/pl.freq.gz")
    ]
    web.answers["/opusapi/"] = reply({"corpora": corpora})
    web.answers["/OPUS-OpenSubtitles/v2024/raw/pl.zip"] = b"PK"
    return {"v2024/pl.zip": b"PK"}


def common_crawl(web):
    folder = "crawl-data/CC-MAIN-2026-21/segments/1/warc"
    names = [f"{folder}/CC-MAIN-{at}.warc.gz" for at in range(3)]
    listing = "".join(f"{name}\n" for name in names)
    web.answers["/crawl-data/CC-MAIN-2026-21/warc.paths.gz"] = gzip.compress(
        listing.encode(), mtime=0
    )
    for name in names:
        web.answers[f"/{name}"] = gzip.compress(name.encode(), mtime=0)
    return {name: gzip.compress(name.encode(), mtime=0) for name in names[:2]}


def gutenberg(web):
    first = f'<a href="{web.url}3/8/5/38521-0.zip">x</a><a href="harvest?offset=2&amp;l=pl">n</a>'
    web.answers["/robot/harvest"] = first.encode()
    web.answers["/robot/harvest?offset=2&l=pl"] = (
        f'<a href="{web.url}2/7/27081-8.zip">x</a>'.encode()
    )
    web.answers["/3/8/5/38521-0.zip"] = web.answers["/2/7/27081-8.zip"] = b"PK"
    return {"3/8/5/38521-0.zip": b"PK", "2/7/27081-8.zip": b"PK"}


def hplt(web):
    names = [f"three/sorted/pol_Latn/{name}.jsonl.zst" for name in ("10_1", "9_1")]
    web.answers["/three/sorted/pol_Latn.map"] = "".join(f"{web.url}{n}\n" for n in names).encode()
    for name in names:
        web.answers[f"/{name}"] = zstandard.compress(b'{"text": "x"}\n')
    return {names[0]: zstandard.compress(b'{"text": "x"}\n')}


def speakleash(web):
    web.answers["/speakleash.json"] = reply([{"name": "plwikisource"}, {"name": "forum_x"}])
    data = zstandard.compress(b'{"text": "x", "meta": {}}\n')
    manifest = json.dumps({"name": "plwikisource", "license": "CC-BY-SA"}).encode()
    web.answers["/plwikisource.manifest"] = manifest
    web.answers["/plwikisource.jsonl.zst"] = data
    return {"plwikisource.manifest": manifest, "plwikisource.jsonl.zst": data}


SERVERS = {
    "common-crawl": common_crawl,
    "dziennik-ustaw-eli": eli,
    "europeana": europeana,
    "gutenberg-pl": gutenberg,
    "hplt": hplt,
    "opensubtitles": opus,
    "polona": polona,
    "saos-judgments": saos,
    "sejm-transcripts": sejm,
    "senate-transcripts": senate,
    "speakleash": speakleash,
    "wikibooks-pl": wiki("plwikibooks"),
    "wikinews-pl": wiki("plwikinews"),
    "wikipedia-csb": wiki("csbwiki"),
    "wikipedia-pl": wiki("plwiki"),
    "wikipedia-szl": wiki("szlwiki"),
    "wikiquote-pl": wiki("plwikiquote"),
    "wikisource-pl": wiki("plwikisource"),
    "wikivoyage-pl": wiki("plwikivoyage"),
    "wiktionary-pl": wiki("plwiktionary"),
    "wolne-lektury": wolne_lektury,
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_shipped_source_is_fetched_as_it_is_written(web, into, name, quiet, monkeypatch):
    monkeypatch.setenv("EUROPEANA_KEY", "klucz")
    expected = SERVERS[name](web)
    source = load_source(REGISTER, name)
    options = FetchOptions("tester@example.org", base=web.url, delay=0)
    report = fetch(source, into, options, progress=quiet)
    assert report.failures == []
    found = {
        str(path.relative_to(into)): path.read_bytes()
        for path in into.rglob("*")
        if path.is_file() and path.name not in ("fetched.jsonl", ".fetching")
    }
    assert found == expected
    again = fetch(source, into, options, progress=quiet)
    assert (again.fetched, again.failures) == (0, [])


def test_every_source_that_can_be_fetched_is_tried_here():
    can = {name for name in available_sources(REGISTER) if load_source(REGISTER, name).fetch}
    assert can == set(SERVERS)


def test_every_source_is_described_and_every_one_described_exists():
    text = (ROOT / "docs" / "sources.md").read_text("utf-8")
    described = set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, flags=re.MULTILINE))
    sections = set(re.findall(r"^### .*`([a-z0-9-]+)`", text, flags=re.MULTILINE))
    assert described == set(available_sources(REGISTER))
    wikis = {name for name in described if name.startswith("wik")}
    assert described - wikis == sections - wikis


@pytest.mark.parametrize("name", available_sources(REGISTER))
def test_every_shipped_source_is_valid_and_polite(name):
    source = load_source(REGISTER, name)
    assert source.notes or source.legal_basis == "open_licence"
    if source.fetch:
        assert source.fetch.delay >= 1
        assert source.fetch.base.startswith("https://")
        assert source.reader["format"]
    if source.licence == "NOASSERTION":
        assert source.release == "research"


def test_protected_varieties_are_sources_of_their_own():
    assert load_source(REGISTER, "wikipedia-szl").language == "szl"
    assert load_source(REGISTER, "wikipedia-csb").language == "csb"


def test_the_register_that_comes_with_mowa_is_found():
    assert shipped_register() == REGISTER


def test_api_sources_say_what_they_store():
    for name in SERVERS:
        plan = load_source(REGISTER, name).fetch
        assert not isinstance(plan, FetchApi) or plan.store in ("rows", "documents")


def test_the_fetch_tables_that_the_page_of_sources_shows_are_valid():
    text = (ROOT / "docs" / "sources.md").read_text("utf-8")
    blocks = [it.removeprefix("toml") for it in text.split("```") if it.startswith("toml\n[fetch]")]
    assert len(blocks) == 3
    for block in blocks:
        table = tomllib.loads(block.replace('"…"', f'"{"0" * 64}"'))["fetch"]
        TypeAdapter(Fetch).validate_python(table)


REGISTERS = [
    shipped_register(),
    *(ROOT / "mowa").glob("sample/project/sources"),
    *(ROOT / "mowa").glob("recipe/starter/sources"),
]


@pytest.mark.parametrize(
    ("register", "name"),
    [(folder, name) for folder in REGISTERS for name in available_sources(folder)],
    ids=lambda value: value if isinstance(value, str) else value.parent.name,
)
def test_what_a_source_says_of_its_reader_is_what_a_recipe_may_say(register, name):
    ReaderOptions.model_validate(load_source(register, name).reader)


def test_sources_do_say_how_they_are_read():
    with_reader = [
        name for name in available_sources(REGISTER) if load_source(REGISTER, name).reader
    ]
    assert len(with_reader) > 15
