"""TEI (P4, P5, ELTeC): each text is a record with its chapters as parts, its notes one more.

Where the encoder gives two readings, the author's own stands: the original spelling and the printed
abbreviation; of a mistake the correction, of a critical apparatus the main reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._prose import BREAK, JOINED, LINE_END, NOTHING, Prose
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import open_stream, uncompressed
from mowa.collect.readers._tei_header import Header
from mowa.collect.readers._xml import BrokenXmlError, Event, events, refuse_root

_CORPORA = {"teiCorpus", "teiCorpus.2"}
_TEXTS = {"TEI", "TEI.2"}

_DIVISIONS = {"div", *(f"div{level}" for level in range(8)), "floatingText"}
# Divisions that are one whole for a reader, whatever they are divided into.
_WHOLE = {"chapter", "letter", "poem", "scene", "article", "story"}
_APPARATUS = {"contents", "toc", "index", "advert", "advertisement", "titlepage"}
_NOTES = {"notes", "footnotes", "endnotes"}

_PARAGRAPHS = {
    *_DIVISIONS,
    *("ab", "argument", "body", "back", "front", "byline", "castGroup", "castList", "closer"),
    *("dateline", "docAuthor", "epigraph", "figure", "group", "head", "lg", "list", "opener"),
    *("p", "postscript", "salute", "set", "signed", "sp", "stage", "table", "text", "trailer"),
}
_LINES = {"bibl", "castItem", "item", "l", "row", "speaker"}
# Paragraphs when they stand between paragraphs, parts of the sentence within one.
_EITHER = {"cit", "q", "quote", "said", "floatingText"}
_WITHIN = {"p", "ab", "l", "head", "s", "seg", "hi", "emph", "said", "q", "item", "stage", "cell"}
_GONE = {
    *("figDesc", "fw", "graphic", "index", "surplus", "del", "rdg", "facsimile", "sourceDoc"),
    *("standOff", "titlePage", "back-matter", "metamark", "certainty", "binaryObject"),
}
_NOT_CHOSEN = {"reg", "expan", "sic", "ex"}


def read_tei(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a text, and one more (``#notes``) for its notes.

    Raises:
        DataError: Where the file's root is not TEI's.
    """
    stem = uncompressed(relative)
    place, key = relative, stem
    number = 0
    text: _Text | None = None
    in_corpus = False
    with open_stream(path) as stream:
        try:
            for event in events(stream):
                if text is not None:
                    text.take(event)
                    if event.kind == "end" and not text.open:
                        yield from text.records(key, place)
                        text = None
                elif event.kind == "start" and event.name in _TEXTS:
                    number += 1
                    if in_corpus:
                        key, place = f"{stem}#text={number}", f"{relative}#text={number}"
                    text = _Text(options)
                    text.take(event)
                elif event.kind == "start" and event.name in _CORPORA:
                    in_corpus = True
                elif event.kind == "start" and not in_corpus:
                    refuse_root(path, event.name, "TEI", "<TEI>")
        except BrokenXmlError as error:
            yield broken(place, error.reason, error.detail, options)


@dataclass
class _Open:
    """An element that has begun and not ended."""

    name: str
    gone: bool  # nothing in it is read
    noted: bool  # what is in it belongs to the notes
    in_note: bool  # it is, or is in, a note itself, which is one paragraph
    whole: bool  # divisions in it begin no parts


_NO_PARENT = _Open("", gone=False, noted=False, in_note=False, whole=False)


