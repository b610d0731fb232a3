"""Wikitext to text: what a reader of the page reads, without the page's furniture.

One pass over the tokens of the markup with a stack of what is open. What is open in more than 64
others is dropped, so that time and memory grow with the length of the page alone; MediaWiki itself
expands templates 100 deep at most.

`mwparserfromhell` was tried first: 0.4 MB/s on an article, and time that grows with the square of
the length on nested tables and tags (0.7.2).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise

from mowa.collect.readers._wikitext_lines import tidied
from mowa.collect.readers._wikitext_templates import rendered

_MAX_OPEN = 64

NAMES_OUT = frozenset(
    {"file", "image", "media", "category", "plik", "grafika", "obraz", "kategoria"}
)
"""Link prefixes of what is not text: files and categories, in English and Polish."""

_TOKEN = re.compile(
    r"""
    (?P<open>\{\{+) | (?P<close>\}\}+)
    | (?P<table>^[ \t:*]*\{\|) | (?P<row>^[ \t]*\|\})
    | (?P<link>\[\[) | (?P<unlink>\]\])
    | (?P<web>\[(?:(?:https?|ftp):)?//[^\s\[\]<>]*[ \t]?|\[mailto:[^\s\[\]<>]*[ \t]?)
    | (?P<bracket>\]) | (?P<pipe>\|) | (?P<quotes>''+)
    | (?P<tag><(?P<slash>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?P<rest>[^<>]*)>)
    | (?P<magic>__[A-ZĄĆĘŁŃÓŚŹŻ]{3,}__)
    | (?P<blank>\n[ \t]*\n)
    """,
    re.VERBOSE | re.MULTILINE,
)
# What stands between these is no prose, whatever is in it.
_DROPPED = {
    *("ce", "chem", "categorytree", "gallery", "graph", "hiero", "imagemap", "includeonly"),
    *("inputbox", "mapframe", "maplink", "math", "ref", "references", "score", "script", "source"),
    *("style", "syntaxhighlight", "table", "templatedata", "templatestyles", "timeline"),
}
_VERBATIM = {"nowiki", "pre"}
_NEW_LINE = {
    *("blockquote", "br", "center", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("hr", "ol", "p", "poem", "ul"),
}
_PLAIN = {
    *("abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i"),
    *("ins", "kbd", "mark", "noinclude", "onlyinclude", "q", "rb", "rp", "rt", "ruby", "s"),
    *("samp", "section", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var"),
    *(
        "wbr",
        "pages",
        "pagelist",
        "pagequality",
        "caption",
        "td",
        "th",
        "tr",
        "tbody",
        "thead",
        "time",
        "languages",
        "translate",
    ),
}
_INTERLANGUAGE = re.compile(r"(?:[a-z]{2,3}(?:-[a-z]{2,12})*|simple)$")
_SMALL = re.compile(r"<(su[bp])>([0-9+−–-]{1,6})</\1>", re.IGNORECASE)
_SUPERSCRIPTS = str.maketrans("0123456789+-−–", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻")
_SUBSCRIPTS = str.maketrans("0123456789+-−–", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋")
_ABSURD_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{8,};?")  # no character has one; int() refuses some
_LEFT_OVER = re.compile(r"\{\{+|\}\}+|\[\[+|\]\]+|</?ref[^<>]*>?|\{\||\|\}", re.IGNORECASE)


def plain_text(wikitext: str, names_out: AbstractSet[str] = NAMES_OUT) -> str:
    """The text of a page: paragraphs, ``##`` headings, list items as ``*`` and ``-`` lines.

    Never raises, and holds no ``{{``, ``[[`` or ``<ref`` whatever it is given.

    Args:
        wikitext: The page, as a dump has it.
        names_out: Lower-case names of the namespaces of files and categories.

    Example:
        >>> plain_text("'''Kraków''' – [[miasto]] nad [[Wisła|Wisłą]].<ref>Źródło</ref>")
        'Kraków – miasto nad Wisłą.'
    """
    # NUL, which XML cannot hold, marks headings further on.
    page = _Page(_without_comments(wikitext.replace("\0", "")), names_out)
    text = _ABSURD_NUMBER.sub("", page.read())
    # A space in the place of each mark that is left: nothing new can come together around it.
    text = _LEFT_OVER.sub(" ", html.unescape(text))
    return _LEFT_OVER.sub(" ", tidied(text))


@dataclass
class _Open:
    """A template, link or table that has begun: where its text begins, and each of its pipes."""

    kind: str
    start: int
    pipes: list[int] = field(default_factory=list)


class _Page:
    """One page in reading; `out` holds the text so far, in pieces."""

    def __init__(self, wikitext: str, names_out: AbstractSet[str]) -> None:
        self._text = _SMALL.sub(_small, wikitext)
        self._names_out = names_out
        self._out: list[str] = []
        self._open: list[_Open] = []
        self._beyond = 0  # braces and brackets open that are too deep to keep
        self._never_closed: set[str] = set()
        self._does: dict[str, Callable[[int], None]] = {
            "open": self._braces,
            "close": self._end_braces,
            "table": lambda _: self._begin("table"),
            "link": lambda _: self._begin("link"),
            "unlink": self._end_link,
            "web": lambda _: self._begin("web"),
            "bracket": self._end_web,
            "pipe": self._pipe,
            "blank": self._blank,
            "quotes": self._ignore,
            "magic": self._ignore,
        }

    def read(self) -> str:
        at = 0
        while found := _TOKEN.search(self._text, at):
            if found.start() > at:
                self._write(self._text[at : found.start()])
            at = self._token(found)
        self._write(self._text[at:])
        return "".join(self._out)

    def _write(self, text: str) -> None:
        if not self._beyond:
            self._out.append(text)

    def _token(self, found: re.Match[str]) -> int:
        """Do what a token says; where to read on."""
        if found["tag"] is not None:
            return self._tag(found)
        if found["row"] is not None:
            return self._row(found)
        assert found.lastgroup is not None
        self._does[found.lastgroup](len(found[0]))
        return found.end()

    def _ignore(self, _length: int) -> None:
        """Bold, italic and magic words are marks alone."""

    def _braces(self, length: int) -> None:
        for _ in range(length // 2):
            self._begin("template")

    def _end_braces(self, length: int) -> None:
        for _ in range(length // 2):
            self._end_template()

    def _pipe(self, _length: int) -> None:
        if self._open and not self._beyond:
            self._open[-1].pipes.append(len(self._out))
        self._write("|")

    def _blank(self, _length: int) -> None:
        # A link ends with its paragraph; one that does not end was none.
        while self._open and self._open[-1].kind in ("link", "web"):
            self._open.pop()
        self._write("\n\n")

    def _begin(self, kind: str) -> None:
        if self._beyond or len(self._open) == _MAX_OPEN:
            self._beyond += 1
        else:
            self._open.append(_Open(kind, len(self._out)))

    def _end_template(self) -> None:
        if self._beyond:
            self._beyond -= 1
        elif (template := self._close("template", stop=("table",))) is not None:
            arguments = self._arguments(template)
            del self._out[template.start :]
            if text := rendered(arguments):
                self._out.append(text)

    def _end_link(self, _length: int) -> None:
        if self._beyond:
            self._beyond -= 1
        elif (link := self._close("link", stop=("table", "template"))) is not None:
            label_at = link.pipes[0] if link.pipes else len(self._out)
            target = "".join(self._out[link.start : label_at]).strip()
            label = "".join(self._out[label_at + 1 :])
            del self._out[link.start :]
            self._out.append(self._link(target, label.strip(), piped=bool(link.pipes)))

    def _link(self, target: str, label: str, *, piped: bool) -> str:
        """What a link shows."""
        shown = target.removeprefix(":")
        prefix, colon, _ = target.partition(":")
        if colon and prefix:
            prefix = prefix.strip()
            if prefix.lower() in self._names_out or _INTERLANGUAGE.match(prefix):
                return ""
        if label:
            return label
        return re.sub(r" ?\([^()]*\)$", "", shown) if piped else shown

    def _end_web(self, _length: int) -> None:
        if self._beyond:
            self._beyond -= 1
        elif self._open and self._open[-1].kind == "web":
            self._open.pop()
        else:
            self._write("]")

    def _row(self, found: re.Match[str]) -> int:
        """A line beginning with ``|}``: a table's end, or ``|`` and a template's."""
        if self._open and self._open[-1].kind == "template" and not self._beyond:
            self._write("|")
            return found.end() - 1
        if self._beyond:
            self._beyond -= 1
        elif (table := self._close("table")) is not None:
            del self._out[table.start :]
        return found.end()

    def _close(self, kind: str, stop: tuple[str, ...] = ()) -> _Open | None:
        """Close the nearest of a kind, and what is open in it: that was never closed."""
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at].kind == kind:
                found = self._open[at]
                del self._open[at:]
                return found
            if self._open[at].kind in stop:
                break
        return None

    def _arguments(self, template: _Open) -> list[str]:
        bounds = [template.start - 1, *template.pipes, len(self._out)]
        return ["".join(self._out[begin + 1 : end]) for begin, end in pairwise(bounds)]

    def _tag(self, found: re.Match[str]) -> int:
        name, end = found["name"].lower(), found.end()
        closing, alone = bool(found["slash"]), found["rest"].endswith("/")
        if name in _DROPPED or name in _VERBATIM:
            if not closing and not alone and (span := self._content(name, end)) is not None:
                if name in _VERBATIM:
                    self._write(self._text[end : span[0]])
                return span[1]
        elif name == "li":
            self._write("" if closing else "\n* ")
        elif name in _NEW_LINE:
            self._write("\n")
        elif name not in _PLAIN:
            self._write(found[0])
        return end

    def _content(self, name: str, begin: int) -> tuple[int, int] | None:
        """Where what stands in an element ends, and its end tag; None where it has none.

        One that begins again before it ends was never closed, but for tables in tables.
        """
        if name in self._never_closed:
            return None
        depth = 1
        for tag in re.compile(rf"<(/?){name}\b([^<>]*)>", re.IGNORECASE).finditer(
            self._text, begin
        ):
            if tag[1]:
                depth -= 1
                if not depth:
                    return tag.start(), tag.end()
            elif not tag[2].endswith("/"):
                if name != "table":
                    return None
                depth += 1
        self._never_closed.add(name)
        return None


def _without_comments(text: str) -> str:
    """Without ``<!-- -->``; one that never ends goes on to the end of the page."""
    if "<!--" not in text:
        return text
    pieces = []
    at = 0
    while (begin := text.find("<!--", at)) >= 0:
        pieces.append(text[at:begin])
        end = text.find("-->", begin + 4)
        if end < 0:
            return "".join(pieces)
        at = end + 3
    return "".join([*pieces, text[at:]])


def _small(found: re.Match[str]) -> str:
    """10<sup>6</sup> is not 106."""
    return found[2].translate(_SUPERSCRIPTS if found[1].lower() == "sup" else _SUBSCRIPTS)
