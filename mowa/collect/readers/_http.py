"""The HTTP message inside a WARC record: its head, and its body with the codings undone.

Done here and not by fastwarc, whose decoders (2.0.1) lose the records that follow a body which is
not coded as its header says; and archives are full of those, because many crawlers store the
decoded body under the server's header.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})\b")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:+-]+)""", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


class BodyError(ValueError):
    """A body that cannot be decoded."""


class BodyTooLargeError(ValueError):
    """A body that is larger than the limit when decoded."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an HTTP response, names in lower case; `size` is its bytes."""

    status: int
    headers: dict[str, list[str]]
    size: int

    @property
    def media_type(self) -> str:
        """Such as ``text/html``, lower case; empty where none is given."""
        return self._content_type().partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """What the header claims the encoding to be."""
        found = _CHARSET.search(self._content_type())
        return found.group(1) if found else None

    def codings(self, name: str) -> list[str]:
        """Values of a list header, in the order in which they were applied."""
        joined = ",".join(self.headers.get(name, []))
        return [value for part in joined.split(",") if (value := part.strip().lower())]

    def _content_type(self) -> str:
        return self.headers.get("content-type", [""])[0]


def parse_head(block: bytes) -> Head | None:
    """The head at the beginning of `block`; None where there is no whole one."""
    status = _STATUS.match(block)
    end = re.search(rb"\r?\n\r?\n", block)
    if status is None or end is None:
        return None
    headers: dict[str, list[str]] = {}
    for line in block[: end.start()].splitlines()[1:]:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return Head(int(status.group(1)), headers, end.end())


def decode_body(head: Head, body: bytes, limit: int) -> bytes:
    """`body` with its transfer and content codings undone, as far as it has them.

    A body that is not coded as the header says is taken to be decoded already.

    Raises:
        BodyError: Where a coding is unknown, damaged or cut short.
        BodyTooLargeError: Where more than `limit` bytes would come out.
    """
    if "chunked" in head.codings("transfer-encoding"):
        body = _unchunked(body)
    codings = head.codings("transfer-encoding") + head.codings("content-encoding")
    for coding in reversed([name for name in codings if name not in ("chunked", "identity")]):
        decoder = _DECODERS.get(coding)
        if decoder is None:
            raise BodyError(f"unknown coding {coding!r}")
        try:
            body = decoder(body, limit)
        except (zlib.error, OSError) as error:
            if not _is_markup(body):
                raise BodyError(f"not valid {coding}") from error
    if len(body) > limit:
        raise BodyTooLargeError
    return body


def looks_like_html(body: bytes) -> bool:
    """Does `body` begin as a page does? For responses without a media type."""
    return body[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_HTML)


_HTML = (b"<!doctype html", b"<html")


def _is_markup(body: bytes) -> bool:
    return body[:512].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def _unchunked(body: bytes) -> bytes:
    pieces: list[bytes] = []
    at = 0
    while True:
        size = _CHUNK_SIZE.match(body, at)
        if size is None:
            if at == 0:
                return body
            raise BodyError("chunked body is damaged or cut short")
        length = int(size.group(1), 16)
        if length == 0:
            return b"".join(pieces)
        piece = body[size.end() : size.end() + length]
        if len(piece) < length:
            raise BodyError("chunked body is cut short")
        pieces.append(piece)
        at = size.end() + length
        at += 2 if body[at : at + 2] == b"\r\n" else body[at : at + 1] == b"\n"


def _gunzip(body: bytes, limit: int) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    whole = b""
    while body.startswith(b"\x1f\x8b"):
        piece, body = _inflate(body, limit - len(whole), wbits=31)
        whole += piece
    return whole


def _undeflate(body: bytes, limit: int) -> bytes:
    """The header's "deflate" is the zlib format (RFC 9110, 8.4.1.2); some servers send it bare."""
    try:
        return _inflate(body, limit, wbits=15)[0]
    except zlib.error:
        return _inflate(body, limit, wbits=-15)[0]


def _inflate(body: bytes, limit: int, *, wbits: int) -> tuple[bytes, bytes]:
    decoder = zlib.decompressobj(wbits=wbits)
    data = decoder.decompress(body, limit + 1)
    if len(data) > limit:
        raise BodyTooLargeError
    if not decoder.eof:
        raise BodyError("compressed body is cut short")
    return data, decoder.unused_data


def _unbrotli(body: bytes, limit: int) -> bytes:
    from fastwarc.stream_io import BrotliReader

    return _bounded(BrotliReader(io.BytesIO(body)).read, limit)


def _unzstd(body: bytes, limit: int) -> bytes:
    from fastwarc.stream_io import ZstdReader

    return _bounded(ZstdReader(io.BytesIO(body)).read, limit)


def _bounded(read: Callable[[int], bytes], limit: int) -> bytes:
    whole = bytearray()
    while chunk := read(min(1 << 16, limit + 1 - len(whole))):
        whole += chunk
        if len(whole) > limit:
            raise BodyTooLargeError
    return bytes(whole)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
