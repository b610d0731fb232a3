"""WARC files, plain or gzip: HTML responses with status 200 become records, or texts (WET).

fastwarc cuts the file into records. What it swallows (2.0.1: a file cut short, a length beyond the
end of the file, a missing or unreadable length, headers that end with the file) is told apart here,
so that every record of the file is counted.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._http import (
    BodyError,
    BodyTooLargeError,
    Head,
    decode_body,
    looks_like_html,
    parse_head,
)
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import MAGIC_BYTES, Failure, Stream, holds_gzip, open_stream
from mowa.errors import DataError

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

_HEAD_BYTES = 1 << 16  # several times what servers send, or accept, as headers
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_WINDOW = 1 << 20


def read_warc(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One `Record` or `Skipped` for each record of a WARC file.

    After a damaged piece, under ``bad_input = "skip"``, reading goes on with the next record that
    can be found: the next gzip member that holds one, the next record header in a plain file.

    Raises:
        DataError: Where the file is no WARC at all.
    """
    yield from records_in(path, relative, options, Kind(_why_not_page, _page))


@dataclass(frozen=True, slots=True)
class Kind:
    """What of an archive is to become records.

    Attributes:
        why_not: Reason and detail of a record that is none of them, by its type, itself and the
            first bytes of its block; None of one that is; and the head of its HTTP message, which
            does not count as its content.
        make: The record, its locator, the head, the content, and the options, to what it becomes.
    """

    why_not: Callable[[str, WarcRecord, bytes], tuple[tuple[str, str] | None, Head | None]]
    make: Callable[[WarcRecord, str, Head | None, bytes, ReaderOptions], Record | Skipped]


def records_in(
    path: Path, relative: str, options: ReaderOptions, kind: Kind
) -> Iterator[Record | Skipped]:
    """One `Record` or `Skipped` for each record of a WARC file, as `read_warc` says."""
    start: int | None = 0
    while start is not None:
        with open_stream(path, start) as stream:
            section = _Section(path, relative, start, stream, options, kind=kind)
            yield from section.records()
            start = section.resume


class _DamageError(Exception):
    """A record that breaks the chain: what follows it must be searched for."""

    def __init__(self, locator: str, offset: int, reason: str, detail: str) -> None:
        super().__init__(locator, reason, detail)
        self.locator = locator
        self.offset = offset
        self.reason = reason
        self.detail = detail


class _Section:
    """The records from one place in the file on, until its end or the next damage."""

    def __init__(
        self,
        path: Path,
        relative: str,
        start: int,
        stream: Stream,
        options: ReaderOptions,
        *,
        kind: Kind,
    ) -> None:
        self.resume: int | None = None
        self._path = path
        self._relative = relative
        self._start = start
        self._stream = _Window(stream)
        self._options = options
        self._kind = kind
        self._end: int | None = None  # the position in the stream behind the last whole record

    def records(self) -> Iterator[Record | Skipped]:
        """Yield what is found, damage last; then `resume` is where to go on, if anywhere."""
        from fastwarc.warc import ArchiveIterator

        try:
            archive = ArchiveIterator(
                cast("BinaryIO", self._stream), parse_http=False, stream_detect=False
            )
            for record in archive:
                yield self._one(record)
            damage = self._damage_at_end()
        except _DamageError as error:
            damage = error
        except OSError as error:
            if error.errno is not None:  # the disk, not the data
                raise
            damage = self._damage(None, "invalid-warc-record", str(error))
        if damage is None:
            return
        self.resume = _next_record(self._path, damage.offset + 1)
        nothing = self._start == 0 and self._end is None and self.resume is None
        odd = damage.reason in ("invalid-warc-record", "corrupt-gzip")
        if nothing and odd and not _begins_as_warc(self._path):
            raise DataError(
                "this is not a WARC file",
                where=str(self._path),
                fix="leave it out with the inventory's exclude, or name its format in"
                " reader.format",
            )
        yield broken(damage.locator, damage.reason, damage.detail, self._options)

    def _one(self, record: WarcRecord) -> Record | Skipped:
        get = record.headers.get
        kind, name = (get("WARC-Type") or "").lower(), (record.record_id or "").strip()
        locator = f"{self._relative}#offset={self._stream.offset(record.stream_pos)}&record={name}"
        declared = get("Content-Length")
        if declared is None or declared.strip() != str(record.content_length):
            detail = f"its Content-Length is {declared!r}"
            raise self._damage(record.stream_pos, "invalid-warc-record", detail, locator)

        end = self._stream.header_end(record.stream_pos) + record.content_length
        # Nothing of a record is held but the head, and the body of what looks like a page.
        limit = self._options.max_record_bytes
        block = _read(record, _HEAD_BYTES)
        skipped, head = self._kind.why_not(kind, record, block)
        if skipped is None and record.content_length <= limit + _HEAD_BYTES:
            block += _read(record, record.content_length)
        found = len(block) + record.consume()
        if found < record.content_length:
            detail = f"{found:,} of the record's {record.content_length:,} bytes are there"
            raise self._damage(record.stream_pos, "truncated-warc", detail, locator)
        self._end = end

        if not name:
            return broken(locator, "invalid-warc-record", "no WARC-Record-ID", self._options)
        if skipped is not None:
            return Skipped(locator, *skipped)
        size = 0 if head is None else head.size
        if found - size > limit:
            return broken(locator, "record-too-large", f"{found:,} bytes", self._options)
        return self._kind.make(record, locator, head, block[size:], self._options)

    def _damage_at_end(self) -> _DamageError | None:
        """What the end of the stream says: nothing, where it is the end of the file too."""
        if self._stream.failure is not None:
            return self._damage(None, "", "")
        if self._start == 0 and self._end is None:
            return self._damage(None, "empty-warc", "")
        return None

    def _damage(
        self, position: int | None, reason: str, detail: str, locator: str | None = None
    ) -> _DamageError:
        """Damage at `position`, or where the next record should begin."""
        if position is None and self._end is not None:
            position = self._end + len(b"\r\n\r\n")
        offset = self._start if position is None else self._stream.offset(position)
        failure = self._stream.failure
        if failure is not None:
            # fastwarc reads on only when it must: whatever breaks now breaks for this reason.
            reason, detail = failure.reason, failure.detail
            offset = max(offset, failure.offset)
        return _DamageError(locator or f"{self._relative}#offset={offset}", offset, reason, detail)


