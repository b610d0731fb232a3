"""What a host asks for is done: robots.txt, pace, waits; and what it may not ask is not done."""

import ipaddress
import time

import pytest
from fetch_web import in_turn, send, web_server

from mowa.collect.fetching import Limits
from mowa.collect.fetching._addresses import Border, joined, origin_of
from mowa.errors import DataError, MowaError, UsageError


def status(code, **headers):
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda handler: send(handler, b"", status=code, headers=named)


def moved(to, code=302):
    return status(code, Location=to)


def failure(report):
    assert len(report.failures) == 1, report
    return report.failures[0][1]


def test_robots_txt_is_obeyed_and_read_once(web, get):
    web.answers["/robots.txt"] = b"User-agent: *\nDisallow: /private/\n"
    web.answers["/private/a"] = web.answers["/b"] = web.answers["/c"] = b"x"
    report = get("private/a", "b", "c")
    assert report.fetched == 2
    assert "robots.txt of the host forbids" in failure(report)
    assert web.paths() == ["/b", "/c"]
    assert len(web.asked("/robots.txt")) == 1


def test_a_group_of_our_own_name_comes_before_the_star(web, get):
    web.answers["/robots.txt"] = b"User-agent: *\nDisallow: /\n\nUser-agent: Mowa\nAllow: /\n"
    web.answers["/a"] = b"x"
    assert get("a").failures == []


def test_a_robots_txt_that_cannot_be_read_forbids_all(web, get):
    web.answers["/robots.txt"] = status(503)
    web.answers["/a"] = b"x"
    assert "robots.txt cannot be read (status 503)" in failure(get("a"))
    assert web.paths() == []


def test_no_robots_txt_allows_all(web, get):
    web.answers["/robots.txt"] = status(403)
    web.answers["/a"] = b"x"
    assert get("a").failures == []


def test_a_robots_txt_elsewhere_is_followed(web, get):
    web.answers["/robots.txt"] = moved("/rules")
    web.answers["/rules"] = b"User-agent: *\nDisallow: /a\n"
    web.answers["/a"] = b"x"
    assert "forbids" in failure(get("a"))


def test_an_endless_robots_txt_is_read_so_far(web, get):
    web.answers["/robots.txt"] = b"User-agent: *\nDisallow: /a\n" + b"#" * 2_000_000
    web.answers["/a"] = b"x"
    assert "forbids" in failure(get("a"))


def test_robots_of_another_host_count_for_a_redirect_to_it(web, get):
    with web_server() as other:
        other.answers["/robots.txt"] = b"User-agent: *\nDisallow: /\n"
        other.answers["/a"] = b"x"
        web.answers["/a"] = moved(f"{other.url}a")
        assert "forbids" in failure(get("a"))
        assert other.paths() == []


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_asked_again_after_the_wait_that_it_names(web, get, into, quiet, code):
    web.answers["/a"] = in_turn(
        status(code, Retry_After="1"), lambda handler: send(handler, b"here")
    )
    start = time.monotonic()
    assert get("a").failures == []
    assert time.monotonic() - start >= 1
    assert (into / "a").read_bytes() == b"here"
    assert any(f"status {code}; again in 1 s" in line for line in quiet.lines)


def test_a_wait_of_hours_ends_the_file_with_the_way_out(web, get):
    web.answers["/a"] = status(429, Retry_After="7200")
    said = failure(get("a"))
    assert "asks to wait 7,200 s" in said
    assert "run the same command later" in said
    assert len(web.asked("/a")) == 1


def test_a_server_that_stays_busy_is_left_after_the_retries(web, get):
    web.answers["/a"] = status(503, Retry_After="0")
    assert "status 503, 3 times" in failure(get("a"))
    assert len(web.asked("/a")) == 3


def test_a_host_that_does_not_answer_is_said(get, web, source):
    web.close()
    assert "the robots.txt" in failure(get("a")) or "connection failed" in failure(get("a"))


def test_requests_to_a_host_are_paced(web, get):
    times = []

    def answer(handler):
        times.append(time.monotonic())
        send(handler, b"x")

    for name in "abc":
        web.answers[f"/{name}"] = answer
    start = time.monotonic()
    get("a", "b", "c", delay=0.15)  # after robots.txt, the first request
    assert len(times) == 3
    # Since the start, not since the one before: arrivals are late by unlike times.
    assert all(when - start >= 0.15 * number for number, when in enumerate(times, start=1))


def test_a_crawl_delay_slows_down_as_far_as_the_bound(web, get):
    web.answers["/robots.txt"] = b"User-agent: *\nCrawl-delay: 1000\n"
    web.answers["/a"] = web.answers["/b"] = b"x"
    start = time.monotonic()
    get("a", "b", limits=Limits(crawl_delay=0.2))
    assert 0.4 <= time.monotonic() - start < 100


def test_a_redirect_to_another_host_is_followed(web, get, into):
    with web_server() as other:
        other.answers["/files/a.txt"] = b"there"
        web.answers["/a"] = moved(f"{other.url}files/a.txt", 301)
        assert get("a").failures == []
    assert (into / "a").read_bytes() == b"there"


def test_redirects_in_circles_end(web, get):
    web.answers["/a"] = moved("/b")
    web.answers["/b"] = moved("/a")
    assert "redirects in circles" in failure(get("a"))


