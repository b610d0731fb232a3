"""One file, against servers that behave and servers that do not."""

import errno
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fetch_web import IMPATIENT, breaks_off, etag, in_turn, send, serve

from mowa.errors import DataError, MowaError

DATA = bytes(range(256)) * 400 + "żółw".encode()
LONG = Path(__file__).read_bytes() * 300


def failure(report):
    assert len(report.failures) == 1, report
    return report.failures[0][1]


def test_a_file_is_fetched_hashed_and_noted(web, get, into, ledger):
    web.answers["/a/zbiór.txt"] = DATA
    web.answers["/a/zbi%C3%B3r.txt"] = DATA
    report = get("a/zbiór.txt")
    assert (report.fetched, report.unchanged, report.failures) == (1, 0, [])
    assert (into / "a" / "zbiór.txt").read_bytes() == DATA
    [line] = ledger()
    assert line["path"] == "a/zbiór.txt"
    assert line["blake2b"] == hashlib.blake2b(DATA, digest_size=32).hexdigest()
    assert line["bytes"] == len(DATA)
    assert line["etag"] == etag(DATA)
    assert line["status"] == 200
    assert line["fetched_at"].startswith("20")
    assert sorted(path.name for path in into.iterdir()) == [".fetching", "a", "fetched.jsonl"]


def test_servers_are_told_who_asks(web, get):
    web.answers["/a"] = DATA
    get("a")
    for _, headers in web.requests:
        assert headers["User-Agent"].startswith("mowa/")
        assert "tester@example.org" in headers["User-Agent"]


def test_a_second_run_costs_one_request_a_file(web, get, ledger):
    web.answers["/a"] = DATA
    get("a")
    web.requests.clear()
    report = get("a")
    assert (report.fetched, report.unchanged, report.received) == (0, 1, 0)
    assert web.asked("/a")[0]["If-None-Match"] == etag(DATA)
    assert len(web.paths()) == 1
    assert len(ledger()) == 1


def test_a_checksum_that_held_costs_no_request(web, get):
    entry = {"url": "a", "sha1": hashlib.sha1(DATA, usedforsecurity=False).hexdigest()}
    web.answers["/a"] = DATA
    get(entry)
    web.requests.clear()
    assert get(entry).unchanged == 1
    assert web.paths() == []


def test_what_never_changes_is_not_asked_again(web, get):
    web.answers["/a"] = DATA
    get("a", refresh="never")
    web.requests.clear()
    assert get("a", refresh="never").unchanged == 1
    assert web.paths() == []


def test_a_file_that_is_gone_or_cut_here_is_fetched_anew(web, get, into):
    web.answers["/a"] = web.answers["/b"] = DATA
    get("a", "b")
    (into / "a").unlink()
    (into / "b").write_bytes(b"cut")
    assert get("a", "b").fetched == 2
    assert (into / "a").read_bytes() == (into / "b").read_bytes() == DATA


def test_a_file_that_changed_takes_the_place_of_the_old_one(web, get, into, ledger):
    web.answers["/a"] = DATA
    get("a")
    web.answers["/a"] = LONG
    assert get("a").fetched == 1
    assert (into / "a").read_bytes() == LONG
    assert [line["bytes"] for line in ledger()] == [len(DATA), len(LONG)]


def test_last_modified_serves_where_there_is_no_etag(web, get):
    date = "Sat, 01 Nov 2025 10:00:00 GMT"

    def answer(handler):
        if handler.headers.get("If-Modified-Since") == date:
            send(handler, b"", status=304)
        else:
            send(handler, DATA, headers={"Last-Modified": date})

    web.answers["/a"] = answer
    get("a")
    assert get("a").unchanged == 1


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(web, get, into):
    web.answers["/a"] = breaks_off(LONG, 70_000, times=2)
    assert get("a").failures == []
    assert (into / "a").read_bytes() == LONG
    starts = [headers.get("Range") for headers in web.asked("/a")]
    assert starts[0] is None
    assert all(int(start[6:-1]) > 0 for start in starts[1:])
    assert web.asked("/a")[1]["If-Range"] == etag(LONG)


def test_retries_end_and_the_next_run_goes_on(web, get, into):
    web.answers["/a"] = breaks_off(LONG, 70_000, times=3)
    assert "broke off" in failure(get("a"))
    assert 0 < (into / "a.part").stat().st_size < len(LONG)
    web.requests.clear()
    assert get("a").failures == []
    assert (into / "a").read_bytes() == LONG
    assert "Range" in web.asked("/a")[0]
    assert not list(into.glob("*.part*"))


