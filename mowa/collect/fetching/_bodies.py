"""Bodies of responses as pieces of bounded size, whatever their encoding does."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

from mowa.errors import DataError

_PIECE = 1 << 20
_GZIP = ("gzip", "x-gzip")


class BrokenBodyError(Exception):
    """A compressed transfer that cannot be undone, or is cut short."""


def encoding_of(response: httpx.Response) -> str:
    """The `Content-Encoding`; empty where the body is the file itself."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def decoded(response: httpx.Response) -> Iterator[bytes]:
    """The body without its `Content-Encoding`.

    A piece may be empty: a stream may hold blocks of nothing without end, and whoever reads must
    get the word to stop it.

    Raises:
        BrokenBodyError: Where the encoding cannot be undone.
        DataError: For another encoding than gzip, which nobody asked for.
    """
    encoding = encoding_of(response)
    if not encoding:
        yield from response.iter_raw()
        return
    if encoding not in _GZIP:
        raise DataError(
            f"the server sends the body as {encoding[:40]!r}, which was not asked for",
            where=str(response.url),
        )
    unpack = zlib.decompressobj(wbits=31)
    try:
        for chunk in response.iter_raw():
            rest = chunk
            while rest:
                if unpack.eof:  # gzip may be several, one behind the other
                    unpack = zlib.decompressobj(wbits=31)
                yield unpack.decompress(rest, _PIECE)
                rest = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
        yield unpack.decompress(b"", _PIECE)
    except zlib.error as error:
        raise BrokenBodyError(f"the compressed transfer is broken ({error})") from error
    if not unpack.eof:
        raise BrokenBodyError("the compressed transfer is cut short")
