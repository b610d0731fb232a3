"""Sentence files of the Leipzig Corpora Collection: `number, tab, sentence` on each line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import open_stream, uncompressed
from mowa.collect.readers._text_lines import BadLine, Growing, text_lines

SENTENCES = 100
"""Sentences of one record, where nothing says which belong together.

A sentence by itself is too short to tell its language and below every threshold of length; a file
as one record would be kept, held out or taken down as one. A hundred are about 10,000 characters,
a usual length of documents.
"""


def read_sentences(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a hundred lines, a sentence a line, in the order of the file.

    The sentences are shuffled, so a record is no running text.
    """
    group = Growing(options.max_record_bytes)
    first = last = 0
    with open_stream(path) as stream:
        for number, line in text_lines(stream, options.max_record_bytes):
            if line == "":
                continue
            sentence = _sentence(line)
            if isinstance(sentence, BadLine):
                locator = f"{relative}#line={number}"
                yield broken(locator, sentence.reason, sentence.detail, options)
                continue
            first, last = first or number, number
            group.add(sentence)
            if len(group.pieces) == SENTENCES or group.bad is not None:
                yield _record(group, relative, first, last, options)
                group, first = Growing(options.max_record_bytes), 0
        if first:
            yield _record(group, relative, first, last, options)
        if stream.failure is not None:
            locator = f"{relative}#line={last + 1}"
            yield broken(locator, stream.failure.reason, stream.failure.detail, options)


def _sentence(line: str | BadLine) -> str | BadLine:
    if isinstance(line, BadLine):
        return line
    number, tab, sentence = line.partition("\t")
    if not tab or not number.strip().isdecimal():
        return BadLine("invalid-sentence", line[:40])
    return sentence


def _record(
    group: Growing, relative: str, first: int, last: int, options: ReaderOptions
) -> Record | Skipped:
    locator = f"{relative}#lines={first}-{last}"
    if group.bad is not None:
        return broken(locator, group.bad.reason, group.bad.detail, options)
    return Record(f"{uncompressed(relative)}#{first}", locator, "\n".join(group.pieces))