def test_a_server_without_ranges_starts_again(web, get, into, ledger):
    web.answers["/a"] = in_turn(
        breaks_off(LONG, 50_000),
        lambda handler: send(handler, LONG, headers={"ETag": etag(LONG)}),
    )
    assert get("a").failures == []
    assert (into / "a").read_bytes() == LONG
    assert ledger()[0]["notes"] == ["the server does not resume; started anew"]


def test_a_file_that_changes_half_way_is_started_anew_and_noted(web, get, into, ledger):
    old, new = LONG, LONG[::-1]
    web.answers["/a"] = in_turn(breaks_off(old, 50_000), lambda handler: serve(handler, new))
    assert get("a").failures == []
    assert (into / "a").read_bytes() == new
    assert "changed on the server" in ledger()[0]["notes"][0]


def test_a_range_of_another_version_is_not_joined(web, get, into):
    """Some servers answer Range and forget If-Range."""
    new = LONG[::-1]

    def careless(handler):
        if handler.headers.get("Range"):
            start = int(handler.headers["Range"][6:-1])
            span = f"bytes {start}-{len(new) - 1}/{len(new)}"
            send(handler, new[start:], status=206,
                 headers={"ETag": etag(new), "Content-Range": span})  # fmt: skip
        else:
            serve(handler, new)

    web.answers["/a"] = in_turn(breaks_off(LONG, 50_000), careless)
    assert get("a").failures == []
    assert (into / "a").read_bytes() == new


def test_without_a_validator_nothing_is_joined(web, get, into):
    def answer(handler):
        if not cut:
            send(handler, LONG)
            return
        cut.pop()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(LONG)))
        handler.end_headers()
        handler.wfile.write(LONG[:1000])
        handler.close_connection = True

    cut = [1]
    web.answers["/a"] = answer
    get("a")
    assert (into / "a").read_bytes() == LONG
    assert all("Range" not in headers for headers in web.asked("/a"))


def test_a_wrong_checksum_is_kept_aside_and_said(web, get, into):
    web.answers["/a"] = DATA
    said = failure(get({"url": "a", "sha256": "0" * 64}))
    assert "its sha256 is" in said
    assert "as given" in said
    assert (into / "a.bad").read_bytes() == DATA
    assert not (into / "a").exists()
    assert not list(into.glob("*.part*"))


def ranges_only(handler):
    """A server of ranges that names no version."""
    start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
    if start:
        span = f"bytes {start}-{len(LONG) - 1}/{len(LONG)}"
        send(handler, LONG[start:], status=206, headers={"Content-Range": span})
    else:
        send(handler, LONG)


@pytest.mark.parametrize("begun", [LONG[:1000], b"x" * 1000])
def test_a_checksum_allows_to_resume_and_judges_what_was_joined(web, get, into, ledger, begun):
    sha256 = hashlib.sha256(LONG).hexdigest()
    into.mkdir()
    (into / "a.part").write_bytes(begun)
    (into / "a.part.json").write_text(json.dumps({"url": f"{web.url}a"}))
    web.answers["/a"] = ranges_only
    assert get({"url": "a", "sha256": sha256}).failures == []
    assert (into / "a").read_bytes() == LONG
    again = [] if begun == LONG[:1000] else [None]
    assert [headers.get("Range") for headers in web.asked("/a")] == ["bytes=1000-", *again]
    assert bool(ledger()[0]["notes"]) == bool(again)


def test_a_part_of_another_address_or_a_damaged_note_is_not_gone_on_from(web, get, into):
    into.mkdir()
    for name, side in (("a", {"url": "http://elsewhere.example/"}), ("b", "{")):
        web.answers[f"/{name}"] = DATA
        (into / f"{name}.part").write_bytes(b"x" * 10)
        (into / f"{name}.part.json").write_text(side if name == "b" else json.dumps(side))
    assert get("a", "b").failures == []
    assert (into / "a").read_bytes() == (into / "b").read_bytes() == DATA


def test_a_part_longer_than_the_file_is_started_anew(web, get, into):
    into.mkdir()
    (into / "a.part").write_bytes(b"x" * (len(DATA) + 5))
    side = {"url": f"{web.url}a", "etag": etag(DATA), "total": len(DATA)}
    (into / "a.part.json").write_text(json.dumps(side))
    web.answers["/a"] = DATA
    assert get("a").failures == []
    assert (into / "a").read_bytes() == DATA


