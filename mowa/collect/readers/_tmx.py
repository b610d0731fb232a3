"""TMX: the segments of one language, 1,000 translation units to a record."""

from __future__ import annotations

from collections.abc import Iterator

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._prose import metadata
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._xml import Event

UNITS = 1_000
"""Units in one record: a segment alone is too short to judge, and the file's end is far away."""

_CODES = {"bpt", "ept", "it", "ph", "ut"}  # markup of the translated file (TMX 1.4b, 4.2)


class Units:
    """A TMX file on its way to its records."""

    def __init__(self, key: str, relative: str, options: ReaderOptions) -> None:
        self._key = key
        self._relative = relative
        self._options = options
        self._language = options.tmx_language.lower()
        self._open: list[str] = []
        self._wanted = False
        self._codes = 0
        self._segment: list[str] = []
        self._segments: list[str] = []
        self._bytes = 0
        self._first = 1
        self._seen = 0

    def take(self, event: Event) -> Iterator[Record | Skipped]:
        """The next event; the record that it makes whole."""
        if event.kind == "text":
            if self._wanted and not self._codes and "seg" in self._open:
                self._bytes += len(event.text.encode())
                if self._bytes <= self._options.max_record_bytes:
                    self._segment.append(event.text)
        elif event.kind == "start":
            self._open.append(event.name)
            self._codes += event.name in _CODES
            if event.name == "tuv":
                tag = event.attributes.get("lang", "").lower().replace("_", "-")
                self._wanted = tag == self._language or tag.startswith(f"{self._language}-")
        else:
            name = self._open.pop()
            self._codes -= name in _CODES
            if name == "seg" and self._wanted:
                if segment := metadata(self._segment):
                    self._segments.append(segment)
                self._segment.clear()
            elif name == "tu":
                self._seen += 1
                if self._seen - self._first + 1 == UNITS:
                    yield from self.rest()

    def locator(self) -> str:
        """Where the units lie that are not in a record yet."""
        return f"{self._relative}#units={self._first}-{max(self._seen, self._first)}"

    def rest(self) -> Iterator[Record | Skipped]:
        """The units that are not in a record yet."""
        if self._seen < self._first:
            return
        place, language = self.locator(), self._options.tmx_language
        if self._bytes > self._options.max_record_bytes:
            yield broken(place, "record-too-large", f"{self._bytes:,} bytes", self._options)
        elif not self._segments:
            yield Skipped(place, "other-language", f"no segment is {language}")
        else:
            yield Record(
                f"{self._key}#units={self._first}-{self._seen}",
                place,
                "\n".join(self._segments),
                language=language,
            )
        self._segments.clear()
        self._segment.clear()
        self._bytes = 0
        self._first = self._seen + 1
