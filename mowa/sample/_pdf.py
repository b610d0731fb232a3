"""PDF files as word processors make them: lines, hyphens, running heads and page numbers."""

from __future__ import annotations

import hashlib
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["PASSWORD", "pdf"]

PASSWORD = "sekret"  # noqa: S105 - no secret: tests and examples open the files with it

_WIDTH, _HEIGHT = 595, 842  # A4 in points
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 523, 760, 84
_SIZE, _LEADING, _INDENT = 11, 14, 18
_SMALL = 9

# Widths of Times Roman from "!" to "~", in thousandths of the size (Adobe's font metrics). An
# accented letter is as wide as its base; anything else is half a size.
_ASCII_WIDTHS = (
    *(333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278),
    *(500,) * 10,
    *(278, 278, 564, 564, 564, 444, 921),
    *(722, 667, 667, 722, 611, 556, 722, 722, 333, 389, 722, 611, 889),
    *(722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722, 722, 611),
    *(333, 278, 333, 469, 500, 333),
    *(444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500, 278, 778),
    *(500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444),
    *(480, 200, 480, 541),
)
_WIDTHS = {" ": 250, "ł": 278, "Ł": 611, "…": 1000, "—": 1000, "„": 444, "”": 444, "“": 444} | {
    chr(code): width for code, width in enumerate(_ASCII_WIDTHS, start=ord("!"))
}
_GLYPHS = {
    "„": "quotedblbase",
    "”": "quotedblright",
    "“": "quotedblleft",
    "’": "quoteright",
    "–": "endash",
    "—": "emdash",
    "…": "ellipsis",
    "ł": "lslash",
    "Ł": "Lslash",
    "§": "section",
    "°": "degree",
    "\xa0": "space",
}
_ACCENTS = {"\u0301": "acute", "\u0328": "ogonek", "\u0308": "dieresis", "\u030c": "caron"}
_VOWELS = frozenset("aeiouyąęóAEIOUYĄĘÓ")
_PAD = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def pdf(
    title: str,
    author: str,
    pages: Sequence[Sequence[str]],
    *,
    encrypted: bool = False,
    scanned: bool = False,
) -> bytes:
    """A PDF of A4 pages; the same arguments give the same bytes.

    Every page has the title as running head and its number at the foot. Paragraphs are indented
    and justified, long words hyphenated at the ends of lines. A paragraph that begins a page in
    lower case goes on with the sentence before it, so it is not indented. What does not fit on its
    page goes on with the next.

    Args:
        title: Its title, in the running head and in the document's information.
        author: Its author, in the document's information.
        pages: The paragraphs of each page.
        encrypted: It opens only with `PASSWORD` (RC4, 40 bits; ISO 32000-1, 7.6.3, revision 2).
        scanned: Each page is a grey picture, without any text.

    Raises:
        ValueError: Where the text has more than 129 characters that are not ASCII.
    """
    codes = _codes(title, *(paragraph for page in pages for paragraph in page))
    contents: list[bytes] = []
    for number, lines in enumerate(_laid_out(pages), start=1):
        picture = f"q {_WIDTH} 0 0 {_HEIGHT} 0 0 cm /Im1 Do Q".encode()
        contents.append(picture if scanned else _content(title, number, lines, codes))
    file = _File(_Cipher(title.encode()) if encrypted else None)
    tree = [3 + 2 * at for at in range(len(contents))]
    font, unicode_map, image, info = (3 + 2 * len(contents) + at for at in range(4))
    file.add(f"<< /Type /Catalog /Pages 2 0 R /Lang {file.text('pl-PL', 1)} >>")
    kids = " ".join(f"{number} 0 R" for number in tree)
    file.add(f"<< /Type /Pages /Kids [{kids}] /Count {len(tree)} >>")
    resources = f"<< /Font << /F1 {font} 0 R >> /XObject << /Im1 {image} 0 R >> >>"
    for number, content in zip(tree, contents, strict=True):
        file.add(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}]"
            f" /Resources {resources} /Contents {number + 1} 0 R >>"
        )
        file.add_stream(content)
    widths = " ".join(str(_character_width(char)) for char in codes)
    names = " ".join(f"/{_glyph(char)}" for char, code in codes.items() if code > 126)
    file.add(
        "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /FirstChar 32"
        f" /LastChar {31 + len(codes)} /Widths [{widths}] /ToUnicode {unicode_map} 0 R"
        f" /Encoding << /Type /Encoding /Differences [127 {names}] >> >>"
    )
    file.add_stream(_unicode_map(codes))
    grey = bytes(96 + (row * 7 + column * 11) % 64 for row in range(16) for column in range(16))
    file.add_stream(
        grey,
        "/Type /XObject /Subtype /Image /Width 16 /Height 16 /ColorSpace /DeviceGray"
        " /BitsPerComponent 8",
    )
    file.add(
        f"<< /Title {file.text(title, info)} /Author {file.text(author, info)}"
        f" /CreationDate {file.text('D:20261012060000Z', info)} >>"
    )
    return file.finished(info)


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    indent: int
    width: float  # that it is stretched to; 0 where it is set as it is


