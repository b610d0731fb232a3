"""Bytes to text, as the Polish web has them: what a page claims is overruled by what its bytes say.

Polish stands in ISO-8859-2 and Windows-1250 under each other's name, under ISO-8859-1, under UTF-8,
and under no name at all. The two differ in six letters (ą ś ź Ą Ś Ź), so the right one is told by
counting which of them makes Polish letters of the bytes, and which makes signs.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_HEAD = 16 << 10  # bytes in which a page says what it is; browsers look at 1,024, but pages do not
_DECLARED = re.compile(  # in lower case
    rb"""<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([\w.:+-]+)"""
    rb"""|<meta[^>]{0,500}?charset\s{0,9}=\s{0,9}["']?([\w.:+-]+)"""
)

# Share of the characters beyond ASCII that may be broken before text that mostly is UTF-8 is taken
# for something else; text that is cut in a character or has one bad include stays below.
_MAX_BROKEN = 0.2

# So many bytes beyond ASCII show what a text is in; it is half a megabyte of Polish.
_SEEN = 1 << 15

_POLISH = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ"
_WESTERN = "àáâãäåæçèéêëíîïñòóôõöøùúûüýßœÀÁÂÃÄÅÆÇÈÉÊËÍÎÏÑÒÓÔÕÖØÙÚÛÜÝŒ"
_NEUTRAL = "\xa0\xad§°·´×«»€‚„…†‡‘’“”•–—™©®"

# Of all letters of a text, so many are Polish where it is; foreign names and damage are the rest.
_POLISH_ENOUGH = 0.85
# By so many letters, and by such a share of them, evidence must beat a claim.
_MARGIN, _MARGIN_SHARE = 3, 0.05
# Fewer letters beyond ASCII than this explain nothing where no one claims anything.
_LEAST_LETTERS = 3

