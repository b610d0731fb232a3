"""JSON APIs: pages, links, cursors, levels; rows that are stored and documents that are fetched."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from fetch_web import send

from mowa.errors import DataError, UsageError


def replies(web, path, function):
    """Answers `path` with the JSON of function(parameters)."""

    def answer(handler):
        query = {key: value[0] for key, value in parse_qs(urlsplit(handler.path).query).items()}
        send(handler, json.dumps(function(query), ensure_ascii=False).encode())

    web.answers[path] = answer


def rows(into):
    return [
        json.loads(line)
        for path in sorted((into / "pages").glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]


NUMBERED = {
    "kind": "api",
    "store": "rows",
    "levels": [
        {
            "url": "judgments?pageSize=2",
            "items": "items",
            "page": {"by": "number", "parameter": "pageNumber"},
        }
    ],
}


def judgments(web, count=5):
    items = [{"id": at, "textContent": f"wyrok nr {at} – żółć"} for at in range(count)]

    def page(query):
        start = int(query["pageNumber"]) * int(query["pageSize"])
        return {"items": items[start : start + 2], "info": {"totalResults": count}}

    replies(web, "/judgments", page)
    return items


def test_numbered_pages_become_rows_until_one_is_empty(web, get, into, ledger):
    items = judgments(web)
    report = get(**NUMBERED)
    assert rows(into) == items
    assert (report.fetched, report.stopped) == (3, None)
    assert [line["page"] for line in ledger()] == [0, 1, 2, "end"]
    assert ledger()[0]["items"] == 2
    assert "żółć" in (into / "pages" / "000000.jsonl").read_text("utf-8")


def test_rows_go_on_where_a_run_stopped(web, get, into):
    items = judgments(web)
    assert "limit of 2 pages" in get(**NUMBERED, limit=2).stopped
    web.requests.clear()
    get(**NUMBERED)
    assert rows(into) == items
    assert "pageNumber=0" not in str(web.paths())


def test_a_second_walk_tells_what_changed(web, get, into):
    judgments(web)
    get(**NUMBERED)
    items = judgments(web, count=6)
    report = get(**NUMBERED)
    assert (report.fetched, report.unchanged) == (1, 2)
    assert rows(into) == items
    assert get(**NUMBERED, refresh="never").unchanged == 3


def test_a_shorter_list_leaves_files_over_and_says_so(web, get, into):
    judgments(web)
    get(**NUMBERED)
    judgments(web, count=2)
    assert get(**NUMBERED).left_over == ["pages/000001.jsonl", "pages/000002.jsonl"]


def test_rows_that_are_gone_from_the_folder_are_fetched_anew(web, get, into):
    items = judgments(web)
    get(**NUMBERED, limit=2)
    (into / "pages" / "000000.jsonl").unlink()
    get(**NUMBERED)
    assert rows(into) == items


def test_a_server_that_ignores_the_page_parameter_is_found_out(web, get):
    replies(web, "/judgments", lambda _: {"items": [{"id": 1}]})
    with pytest.raises(DataError, match="the same page twice"):
        get(**NUMBERED)


def test_a_cursor_is_followed_with_the_key_of_the_environment(web, get, into, ledger, monkeypatch):
    """As Europeana does."""
    monkeypatch.setenv("EUROPEANA_KEY", "sekret")
    cursors = {"*": "AoE/b+=", "AoE/b+=": None}

    def page(query):
        assert query["wskey"] == "sekret"
        assert query["qf"] == "TYPE:TEXT"
        return {"items": [{"id": query["cursor"]}], "nextCursor": cursors[query["cursor"]]}

    replies(web, "/search.json", page)
    page = {"by": "cursor", "parameter": "cursor", "first": "*", "next": "nextCursor"}
    url = "search.json?qf=TYPE:TEXT&qf=LANGUAGE:pl"
    get(
        kind="api",
        store="rows",
        key={"env": "EUROPEANA_KEY", "parameter": "wskey"},
        levels=[{"url": url, "items": "items", "page": page}],
    )
    assert [row["id"] for row in rows(into)] == list(cursors)
    assert all("?qf=TYPE:TEXT&qf=LANGUAGE:pl&" in path for path in web.paths())
    assert "sekret" not in (into / "fetched.jsonl").read_text()


@pytest.mark.parametrize("shape", ["plain", "relations"])
def test_links_to_the_next_page_are_followed(web, get, into, shape):
    def page(query):
        at = int(query.get("p", 0))
        link = f"/list?p={at + 1}" if at < 2 else None
        links = [{"rel": "self", "href": "/list"}]
        if link:
            links.append({"rel": "next", "href": link})
        return {"results": [{"n": at}], "next": link, "links": links}

    replies(web, "/list", page)
    path = "next" if shape == "plain" else "links"
    level = {"url": "list", "items": "results", "page": {"by": "link", "next": path}}
    get(kind="api", store="rows", levels=[level])
    assert [row["n"] for row in rows(into)] == [0, 1, 2]


def test_links_in_circles_end(web, get):
    replies(web, "/list", lambda q: {"results": [{"n": q.get("p")}],
                                     "next": f"/list?p={1 - int(q.get('p', 0))}"})  # fmt: skip
    level = {"url": "list?p=0", "items": "results", "page": {"by": "link", "next": "next"}}
    with pytest.raises(DataError, match="leads back to a page"):
        get(kind="api", store="rows", levels=[level])


def test_a_link_into_a_private_network_is_not_followed(web, get):
    replies(web, "/list", lambda _: {"results": [1], "next": "http://10.1.2.3/list"})
    level = {"url": "list", "items": "results", "page": {"by": "link", "next": "next"}}
    with pytest.raises(DataError, match="private network"):
        get(kind="api", store="rows", levels=[level])


def test_offsets_grow_by_their_step(web, get, into):
    replies(web, "/l", lambda q: {"i": list(range(5))[int(q["offset"]) : int(q["offset"]) + 2]})
    level = {"url": "l", "items": "i", "page": {"by": "offset", "parameter": "offset", "step": 2}}
    get(kind="api", store="rows", levels=[level])
    assert rows(into) == [0, 1, 2, 3, 4]


LEVELS = {
    "kind": "api",
    "store": "documents",
    "levels": [
        {"url": "years", "items": "years", "item": "year", "where": {"year": ["20*"]}},
        {"url": "acts/{year}", "items": "acts", "each": {"part": "parts"}},
    ],
    "documents": [
        {"url": "acts/{year}/{pos}/{part}.html", "name": "{year}/{pos}-{part}.html",
         "where": {"html": ["true"]}},
        {"url": "{pdf.url}", "where": {"html": ["false"]}},
    ],
}  # fmt: skip


def test_levels_lead_to_documents(web, get, into):
    replies(web, "/years", lambda _: {"years": [1999, 2000, 2001, 2002]})
    replies(web, "/acts/2000", lambda _: {"acts": [{"pos": 1, "parts": ["a b", "../c"],
                                                    "html": True}]})  # fmt: skip
    pdf = {"pos": 2, "parts": [1], "html": False, "pdf": {"url": f"{web.url}x.pdf"}}
    replies(web, "/acts/2001", lambda _: {"acts": [pdf, {"pos": 3, "parts": None}]})
    web.answers["/acts/2000/1/a%20b.html"] = web.answers["/acts/2000/1/..%2Fc.html"] = b"<p>"
    web.answers["/x.pdf"] = b"%PDF"
    report = get(**LEVELS)
    assert (report.fetched, report.failures) == (3, [])
    assert report.absent == [f"{web.url}acts/2002"]
    names = {str(path.relative_to(into)) for path in into.rglob("*.*") if path.is_file()}
    assert names == {"2000/1-a b.html", "2000/1-.._c.html", "x.pdf", "fetched.jsonl"} | {
        ".fetching"
    }


def test_a_list_within_that_fails_is_told_and_the_others_are_walked(web, get):
    replies(web, "/years", lambda _: {"years": [2000, 2001]})
    web.answers["/acts/2000"] = b"<html>maintenance</html>"
    replies(web, "/acts/2001", lambda _: {"acts": [{"pos": 1, "parts": [1], "html": True}]})
    web.answers["/acts/2001/1/1.html"] = b"<p>"
    report = get(**LEVELS)
    assert report.fetched == 1
    assert "is not JSON" in report.failures[0][1]


def test_documents_that_the_server_has_not_are_counted_not_failed(web, get, ledger):
    replies(web, "/years", lambda _: {"years": [2000]})
    replies(web, "/acts/2000", lambda _: {"acts": [{"pos": 1, "parts": [1], "html": True}]})
    report = get(**LEVELS)
    assert (report.absent, report.failures) == ([f"{web.url}acts/2000/1/1.html"], [])
    assert (ledger()[0]["status"], ledger()[0]["path"]) == (404, None)


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b'{"items": 3}', b"\xff\xfe", b"7"])
def test_an_answer_that_is_not_the_list_is_said(web, get, body):
    web.answers["/judgments"] = body
    with pytest.raises(DataError, match=r"not JSON|no list at"):
        get(**NUMBERED)


def test_a_field_that_the_api_no_longer_has_is_said(web, get):
    replies(web, "/years", lambda _: {"years": [2000]})
    replies(web, "/acts/2000", lambda _: {"acts": [{"parts": [1], "html": True}]})
    with pytest.raises(UsageError, match=r"there is no value for \{pos\}"):
        get(**LEVELS)
