"""WARC files as a crawler would have made them, and the answers of servers within."""

from __future__ import annotations

import base64
import gzip
import hashlib
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mowa.sample._sites import Sites
from mowa.sample._web import Host, Page

__all__ = ["PIXEL", "WarcRecord", "record_id", "records_of", "warc"]

_FIRST_FETCH = datetime(2026, 10, 12, 6, 0, 0, tzinfo=UTC)
_LEVEL = 6  # one tenth larger than 9, in a third of the time
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@dataclass(frozen=True, slots=True)
class WarcRecord:
    """One record of a WARC file: type, id (without angle brackets), gzip member."""

    kind: str
    key: str
    member: bytes


def record_id(name: str) -> str:
    """The WARC-Record-ID that belongs to a URL: a UUID of version 5, so that it never changes."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def records_of(
    filename: str, pages: Sequence[Page], sites: Sites, *, first: int
) -> Iterator[WarcRecord]:
    """A warcinfo record, then each page's request and response (WARC 1.1, ISO 28500:2017).

    Args:
        filename: The name of the WARC file.
        pages: What was fetched, in this order, two seconds apart.
        sites: What makes the bodies of the answers.
        first: How many pages were fetched before, in other files.
    """
    fields = (
        "software: mowa.sample\r\nformat: WARC File Format 1.1\r\n"
        "description: invented pages in Polish, CC0-1.0\r\n"
    )
    kind = [("Content-Type", "application/warc-fields"), ("WARC-Filename", filename)]
    yield _record("warcinfo", record_id(filename), _FIRST_FETCH, fields.encode(), kind)
    for number, page in enumerate(pages, first):
        moment = _FIRST_FETCH + timedelta(seconds=2 * number)
        response, target = record_id(page.url), ("WARC-Target-URI", page.url)
        concurrent = ("WARC-Concurrent-To", f"<{response}>")
        kind = [target, concurrent, ("Content-Type", "application/http;msgtype=request")]
        request = record_id(f"{page.url}#request")
        yield _record("request", request, moment, _request(page), kind)
        kind = [target, ("Content-Type", "application/http;msgtype=response")]
        block = _response(page, sites)
        yield _record("response", response, moment, block, kind, damage=page.damage)


def warc(records: Sequence[WarcRecord]) -> bytes:
    """The file: one gzip member a record, without a time: same records, same bytes."""
    return b"".join(record.member for record in records)


def _record(
    kind: str,
    key: str,
    moment: datetime,
    block: bytes,
    extra: list[tuple[str, str]],
    *,
    damage: str = "",
) -> WarcRecord:
    digest = base64.b32encode(hashlib.sha1(block, usedforsecurity=False).digest()).decode()
    headers = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", f"<{key}>"),
        ("WARC-Date", moment.strftime("%Y-%m-%dT%H:%M:%SZ")),
        *extra,
        ("WARC-Block-Digest", f"sha1:{digest}"),
        ("Content-Length", str(len(block) + (10_000 if damage == "length" else 0))),
    ]
    head = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    member = zlib.compress(head.encode() + block + b"\r\n\r\n", _LEVEL, wbits=31)
    if damage == "member":
        member = member[: len(member) // 2]
    return WarcRecord(kind, key, member)


def _request(page: Page) -> bytes:
    path = page.url.split(page.host.domain, 1)[1]
    return (
        f"GET {path} HTTP/1.1\r\nHost: {page.host.domain}\r\n"
        "User-Agent: mowa-sample/1.0\r\nAccept: text/html\r\nAccept-Language: pl\r\n\r\n"
    ).encode()


def _response(page: Page, sites: Sites) -> bytes:
    reason = {200: "OK", 301: "Moved Permanently", 404: "Not Found", 500: "Server Error"}
    headers = [("Date", "Mon, 12 Oct 2026 06:00:00 GMT"), ("Server", "example"), *page.headers]
    if page.location:
        headers.append(("Location", page.location))
    body = page.body
    coding = ["chunked"] if page.damage == "chunked" else []
    if page.media == "text/html":
        if body is None:
            body = sites.html(page).encode(page.host.encoding, "xmlcharrefreplace")
        coding = page.host.coding.split() or coding
    headers.append(("Content-Type", _content_type(page)))
    body = _packed(page.host, body or b"", coding, headers)
    if page.damage == "chunked":
        body = body[: len(body) * 2 // 3]
    head = f"HTTP/1.1 {page.status} {reason[page.status]}\r\n"
    return (head + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n").encode() + body


def _content_type(page: Page) -> str:
    charset = page.host.header if page.media == "text/html" else None
    return f"{page.media}; charset={charset}" if charset else page.media


def _packed(host: Host, body: bytes, coding: list[str], headers: list[tuple[str, str]]) -> bytes:
    """The body as it travels; `headers` grows by what says so."""
    if "gzip" in coding:
        headers.append(("Content-Encoding", "gzip"))
        body = gzip.compress(body, _LEVEL, mtime=0)
    elif "deflate" in coding:
        headers.append(("Content-Encoding", "deflate"))
        body = zlib.compress(body, _LEVEL)
    if "chunked" not in coding:
        headers.append(("Content-Length", str(len(body))))
        return body
    headers.append(("Transfer-Encoding", "chunked"))
    step = 4_096 + len(host.name)
    chunks = [body[at : at + step] for at in range(0, len(body), step)]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
