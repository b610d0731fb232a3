"""WARC files made by hand, right and wrong."""

import gzip
import zlib

PAGE = "<html><body><p>Zażółć gęślą jaźń, powiedział źrebak.</p></body></html>".encode()


def http(body=PAGE, *, status="200 OK", media="text/html; charset=utf-8", headers=()):
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {media}"] if media else []), *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def record(
    name,
    block=None,
    *,
    kind="response",
    length=None,
    url="https://przyklad.pl/ż",
    without=(),
    extra="",
):
    block = http() if block is None else block
    headers = {
        "WARC-Type": kind,
        "WARC-Target-URI": url,
        "WARC-Date": "2026-01-02T03:04:05Z",
        "WARC-Record-ID": f"<urn:uuid:{name}>",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": len(block) if length is None else length,
    }
    lines = [f"{key}: {value}\r\n" for key, value in headers.items() if key not in without]
    return ("WARC/1.0\r\n" + "".join(lines) + extra + "\r\n").encode() + block + b"\r\n\r\n"


def chunked(body, size=40):
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def gz(*records):
    """Each record a gzip member of its own, as WARC asks; always the same bytes."""
    return b"".join(gzip.compress(one, mtime=0) for one in records)


def bare_deflate(body):
    return zlib.compress(body)[2:-4]
