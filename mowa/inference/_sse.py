"""Server-sent events, as endpoints stream answers (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator


def events(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the data of each event, however the bytes are cut.

    An event that no empty line ends is not one: the stream broke off in it. Comments, which some
    servers send to keep a connection alive, and all other fields are passed over.
    """
    data: list[str] = []
    for line in _lines(chunks):
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif line == "data":
            data.append("")


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines that are ended, by CR, LF or both."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    left = ""
    for chunk in chunks:
        left += decoder.decode(chunk)
        # A CR at the end of a chunk may be the first half of CR LF.
        held = left.endswith("\r")
        text = (left[:-1] if held else left).replace("\r\n", "\n").replace("\r", "\n")
        *lines, left = text.split("\n")
        left += "\r" * held
        yield from lines
    if left.endswith("\r"):
        yield left[:-1]
