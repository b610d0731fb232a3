"""CoNLL-U, the form of treebanks: the sentences' texts without their analyses.

Format: https://universaldependencies.org/format.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._sentences import SENTENCES
from mowa.collect.readers._streams import open_stream, uncompressed
from mowa.collect.readers._text_lines import BadLine, Growing, text_lines

_COMMENT = re.compile(r"#\s*(newdoc|newpar|text)\b(?:\s+id)?\s*(?:=\s*(.*))?$")
_ID = re.compile(r"([1-9]\d*)(?:-([1-9]\d*)|(\.[1-9]\d*))?|0\.[1-9]\d*")
_COLUMNS = 10


def read_conllu(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a document; sentences that belong to none are a record a hundred.

    Documents begin at ``# newdoc``. Where ``# newpar`` marks paragraphs, their sentences run on and
    an empty line parts them; else each sentence is a line. The text of a sentence is its
    ``# text``, or is put together of its tokens. Empty nodes (8.1) are no text.
    """
    reading = _Reading(relative, options)
    number = 0
    with open_stream(path) as stream:
        for number, line in text_lines(stream, options.max_record_bytes):
            yield from reading.line(line, number)
        if stream.failure is not None:
            locator = f"{relative}#line={number + 1}"
            yield broken(locator, stream.failure.reason, stream.failure.detail, options)
        else:
            yield from reading.end()


class _Reading:
    """The sentence and the document that are being read."""

    def __init__(self, relative: str, options: ReaderOptions) -> None:
        self._relative = relative
        self._options = options
        self._document = _Document(options.max_record_bytes, sentence=1)
        self._sentence = _Sentence()

    def line(self, line: str | BadLine, number: int) -> Iterator[Record | Skipped]:
        """Take one line; yield the document that it ends."""
        document = self._document
        if isinstance(line, BadLine):
            document.text.fail(line)
        elif not line.strip():
            document.add(self._sentence)
            self._sentence = _Sentence()
            if document.place is None and document.sentences == SENTENCES:
                yield from self._next()
        elif line.startswith("#"):
            yield from self._comment(line, number)
        elif not self._sentence.add_token(line):
            document.text.fail(BadLine("invalid-conllu", f"line {number}: {line[:40]}"))

    def end(self) -> Iterator[Record | Skipped]:
        """Yield what the end of the file ends."""
        self._document.add(self._sentence)
        yield from self._next()

    def _comment(self, line: str, number: int) -> Iterator[Record | Skipped]:
        found = _COMMENT.fullmatch(line.strip())
        if found is None:
            return
        kind, value = found[1], (found[2] or "").strip()
        if kind == "newdoc":
            yield from self._next(f"doc={value}" if value else f"line={number}")
        elif kind == "newpar":
            self._document.begin_paragraph()
        else:
            self._sentence.text = value

    def _next(self, place: str | None = None) -> Iterator[Record | Skipped]:
        document = self._document
        if document.sentences or document.text.bad is not None:
            yield _record(document, self._relative, self._options)
        self._document = document.next(place)


@dataclass
class _Sentence:
    text: str | None = None
    forms: list[str] = field(default_factory=list)
    covered: int = 0  # the last word whose form is taken, maybe with others in one token
    space_after: bool = True

    def add_token(self, line: str) -> bool:
        """Take a word, a multiword token, or an empty node; False where the line is none."""
        columns = line.split("\t")
        found = _ID.fullmatch(columns[0])
        if len(columns) != _COLUMNS or found is None:
            return False
        word, last, empty = found.groups()
        if word is None or empty is not None or (last is None and int(word) <= self.covered):
            return True
        self.covered = int(last or word)
        self.space_after = "SpaceAfter=No" not in columns[9].split("|")
        self.forms.append(columns[1] + (" " if self.space_after else ""))
        return True

    def whole(self) -> str:
        return "".join(self.forms).strip() if self.text is None else self.text


@dataclass
class _Document:
    """What is read of a document so far; without `place`, sentences that belong to none."""

    limit: int
    sentence: int  # the number of its first sentence in the file, from 1
    place: str | None = None
    sentences: int = 0
    text: Growing = field(init=False)
    _joint: str = ""
    _in_paragraph: bool = False
    _paragraphs: bool = False

    def __post_init__(self) -> None:
        self.text = Growing(self.limit)

    def add(self, sentence: _Sentence) -> None:
        whole = sentence.whole()
        if not whole and not sentence.forms:
            return
        self.sentences += 1
        self.text.add(self._joint + whole)
        self._joint = (" " if sentence.space_after else "") if self._paragraphs else "\n"

    def begin_paragraph(self) -> None:
        self._joint = "\n\n" if self.sentences else ""
        self._paragraphs = True

    def next(self, place: str | None) -> _Document:
        return _Document(self.limit, self.sentence + self.sentences, place)


def _record(document: _Document, relative: str, options: ReaderOptions) -> Record | Skipped:
    stem = uncompressed(relative)
    if document.place is None:
        first = document.sentence
        last = max(first, first + document.sentences - 1)
        key, locator = f"{stem}#{first}", f"{relative}#sentences={first}-{last}"
    else:
        key = f"{stem}#{document.place.removeprefix('doc=')}"
        locator = f"{relative}#{document.place}"
    bad = document.text.bad
    if bad is not None:
        return broken(locator, bad.reason, bad.detail, options)
    return Record(key, locator, "".join(document.text.pieces))