def test_a_body_longer_than_given_is_stopped(web, get, into):
    web.answers["/a"] = DATA
    assert "does not stop at 10 bytes, as given" in failure(get({"url": "a", "bytes": 10}))
    assert not (into / "a").exists()


def test_a_body_shorter_than_given_is_bad(web, get, into):
    web.answers["/a"] = b"short"
    assert "it has 5 bytes, not 10 as given" in failure(get({"url": "a", "bytes": 10}))
    assert (into / "a.bad").exists()


def endless(handler):
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(b"x" * 10_000)
    except OSError:
        pass


def test_a_body_that_never_ends_is_stopped(web, get, into):
    web.answers["/a"] = endless
    said = failure(get("a", max_file_bytes=1_000_000))
    assert "does not stop at 1,000,000 bytes" in said
    assert not list(into.glob("a*"))


def test_an_announced_size_beyond_the_most_is_refused_before_a_byte(web, get, into):
    web.answers["/a"] = DATA
    assert f"announces {len(DATA):,} bytes" in failure(get("a", max_file_bytes=100))
    assert not list(into.glob("a*"))


def trickle(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    try:
        for _ in range(1000):
            handler.wfile.write(b".")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


def test_a_body_that_trickles_is_stopped(web, get):
    web.answers["/a"] = trickle
    assert "sends next to nothing" in failure(get("a", limits=IMPATIENT))
    assert len(web.asked("/a")) == 3


def test_a_server_that_promises_more_than_it_sends_is_found_out(web, get):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "5000")
        handler.send_header("ETag", '"x"')
        handler.end_headers()
        handler.wfile.write(b"y" * 10)
        handler.close_connection = True

    web.answers["/a"] = answer
    assert "broke off" in failure(get("a"))


def test_a_compressed_transfer_is_stored_as_the_file_itself(web, get, into):
    def answer(handler):
        send(handler, gzip.compress(DATA, mtime=0), headers={"Content-Encoding": "gzip"})

    web.answers["/a.txt"] = web.answers["/a.txt.gz"] = answer
    assert get("a.txt", "a.txt.gz").failures == []
    assert web.asked("/a.txt")[0]["Accept-Encoding"] == "identity"
    assert (into / "a.txt").read_bytes() == DATA
    assert gzip.decompress((into / "a.txt.gz").read_bytes()) == DATA


def test_a_bomb_in_a_content_encoding_is_stopped(web, get):
    bomb = gzip.compress(bytes(50_000_000), mtime=0)
    web.answers["/a"] = lambda handler: send(handler, bomb, headers={"Content-Encoding": "gzip"})
    assert "does not stop at" in failure(get("a", max_file_bytes=1_000_000))


def nothing_forever(handler):
    """gzip whose blocks hold nothing: bytes come fast, and nothing comes of them."""
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    try:
        handler.wfile.write(head)
        while True:
            handler.wfile.write(b"\x00\x00\x00\xff\xff" * 2000)
    except OSError:
        pass


def test_an_encoding_of_nothing_without_end_is_stopped(web, get):
    web.answers["/a"] = web.answers["/list"] = nothing_forever
    assert "sends next to nothing" in failure(get("a", limits=IMPATIENT))
    with pytest.raises(DataError, match="sends next to nothing"):
        get(kind="index", index="list", limits=IMPATIENT)


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (gzip.compress(DATA, mtime=0)[:-20], "gzip", "cut short"),
        (b"no gzip at all", "gzip", "is broken"),
        (b"x", "br", "was not asked for"),
    ],
)
def test_a_broken_encoding_is_said(web, get, body, encoding, said):
    headers = {"Content-Encoding": encoding}
    web.answers["/a"] = lambda handler: send(handler, body, headers=headers)
    assert said in failure(get("a"))


def test_an_encoding_of_several_parts_is_undone_whole(web, get, into):
    body = gzip.compress(DATA, mtime=0) + gzip.compress(LONG, mtime=0)
    headers = {"Content-Encoding": "x-gzip"}
    web.answers["/a"] = lambda handler: send(handler, body, headers=headers)
    assert get("a").failures == []
    assert (into / "a").read_bytes() == DATA + LONG


def test_the_bytes_of_a_run_are_bounded_and_the_next_run_goes_on(web, get, into):
    for name in "abc":
        web.answers[f"/{name}"] = DATA
    most = len(DATA) * 2 + 100
    report = get("a", "b", "c", max_bytes=most)
    assert report.fetched == 2
    assert "more than may be fetched in one run" in report.stopped
    assert report.received <= most
    report = get("a", "b", "c", max_bytes=most)
    assert (report.fetched, report.unchanged, report.stopped) == (1, 2, None)


