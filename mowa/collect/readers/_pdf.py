"""PDF: the text layer of a file, page by page, as one record."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._pdf_pages import Line, PageTooLargeError, PdfError, PdfFile
from mowa.collect.readers._pdf_text import Cleaned, cleaned
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import MAGIC_BYTES, holds_gzip, open_stream, uncompressed

_FILE_BYTES = 512 << 20
_PAGES = 20_000
_LINES = 1_000_000  # of a file; lines of one letter would take far more memory than their text

_LETTERS_OF_A_PAGE = 16  # fewer are a stamp or a number, not a page's text
_PAGES_WITH_TEXT = 0.1  # where fewer have text, it is not the text of the document
_GARBLED = 0.5  # share of letters and digits; Polish text has 0.95, tables of numbers 0.8
_JUDGED = 100  # characters; fewer may be anything
_PRIVATE = 0.05

_DATE = re.compile(
    r"D:(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?)?)?(?:(Z)|([+-])(\d\d)'?(\d\d)?)?"
)
# TDM Reservation Protocol (W3C community group), "TDM Metadata in PDF files".
_RESERVATION = re.compile(rb"""tdm:reservation\s*(?:=\s*["']|>)\s*([01])""")
_WINDOW = 1 << 20
_OVERLAP = 256


def read_pdf(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """The whole file as one record; every page that has text is a part of it, ``page=3``."""
    with ExitStack() as stack:
        place = _place(path, relative, options, stack)
        if isinstance(place, Skipped):
            yield place
            return
        try:
            file = stack.enter_context(closing(PdfFile(place)))
        except PdfError as error:
            if error.needs_password:
                yield Skipped(relative, "encrypted", str(error))
            else:
                yield broken(relative, "invalid-pdf", str(error), options)
            return
        yield _record(file, place, relative, options)


def _place(path: Path, relative: str, options: ReaderOptions, stack: ExitStack) -> Path | Skipped:
    """Where the file lies uncompressed: pdfium reads here and there and must have it on disk."""
    with path.open("rb") as raw:
        head = raw.read(MAGIC_BYTES)
    compressed = uncompressed(path.name) != path.name or holds_gzip(path, head)
    if not compressed:
        too_large = path.stat().st_size > _FILE_BYTES
        return broken(relative, "record-too-large", _OVER, options) if too_large else path
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "copy.pdf"
    left = _FILE_BYTES
    with open_stream(path) as stream, copy.open("wb") as whole:
        while left >= 0 and (chunk := stream.read(_WINDOW)):
            left -= len(chunk)
            whole.write(chunk)
        failure = stream.failure
    if failure is not None:
        return broken(relative, failure.reason, failure.detail, options)
    return broken(relative, "record-too-large", _OVER, options) if left < 0 else copy


_OVER = f"more than {_FILE_BYTES >> 20} MiB"


def _record(file: PdfFile, path: Path, relative: str, options: ReaderOptions) -> Record | Skipped:
    if file.pages > _PAGES:
        return broken(relative, "record-too-large", f"{file.pages:,} pages", options)
    pages: list[tuple[Line, ...]] = []
    pictures: set[int] = set()
    unreadable = lines = 0
    left = options.max_record_bytes
    for number in range(file.pages):
        try:
            page = file.page(number, left)
        except PageTooLargeError:
            left = -1
            break
        unreadable += page.lines is None
        if page.pictured:
            pictures.add(number + 1)
        pages.append(page.lines or ())
        lines += len(pages[-1])
        left -= sum(len(line.text.encode("utf-8", "replace")) + 1 for line in pages[-1])
        if left < 0 or lines > _LINES:
            left = -1
            break
    if left < 0:
        return broken(relative, "record-too-large", f"at page {number + 1:,}", options)
    if unreadable and unreadable == file.pages:
        return broken(relative, "invalid-pdf", "none of its pages can be read", options)
    text = cleaned(pages)
    skipped = _why_not(file, relative, text, pictures)
    return skipped or _described(
        file, path, relative, text, pictures, has_unreadable=unreadable > 0
    )


def _why_not(file: PdfFile, relative: str, text: Cleaned, pictures: set[int]) -> Skipped | None:
    """Why the text layer is not the document's text; None where it is."""
    with_text = _pages_with_text(text)
    scanned = len(pictures - with_text)
    if len(with_text) < _PAGES_WITH_TEXT * (scanned + len(with_text)):
        return Skipped(relative, "needs-ocr", f"{scanned:,} of {file.pages:,} pages")
    solid = _solid(text)
    share = sum(map(str.isalnum, solid)) / max(len(solid), 1)
    if len(solid) >= _JUDGED and share < _GARBLED:
        return Skipped(relative, "garbled-text-layer", f"{share:.0%} letters and digits")
    return None


def _described(
    file: PdfFile,
    path: Path,
    relative: str,
    text: Cleaned,
    pictures: set[int],
    *,
    has_unreadable: bool,
) -> Record:
    solid = _solid(text)
    private = sum("\ue000" <= char <= "\uf8ff" for char in solid)
    notes = {
        "copying-restricted": file.forbids_copying(),
        "pages-without-text": bool(pictures - _pages_with_text(text)),
        "private-use-glyphs": private > _PRIVATE * len(solid),
        "repaired-letters": text.repaired_letters,
        "repeated-lines-left-out": text.repeated_lines > 0,
        "tdm-reservation": _is_reserved(path),
        "unreadable-pages": has_unreadable,
    }
    information = file.information()
    return Record(
        key=uncompressed(relative),
        locator=relative,
        text=None if text.parts else "",
        title=information.get("Title"),
        author=information.get("Author"),
        date=_date(information.get("CreationDate", "")),
        language=_language(file.language()),
        parts=text.parts,
        notes=tuple(name for name, holds in notes.items() if holds),
    )


def _pages_with_text(text: Cleaned) -> set[int]:
    return {
        int(part.label.removeprefix("page="))
        for part in text.parts
        if sum(map(str.isalnum, part.text)) >= _LETTERS_OF_A_PAGE
    }


def _solid(text: Cleaned) -> str:
    """All of the text but white space, leaders and rules."""
    return re.sub(r"\s+|([^\w\s])\1{3,}", "", "".join(part.text for part in text.parts))


def _date(value: str) -> str | None:
    """``D:20250929095753+02'00'`` (ISO 32000-1, 7.9.4) as ``2025-09-29T09:57:53+02:00``."""
    found = _DATE.match(value)
    if found is None:
        return None
    year, month, day, hour, minute, second, zulu, sign, hours, minutes = found.groups()
    date = "-".join(piece for piece in (year, month, day) if piece)
    if hour is None:
        return date
    zone = "Z" if zulu else f"{sign}{hours}:{minutes or '00'}" if sign else ""
    return f"{date}T{hour}:{minute}:{second or '00'}{zone}"


def _language(tag: str | None) -> str | None:
    """The language of the catalogue, unless it is what programs write there unasked."""
    return None if tag is None or tag.lower().startswith("en") else tag


def _is_reserved(path: Path) -> bool:
    """Does the last XMP packet that speaks of it reserve the rights of text and data mining?

    Programs leave packets uncompressed so that they can be found like this without reading the
    file's structure (ISO 16684-1); in a compressed one nothing is found.
    """
    reserved = b"0"
    window = b""
    with path.open("rb") as file:
        while chunk := file.read(_WINDOW):
            window = window[-_OVERLAP:] + chunk
            for found in _RESERVATION.finditer(window):
                reserved = found[1]
    return reserved == b"1"