class _Window:
    """A stream that remembers what it gave last: fastwarc does not say where a header ends."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._recent = b""

    @property
    def failure(self) -> Failure | None:
        return self._stream.failure

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._recent = (self._recent + data)[-2 * _HEAD_BYTES :]
        return data

    def tell(self) -> int:
        return self._stream.tell()

    def offset(self, position: int) -> int:
        return self._stream.offset(position)

    def header_end(self, position: int) -> int:
        """Where the header that begins at `position`, and was read last, ends."""
        first = self.tell() - len(self._recent)
        at = self._recent.find(b"\r\n\r\n", max(position - first, 0))
        return position if at < 0 else first + at + 4


def _why_not_page(
    kind: str, _: WarcRecord, block: bytes
) -> tuple[tuple[str, str] | None, Head | None]:
    """Reason and detail of a record that is, as things normally are in an archive, no page."""
    head = parse_head(block)
    if kind != "response":
        return ("not-a-response", kind), head
    if head is None:
        return ("not-http", "" if block else "empty"), head
    if head.status != 200:
        return ("http-status", str(head.status)), head
    if head.media_type and head.media_type not in _HTML_TYPES:
        return ("not-html", head.media_type), head
    return None, head


def _page(
    record: WarcRecord, locator: str, head: Head | None, body: bytes, options: ReaderOptions
) -> Record | Skipped:
    assert head is not None
    try:
        html = decode_body(head, body, options.max_record_bytes)
    except BodyError as error:
        return Skipped(locator, "bad-http-body", str(error))
    except BodyTooLargeError:
        return broken(locator, "record-too-large", "when decompressed", options)
    if not head.media_type and not looks_like_html(html):
        return Skipped(locator, "not-html", "no media type")
    return Record(
        key=bare(record.record_id),
        locator=locator,
        text=None,
        html=html,
        encoding=head.charset,
        url=address(record),
        captured=record.headers.get("WARC-Date"),
    )


def bare(identifier: str | None) -> str:
    """A WARC identifier without its angle brackets."""
    return (identifier or "").strip().removeprefix("<").removesuffix(">")


def address(record: WarcRecord) -> str | None:
    """The address of what a record holds."""
    # wget writes the address in angle brackets, as WARC 1.0 says and nobody else does
    return (record.headers.get("WARC-Target-URI") or "").strip().strip("<>") or None


def _read(record: WarcRecord, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := record.reader.read(min(size, _WINDOW))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _begins_as_warc(path: Path) -> bool:
    with open_stream(path) as stream:
        return stream.read(5) == b"WARC/"


def _next_record(path: Path, start: int) -> int | None:
    """Where the next record begins that can be told without the ones before it."""
    with path.open("rb") as file:
        is_gzip = holds_gzip(path, file.read(MAGIC_BYTES))
        pattern = re.compile(rb"\x1f\x8b\x08" if is_gzip else rb"(?<=\n)WARC/\d\.\d")
        overlap = 9
        at = max(start - 1, 0)
        file.seek(at)
        window = file.read(_WINDOW)
        while len(window) > overlap:
            for match in pattern.finditer(window):
                found = at + match.start()
                if found >= start and (not is_gzip or _holds_a_record(path, found)):
                    return found
            at += len(window) - overlap
            more = file.read(_WINDOW)
            if not more:
                return None
            window = window[-overlap:] + more
    return None


def _holds_a_record(path: Path, start: int) -> bool:
    with path.open("rb") as file:
        file.seek(start)
        try:
            return zlib.decompressobj(wbits=31).decompress(file.read(_WINDOW), 5) == b"WARC/"
        except zlib.error:
            return False