def test_failed_files_do_not_stop_the_others(web, get):
    web.answers["/b"] = DATA
    report = get("a", "b")
    assert report.fetched == 1
    assert "has no such file (status 404)" in failure(report)


@pytest.mark.parametrize("step", ["part", "side", "ledger"])
def test_a_full_disk_is_said_and_the_next_run_goes_on(web, get, into, monkeypatch, step):
    web.answers["/a"] = DATA
    opened = Path.open

    def full(self, mode="r", *args, **kwargs):
        file = opened(self, mode, *args, **kwargs)
        name = {"part": "a.part", "side": "a.part.json", "ledger": "fetched.jsonl"}[step]
        if name in self.name and mode != "r":

            def write(_):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            class Full:
                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    file.close()

                def __getattr__(self, name):
                    return write if name == "write" else getattr(file, name)

            return Full()
        return file

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(MowaError, match="the disk is full"):
        get("a")
    monkeypatch.undo()
    assert get("a").failures == []
    assert (into / "a").read_bytes() == DATA


def test_a_disk_too_small_is_said_before_a_byte(web, get, monkeypatch):
    web.answers["/a"] = DATA
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(MowaError, match=r"the disk is full: .* bytes are to come, 10 are free"):
        get("a")


KILLED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {tests!r})
from pathlib import Path
from mowa.collect.fetching import FetchOptions, fetch
from mowa.rights import Source
source = Source.model_validate({source!r})
fetch(source, Path({into!r}), FetchOptions("tester@example.org"))
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_resumes_to_the_same_bytes(web, get, source, into, blow):
    def slow(handler):
        handler.send_response(200)
        handler.send_header("ETag", etag(LONG))
        handler.send_header("Content-Length", str(len(LONG)))
        handler.end_headers()
        for at in range(0, len(LONG), 50_000):
            handler.wfile.write(LONG[at : at + 50_000])
            time.sleep(0.02)

    web.answers["/a"] = slow
    record = source(kind="files", files=[{"url": "a"}]).model_dump(mode="json")
    code = KILLED.format(tests=str(Path(__file__).parent), source=record, into=str(into))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    part = into / "a.part"
    for _ in range(20000):
        if part.exists() and part.stat().st_size > 100_000:
            break
        time.sleep(0.01)
    process.send_signal(blow)
    process.wait()
    half = part.stat().st_size
    assert 100_000 < half < len(LONG)
    web.answers["/a"] = LONG
    web.requests.clear()
    assert get("a").failures == []
    assert web.asked("/a")[0]["Range"] == f"bytes={half}-"
    assert (into / "a").read_bytes() == LONG


def test_a_part_that_was_complete_needs_no_byte_more(web, get, into):
    web.answers["/a"] = LONG
    into.mkdir()
    (into / "a.part").write_bytes(LONG)
    side = {"url": f"{web.url}a", "etag": etag(LONG), "total": len(LONG), "whole": False}
    (into / "a.part.json").write_text(json.dumps(side))
    report = get("a")
    assert (report.fetched, report.received) == (1, 0)
    assert (into / "a").read_bytes() == LONG


def test_a_ledger_cut_short_by_a_kill_is_gone_on_with(web, get, into, ledger):
    web.answers["/a"] = web.answers["/b"] = DATA
    get("a")
    with (into / "fetched.jsonl").open("a") as file:
        file.write('{"url": "http://127.0.0.1/b", "pa')
    report = get("a", "b")
    assert (report.fetched, report.unchanged) == (1, 1)
    assert json.loads((into / "fetched.jsonl").read_text().splitlines()[-1])["path"] == "b"


def test_two_runs_into_one_folder_are_refused(web, get, into):
    from mowa.workspace import locked

    into.mkdir()
    with locked(into / ".fetching", wait=False), pytest.raises(MowaError, match="another run"):
        get("a")


def test_a_large_file_is_shown_with_its_bytes(web, get, quiet, monkeypatch):
    monkeypatch.setattr("mowa.collect.fetching._run._SHOWN", 1000)
    web.answers["/a"] = DATA
    get("a")
    assert any(line == f"a: 0 of {len(DATA)}" for line in quiet.lines)


def test_a_failure_is_data_not_usage(web, get):
    with pytest.raises(DataError):
        get(kind="index", index="none.html")
