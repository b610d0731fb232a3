"""EPUB: the chapters of a book in the order of its spine, each a part that locators name.

Everything is read from the zip file in memory; no name in it ever becomes a path on the disk.
"""

from __future__ import annotations

import errno
import posixpath
import re
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.parsers import expat

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._encoding import decode
from mowa.collect.readers._markup import as_html, parseable
from mowa.collect.readers._records import Part, Record, Skipped, broken
from mowa.collect.readers._streams import uncompressed
from mowa.rights import spdx_of, stated_licence

_MAX_ENTRIES = 20_000
_MAX_DIRECTORY = 8 << 20  # bytes of the zip's list of files, which is read whole
_MAX_XML = 4 << 20  # bytes of the package document; of a long encyclopedia it is half of one
# Deflate makes prose a third to a tenth of its size, and empty tables a fiftieth.
_MAX_RATIO = 200
_SMALL = 1 << 20  # what a chapter may always unpack to

_CONTENT = {"application/xhtml+xml", "text/html", "application/html"}
# Fonts may be obfuscated in books that anyone can read (EPUB 3.3, 4.4; Adobe's older way).
_FONTS_ONLY = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}


class _BrokenError(ValueError):
    """Why a book, or a chapter, cannot be read."""


def read_epub(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """The book as one record, known by its path, its chapters its parts.

    A chapter that cannot be read is broken input of its own; the others are the book all the same.
    Books under DRM are skipped as ``encrypted``. A licence is taken where the book states one in
    ``dc:rights`` or as a link; a TDM reservation (TDMRep, 6.2) is the note ``tdm-reservation``.
    """
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as book:
            yield from _book(book, relative, options)
    except OSError as error:
        if error.errno != errno.EINVAL:  # the disk; but a place before the file's start is damage
            raise
        yield broken(relative, "invalid-epub", "it points out of itself", options)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeError, _BrokenError) as error:
        yield broken(relative, "invalid-epub", str(error), options)


