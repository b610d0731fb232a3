"""WET files of Common Crawl: WARC files of the text that was taken out of pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._http import Head
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._warc import Kind, address, bare, records_in

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord


def read_wet(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One `Record` or `Skipped` for each record of a WET file; damage is met as in `read_warc`.

    A text is known by the response that it was taken from (WARC-Refers-To), as the page itself is
    where the WARC file is read: Common Crawl may take the text anew, and a takedown of the page is
    one of its text. The language is the first of WARC-Identified-Content-Language, which are in the
    order of their share.

    Raises:
        DataError: Where the file is no WARC at all.
    """
    yield from records_in(path, relative, options, Kind(_why_not_text, _text))


def _why_not_text(
    kind: str, record: WarcRecord, _: bytes
) -> tuple[tuple[str, str] | None, Head | None]:
    if kind != "conversion":
        return ("not-a-conversion", kind), None
    media = (record.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    return (None if media == "text/plain" else ("not-text", media)), None


def _text(
    record: WarcRecord, locator: str, _: Head | None, body: bytes, options: ReaderOptions
) -> Record | Skipped:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        return broken(locator, "invalid-utf-8", f"byte {error.start}: {error.reason}", options)
    get = record.headers.get
    languages = (get("WARC-Identified-Content-Language") or "").split(",")
    return Record(
        key=bare(get("WARC-Refers-To")) or bare(record.record_id),
        locator=locator,
        text=text.replace("\r\n", "\n"),
        url=address(record),
        captured=get("WARC-Date"),
        language=languages[0].strip() or None,
    )
