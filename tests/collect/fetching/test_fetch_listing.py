"""Listings: what they name is fetched, and what they try is not done."""

import gzip
import hashlib
import json
import tomllib
from pathlib import Path

import pytest
from fetch_web import QUICK, in_turn, send

from mowa.errors import DataError, UsageError

DATA = b"dane" * 100


def sha1(data):
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def files(into):
    return sorted(
        str(path.relative_to(into))
        for path in into.rglob("*")
        if path.is_file() and path.name not in ("fetched.jsonl", ".fetching")
    )


def test_links_of_a_page_are_fetched_as_globs_say(web, get, into):
    page = """<base href="/files/"><A HREF="a.txt">a</A> <a href='b.txt?x=1&amp;y=2'>b</a>
    <a href="c.pdf">c</a> <a href="../">up</a> <a href="mailto:x@y.pl">m</a> <a name="n">n</a>
    <a href="javascript:alert(1)">j</a> <a href="http://[bad">z</a> <a href="a.txt#part">a</a>"""
    web.answers["/list"] = page.encode()
    web.answers["/files/a.txt"] = web.answers["/files/b.txt"] = DATA
    report = get(kind="index", index="list", include=["**/*.txt", "**/*.txt?x=*"])
    assert (report.fetched, report.failures) == (2, [])
    assert files(into)[0] == "files/a.txt"
    assert files(into)[1].startswith("files/b.txt-")


def test_a_listing_goes_on_over_pages_and_ends(web, get, into):
    web.answers["/list?p=1"] = b'<a href="a.zip">a</a><a href="list?p=2">next</a>'
    web.answers["/list?p=2"] = b'<a href="b.zip">b</a><a href="list?p=1">previous</a>'
    web.answers["/a.zip"] = web.answers["/b.zip"] = DATA
    get(kind="index", index="list?p=1", include=["*.zip"], next_page="list?p=*")
    assert files(into) == ["a.zip", "b.zip"]