def _check_directory(path: Path) -> None:
    """Refuse a zip file whose list of files would not fit, before anything reads it."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - (1 << 16) - 22, 0))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0:
        raise _BrokenError("it is no zip file")
    if int.from_bytes(tail[end + 12 : end + 16], "little") > _MAX_DIRECTORY:
        raise _BrokenError("it lists too many files")


def _book(
    book: zipfile.ZipFile, relative: str, options: ReaderOptions
) -> Iterator[Record | Skipped]:
    entries = {entry.filename: entry for entry in book.infolist()}
    if len(book.infolist()) > _MAX_ENTRIES:
        raise _BrokenError(f"it holds more than {_MAX_ENTRIES:,} files")
    if _is_encrypted(book, entries):
        yield Skipped(relative, "encrypted", "the book is protected against copying (DRM)")
        return
    container = _xml(_read(book, entries, "META-INF/container.xml", _MAX_XML))
    package_path = next(
        (node.get("full-path", "") for node in container.iter() if _name(node) == "rootfile"), ""
    )
    package = _xml(_read(book, entries, package_path, _MAX_XML))
    parts: list[Part] = []
    size = 0
    for number, chapter in enumerate(_spine(package, posixpath.dirname(package_path)), 1):
        if chapter is None:
            continue
        label = f"chapter={number}"
        try:
            raw = _read(book, entries, chapter, options.max_record_bytes)
        except (
            _BrokenError,
            zipfile.BadZipFile,
            NotImplementedError,
            zlib.error,
            EOFError,
        ) as error:
            yield broken(f"{relative}#{label}", "damaged-chapter", str(error), options)
            continue
        text = _text(raw)
        size += len(text.encode("utf-8", "surrogatepass"))
        if size > options.max_record_bytes:
            yield broken(relative, "record-too-large", "all chapters together", options)
            return
        if text.strip():
            parts.append(Part(label, text))
    yield _record(package, parts, relative)


def _record(package: ET.Element, parts: list[Part], relative: str) -> Record:
    def said(name: str) -> list[str]:
        nodes = (node for node in package.iter(f"{{http://purl.org/dc/elements/1.1/}}{name}"))
        return [text for node in nodes if (text := " ".join("".join(node.itertext()).split()))]

    licences = {found for text in said("rights") if (found := _licence(text))}
    reserved = False
    for node in package.iter():
        key = node.get("property") or node.get("name") or node.get("rel") or ""
        value = (node.text or node.get("content") or node.get("href") or "").strip()
        if key in ("dcterms:license", "dcterms:rights", "cc:license", "license"):
            licences |= {found} if (found := _licence(value)) else set()
        reserved = reserved or (key == "tdm:reservation" and value == "1")
    notes = ["tdm-reservation"] if reserved else []
    if len(licences) > 1:
        notes.append("licence-ambiguous")
    return Record(
        uncompressed(relative),
        relative,
        None,
        title=next(iter(said("title")), None),
        author="; ".join(said("creator")) or None,
        date=next(iter(said("date")), None),
        language=next(iter(said("language")), None),
        licence=licences.pop() if len(licences) == 1 else None,
        parts=tuple(parts),
        notes=tuple(notes),
    )


def _licence(text: str) -> str | None:
    """The licence in a statement of rights: all of it, or the one address of a licence in it."""
    if found := stated_licence(text):
        return found
    named = {
        spdx_of(address.rstrip(".,;)")) for address in re.findall(r"https?://[^\s<>\"]+", text)
    }
    return named.pop() if len(named) == 1 else None


def _spine(package: ET.Element, folder: str) -> Iterator[str | None]:
    """The names of the chapters in the zip; None for what is none: tables of contents, pictures."""
    items = {node.get("id"): node for node in package.iter() if _name(node) == "item"}
    contents = {
        _within(folder, node.get("href", ""))
        for node in package.iter()
        if _name(node) == "reference" and node.get("type") == "toc"
    }
    found = False
    for reference in package.iter():
        if _name(reference) != "itemref":
            continue
        found = True
        item = items.get(reference.get("idref"))
        if item is None:
            yield ""
            continue
        name = _within(folder, item.get("href", ""))
        is_text = item.get("media-type", "").lower() in _CONTENT
        is_contents = "nav" in item.get("properties", "").split() or name in contents
        yield name if is_text and not is_contents else None
    if not found:
        raise _BrokenError("its spine names no chapter")


def _within(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


def _is_encrypted(book: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> bool:
    if any(entry.flag_bits & 1 for entry in entries.values()):
        return True
    if "META-INF/encryption.xml" not in entries:
        return False
    listed = _xml(_read(book, entries, "META-INF/encryption.xml", _MAX_XML))
    return any(
        method.get("Algorithm") not in _FONTS_ONLY
        for data in listed.iter()
        if _name(data) == "EncryptedData"
        for method in data
        if _name(method) == "EncryptionMethod"
    )


def _read(
    book: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], name: str, limit: int
) -> bytes:
    entry = entries.get(name)
    if entry is None:
        raise _BrokenError(f"it lacks {name!r}" if name else "it lacks a file that it names")
    if entry.file_size > limit:
        raise _BrokenError(f"{name!r} has {entry.file_size:,} bytes")
    if entry.file_size > max(_SMALL, _MAX_RATIO * entry.compress_size):
        raise _BrokenError(f"{name!r} unpacks to {entry.file_size:,} bytes")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _BrokenError(f"{name!r} is compressed in a way that EPUB does not know")
    try:
        with book.open(entry) as file:
            return file.read(limit)
    except (zlib.error, EOFError) as error:
        raise zipfile.BadZipFile(str(error)) from error


def _text(raw: bytes) -> str:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    source, _ = parseable(decode(as_html(raw), charset=None, markup=True).text)
    return str(
        extract_plain_text(
            HTMLTree.parse(source), preserve_formatting=True, main_content=False, alt_texts=False
        )
    )


def _name(node: ET.Element) -> str:
    return str(node.tag).rpartition("}")[2]


def _xml(raw: bytes) -> ET.Element:
    """The root of an XML document that declares no entities."""

    def refuse(*_: object) -> None:
        raise _BrokenError("its XML declares entities")

    def start(name: str, attributes: dict[str, str]) -> None:
        builder.start(("{" if "}" in name else "") + name, attributes)

    builder = ET.TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(raw, True)  # noqa: FBT003 - a positional-only argument of expat
        return builder.close()
    except _BrokenError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise _BrokenError(f"its XML is damaged ({error})") from error