# Mazovia (CWK 1984) is code page 437 but for these.
_MAZOVIA = bytes.fromhex("868d9192a4a29ea6a78f95909ca5a398a0a1")  # in the order of _POLISH


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, and what it was decoded from.

    Attributes:
        text: The characters; what fits no encoding is U+FFFD.
        encoding: Such as ``utf-8``, ``windows-1250``.
        notes: ``decoded-<encoding>`` where it is not UTF-8; ``charset-overruled`` where something
            else was claimed; ``bytes-replaced`` where there is U+FFFD that the bytes do not hold.
    """

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def decode(raw: bytes, *, charset: str | None, markup: bool) -> Decoded:
    """The characters of a page or of a plain text.

    The order: byte order mark; UTF-8 where the bytes beyond ASCII are valid UTF-8 (no other
    encoding of running text is), or nearly all are; what is claimed, by the HTTP header or else by
    the XML declaration or ``<meta>``; a guess by uchardet. A claim that is not UTF-8 either gives
    way where ISO-8859-2 or Windows-1250, and in plain text code page 852 or Mazovia, makes Polish
    of bytes of which the claim makes none.

    Args:
        raw: What the file or the server gave.
        charset: What the HTTP header claims.
        markup: Whether `raw` is HTML or XML, and may say itself what it is in.
    """
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return _decoded(raw[len(mark) :], name, overruled=False)
    claim = _claim(raw, charset, markup=markup)
    if claim is not None and claim.startswith("utf-16"):
        if b"\0" in raw[:_HEAD]:
            return _decoded(raw, claim, overruled=False)
        claim = None if raw.isascii() else "utf-16-le"
    if raw.isascii():
        return Decoded(raw.decode("ascii"), "utf-8")
    name = _evident(raw, claim, markup=markup)
    return _decoded(raw, name, overruled=claim is not None and name != claim)


def _claim(raw: bytes, charset: str | None, *, markup: bool) -> str | None:
    """What is claimed, by its name in Python; None where it is nothing that browsers know."""
    if name := _known(charset):
        return name
    head = raw[:_HEAD].lower() if markup else b""
    declares = b"charset" in head or b"encoding" in head
    found = _DECLARED.search(head) if declares else None
    if found is None:
        return None
    name = _known((found[1] or found[2]).decode("ascii", "replace"))
    # A page that says so in ASCII is not in UTF-16 (HTML Standard, 13.2.3.2).
    return "utf-8" if name is not None and name.startswith("utf-16") else name


def _known(charset: str | None) -> str | None:
    from resiliparse.parse.encoding import map_encoding_to_html5

    return map_encoding_to_html5(charset, fallback_utf8=False) or None if charset else None


def _evident(raw: bytes, claim: str | None, *, markup: bool) -> str:
    """What bytes that are not all ASCII are in, by its name in Python, or ``mazovia``."""
    if _is_nearly_utf_8(raw, claim):
        return "utf-8"
    from resiliparse.parse.encoding import detect_encoding

    counts = Counter(_beyond_ascii(raw)[:_SEEN])
    tables = ["cp1250", "iso8859-2"] if markup else ["cp1250", "iso8859-2", "cp852", "mazovia"]
    polish = {name: _score(counts, name, _POLISH) for name in tables}
    best = max(tables, key=lambda name: polish[name][0])
    score, letters = polish[best]
    is_polish = letters > 0 and score >= _POLISH_ENOUGH * letters
    if claim in ("cp1250", "iso8859-2", "cp1252"):
        alphabet = _WESTERN if claim == "cp1252" else _POLISH
        margin = score - _score(counts, claim, alphabet)[0]
        lies = margin >= max(_MARGIN, _MARGIN_SHARE * letters)
        # In Polish either way, one letter is enough that stands where a sign cannot.
        lies = lies or (margin > 0 and alphabet is _POLISH and _is_in_a_word(raw, best, claim))
        return best if is_polish and lies else claim
    if claim is not None and claim != "utf-8":
        return claim
    if is_polish and (markup or letters >= _LEAST_LETTERS):
        return best
    found = detect_encoding(raw) or "utf-8"
    if found == "ascii" or (not markup and not _is_prose(raw, found)):
        return "utf-8"
    return str(found)


def _is_in_a_word(raw: bytes, name: str, other: str) -> bool:
    """Does a byte that is a letter of Polish in `name` alone follow a small letter?"""
    pairs = zip(range(0x80, 0x100), _table(name), _table(other), strict=True)
    letters = [byte for byte, sign, same in pairs if sign in _POLISH and not same.isalpha()]
    return re.search(rb"[a-z][%s]" % re.escape(bytes(letters)), raw) is not None


def _is_nearly_utf_8(raw: bytes, claim: str | None) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
    else:
        return True
    broken = text.count("\ufffd")
    beyond = len(text) - (len(raw) - len(_beyond_ascii(raw)))
    # Against another claim, and without any, more must speak for UTF-8 than a pair by chance.
    least = 0 if claim == "utf-8" else 1
    return broken <= _MAX_BROKEN * beyond and beyond - broken > least


def _beyond_ascii(raw: bytes) -> bytes:
    return raw.translate(None, bytes(range(0x80)))


def _score(counts: Mapping[int, int], name: str, alphabet: str) -> tuple[int, int]:
    """Letters of `alphabet` less all else but neutral signs; and how many both are."""
    table = _table(name)
    good = bad = 0
    for byte, count in counts.items():
        sign = table[byte - 0x80]
        if sign in alphabet:
            good += count
        elif sign not in _NEUTRAL:
            bad += count
    return good - bad, good + bad


@cache
def _table(name: str) -> str:
    """What the bytes from 0x80 on are; the others are ASCII."""
    high = bytes(range(0x80, 0x100))
    if name == "mazovia":
        letters = dict(zip(_MAZOVIA, _POLISH, strict=True))
        return "".join(
            letters.get(byte, sign) for byte, sign in zip(high, high.decode("cp437"), strict=True)
        )
    return high.decode(name, "replace")


def _is_prose(raw: bytes, name: str) -> bool:
    """Are nearly all characters beyond ASCII letters, where no one says that this is text?"""
    if b"\0" in raw:
        return False
    try:
        text = raw.decode(name)
    except (LookupError, UnicodeDecodeError):
        return False
    beyond = [sign for sign in re.findall(r"[^\x00-\x7f]", text) if sign not in _NEUTRAL]
    letters = sum(map(str.isalpha, beyond))
    return letters >= max(_LEAST_LETTERS, 0.9 * len(beyond))


def _decoded(raw: bytes, name: str, *, overruled: bool) -> Decoded:
    text = text_in(raw, name)
    label = re.sub(r"^cp(?=125\d$)", "windows-", name.replace("iso8859", "iso-8859"))
    notes = [] if name == "utf-8" else [f"decoded-{label}"]
    if overruled:
        notes.append("charset-overruled")
    if "\ufffd" in text and (name != "utf-8" or b"\xef\xbf\xbd" not in raw or _is_broken(raw)):
        notes.append("bytes-replaced")
    return Decoded(text, label, tuple(notes))


def _is_broken(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def text_in(raw: bytes, name: str) -> str:
    """`raw` decoded as browsers do it; U+FFFD for what does not fit."""
    if name == "utf-8":
        return raw.decode("utf-8", "replace")
    if name in ("cp1250", "cp852", "mazovia"):
        return _by_table(raw, _table(name))
    if name == "iso8859-2":
        # It has controls where Windows-1250 has dashes and quotation marks; text has no controls,
        # but pages made on Windows and called ISO-8859-2 have those marks.
        return _by_table(raw, _table("cp1250")[:0x20] + _table(name)[0x20:])
    if name.startswith("utf-16"):
        return raw.decode(name, "replace")
    from resiliparse.parse.encoding import bytes_to_str

    return str(bytes_to_str(raw, name, errors="replace", fallback_encodings=()))


def _by_table(raw: bytes, table: str) -> str:
    return codecs.charmap_decode(raw, "replace", bytes(range(0x80)).decode("ascii") + table)[0]