def _laid_out(pages: Sequence[Sequence[str]]) -> Iterator[list[_Line]]:
    """The lines of each sheet."""
    room = (_TOP - _BOTTOM) // _LEADING
    for at, page in enumerate(pages):
        following = pages[at + 1][0] if at + 1 < len(pages) and pages[at + 1] else ""
        lines: list[_Line] = []
        for number, paragraph in enumerate(page):
            goes_on = number == 0 and paragraph[:1].islower()
            stretched = number == len(page) - 1 and following[:1].islower()
            lines += _wrapped(paragraph, 0 if goes_on else _INDENT, stretched=stretched)
        yield lines[:room]
        for start in range(room, len(lines), room):
            yield lines[start : start + room]


def _wrapped(paragraph: str, indent: int, *, stretched: bool) -> Iterator[_Line]:
    """The lines of a paragraph; the last is stretched where the text goes on overleaf."""
    words = paragraph.split()
    line = ""
    while words:
        word = words.pop(0)
        longer = f"{line} {word}" if line else word
        room = _RIGHT - _LEFT - indent
        if _width(longer) <= room:
            line = longer
            continue
        cut = _hyphen(word, room - _width(f"{line} -")) if line else _fitting(word, room)
        if cut:
            head, word = (word[:cut] + "-" if line else word[:cut]), word[cut:]
            line = f"{line} {head}" if line else head
        words.insert(0, word)
        yield _Line(line, indent, room)
        line, indent = "", 0
    if line:
        yield _Line(line, indent, _RIGHT - _LEFT - indent if stretched else 0)


def _hyphen(word: str, room: float) -> int:
    """After how many letters to break a long word: behind a vowel that a consonant follows."""
    if len(word) < 8 or not word.isalpha():
        return 0
    for cut in range(len(word) - 3, 2, -1):
        syllable = word[cut - 1] in _VOWELS and word[cut] not in _VOWELS
        if syllable and word[cut + 1] in _VOWELS and _width(word[:cut]) <= room:
            return cut
    return 0


def _fitting(word: str, room: float) -> int:
    """How much of a word that is longer than a line fits on one."""
    return next((cut for cut in range(len(word), 1, -1) if _width(word[:cut]) <= room), 1)


def _content(title: str, number: int, lines: Iterable[_Line], codes: dict[str, int]) -> bytes:
    def shown(text: str, size: int, x: float, y: float, spacing: float = 0) -> str:
        raw = bytes(codes[char] for char in text).hex()
        return f"/F1 {size} Tf {spacing:.3f} Tw 1 0 0 1 {x:.2f} {y} Tm <{raw}> Tj"

    def middle(text: str) -> float:
        return (_WIDTH - _width(text) * _SMALL / _SIZE) / 2

    head = " ".join(title.split())
    pieces = ["BT", shown(head, _SMALL, middle(head), 800)]
    for row, line in enumerate(lines):
        gaps = line.text.count(" ")
        spare = (line.width - _width(line.text)) / gaps if line.width and gaps else 0
        y = _TOP - row * _LEADING
        pieces.append(shown(line.text, _SIZE, _LEFT + line.indent, y, min(spare, _SIZE)))
    pieces += [shown(str(number), _SMALL, middle(str(number)), 40), "ET"]
    return "\n".join(pieces).encode()


def _codes(*texts: str) -> dict[str, int]:
    """The code of each character: ASCII as it is, the others from 127 on."""
    characters = {char for text in texts for char in "".join(text.split())}
    others = sorted(char for char in characters if not " " <= char <= "~")
    if len(others) > 129:
        raise ValueError(f"{len(others)} characters that are not ASCII are too many for one font")
    return {chr(code): code for code in range(32, 127)} | {
        char: code for code, char in enumerate(others, start=127)
    }


