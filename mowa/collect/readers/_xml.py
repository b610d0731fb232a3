"""XML as a stream of events: no entities, nothing fetched, bounded depth and memory.

expat reads the bytes; what makes XML dangerous is refused before it can do anything. A file is
never held whole: a reader keeps what it needs of the events that pass by.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn
from xml.parsers import expat

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import Stream, open_stream
from mowa.errors import DataError

_CHUNK = 1 << 18
_MAX_DEPTH = 256  # TEI's deepest real texts have some 20 elements in each other
# A tag, comment or declaration is held whole, and read anew with each chunk until it ends (expat
# before 2.6); real ones have a few hundred bytes.
_MAX_TOKEN = 4 << 20
_SEPARATOR = "}"

_ROOTS = {
    "TEI": "_tei:read_tei",
    "TEI.2": "_tei:read_tei",
    "teiCorpus": "_tei:read_tei",
    "teiCorpus.2": "_tei:read_tei",
    "utwor": "_wolne_lektury:read_wolne_lektury",
    "mediawiki": "_mediawiki:read_mediawiki",
    "document": "_opus:read_opus",
    "DOC": "_opus:read_opus",
    "cesDoc": "_opus:read_opus",
    "letsmt": "_opus:read_opus",
    "tmx": "_opus:read_opus",
}


class Event(NamedTuple):
    """A start or end tag, or a piece of text; a run of text may come in several pieces.

    Attributes:
        kind: ``start``, ``end`` or ``text``.
        name: The element's name without its namespace; empty for text.
        attributes: Those of a start tag, names without namespaces (``xml:lang`` is ``lang``).
        text: The text.
    """

    kind: str
    name: str = ""
    attributes: dict[str, str] = {}  # noqa: RUF012  (never written to)
    text: str = ""


class BrokenXmlError(ValueError):
    """Why the events of a file ended before their end: a reason and its detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def read_xml(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """Read a file of any XML format that is known by its root element.

    Raises:
        DataError: Where the root is another, or the file is broken and that is not to be skipped.
    """
    try:
        root = root_of(path)
    except BrokenXmlError as error:
        yield broken(relative, error.reason, error.detail, options)
        return
    if root not in _ROOTS:
        raise DataError(
            f"nothing reads XML whose root element is <{root[:100]}>",
            where=str(path),
            fix=f"known are {', '.join(f'<{name}>' for name in _ROOTS)}; leave the file out with"
            " the inventory's exclude, or name its format in reader.format",
        )
    module, _, function = _ROOTS[root].partition(":")
    package = __name__.rpartition(".")[0]
    yield from getattr(import_module(f"{package}.{module}"), function)(path, relative, options)


def root_of(path: Path) -> str:
    """The name of a file's root element.

    Raises:
        BrokenXmlError: Where there is none.
    """
    with open_stream(path) as stream:
        for event in events(stream):
            return event.name
    raise AssertionError("events of a file without a root end with an error")


def refuse_root(path: Path, root: str, format_name: str, expected: str) -> NoReturn:
    """Say that a file is not of the format that the options name.

    Raises:
        DataError: Always.
    """
    raise DataError(
        f"this is no {format_name}: its root element is <{root[:100]}>, not {expected}",
        where=str(path),
        fix="leave the file out with the inventory's exclude, or name its format in reader.format",
    )


def events(stream: Stream) -> Iterator[Event]:
    """The events of an XML document, all those before an error too.

    The encoding is that of the byte order mark or the declaration, UTF-8 without either; those of
    Python with one byte a character are known (windows-1250, iso-8859-2).

    Raises:
        BrokenXmlError: ``invalid-xml``; ``xml-entities`` for what declares entities or refers to
            those of an external DTD, before any is expanded; ``truncated-xml`` where the file ends
            too early; the stream's own reason where that is what ended.
    """
    parser = _Parser()
    while True:
        chunk = stream.read(_CHUNK)
        if not chunk and stream.failure is not None:
            raise BrokenXmlError(stream.failure.reason, stream.failure.detail)
        error = parser.feed(chunk)
        yield from parser.events
        parser.events.clear()
        if error is not None:
            raise error
        if not chunk:
            return


class _Parser:
    """expat with its dangerous parts refused; `events` fills up with each chunk."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._depth = 0
        self._fed = 0
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        # Without this a parameter entity that nothing declares would end the DTD unseen.
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE)
        parser.specified_attributes = True  # defaults in a DTD can make much out of little
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = _entity
        parser.ExternalEntityRefHandler = _external
        parser.SkippedEntityHandler = _skipped_entity
        self._parser = parser

    def feed(self, chunk: bytes) -> BrokenXmlError | None:
        """Read on; nothing is the end of the file."""
        self._fed += len(chunk)
        try:
            self._parser.Parse(chunk, not chunk)
        except BrokenXmlError as error:
            return error
        except expat.ExpatError as error:
            return self._error(error, at_end=not chunk)
        except (LookupError, ValueError) as error:  # from the codec that the declaration names
            return BrokenXmlError("invalid-xml", f"its encoding: {error}"[:200])
        if self._fed - self._parser.CurrentByteIndex > _MAX_TOKEN:
            return BrokenXmlError(
                "invalid-xml", f"a tag or comment of more than {_MAX_TOKEN >> 20} MiB"
            )
        return None

    def _error(self, error: expat.ExpatError, *, at_end: bool) -> BrokenXmlError:
        if at_end and not self._fed:
            return BrokenXmlError("truncated-xml", "the file is empty")
        what = expat.errors.messages[error.code]
        detail = f"line {error.lineno}, column {error.offset}: {what}"
        cut = at_end and error.code in _CUT
        return BrokenXmlError("truncated-xml" if cut else "invalid-xml", detail)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise BrokenXmlError("invalid-xml", f"elements nested more than {_MAX_DEPTH} deep")
        own = {key.rpartition(_SEPARATOR)[2]: value for key, value in attributes.items()}
        self.events.append(Event("start", name.rpartition(_SEPARATOR)[2], own))

    def _end(self, name: str) -> None:
        self._depth -= 1
        self.events.append(Event("end", name.rpartition(_SEPARATOR)[2]))

    def _text(self, text: str) -> None:
        self.events.append(Event("text", text=text))


_CUT = {
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}


def _entity(name: str, *_: object) -> NoReturn:
    raise BrokenXmlError("xml-entities", f"it declares {name[:100]!r}")


def _external(context: str | None, *_: object) -> int:
    """Leave an external DTD unread; a reference to any other file is refused."""
    if context is not None:
        raise BrokenXmlError("xml-entities", f"it refers to {context[:100]!r}, in another file")
    return 1


def _skipped_entity(name: str, _is_parameter: object) -> NoReturn:
    raise BrokenXmlError("xml-entities", f"it refers to {name[:100]!r}, declared in another file")