def test_a_long_chain_of_redirects_ends(web, get):
    for at in range(20):
        web.answers[f"/{at}"] = moved(f"/{at + 1}")
    assert "more than 5 times" in failure(get("0"))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("file:///etc/passwd", "only http:// and https://"),
        ("ftp://127.0.0.1/a", "only http:// and https://"),
        ("http://10.0.0.1/a", "private network"),
        ("http://169.254.169.254/latest/meta-data/", "private network"),
        ("http://[::ffff:10.0.0.1]/a", "private network"),
        ("http://[fe80::1]/a", "private network"),
        ("http://0.0.0.0/a", "private network"),
        ("http://user:secret@127.0.0.1/a", "user name"),
        ("http://[::1/a", "Invalid URL in location header"),
        ("http://127.0.0.1:99999999/a", "no address"),
    ],
)
def test_a_redirect_out_of_the_web_is_refused(web, get, target, said):
    web.answers["/a"] = moved(target)
    assert said in failure(get("a"))


@pytest.mark.parametrize("target", ["http://127.0.0.1/a", "http://localhost/a", "http://[::1]/"])
def test_a_source_on_the_web_never_leads_to_the_loopback(target):
    with pytest.raises(DataError, match="private network"):
        Border("https://8.8.8.8/").check(target)


def test_a_name_that_leads_elsewhere_on_a_second_look_is_refused(monkeypatch, web, get, source):
    """The address is looked at when it is checked, and again when somebody answered."""
    from mowa.collect.fetching import _addresses

    real = _addresses.addresses_of
    public = [ipaddress.ip_address("1.1.1.1")]
    monkeypatch.setattr(
        _addresses,
        "addresses_of",
        lambda host: public if host in ("localhost", "source.example") else real(host),
    )
    border = Border("http://source.example/")
    border.check(web.url.replace("127.0.0.1", "localhost"))
    with pytest.raises(DataError, match="private network"):
        border.check_ip(ipaddress.ip_address("127.0.0.1"), "localhost", "http://localhost/")


def test_who_answers_is_looked_at(monkeypatch, web, get):
    from mowa.collect.fetching import _session

    peers = []
    monkeypatch.setattr(_session.Border, "check_ip", lambda *args: peers.append(args[1]))
    web.answers["/a"] = b"x"
    get("a")
    assert ipaddress.ip_address("127.0.0.1") in peers


def test_a_private_source_may_be_fetched_from_itself():
    border = Border("http://192.168.7.7/korpus/")
    border.check("http://192.168.7.7/korpus/a")
    with pytest.raises(DataError):
        border.check("http://192.168.7.8/a")


def test_an_origin_has_its_port_only_where_it_is_not_the_usual_one():
    assert origin_of("https://A.example:443/x") == "https://a.example"
    assert origin_of("http://[::1]:80/x") == "http://[::1]"
    assert origin_of("https://a.example:8443/x") == "https://a.example:8443"
    assert joined("https://a.example/x/", " y#z ") == "https://a.example/x/y"


KEY = {"env": "PROBA_KEY", "parameter": "wskey"}


@pytest.mark.parametrize("place", ["parameter", "header"])
def test_a_key_goes_to_its_host_and_nowhere_else(web, get, into, ledger, monkeypatch, quiet, place):
    monkeypatch.setenv("PROBA_KEY", "tajny-klucz")
    with web_server() as other:
        other.answers["/b"] = b"x"
        web.answers["/a"] = moved(f"{other.url}b")
        web.answers["/c"] = status(500)
        web.answers["/d"] = moved("/d2?wskey=tajny-klucz")
        web.answers["/d2"] = status(403)
        report = get("a", "c", "d", key={"env": "PROBA_KEY", place: "wskey"})
        assert report.fetched == 1
        asked = [web.requests, other.requests]
    shown = [(place == "header" and headers.get("wskey")) or path for path, headers in asked[0]]
    assert any("tajny-klucz" in it for it in shown)
    assert not any("tajny-klucz" in f"{path}{headers}" for path, headers in asked[1])
    said = f"{ledger()}{report}{quiet.lines}"
    assert "tajny-klucz" not in said
    assert "tajny-klucz" not in "".join(
        path.read_text() for path in into.rglob("*") if path.is_file()
    )


def test_a_key_that_is_not_there_is_asked_for(get, monkeypatch):
    monkeypatch.delenv("PROBA_KEY", raising=False)
    with pytest.raises(UsageError, match="PROBA_KEY is not set"):
        get("a", key=KEY)


@pytest.mark.parametrize("contact", ["", "ja", "a@b", "żółw@example.org", "a@b.c\r\nX: y"])
def test_a_contact_must_be_of_use_to_an_administrator(source, tmp_path, contact):
    from mowa.collect.fetching import FetchOptions, fetch

    plan = source(kind="files", files=[{"url": "a"}])
    with pytest.raises(UsageError, match="administrator"):
        fetch(plan, tmp_path, FetchOptions(contact))


def test_a_file_where_the_folder_should_be_is_said(web, source, tmp_path):
    from mowa.collect.fetching import FetchOptions, fetch

    (tmp_path / "data").write_text("x")
    plan = source(kind="files", files=[{"url": "a"}])
    with pytest.raises(MowaError, match="this is no folder"):
        fetch(plan, tmp_path / "data", FetchOptions("a@b.pl"))
