"""MediaWiki dumps (pages-articles): each page of the wanted namespaces is a record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import open_stream
from mowa.collect.readers._wikitext import NAMES_OUT, plain_text
from mowa.collect.readers._xml import BrokenXmlError, Event, events, refuse_root

_MAX_FIELD = 1 << 14  # characters of what is no page's text; titles have 255 bytes at most
_REDIRECT = re.compile(r"\s*#\s*(?:REDIRECT|PATRZ|PRZEKIERUJ|TAM)\b", re.IGNORECASE)
_FILES, _CATEGORIES = "6", "14"


def read_mediawiki(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One `Record` or `Skipped` for each page, by its last revision in the dump.

    A dump that was cut gives the pages before the cut.

    Raises:
        DataError: Where the file's root is not ``<mediawiki>``.
    """
    dump = _Dump(relative, options)
    with open_stream(path) as stream:
        try:
            for event in events(stream):
                if not dump.open and event.kind == "start" and event.name != "mediawiki":
                    refuse_root(path, event.name, "MediaWiki dump", "<mediawiki>")
                if dump.take(event):
                    yield dump.record()
        except BrokenXmlError as error:
            yield broken(dump.locator(), error.reason, error.detail, options)


@dataclass
class _Page:
    """A page in reading: fields by their path, such as ``revision/id``."""

    fields: dict[str, str] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    bytes: int = 0
    redirect: str | None = None
    deleted: bool = False


class _Dump:
    """What is known of a dump and of the page that is being read."""

    def __init__(self, relative: str, options: ReaderOptions) -> None:
        self.open: list[str] = []
        self._relative = relative
        self._options = options
        self._language: str | None = None
        self._site: dict[str, str] = {}
        self._names_out = set(NAMES_OUT)
        self._namespace = ""
        self._page = _Page()
        self._pieces: list[str] = []
        self._size = 0

    def take(self, event: Event) -> bool:
        """The next event; True where a page is whole."""
        if event.kind == "text":
            self._text(event.text)
            return False
        if event.kind == "start":
            self.open.append(event.name)
            self._start(event)
            return False
        name = self.open[-1]
        self._end(name)
        self.open.pop()
        return name == "page" and len(self.open) == 1

    def locator(self) -> str:
        """Where the page lies, or the file where there is none."""
        number = self._page.fields.get("id")
        if not number:
            return self._relative
        revision = self._page.fields.get("revision/id")
        return f"{self._relative}#page={number}" + (f"&revision={revision}" if revision else "")

    def record(self) -> Record | Skipped:
        """What the page that has just ended gives."""
        page, locator = self._page, self.locator()
        self._page = _Page()
        title = page.fields.get("title", "")
        if (why_not := self._why_not(page)) is not None:
            return Skipped(locator, *why_not)
        if page.bytes > self._options.max_record_bytes:
            detail = f"{page.bytes:,} bytes"
            return broken(locator, "record-too-large", detail, self._options)
        wikitext = "".join(page.text)
        site, base = self._base()
        return Record(
            key=f"{site}/{page.fields.get('id') or title}",
            locator=locator,
            text=plain_text(wikitext, self._names_out),
            url=f"{base}{quote(title.replace(' ', '_'), safe=_UNQUOTED)}" if base else None,
            title=title or None,
            date=page.fields.get("revision/timestamp"),
            language=self._language,
        )

    def _why_not(self, page: _Page) -> tuple[str, str] | None:
        """Reason and detail of a page that is, as things are in a wiki, no article."""
        namespace = page.fields.get("ns", "0")
        model = page.fields.get("revision/model", "wikitext")
        if namespace not in map(str, self._options.wiki_namespaces):
            return "other-namespace", namespace
        if page.redirect is None and page.text and _REDIRECT.match(page.text[0]):
            page.redirect = ""
        if page.redirect is not None:
            return "redirect", page.redirect
        if model != "wikitext":
            return "not-wikitext", model
        return ("deleted-text", "") if page.deleted else None

    def _base(self) -> tuple[str, str]:
        """The site's own name, and how the addresses of its pages begin."""
        address = self._site.get("base", "")
        if not address.startswith(("https://", "http://")):
            address = ""
        try:
            host = urlsplit(address).hostname or ""
        except ValueError:
            host, address = "", ""
        main, wiki, _ = address.partition("/wiki/")
        begin = main + wiki if wiki else address[: address.rfind("/") + 1]
        return self._site.get("dbname") or host or "wiki", begin if host else ""

    def _start(self, event: Event) -> None:
        name = event.name
        if len(self.open) == 1:
            self._language = event.attributes.get("lang") or None
        elif len(self.open) == 2:
            self._page = _Page()
        elif name == "redirect" and self.open[1] == "page":
            self._page.redirect = event.attributes.get("title", "")
        elif name == "namespace":
            self._namespace = event.attributes.get("key", "")
        elif name == "revision":
            # Of several revisions the last one counts, and only one is held.
            self._page.text.clear()
            self._page.bytes = 0
            self._page.deleted = False
        elif name == "text" and "deleted" in event.attributes:
            self._page.deleted = True
        self._pieces.clear()
        self._size = 0

    def _text(self, text: str) -> None:
        if self.open[-1] == "text" and len(self.open) == 4:
            self._page.bytes += len(text.encode())
            if self._page.bytes > self._options.max_record_bytes:
                self._page.text.clear()
            else:
                self._page.text.append(text)
        else:
            self._size += len(text)
            if self._size <= _MAX_FIELD:
                self._pieces.append(text)

    def _end(self, name: str) -> None:
        value = "".join(self._pieces).strip()
        self._pieces.clear()
        inside = self.open[1] if len(self.open) > 2 else ""
        if inside == "siteinfo":
            if name == "namespace" and self._namespace in (_FILES, _CATEGORIES):
                self._names_out.add(value.lower())
            elif len(self.open) == 3:
                self._site[name] = value
        elif inside == "page" and name in _KEPT:
            self._page.fields["/".join(self.open[2:])] = value


_KEPT = {"id", "model", "ns", "timestamp", "title"}
_UNQUOTED = "/:()!,;@*~'-._"
