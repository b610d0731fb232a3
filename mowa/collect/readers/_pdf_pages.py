"""The lines of a PDF file's pages as pdfium finds them: text, place, size of type."""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HYPHENS = "\ufffe\x02"  # what pdfium gives for a hyphen behind which a line ends
_LINE_END = re.compile(f"\r\n|[\r\n{_HYPHENS}]")
_FIXED_PITCH = re.compile(r"courier|mono|consolas|typewriter|cmtt|fixed|menlo", re.IGNORECASE)
# Accents as characters of their own: TeX's fonts of 1978 have letters and accents apart.
_ACCENTS = {"´": "\u0301", "˛": "\u0328", "˙": "\u0307", "ˇ": "\u030c", "¨": "\u0308"}
_ACCENTED = re.compile("[´˛˙ˇ¨]")
# Of the size of type: TeX sets words 0.2 apart where it is tightest; letters of typewriters may be
# as far apart, and their spaces are 0.6 wide.
_WORD_GAP, _FIXED_WORD_GAP = 0.15, 0.5
_LONGEST = 2_000  # characters; no printed line is longer
_OBJECTS = 1_000  # of a page, that are looked at for a picture
_NO_PASSWORD = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY (a handler that pdfium has not)
_COPYING = 1 << 4  # ISO 32000-1, table 22: bit 5


@dataclass(frozen=True, slots=True)
class Line:
    """One line, in points from the page's lower left corner.

    Attributes:
        text: Stripped; a hyphen behind which the line breaks is left out, and
        hyphenated: says that there was one.
        left: Where its first letter begins, and
        right: where its last ends.
        y: Its baseline.
        size: Size of its type, at the first letter.
        fixed: It is set in type of one width, as program code is.
    """

    text: str
    left: float
    right: float
    y: float
    size: float
    fixed: bool = False
    hyphenated: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page: `lines` in pdfium's order; None where the page cannot be read.

    `pictured` says whether there is anything on it that may show text: a picture, a drawing.
    """

    lines: tuple[Line, ...] | None
    pictured: bool


class PdfError(Exception):
    """A file that pdfium does not open; `needs_password` says whether that is why."""

    def __init__(self, message: str, *, needs_password: bool) -> None:
        super().__init__(message)
        self.needs_password = needs_password


class PageTooLargeError(Exception):
    """A page with more characters than the limit."""


class PdfFile:
    """An open file; pages are opened one at a time and closed again.

    Raises:
        PdfError: Where it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        import pypdfium2

        try:
            self._document = pypdfium2.PdfDocument(path)
            self.pages = len(self._document)
        except pypdfium2.PdfiumError as error:
            code = getattr(error, "err_code", None)
            raise PdfError(_short(error), needs_password=code in _NO_PASSWORD) from error

    def close(self) -> None:
        self._document.close()

    def information(self) -> dict[str, str]:
        """What it says of itself: `Title`, `Author`, `CreationDate` and others."""
        return {key: value for key, value in self._document.get_metadata_dict().items() if value}

    def language(self) -> str | None:
        """The language in its catalogue."""
        import pypdfium2.raw as pdfium

        size = pdfium.FPDFCatalog_GetLanguage(self._document, None, 0)
        if not 2 < size < 256:
            return None
        buffer = ctypes.create_string_buffer(size)
        pdfium.FPDFCatalog_GetLanguage(
            self._document, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size
        )
        return buffer.raw[: size - 2].decode("utf-16-le", "ignore").strip() or None

    def forbids_copying(self) -> bool:
        """Whether it is encrypted, without a password, so as to forbid that text is taken out."""
        import pypdfium2.raw as pdfium

        return not pdfium.FPDF_GetDocPermissions(self._document) & _COPYING

    def page(self, number: int, limit: int) -> Page:
        """Page `number`, from 0.

        Raises:
            PageTooLargeError: Where it has more than `limit` characters.
        """
        import pypdfium2
        import pypdfium2.raw as pdfium

        try:
            with closing(self._document[number]) as page, closing(page.get_textpage()) as text:
                count = text.count_chars()
                if count > limit:
                    raise PageTooLargeError
                lines = tuple(_lines(pdfium, text, count))
                pictured = _is_pictured(pdfium, page)
        except pypdfium2.PdfiumError:
            return Page(None, pictured=False)
        return Page(lines, pictured)


def _is_pictured(pdfium: Any, page: Any) -> bool:
    shown = min(pdfium.FPDFPage_CountObjects(page), _OBJECTS)
    return any(
        pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page, at))
        not in (pdfium.FPDF_PAGEOBJ_TEXT, pdfium.FPDF_PAGEOBJ_UNKNOWN)
        for at in range(shown)
    )