def test_hostile_names_stay_in_the_folder(web, get, into, tmp_path):
    page = "".join(
        f'<a href="{link}">x</a>'
        for link in (
            "/%2e%2e/%2e%2e/out.txt",
            "/x/..%2f..%2fout2.txt",
            "/%2Fetc%2Fpasswd.txt",
            "/a%00b%0A.txt",
            "/.hidden.txt",
            "/fetched.jsonl.txt",
            "/" + "a" * 400 + ".txt",
            "/Case.txt",
            "/case.txt",
            "file:///etc/passwd.txt",
            "http://10.0.0.1/b.txt",
        )
    )
    web.answers["/list"] = page.encode()
    for path in (
        "/%2e%2e/%2e%2e/out.txt", "/x/..%2f..%2fout2.txt", "/%2Fetc%2Fpasswd.txt",
        "/a%00b%0A.txt", "/.hidden.txt", "/fetched.jsonl.txt", "/" + "a" * 400 + ".txt",
        "/Case.txt", "/case.txt", "/out.txt",
    ):  # fmt: skip
        web.answers[path] = DATA
    report = get(kind="index", index="list", include=["**"])
    assert report.fetched >= 8
    assert {"private network", "only http://"} <= {
        word
        for _, said in report.failures
        for word in ("private network", "only http://")
        if word in said
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    names = files(into)
    assert len({name.casefold() for name in names}) == len(names) == report.fetched
    assert not any(part.startswith(".") for name in names for part in name.split("/"))


def test_a_list_of_paths_is_read_packed_or_not(web, get, into):
    """Common Crawl's lists are gzip of paths below the root; HPLT's are whole addresses."""
    paths = b"crawl-data/X/warc/1.warc.gz\ncrawl-data/X/warc/2.warc.gz\n\n"
    web.answers["/crawl-data/X/warc.paths.gz"] = gzip.compress(paths, mtime=0)
    web.answers["/list.map"] = f"{web.url}three/10_1.jsonl.zst\n".encode()
    web.answers["/three/10_1.jsonl.zst"] = DATA
    for number in (1, 2):
        web.answers[f"/crawl-data/X/warc/{number}.warc.gz"] = DATA
    report = get(kind="index", index="crawl-data/X/warc.paths.gz", form="lines", limit=1)
    assert report.stopped == "the limit of 1 files is reached"
    get(kind="index", index="list.map", form="lines")
    assert files(into) == ["crawl-data/X/warc/1.warc.gz", "three/10_1.jsonl.zst"]


def test_hashes_of_a_list_are_verified(web, get, into):
    lines = f"{sha1(DATA)}  a.bz2\n{sha1(b'other')} *b.bz2\n{'0' * 40}  c.txt\n"
    web.answers["/d/sums.txt"] = lines.encode()
    web.answers["/d/a.bz2"] = web.answers["/d/b.bz2"] = DATA
    report = get(kind="index", index="d/sums.txt", form="hashes", include=["**/*.bz2"])
    assert report.fetched == 1
    assert "its sha1 is" in report.failures[0][1]
    assert files(into) == ["d/a.bz2", "d/b.bz2.bad"]


def test_names_of_a_list_may_lead_to_other_folders(web, get, into):
    """As in dumps' latest/, whose hashes name the files of the dated folder."""
    name = "plwiki-20261101-pages-articles.xml.bz2"
    web.answers["/plwiki/latest/plwiki-latest-sha1sums.txt"] = f"{sha1(DATA)}  {name}\n".encode()
    web.answers[f"/plwiki/20261101/{name}"] = DATA
    report = get(
        kind="index",
        index="plwiki/latest/plwiki-latest-sha1sums.txt",
        form="hashes",
        pattern=r"-(?P<date>\d{8})-",
        url="plwiki/{date}/{name}",
    )
    assert (report.fetched, report.failures) == (1, [])
    assert files(into) == [f"plwiki/20261101/{name}"]


def test_content_exports_of_wikimedia_are_fetched_as_the_page_of_sources_says(web, get, into):
    folder = "other/mediawiki_content_current/plwiki/2026-11-01/xml/bzip2/"
    name = "plwiki-2026-11-01-p1p9.xml.bz2"
    sums = f"{hashlib.sha256(DATA).hexdigest()}  {name}\n"
    web.answers[f"/{folder}SHA256SUMS"] = sums.encode()
    web.answers[f"/{folder}{name}"] = DATA
    text = (Path(__file__).parents[3] / "docs" / "sources.md").read_text("utf-8")
    block = next(it for it in text.split("```") if "mediawiki_content_current" in it)
    plan = tomllib.loads(block.removeprefix("toml"))
    own_values = plan.pop("values")
    assert get(kind="index", own_values=own_values, **plan).fetched == 1
    assert files(into) == [f"{folder}{name}"]


def status(job, state, **of_files):
    return json.dumps({"jobs": {job: {"status": state, "files": of_files}}}).encode()


def dumps(web):
    web.answers["/plwiki/"] = (
        b'<a href="../">..</a><a href="20261020/">x</a>'
        b'<a href="20261101/">x</a><a href="20261115/">x</a><a href="latest/">x</a>'
    )
    name = "plwiki-20261101-pages-articles1.xml-p1p9.bz2"
    path = f"/plwiki/20261101/{name}"
    facts = {"size": len(DATA), "url": path, "sha1": sha1(DATA), "md5": "0" * 32}
    other = {"size": 5, "url": "/plwiki/20261101/x.sql.gz", "sha1": "0" * 40}
    web.answers["/plwiki/20261115/dumpstatus.json"] = status("articlesdump", "in-progress")
    web.answers["/plwiki/20261101/dumpstatus.json"] = status(
        "articlesdump", "done", **{name: facts, "x.sql.gz": other}
    )
    web.answers[path] = DATA
    return name


DUMPS = {
    "kind": "index", "index": "plwiki/", "form": "dumpstatus", "job": "articlesdump",
    "include": ["*-pages-articles*.bz2"],
}  # fmt: skip


def test_the_newest_finished_dump_is_taken(web, get, into):
    name = dumps(web)
    assert get(**DUMPS).fetched == 1
    assert files(into) == [f"20261101/{name}"]
    web.requests.clear()
    assert get(**DUMPS).unchanged == 1
    assert not any(name in path for path in web.paths())


def test_files_that_a_newer_dump_no_longer_names_are_told(web, get, into):
    name = dumps(web)
    get(**DUMPS)
    newer = name.replace("20261101", "20261115")
    web.answers[f"/plwiki/20261115/{newer}"] = DATA
    web.answers["/plwiki/20261115/dumpstatus.json"] = status(
        "articlesdump", "done", **{newer: {"sha1": sha1(DATA), "size": len(DATA)}}
    )
    assert get(**DUMPS).left_over == [f"20261101/{name}"]


def test_no_finished_dump_is_said(web, get):
    dumps(web)
    with pytest.raises(DataError, match="none of the newest"):
        get(**{**DUMPS, "job": "nojob"})


@pytest.mark.parametrize(
    ("body", "form", "said"),
    [
        (b"\x1f\x8b broken", "lines", "gzip cannot be undone"),
        (gzip.compress(b"a\n" * 1000, mtime=0)[:-12], "lines", "cut short"),
        (gzip.compress(bytes(3_000_000), mtime=0), "lines", "more than 1,000,000 bytes"),
        (b"x" * 1_100_000, "links", "more than 1,000,000 bytes"),
        (b"<html>no hashes</html>", "hashes", "no list of hashes"),
    ],
)
def test_a_broken_listing_is_said(web, get, body, form, said):
    small = type(QUICK)(listing_bytes=1_000_000, backoff=0.01)
    web.answers["/list"] = body
    with pytest.raises(DataError, match=said):
        get(kind="index", index="list", form=form, limits=small)


def test_a_dump_status_that_is_no_json_is_said(web, get):
    dumps(web)
    web.answers["/plwiki/20261115/dumpstatus.json"] = b"<html>"
    with pytest.raises(DataError, match="is not JSON"):
        get(**DUMPS)


def test_a_listing_that_is_busy_at_first_is_read(web, get):
    web.answers["/list"] = in_turn(
        lambda handler: send(handler, b"", status=503),
        lambda handler: send(handler, b'<a href="a.txt">a</a>'),
    )
    web.answers["/a.txt"] = DATA
    assert get(kind="index", index="list").fetched == 1


def test_values_of_a_source_can_be_set_and_no_others(web, get):
    web.answers["/crawl/B/list"] = b"a.txt"
    web.answers["/a.txt"] = DATA
    plan = {"kind": "index", "index": "crawl/{crawl}/list", "form": "lines"}
    assert get(**plan, own_values={"crawl": "A"}, values={"crawl": "B"}).fetched == 1
    with pytest.raises(UsageError, match="no value 'crawll' to set"):
        get(**plan, own_values={"crawl": "A"}, values={"crawll": "B"})
    with pytest.raises(UsageError, match=r"there is no value for \{crawl\}"):
        get(**plan)


def test_names_for_a_terminal_hold_nothing_that_it_obeys(web, get):
    web.answers["/list"] = '<a href="/a\x1b[2J\u202e.txt">x</a>'.encode()
    report = get(kind="index", index="list")
    assert "\x1b" not in str(report.failures)
    assert "\\x1b" not in str(report.failures)
    assert "%1B" in report.failures[0][1]


def test_a_plan_says_what_would_be_fetched_without_fetching(web, source):
    from mowa.collect.fetching import FetchOptions, planned

    dumps(web)
    files, whole = planned(source(**DUMPS), FetchOptions("tester@example.org"))
    assert [(file.bytes, file.algorithm) for file in files] == [(len(DATA), "sha1")]
    assert whole
    links = "".join(f'<a href="{at}.txt">x</a>' for at in range(5))
    web.answers["/list"] = links.encode()
    plan = source(kind="index", index="list")
    files, whole = planned(plan, FetchOptions("tester@example.org", limit=3))
    assert [file.name for file in files] == ["0.txt", "1.txt", "2.txt"]
    assert not whole
    rows = source(kind="api", store="rows", levels=[{"url": "l", "items": "i"}])
    files, whole = planned(rows, FetchOptions("tester@example.org"))
    assert (files[0].url, whole) == (f"{web.url}l", False)
