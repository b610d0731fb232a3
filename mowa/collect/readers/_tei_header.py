"""What a TEI header says of its text: author, title, date, language, licence, address."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from mowa.collect.readers._prose import metadata
from mowa.collect.readers._xml import Event
from mowa.rights._creative_commons import spdx_of

PUBLIC_DOMAIN = "LicenseRef-public-domain"
"""For a text that its edition calls public domain: SPDX has no word for that."""

_EDITION = re.compile(
    r"\s*[:,(]\s*(?:an?\s+)?(?:eltec|tei|xml|electronic|digital)\s+edition\)?$", re.IGNORECASE
)
_LIFE = re.compile(r"\s*\(\s*(?:ca?\.\s*)?\d{3,4}\??\s*[-–—]\s*(?:\d{3,4}\??)?\s*\)$")
_STATED = re.compile(r"public domain|domena publiczna|domenie publicznej", re.IGNORECASE)
_MAX_CHARACTERS = 1 << 16  # of one field; the rest of it is left out


@dataclass(frozen=True)
class Found:
    """What a header says; None for what it does not."""

    author: str | None
    title: str | None
    date: str | None
    language: str | None
    licence: str | None
    url: str | None


@dataclass
class Header:
    """A header in reading: fields by a name of our own, in the order in which they stand."""

    _open: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)
    _size: int = 0
    _fields: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def take(self, event: Event) -> None:
        """The next event within the header."""
        if event.kind == "text":
            self._size += len(event.text)
            if self._size < _MAX_CHARACTERS:
                self._pieces.append(event.text)
            return
        if event.kind == "start":
            self._open.append((event.name, event.attributes))
            if event.name in _FIELDS:
                self._pieces.clear()
                self._size = 0
        elif self._open:
            name, attributes = self._open.pop()
            if name in _FIELDS:
                self._keep(name, attributes, metadata(self._pieces))

    def language_of(self, element: str, attributes: dict[str, str]) -> None:
        """Take the language that the root or the text itself declares."""
        if attributes.get("lang"):
            key = "language of text" if element == "text" else "language of root"
            self._fields[key].append(attributes["lang"])

    def found(self) -> Found:
        """What the header said; of two words the one nearer to the text itself."""
        titles = self._first("main title", "title", "source title")
        authors = self._fields["author"] or self._fields["source author"][:1]
        used = self._fields["language"]
        language = self._first("language of text") or (used[0] if len(used) == 1 else None)
        return Found(
            author="; ".join(dict.fromkeys(_LIFE.sub("", name) for name in authors)) or None,
            title=_EDITION.sub("", titles) if titles else None,
            date=self._first("first date", "creation date", "print date", "source date"),
            language=language or self._first("language of root", "language"),
            licence=self._licence(),
            url=self._first("url"),
        )

    def _licence(self) -> str | None:
        """In SPDX where the address or the words are known; else as the header has it."""
        for target in self._fields["licence target"]:
            if known := spdx_of(target):
                return known
        if any(_STATED.search(words) for words in self._fields["licence"]):
            return PUBLIC_DOMAIN
        return self._first("licence target")

    def _keep(self, name: str, attributes: dict[str, str], text: str) -> None:
        path = [opened for opened, _ in self._open]
        types = [own.get("type", "") for _, own in self._open]
        in_source = "sourceDesc" in path
        if name == "date":
            text = attributes.get("when") or text
            if in_source:
                kind = {"firstEdition": "first", "printSource": "print"}
                named = next((kind[one] for one in types if one in kind), "source")
                name = f"{named} date"
            else:
                name = "creation date" if "creation" in path else "other date"
        elif name == "title":
            main = "main title" if attributes.get("type") == "main" else "title"
            name = "source title" if in_source else main if "titleStmt" in path else "other title"
        elif name == "author":
            name = "source author" if in_source else name if "titleStmt" in path else "other author"
        elif name == "language":
            text = attributes.get("ident") or attributes.get("id") or text
        elif name == "idno":
            name = "url" if text.startswith(("https://", "http://")) else "other idno"
        elif name in ("licence", "license", "availability", "p"):
            if target := attributes.get("target", ""):
                self._fields["licence target"].append(target)
            name = "licence" if "availability" in [*path, name] else "other"
        if text:
            self._fields[name].append(text)

    def _first(self, *names: str) -> str | None:
        return next((self._fields[name][0] for name in names if self._fields[name]), None)


_FIELDS = {
    *("author", "availability", "date", "idno", "language", "licence", "license", "p", "title"),
}