def _lines(pdfium: Any, page: Any, count: int) -> Iterator[Line]:
    text = _characters(pdfium, page, count)
    start = 0
    while start < len(text):
        end = _LINE_END.search(text, start)
        stop = end.start() if end else len(text)
        line = _line(pdfium, page, text, start, stop, hyphenated=bool(end and end[0] in _HYPHENS))
        if line is not None:
            yield line
        start = end.end() if end else len(text)


def _characters(pdfium: Any, page: Any, count: int) -> str:
    """The page's text, one character for each of pdfium's."""
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (2 * count + 2))()
    units = pdfium.FPDFText_GetText(page, 0, count, buffer) - 1
    if units == count:
        text = bytes(memoryview(buffer)[:units]).decode("utf-16-le", "replace")
        if len(text) == count:
            return text
    # pdfium leaves out, puts in or pairs some: ask for each.
    codes = (pdfium.FPDFText_GetUnicode(page, index) for index in range(count))
    return "".join(chr(code) if _is_scalar(code) else "\ufffd" for code in codes)


def _is_scalar(code: int) -> bool:
    return 0 < code < 0xD800 or 0xDFFF < code < 0x110000


def _line(
    pdfium: Any, page: Any, text: str, start: int, stop: int, *, hyphenated: bool
) -> Line | None:
    while start < stop and text[start].isspace():
        start += 1
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    if start == stop:
        return None
    left, _ = _sides(pdfium, page, start)
    _, right = _sides(pdfium, page, stop - 1)
    size, fixed = _size(pdfium, page, start), _is_fixed(pdfium, page, start)
    content = text[start:stop]
    if len(content) <= _LONGEST and _ACCENTED.search(content):
        sides = [_sides(pdfium, page, at) for at in range(start, stop)]
        content = _composed(content, sides, size * (_FIXED_WORD_GAP if fixed else _WORD_GAP))
        right = max(side[1] for side in sides)
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(page, start, x, y)
    return Line(
        text=content,
        left=left,
        right=max(left, right),
        y=y.value,
        size=size,
        fixed=fixed,
        hyphenated=hyphenated,
    )


def _sides(pdfium: Any, page: Any, index: int) -> tuple[float, float]:
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    pdfium.FPDFText_GetCharBox(page, index, left, right, bottom, top)
    return left.value, right.value


def _size(pdfium: Any, page: Any, index: int) -> float:
    """The size of type as it is seen: fonts are often set at 1 and stretched by the matrix."""
    matrix = pdfium.FS_MATRIX()
    size = float(pdfium.FPDFText_GetFontSize(page, index))
    if pdfium.FPDFText_GetMatrix(page, index, matrix):
        size *= (matrix.c**2 + matrix.d**2) ** 0.5
    return size


def _is_fixed(pdfium: Any, page: Any, index: int) -> bool:
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    size = pdfium.FPDFText_GetFontInfo(page, index, name, len(name), flags)
    known = name.value.decode("utf-8", "replace") if 0 < size <= len(name) else ""
    return bool(flags.value & 1) or _FIXED_PITCH.search(known) is not None


def _composed(text: str, sides: list[tuple[float, float]], word_gap: float) -> str:
    """`text` with every accent put on the letter that it stands over.

    The accent comes before its letter, with a gap that pdfium takes for a space, or at the end of
    the line; what tells its letter is the place on the page.
    """
    letters: list[str] = list(text)
    placed: set[int] = set()
    for match in _ACCENTED.finditer(text):
        at = match.start()
        base = _letter_under(text, sides, at)
        if base is None:
            continue
        whole = unicodedata.normalize("NFC", letters[base] + _ACCENTS[text[at]])
        if len(whole) == 1:
            letters[base] = whole
            placed.add(at)
    if not placed:
        return text
    out: list[str] = []
    last: int | None = None  # the last letter put out, and
    doubtful = False  # whether an accent, and spaces around it, lay behind it
    for at, letter in enumerate(letters):
        near = {at - 1, at + 1} & placed
        if at in placed or (letter == " " and near):
            doubtful = True
            continue
        if doubtful and last is not None and letter != " " and out[-1] != " ":
            gap = sides[at][0] - sides[last][1]
            if gap > word_gap:
                out.append(" ")
        doubtful = False
        out.append(letter)
        last = at
    return "".join(out).strip()


def _letter_under(text: str, sides: list[tuple[float, float]], accent: int) -> int | None:
    """The index of the letter that the accent stands over, or under; None where there is none."""
    middle = sum(sides[accent]) / 2
    found, nearest = None, float("inf")
    for at, (left, right) in enumerate(sides):
        slack = 0.3 * (right - left)
        if text[at].isalpha() and left - slack <= middle <= right + slack:
            distance = abs(middle - (left + right) / 2)
            if distance < nearest:
                found, nearest = at, distance
    return found


def _short(error: Exception) -> str:
    """What pdfium says of it, such as ``data format error``."""
    return str(error).rpartition("PDFium: ")[2].rstrip(").").lower()