def _width(text: str) -> float:
    return sum(map(_character_width, text)) * _SIZE / 1000


def _character_width(char: str) -> int:
    return _WIDTHS.get(char) or _WIDTHS.get(unicodedata.normalize("NFD", char)[0], 500)


def _glyph(char: str) -> str:
    """Its name in Adobe's glyph list; ``uniXXXX`` where that is all there is."""
    base, *marks = list(unicodedata.normalize("NFD", char))
    if char in _GLYPHS:
        return _GLYPHS[char]
    if char in "żŻ":
        return f"{base}dotaccent"
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii():
        return base + _ACCENTS[marks[0]]
    return f"uni{ord(char):04X}"


def _unicode_map(codes: dict[str, int]) -> bytes:
    entries = [f"<{code:02x}> <{char.encode('utf-16-be').hex()}>" for char, code in codes.items()]
    blocks = [entries[at : at + 100] for at in range(0, len(entries), 100)]
    return "\n".join(
        [
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
            "/CMapName /Letters def /CMapType 2 def",
            "1 begincodespacerange <00> <ff> endcodespacerange",
            *("\n".join([f"{len(block)} beginbfchar", *block, "endbfchar"]) for block in blocks),
            "endcmap end end",
        ]
    ).encode()


class _Cipher:
    """The standard security handler, revision 2 (ISO 32000-1, 7.6.3, algorithms 1 to 4)."""

    def __init__(self, identifier: bytes) -> None:
        self.identifier = _md5(identifier)
        padded = (PASSWORD.encode() + _PAD)[:32]
        self.owner = _rc4(_md5(padded)[:5], padded)
        self._key = _md5(padded + self.owner + b"\xff\xff\xff\xff" + self.identifier)[:5]
        self.user = _rc4(self._key, _PAD)

    def encrypted(self, data: bytes, number: int) -> bytes:
        return _rc4(_md5(self._key + number.to_bytes(3, "little") + b"\0\0")[:10], data)


@dataclass(slots=True)
class _File:
    """The objects of a file as they are added, numbered from 1."""

    cipher: _Cipher | None
    body: bytearray = field(default_factory=lambda: bytearray(b"%PDF-1.5\n%\xc4\x85\xc5\xbc\n"))
    offsets: list[int] = field(default_factory=list)

    def text(self, text: str, number: int) -> str:
        """A text string in object `number`, as it is written there."""
        raw = text.encode() if text.isascii() else b"\xfe\xff" + text.encode("utf-16-be")
        return f"<{(self.cipher.encrypted(raw, number) if self.cipher else raw).hex()}>"

    def add(self, content: str | bytes) -> None:
        raw = content.encode("ascii") if isinstance(content, str) else content
        self.offsets.append(len(self.body))
        self.body += b"%d 0 obj\n%b\nendobj\n" % (len(self.offsets), raw)

    def add_stream(self, data: bytes, entries: str = "") -> None:
        packed = zlib.compress(data, 9)
        if self.cipher:
            packed = self.cipher.encrypted(packed, len(self.offsets) + 1)
        head = f"<< {entries} /Length {len(packed)} /Filter /FlateDecode >>".encode()
        self.add(b"%b\nstream\n%b\nendstream" % (head, packed))

    def finished(self, info: int) -> bytes:
        """The file with its cross-reference table; `info` is the number of its information."""
        protection = ""
        if self.cipher:
            owner, user, identifier = (
                value.hex()
                for value in (self.cipher.owner, self.cipher.user, self.cipher.identifier)
            )
            protection = (
                f" /ID [<{identifier}> <{identifier}>] /Encrypt << /Filter /Standard /V 1 /R 2"
                f" /O <{owner}> /U <{user}> /P -1 >>"
            )
        size = len(self.offsets) + 1
        table = "".join(f"{offset:010} 00000 n \n" for offset in self.offsets)
        return bytes(self.body) + (
            f"xref\n0 {size}\n0000000000 65535 f \n{table}"
            f"trailer\n<< /Size {size} /Root 1 0 R /Info {info} 0 R{protection} >>\n"
            f"startxref\n{len(self.body)}\n%%EOF\n"
        ).encode("ascii")


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