@dataclass
class _Text:
    """One TEI element on its way to its records."""

    options: ReaderOptions
    header: Header = field(default_factory=Header)
    open: list[_Open] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._prose = Prose(self.options.max_record_bytes)
        self._notes = Prose(self.options.max_record_bytes)
        self._in_header = False

    def take(self, event: Event) -> None:
        """The next event of the element, its own start and end among them."""
        if self._in_header:
            self.header.take(event)
        if event.kind == "text":
            top = self.open[-1]
            if not (self._in_header or top.gone) and top.name not in _CONTAINERS:
                (self._notes if top.noted else self._prose).write(event.text)
        elif event.kind == "start":
            self._start(event)
        else:
            self._end(self.open.pop())

    def records(self, key: str, place: str) -> Iterator[Record | Skipped]:
        """The text, and its notes where it has some that are wanted."""
        header = self.header.found()
        parts = self._prose.parts()
        notes = "\n\n".join(part.text for part in self._notes.parts())
        wanted = notes and self.options.footnotes == "apart"
        if self._prose.too_large or self._notes.too_large:
            yield broken(place, "record-too-large", "", self.options)
            return
        left_out = ("notes-left-out",) if notes and not wanted else ()
        yield Record(
            key,
            place,
            text=None if len(parts) > 1 else "".join(part.text for part in parts),
            parts=parts if len(parts) > 1 else (),
            notes=left_out,
            author=header.author,
            title=header.title,
            date=header.date,
            language=header.language,
            licence=header.licence,
            url=header.url,
        )
        if wanted:
            sign = "&" if "#" in place else "#"
            yield Record(
                f"{key}#notes",
                f"{place}{sign}notes",
                notes,
                title=header.title,
                language=header.language,
                licence=header.licence,
                url=header.url,
            )

    def _start(self, event: Event) -> None:
        name, kind = event.name, event.attributes.get("type", "").lower()
        parent = self.open[-1] if self.open else _NO_PARENT
        division = name in _DIVISIONS
        gone = parent.gone or name in _GONE or (division and kind in _APPARATUS)
        gone = gone or (parent.name == "choice" and name in _NOT_CHOSEN)
        gone = gone or (name == "ref" and "note" in kind)
        noted = parent.noted or name == "note" or (division and kind in _NOTES)
        in_note = parent.in_note or name == "note"
        whole = parent.whole or (division and kind in _WHOLE)
        element = _Open(name, gone, noted, in_note, whole)
        self.open.append(element)
        if name == "teiHeader":
            self._in_header = True
        elif name in _TEXTS | {"text"}:
            self.header.language_of(name, event.attributes)
        if gone or self._in_header:
            return
        if name == "note":
            (self._notes if parent.noted else self._prose).write(NOTHING)
            self._notes.paragraph()
        prose = self._notes if noted else self._prose
        if division and not parent.whole and not noted and name != "floatingText":
            prose.part()
        if name in ("lb", "pb", "cb", "gb", "milestone"):
            prose.write(JOINED if event.attributes.get("break") == "no" else LINE_END)
        elif name == "gap":
            prose.write(" […] ")
        elif name == "cell" and parent.name == "row":
            prose.write(" ")
        else:
            self._bound(prose, element, parent)

    def _end(self, element: _Open) -> None:
        parent = self.open[-1] if self.open else element
        if element.name == "teiHeader":
            self._in_header = False
        if element.gone or self._in_header or not self.open:
            return
        prose = self._notes if element.noted else self._prose
        if element.name == "note":
            prose.paragraph()
            return
        self._bound(prose, element, parent, ends=True)
        if element.name in _DIVISIONS and not parent.whole and element.name != "floatingText":
            prose.part()

    def _bound(self, prose: Prose, element: _Open, parent: _Open, *, ends: bool = False) -> None:
        """End the line or paragraph where an element begins or ends."""
        name = element.name
        if name == "speaker" and ends:
            prose.glue()
        elif name == "sp":
            prose.loosen()
        elif name in _LINES or (element.in_note and name in _PARAGRAPHS):
            prose.write(BREAK)
        elif name in _EITHER:
            if not any(outer.name in _WITHIN for outer in self.open if outer is not element):
                prose.paragraph()
        elif name in _PARAGRAPHS and not (name == "stage" and parent.name in _WITHIN):
            prose.paragraph(heading=name == "head" and ends)


# White space between the elements of these is the encoder's.
_CONTAINERS = {"TEI", "TEI.2", "text", "body", "front", "back", "group", "choice", "subst", "app"}
