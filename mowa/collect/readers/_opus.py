"""OPUS: sentences as XML, raw or in words (OpenSubtitles, Europarl); translation units as TMX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._prose import Prose, metadata
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import open_stream, uncompressed
from mowa.collect.readers._tmx import Units
from mowa.collect.readers._xml import BrokenXmlError, Event, events, refuse_root

PAUSE = 5.0
"""Seconds without words after which a scene is another: a paragraph ends there."""

_ROOTS = {"document", "DOC", "letsmt", "text", "corpus", "cesDoc"}
_PARAGRAPHS = {"p", "P", "chapter", "CHAPTER", "speaker", "SPEAKER", "div", "head"}
_CLOCK = re.compile(r"(\d+):(\d+):(\d+)(?:[,.:](\d{1,3}))?")
# In words, as in "Tak , proszę .": which of them stand against the word before or behind them.
_NO_SPACE_BEFORE = re.compile(r" (?=[,.;:!?…)\]}”»%]|'(?:s|m|re|ve|ll|d)\b)")
_NO_SPACE_AFTER = re.compile(r"([(\[{„«]) ")


def read_opus(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a file with a sentence a line; of TMX one record for 1,000 units.

    Raises:
        DataError: Where the file's root is neither OPUS's nor TMX's.
    """
    key = uncompressed(relative)
    sentences = _Sentences(options)
    units = Units(key, relative, options)
    root = ""
    with open_stream(path) as stream:
        try:
            for event in events(stream):
                if not root:
                    root = event.name
                    if root not in _ROOTS | {"tmx"}:
                        refuse_root(path, root, "file of OPUS", "<document>, <letsmt> or <tmx>")
                if root == "tmx":
                    yield from units.take(event)
                else:
                    sentences.take(event)
        except BrokenXmlError as error:
            if root == "tmx":
                yield from units.rest()
                yield broken(units.locator(), error.reason, error.detail, options)
            else:
                yield broken(relative, error.reason, error.detail, options)
            return
    if root == "tmx":
        yield from units.rest()
    else:
        yield sentences.record(key, relative)


def seconds(clock: str) -> float | None:
    """Seconds of a subtitle's time, ``00:01:02,500``; None where it is none."""
    found = _CLOCK.search(clock)
    if found is None:
        return None
    hours, minutes, whole, thousandths = found.groups()
    sum_ = int(hours[:4]) * 3600 + int(minutes[:4]) * 60 + int(whole[:4])
    return sum_ + int((thousandths or "0").ljust(3, "0")) / 1000


class _Sentences:
    """A file of sentences on its way to its record."""

    def __init__(self, options: ReaderOptions) -> None:
        self._options = options
        self._prose = Prose(options.max_record_bytes)
        self._open: list[str] = []
        self._in_sentence = False
        self._words = False
        self._glued = True  # the word that comes stands against the one before
        self._ended: float | None = None  # when the last words went from the screen
        self._sentence: list[str] = []
        self._fields: dict[str, str] = {}
        self._pieces: list[str] = []

    def take(self, event: Event) -> None:
        if event.kind == "text":
            self._text(event.text)
        elif event.kind == "start":
            self._open.append(event.name)
            self._start(event.name, event.attributes)
        else:
            self._end(self._open.pop())

    def record(self, key: str, place: str) -> Record | Skipped:
        """The sentences on lines."""
        text = "".join(part.text for part in self._prose.parts())
        if self._prose.too_large:
            return broken(place, "record-too-large", "", self._options)
        return Record(
            key,
            place,
            text,
            title=self._fields.get("title"),
            author=self._fields.get("author"),
            date=self._fields.get("source/year") or self._fields.get("date"),
            language=self._fields.get("language"),
            url=self._fields.get("url"),
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if "meta" in self._open or "head" in self._open:
            self._pieces.clear()
        elif name == "s":
            self._in_sentence = True
            self._words = False
            self._sentence.clear()
        elif name == "w":
            self._words = True
            if not self._glued:
                self._write(" ")
            self._glued = "SpaceAfter=No" in attributes.get("misc", "")
        elif name == "time":
            self._time(attributes)
        elif name in _PARAGRAPHS:
            self._prose.paragraph()

    def _end(self, name: str) -> None:
        if name in ("meta", "head"):
            return
        if "meta" in self._open or "head" in self._open:
            inside = self._open[-1]
            path = f"{inside}/{name}" if inside == "source" else name
            value = metadata(self._pieces)
            known = path in _META and (path != "language" or len(value) < 4)
            if known and value:
                self._fields.setdefault(path, value)
            self._pieces.clear()
        elif name == "s":
            self._in_sentence = False
            text = metadata(self._sentence)
            if self._words:
                text = _NO_SPACE_AFTER.sub(r"\1", _NO_SPACE_BEFORE.sub("", text))
            self._prose.write(text)
            self._prose.line()
            self._glued = True
        elif name in _PARAGRAPHS:
            self._prose.paragraph()

    def _text(self, text: str) -> None:
        if "meta" in self._open or "head" in self._open:
            if len(self._pieces) < 64:
                self._pieces.append(text)
        elif self._in_sentence and (not self._words or self._open[-1] == "w"):
            self._write(text)

    def _write(self, text: str) -> None:
        if not self._prose.too_large:
            self._sentence.append(text)
            if len(self._sentence) > 1 << 16:  # no sentence has so many words
                self._prose.write("".join(self._sentence))
                self._sentence.clear()

    def _time(self, attributes: dict[str, str]) -> None:
        now = seconds(attributes.get("value", ""))
        if attributes.get("id", "").endswith("E"):
            self._ended = now
        elif now is not None:
            # Within a sentence it goes on, however long the pause is.
            before = not metadata(self._sentence)
            if self._ended is not None and now - self._ended > PAUSE and before:
                self._prose.paragraph()
            self._ended = None


_META = {"author", "date", "language", "source/year", "title", "url"}
