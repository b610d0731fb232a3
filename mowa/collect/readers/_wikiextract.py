"""Articles as WikiExtractor writes them: `<doc …>` elements, or blocks with a title and a colon."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import open_stream, uncompressed
from mowa.collect.readers._text_lines import BadLine, Growing, text_lines

_DOC = re.compile(r'<doc id="([^"]*)"(?: revid="[^"]*")?(?: url="([^"]*)")?(?: title="(.*)")?>')
_END = "</doc>"


def read_wikiextract(
    path: Path, relative: str, options: ReaderOptions
) -> Iterator[Record | Skipped]:
    """One record an article; the first line that is not blank says which of the two forms it is.

    In ``<doc id= url= title=>`` the key is the article's id, the line that repeats the title is
    left out, and the escapes ``&lt; &gt; &amp;`` are undone. In the other form an article begins
    with a line ``Title:`` after an empty one, and is known by its title; a paragraph that follows
    an empty line and does not begin so belongs to the article before it.
    """
    with open_stream(path) as stream:
        articles = _Articles(relative, options)
        number = 0
        is_xml: bool | None = None
        for number, line in text_lines(stream, options.max_record_bytes):
            if is_xml is None:
                if isinstance(line, str) and not line.strip():
                    continue
                is_xml = isinstance(line, str) and line.startswith("<doc ")
            yield from (articles.element if is_xml else articles.block)(line, number)
        if stream.failure is not None:
            locator = f"{relative}#line={number + 1}"
            yield broken(locator, stream.failure.reason, stream.failure.detail, options)
        else:
            yield from articles.end(is_xml=bool(is_xml))


class _Articles:
    """The article that is being read."""

    def __init__(self, relative: str, options: ReaderOptions) -> None:
        self._relative = relative
        self._stem = uncompressed(relative)
        self._options = options
        self._text = Growing(options.max_record_bytes)
        self._open = False
        self._after_blank = True
        self._key, self._locator = "", ""
        self._title: str | None = None
        self._url: str | None = None

    def element(self, line: str | BadLine, number: int) -> Iterator[Record | Skipped]:
        """One line of the form with ``<doc>``."""
        found = _DOC.fullmatch(line.strip()) if isinstance(line, str) else None
        if found is not None:
            if self._open:
                yield self._unclosed()
            identifier, url, title = (html.unescape(part or "") for part in found.groups())
            place = f"doc={identifier}" if identifier else f"line={number}"
            self._begin(identifier or f"{self._stem}#{number}", place, title or None, url or None)
        elif line == _END and self._open:
            yield self._article()
        elif self._open:
            if isinstance(line, BadLine):
                self._text.fail(line)
            elif self._text.pieces or html.unescape(line.strip()) not in {"", self._title}:
                self._text.add(html.unescape(line))
        elif isinstance(line, BadLine) or line.strip():
            bad = line if isinstance(line, BadLine) else BadLine("outside-article", line[:40])
            yield broken(f"{self._relative}#line={number}", bad.reason, bad.detail, self._options)

    def block(self, line: str | BadLine, number: int) -> Iterator[Record | Skipped]:
        """One line of the form with titles and colons."""
        if isinstance(line, BadLine):
            if not self._open:
                self._begin(f"{self._stem}#{number}", f"line={number}", None, None)
            self._text.fail(line)
        elif self._after_blank and len(line) > 1 and line.endswith(":"):
            if self._open:
                yield self._article()
            title = line[:-1]
            self._begin(f"{self._stem}#{title}", f"line={number}", title, None)
        else:
            if not self._open and line:
                self._begin(f"{self._stem}#{number}", f"line={number}", None, None)
            self._text.add(line)
        self._after_blank = line == ""

    def end(self, *, is_xml: bool) -> Iterator[Record | Skipped]:
        """What the end of the file ends."""
        if self._open:
            yield self._unclosed() if is_xml else self._article()

    def _begin(self, key: str, place: str, title: str | None, url: str | None) -> None:
        self._text = Growing(self._options.max_record_bytes)
        self._open = True
        self._key, self._title, self._url = key, title, url
        self._locator = f"{self._relative}#{place}"

    def _article(self) -> Record | Skipped:
        self._open = False
        if (bad := self._text.bad) is not None:
            return broken(self._locator, bad.reason, bad.detail, self._options)
        text = "\n".join(self._text.pieces).strip("\n")
        return Record(self._key, self._locator, text, title=self._title, url=self._url)

    def _unclosed(self) -> Skipped:
        self._open = False
        return broken(self._locator, "unclosed-article", "", self._options)
