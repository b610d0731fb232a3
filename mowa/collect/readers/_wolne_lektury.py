"""Wolne Lektury's XML (WLML): poems, plays and prose, with their editors' notes apart.

Signs are read as Wolne Lektury prints them: ``,,`` and ``"`` are „ and ”, ``---`` and ``--`` are
dashes, ``...`` is …; a slash at the end of a line ends a verse.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._prose import BREAK, NOTHING, Prose, metadata
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import open_stream, uncompressed
from mowa.collect.readers._tei_header import PUBLIC_DOMAIN
from mowa.collect.readers._xml import BrokenXmlError, Event, events, refuse_root
from mowa.rights._creative_commons import spdx_of

_GONE = {
    *("RDF", "motyw", "abstrakt", "extra", "uwaga", "autor_utworu", "dzielo_nadrzedne", "mat"),
    *("ilustr", "audio", "animacja", "tabela_zawartosci", "include"),
}
_NOTES = {"pr", "pe", "pa", "pt", "ptrad", "nota_red"}
_CHAPTERS = {"naglowek_czesc", "naglowek_akt", "naglowek_rozdzial", "naglowek_scena"}
_HEADINGS = _CHAPTERS | {
    *("naglowek_podrozdzial", "naglowek_listy", "nazwa_utworu", "podtytul", "srodtytul"),
    *("motto", "motto_podpis", "dedykacja", "nota"),
}
_PARAGRAPHS = _HEADINGS | {
    *("akap", "akap_cd", "akap_dialog", "didaskalia", "dlugi_cytat", "kwestia", "lista"),
    *("lista_osob", "miejsce_czas", "poezja_cyt", "ramka", "rownolegle", "sekcja_swiatlo"),
    *("separator_linia", "strofa", "tabela", "tabelka", "blok", "werset"),
}
_LINES = {
    *("br", "lista_osoba", "punkt", "wers", "wers_akap", "wers_cd", "wers_do_prawej"),
    *("wers_normalny", "wers_srodek", "wers_wciety", "wiersz", "zastepnik_wersu"),
}
_WITHIN = {
    *("utwor", "liryka_l", "liryka_lp", "opowiadanie", "powiesc", "dramat_wierszowany_l"),
    *("dramat_wierszowany_lp", "dramat_wspolczesny", "begin", "end", "slowo_obce", "osoba"),
    *("tytul_dziela", "wyroznienie", "didask_tekst", "naglowek_osoba", "sekcja_asterysk", "kol"),
    *("indeks_dolny", "indeks_gorny", "wieksze_odstepy", "www", "ref", "tab", "numeracja"),
}
_KNOWN = _GONE | _NOTES | _PARAGRAPHS | _LINES | _WITHIN

_SIGNS = {"---": "—", "--": "–", "...": "…", ",,": "„", '"': "”"}
_SIGN = re.compile(r'---?|\.\.\.|,,|"')
_VERSE_END = re.compile(r"/[ \t\r]*(?:\n|$)")
_MAX_FIELD = 1 << 16


def read_wolne_lektury(
    path: Path, relative: str, options: ReaderOptions
) -> Iterator[Record | Skipped]:
    """The work as one record, and one more (``#notes``) for its notes.

    Raises:
        DataError: Where the file's root is not ``<utwor>``.
    """
    work = _Work(options)
    with open_stream(path) as stream:
        try:
            for event in events(stream):
                if not work.open and event.kind == "start" and event.name != "utwor":
                    refuse_root(path, event.name, "file of Wolne Lektury", "<utwor>")
                work.take(event)
        except BrokenXmlError as error:
            yield broken(relative, error.reason, error.detail, options)
            return
    yield from work.records(uncompressed(relative), relative)


class _Work:
    """A work on its way to its records."""

    def __init__(self, options: ReaderOptions) -> None:
        self.open: list[str] = []
        self._options = options
        self._prose = Prose(options.max_record_bytes, _as_printed)
        self._notes = Prose(options.max_record_bytes, _as_printed)
        self._gone = 0  # how many of the open elements are read by nobody
        self._noted = 0
        self._described = 0
        self._fields: dict[str, list[str]] = defaultdict(list)
        self._pieces: list[str] = []
        self._size = 0
        self._unknown = False

    def take(self, event: Event) -> None:
        """The next event of the file."""
        if event.kind == "text":
            if self._described:
                self._size += len(event.text)
                if self._size < _MAX_FIELD:
                    self._pieces.append(event.text)
            elif not self._gone:
                (self._notes if self._noted else self._prose).write(event.text)
        elif event.kind == "start":
            self.open.append(event.name)
            self._start(event.name, event.attributes)
        else:
            self._end(self.open.pop())

    def records(self, key: str, place: str) -> Iterator[Record | Skipped]:
        """The work and its notes; a file that only names the works of a cycle is skipped."""
        parts = self._prose.parts()
        notes = "\n\n".join(part.text for part in self._notes.parts())
        if self._prose.too_large or self._notes.too_large:
            yield broken(place, "record-too-large", "", self._options)
            return
        if not parts and self._fields["relation.hasPart"]:
            yield Skipped(place, "only-parts", "its works are files of their own")
            return
        wanted = bool(notes) and self._options.footnotes == "apart"
        own = [*(("unknown-element",) * self._unknown)]
        if notes and not wanted:
            own.append("notes-left-out")
        title, url = self._first("title"), self._first("identifier.url")
        language = self._first("language")
        licence = self._first("rights.license")
        licence = (spdx_of(licence) or licence) if licence else None
        stated = "domena publiczna" in " ".join(self._fields["rights"]).lower()
        yield Record(
            key,
            place,
            text=None if len(parts) > 1 else "".join(part.text for part in parts),
            parts=parts if len(parts) > 1 else (),
            notes=tuple(own),
            title=title,
            author="; ".join(self._fields["creator"]) or None,
            # dc:date is the day of the digital edition, a century or three after the work.
            language=language,
            licence=licence or (PUBLIC_DOMAIN if stated else None),
            url=url,
        )
        if wanted:
            # The editors' notes are not in the public domain because the work is.
            yield Record(
                f"{key}#notes",
                f"{place}#notes",
                notes,
                title=title,
                language=language,
                licence=licence,
                url=url,
            )

    def _first(self, name: str) -> str | None:
        return next(iter(self._fields[name]), None)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._described or name == "RDF":
            self._described += 1
            self._pieces.clear()
            self._size = 0
            return
        if self._gone or name in _GONE:
            if not self._gone and not self._noted:
                self._prose.write(NOTHING)
            self._gone += 1
            return
        self._unknown = self._unknown or name not in _KNOWN
        if self._noted or name in _NOTES:
            if not self._noted:
                self._prose.write(NOTHING)
                self._notes.paragraph()
            self._noted += 1
        self._bound(name)
        prose = self._notes if self._noted else self._prose
        if name == "sekcja_asterysk":
            prose.paragraph()
            prose.write("* * *")
            prose.paragraph()
        elif name == "tytul_dziela" and attributes.get("typ") == "1":
            self.open[-1] = "tytul_dziela 1"
            prose.write("„")
        elif name == "kol":
            prose.write(" ")

    def _end(self, name: str) -> None:
        if self._described:
            self._described -= 1
            text = metadata(self._pieces)
            if text:
                self._fields[name].append(text)
            self._pieces.clear()
        elif self._gone:
            self._gone -= 1
        else:
            if name == "tytul_dziela 1":
                (self._notes if self._noted else self._prose).write("”")
            self._bound(name, ends=True)
            if self._noted:
                self._noted -= 1
                if not self._noted:
                    self._notes.paragraph()

    def _bound(self, name: str, *, ends: bool = False) -> None:
        """End the line, paragraph or part where an element begins or ends."""
        if self._noted:  # a note is one paragraph
            if name in _LINES or name in _PARAGRAPHS:
                self._notes.write(BREAK)
            return
        prose = self._prose
        if name in _CHAPTERS and not ends:
            prose.part()
        if name == "naglowek_osoba":
            prose.glue() if ends else prose.loosen()
        elif name == "didaskalia" and "kwestia" in self.open:
            # A stage direction stands over what is spoken then.
            prose.glue() if ends else prose.paragraph()
        elif name == "kwestia" and ends:
            prose.loosen()
        elif name in _LINES:
            prose.write(BREAK)
        elif name in _PARAGRAPHS:
            prose.paragraph(heading=name in _HEADINGS and ends)


def _as_printed(line: str) -> str:
    line = _VERSE_END.sub(BREAK, line)
    return _SIGN.sub(lambda sign: _SIGNS[sign[0]], line)
