import contextlib
import gzip
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from warc_pages import PAGE, bare_deflate, chunked, http

from mowa.collect.readers._http import (
    BodyError,
    BodyTooLargeError,
    decode_body,
    looks_like_html,
    parse_head,
)

LIMIT = 1 << 20


def decoded(body, *headers, limit=LIMIT):
    block = http(body, headers=headers)
    head = parse_head(block)
    assert block[head.size :] == body
    return decode_body(head, body, limit)


def brotli(body):
    import io

    from fastwarc.stream_io import BrotliWriter

    class Kept(io.BytesIO):
        def close(self):
            pass

    kept = Kept()
    with BrotliWriter(kept) as writer:
        writer.write(body)
    return kept.getvalue()


def test_a_head_gives_status_media_type_and_charset():
    head = parse_head(http(media='Text/HTML ; Charset="ISO-8859-2"'))
    assert (head.status, head.media_type, head.charset) == (200, "text/html", "ISO-8859-2")
    assert parse_head(http(media="text/html")).charset is None
    assert parse_head(http(media="")).media_type == ""


@pytest.mark.parametrize("start", ["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/2.0"])
def test_every_version_of_http_has_a_head(start):
    assert parse_head(http().replace(b"HTTP/1.1", start.encode())).status == 200


def test_bare_line_feeds_end_headers_too():
    head = parse_head(b"HTTP/1.1 404 Nie ma\nContent-Type: text/html\n\n<p>")
    assert (head.status, head.media_type, head.size) == (404, "text/html", 45)


@pytest.mark.parametrize(
    "block", [b"", b"<html>", b"HTTP/1.1 200 OK\r\nA: b\r\n", b"HTTP/1.1 OK\r\n\r\n", b"\0" * 99]
)
def test_what_has_no_whole_head_has_none(block):
    assert parse_head(block) is None


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PAGE, []),
        (PAGE, ["Content-Encoding: identity"]),
        (PAGE, ["Content-Encoding:"]),
        (chunked(PAGE), ["Transfer-Encoding: chunked"]),
        (chunked(PAGE).replace(b"\r\n", b";x=y\r\n", 1), ["Transfer-Encoding: CHUNKED"]),
        (chunked(PAGE).replace(b"\r\n", b"\n"), ["Transfer-Encoding: chunked"]),
        (gzip.compress(PAGE, mtime=0), ["Content-Encoding: gzip"]),
        (gzip.compress(PAGE, mtime=0), ["content-encoding: X-GZIP"]),
        (
            gzip.compress(PAGE[:9], mtime=0) + gzip.compress(PAGE[9:], mtime=0),
            ["Content-Encoding: gzip"],
        ),
        (gzip.compress(PAGE, mtime=0), ["Content-Encoding: gzip", "Content-Encoding: gzip"]),
        (gzip.compress(PAGE, mtime=0), ["Transfer-Encoding: gzip"]),
        (zlib.compress(PAGE), ["Content-Encoding: deflate"]),
        (bare_deflate(PAGE), ["Content-Encoding: deflate"]),
        (brotli(PAGE), ["Content-Encoding: br"]),
        (zstandard.compress(PAGE), ["Content-Encoding: zstd"]),
        (gzip.compress(zlib.compress(PAGE), mtime=0), ["Content-Encoding: deflate, gzip"]),
        (
            chunked(gzip.compress(PAGE, mtime=0)),
            ["Transfer-Encoding: chunked", "Content-Encoding: gzip"],
        ),
    ],
)
def test_every_coding_is_undone(body, headers):
    assert decoded(body, *headers) == PAGE


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_page_that_was_decoded_before_is_taken_as_it_is(coding):
    assert decoded(PAGE, f"Content-Encoding: {coding}", "Transfer-Encoding: chunked") == PAGE


@pytest.mark.parametrize(
    ("body", "header", "message"),
    [
        (chunked(PAGE)[:-9], "Transfer-Encoding: chunked", "cut short"),
        (chunked(PAGE)[:-5], "Transfer-Encoding: chunked", "damaged or cut short"),
        (b"5\r\nabcdeXYZ", "Transfer-Encoding: chunked", "damaged"),
        (gzip.compress(PAGE, mtime=0)[:-9], "Content-Encoding: gzip", "cut short"),
        (zlib.compress(PAGE)[:-9], "Content-Encoding: deflate", "cut short"),
        (b"\x1f\x8b" + bytes(50), "Content-Encoding: gzip", "not valid gzip"),
        (bytes(range(50)), "Content-Encoding: deflate", "not valid deflate"),
        (b"\x8f" * 50, "Content-Encoding: br", "not valid br"),
        (bytes(50), "Content-Encoding: zstd", "not valid zstd"),
        (zstandard.compress(PAGE)[:-9], "Content-Encoding: zstd", "not valid zstd"),
        (PAGE, "Content-Encoding: rot13", "unknown coding 'rot13'"),
    ],
)
def test_a_body_that_cannot_be_decoded_is_refused(body, header, message):
    with pytest.raises(BodyError, match=message):
        decoded(body, header)


@pytest.mark.parametrize(
    ("pack", "coding"),
    [
        (gzip.compress, "gzip"),
        (zlib.compress, "deflate"),
        (bare_deflate, "deflate"),
        (brotli, "br"),
        (zstandard.compress, "zstd"),
        (bytes, "identity"),
    ],
)
def test_a_body_is_not_decoded_beyond_the_limit(pack, coding):
    assert len(decoded(pack(bytes(1000)), f"Content-Encoding: {coding}", limit=1000)) == 1000
    bomb = pack(bytes(16 << 20))
    tracemalloc.start()
    with pytest.raises(BodyTooLargeError):
        decoded(bomb, f"Content-Encoding: {coding}", limit=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (4 << 20) + 2 * len(bomb)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\xef\xbb\xbf \n<!DOCTYPE html><p>", True),
        (b"<HTML lang=pl>", True),
        (b"<?xml version='1.0'?><rss>", False),
        (b"", False),
    ],
)
def test_a_page_is_told_by_how_it_begins(body, expected):
    assert looks_like_html(body) is expected


codings = st.lists(st.sampled_from(["gzip", "deflate", "br", "zstd", "identity", "x"]), max_size=2)


@given(st.binary(max_size=60), codings, st.booleans())
def test_any_body_is_decoded_or_refused_and_nothing_else(body, names, in_chunks):
    headers = [f"Content-Encoding: {', '.join(names)}"]
    headers += ["Transfer-Encoding: chunked"] if in_chunks else []
    with contextlib.suppress(BodyError, BodyTooLargeError):
        assert len(decoded(body, *headers, limit=1000)) <= 1000
