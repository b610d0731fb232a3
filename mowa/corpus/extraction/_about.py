"""What a page says of itself for machines: title, author, date, licence and address."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from resiliparse.parse.html import DocumentNode, ElementNode

from mowa.corpus.extraction._dates import iso_date
from mowa.corpus.extraction._json_ld import Said, said_in
from mowa.rights import stated_licence

_MOST_NODES = 64  # of one kind that are looked at
_MOST_HEAD = 2_000_000  # characters
_MOST_TITLE, _MOST_AUTHOR = 1_000, 300

_OPEN = re.compile(r"<(?:(script|style|noscript|template)|(meta|link))(?=[\s/>])|<!--")
_REST_OF_TAG = re.compile(r'(?:[^>"]++|"[^"]*+"?)*+>?')
_ATTRIBUTE = re.compile(r'([^\s"=<>/]+)="([^"]*)"')
_LINKED = ("canonical", "license", "rights")
_IS_JSON_LD = re.compile(r'type="\s*application/ld\+json', re.IGNORECASE)

_RIGHTS = frozenset({"license", "dc.rights", "dcterms.rights", "dcterms.license", "dc:rights"})
_TITLES = ("og:title", "citation_title", "dc.title", "dcterms.title", "twitter:title")
_DATES = (
    *("article:published_time", "og:article:published_time", "citation_publication_date"),
    *("citation_date", "dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created"),
    *("datepublished", "parsely-pub-date", "sailthru.date", "pubdate", "publishdate"),
    *("publish_date", "publish-date", "publication_date", "cxenseparse:recs:publishtime"),
    *("dc.date", "date", "dc:date"),
)
_AUTHORS = (
    *("author", "citation_author", "dc.creator", "dcterms.creator", "dc:creator"),
    *("article:author_name", "parsely-author", "sailthru.author", "byl", "article:author"),
    *("og:article:author", "book:author"),
)
_KEYS = ("name", "property", "itemprop")
_SITES = ("og:site_name", "application-name")

_PLACED = (
    '[itemprop~="datePublished" i], [itemprop~="headline" i], [itemprop~="author" i],'
    ' [itemprop~="license" i]'
)
_TIMES = (
    "time[pubdate]",
    'time[class~="published" i], time[class~="entry-date" i], time[class*="post-date" i]',
    "article header time[datetime], article > time[datetime]",
)
_MARKED = 'a[rel~="license" i], area[rel~="license" i]'
_REL_LICENCE = re.compile(rb"""rel\s{0,9}=\s{0,9}["']?[^"'<>]{0,99}license""")

_REL_AUTHOR = re.compile(rb"""rel\s{0,9}=\s{0,9}["']?[^"'<>]{0,99}author""")
_SIGN = re.compile(r"\s+[-–—|·•:»/]+\s+|\s*\|\s*")

# Names of accounts, not of people.
_NOBODY = frozenset(
    {"admin", "administrator", "author", "autor", "root", "unknown", "user", "webmaster", "null"}
)
_BY = re.compile(
    r"(?:by|von|par|por|door|autor(?:ka|zy)?|author|tekst|opracowa\w+|napisał\w?|foto)\s*[:\s]\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class About:
    """What a page says of itself; None where it says nothing.

    Attributes:
        title: Its title, without the site's name where the page tells that name.
        author: One name or several, apart by ``; ``.
        date: The day, month or year on which it was published, as ISO 8601.
        licence: The one licence that it names for itself, as an SPDX expression.
        url: Where it says that it belongs, if that is an address of the web.
        notes: ``licence-from-page``, or ``licence-ambiguous`` where it names several.
    """

    title: str | None = None
    author: str | None = None
    date: str | None = None
    licence: str | None = None
    url: str | None = None
    notes: tuple[str, ...] = ()


@dataclass
class _Head:
    """What stands in ``<head>``: the values of each name, and of each relation."""

    metas: dict[str, list[str]]
    links: dict[str, list[str]]
    scripts: list[str]


def about(
    document: DocumentNode, raw: bytes, *, title: str | None, latest: str | None = None
) -> About:
    """What the page says of itself.

    A page has thousands of elements and few that say something, so `raw` is asked first whether it
    holds the word at all: that takes a hundredth of the time of a query.

    Args:
        document: The parsed page.
        raw: The page as it was served, or something else that has its ASCII.
        title: What stands in ``<title>``.
        latest: The day on which it was collected; later dates are not believed.
    """
    raw = raw.lower()
    head = _head(document)
    said = said_in(_json_ld(document, head, raw)) if b"ld+json" in raw else Said()
    placed = _microdata(document) if b"itemprop" in raw else Said()
    licence, notes = _licence(document, head, [*said.licences, *placed.licences], raw)
    return About(
        _title(document, head, said, placed, title),
        _author(document, head, said, placed, raw),
        _date(document, [*said.dates, *_of(head, _DATES), *placed.dates], raw, latest),
        licence,
        _address(head),
        notes,
    )


def _head(document: DocumentNode) -> _Head:
    found = _Head({}, {}, [])
    node = document.query_selector("head")
    source = "" if node is None else node.html
    if len(source) > _MOST_HEAD:
        source = source[:_MOST_HEAD]
    for tag, attributes, body in _tags(source):
        if tag == "script":
            if _IS_JSON_LD.search(attributes):
                found.scripts.append(body)
            continue
        if tag == "link":
            # Most of them are of styles and icons; a pattern takes seven times as long.
            lower = attributes.lower()
            if not any(word in lower for word in _LINKED):
                continue
        fields = {name.lower(): value for name, value in reversed(_ATTRIBUTE.findall(attributes))}
        value = html.unescape(fields.get("content" if tag == "meta" else "href", "")).strip()
        if not value:
            continue
        for relation in fields.get("rel", "").lower().split():
            found.links.setdefault(relation, []).append(value)
        for key in {fields.get(key, "").strip().lower() for key in _KEYS}:
            found.metas.setdefault(key, []).append(value)
    return found


def _tags(source: str) -> Iterator[tuple[str, str, str]]:
    """Tag, attributes and content of each meta, link and script.

    What scripts, styles and comments hold is passed over whole, so that no tag in it is seen.
    """
    at = 0
    while (opening := _OPEN.search(source, at)) is not None:
        whole, single = opening.groups()
        at = opening.end()
        if whole is None and single is None:
            at = _end(source, "-->", at)
            continue
        rest = _REST_OF_TAG.match(source, at)
        assert rest is not None
        at = rest.end()
        body = ""
        if whole is not None:
            at = _end(source, f"</{whole}", at)
            body = source[rest.end() : at]
        if single is not None or whole == "script":
            yield whole or single, rest[0], body


def _end(source: str, mark: str, start: int) -> int:
    found = source.find(mark, start)
    return len(source) if found < 0 else found


def _json_ld(document: DocumentNode, head: _Head, raw: bytes) -> list[str]:
    # One in the head is what its own parser found; count in the source tells whether it is all.
    if len(head.scripts) >= raw.count(b"ld+json"):
        return head.scripts
    nodes = document.query_selector_all('script[type^="application/ld+json" i]')[:_MOST_NODES]
    return [node.text or "" for node in nodes]


def _microdata(document: DocumentNode) -> Said:
    said = Said()
    for node in document.query_selector_all(_PLACED)[:_MOST_NODES]:
        names = (node.getattr("itemprop") or "").lower().split()
        value = _content(node)
        if not value:
            continue
        if "datepublished" in names:
            said.dates.append(node.getattr("datetime") or value)
        if "headline" in names:
            said.titles.append(value)
        if "license" in names:
            said.licences.append(node.getattr("href") or value)
        if "author" in names and not said.authors:
            inner = node.query_selector('[itemprop~="name" i]')
            said.authors.append(value if inner is None else _content(inner))
    return said


def _content(node: ElementNode) -> str:
    text: Any = node.getattr("content") or node.text or ""
    return " ".join(text[:2_000].split())


def _title(
    document: DocumentNode, head: _Head, said: Said, placed: Said, title: str | None
) -> str | None:
    sites = {_plain(name) for name in _of(head, _SITES) + said.publishers}
    # Search engines ask for a headline of 110 characters, so that many are cut.
    for candidate in (*_of(head, _TITLES), *said.titles, *placed.titles, title or ""):
        plain = " ".join(html.unescape(candidate).split())
        if plain and len(plain) <= _MOST_TITLE and _plain(plain) not in sites:
            return _without_site(plain, sites, document)
    return title or None


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _without_site(title: str, sites: set[str], document: DocumentNode) -> str:
    """The title before a sign and the site's name, or before all that its heading does not have."""
    signs = list(_SIGN.finditer(title))
    for sign in signs:
        if _plain(title[sign.end() :]) in sites:
            return title[: sign.start()]
    heading = document.query_selector("h1") if signs else None
    text = _content(heading) if heading is not None else ""
    return text if any(_plain(title[: sign.start()]) == _plain(text) for sign in signs) else title


def _author(
    document: DocumentNode, head: _Head, said: Said, placed: Said, raw: bytes
) -> str | None:
    for names in (said.authors, *(head.metas.get(name, []) for name in _AUTHORS), placed.authors):
        if (joined := _names(names)) is not None:
            return joined
    if b"author" not in raw or not _REL_AUTHOR.search(raw):
        return None
    nodes = document.query_selector_all('a[rel~="author" i]')[:1]
    return _names([_content(node) for node in nodes])


def _names(texts: list[str]) -> str | None:
    kept = list(dict.fromkeys(name for text in texts[:16] if (name := _name(text))))
    joined = "; ".join(kept)
    return joined if 0 < len(joined) <= _MOST_AUTHOR else None


def _name(text: str) -> str | None:
    """A name; None for an address, an account, or a sentence."""
    name = " ".join(html.unescape(html.unescape(text)).split())
    name = _BY.sub("", name, count=1) if _BY.match(name) else name
    name = name.strip(" ,;|-–")
    is_one = (
        2 <= len(name) <= _MOST_AUTHOR // 2
        and any(map(str.isalpha, name))
        and len(name.split()) <= 12
        and not re.search(r"https?:|www\.|[@<>{}\\=]|^[\w-]+\.[a-z]{2,3}$", name.lower())
        and name.lower() not in _NOBODY
    )
    return name if is_one else None


def _date(document: DocumentNode, texts: list[str], raw: bytes, latest: str | None) -> str | None:
    for text in texts[:_MOST_NODES]:
        if (day := iso_date(text, latest)) is not None:
            return day
    if b"<time" not in raw:
        return None
    for selector in _TIMES:
        node = document.query_selector(selector)
        day = None if node is None else iso_date(node.getattr("datetime") or "", latest)
        if day is not None:
            return day
    return None


def _of(head: _Head, names: Iterable[str]) -> list[str]:
    return [value for name in names for value in head.metas.get(name, [])]


def _licence(
    document: DocumentNode, head: _Head, said: list[str], raw: bytes
) -> tuple[str | None, tuple[str, ...]]:
    """The one licence that the page names for itself, and a note where it names several.

    A link that only leads to a licence says nothing: it must be marked as the licence. Where marks
    disagree, one of them is for a picture or a quotation, and nothing tells which.
    """
    texts = [*_of(head, _RIGHTS), *said]
    for name in _RIGHTS:
        texts += head.links.get(name, [])
    if b"license" in raw and _REL_LICENCE.search(raw):
        nodes = document.query_selector_all(_MARKED)[:_MOST_NODES]
        texts += [(node.getattr("href") or "").strip() for node in nodes]
    found = {named for text in texts if (named := stated_licence(text)) is not None}
    if len(found) > 1:
        return None, ("licence-ambiguous",)
    return (found.pop(), ("licence-from-page",)) if found else (None, ())


def _address(head: _Head) -> str | None:
    for address in (*head.links.get("canonical", []), *head.metas.get("og:url", [])):
        if re.match(r"https?://[^\s/]\S*\Z", address):
            return address
    return None
