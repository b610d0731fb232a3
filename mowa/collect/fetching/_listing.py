"""Files that a listing names: a page of links, a text of paths or hashes, a Wikimedia dump."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

from mowa.collect._globs import matches
from mowa.collect.fetching._addresses import joined, origin_of
from mowa.collect.fetching._download import Wanted
from mowa.collect.fetching._names import name_of
from mowa.collect.fetching._session import Session, StatusError
from mowa.collect.fetching._templates import fill
from mowa.errors import DataError
from mowa.rights import FetchIndex

_HASH = re.compile(r"([0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})\s+\*?(\S.*)")
_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}
_DATE = re.compile(r"(?:^|/)(\d{8})/?$")
_DUMPS_TRIED = 6


def listed(session: Session, fetch: FetchIndex) -> Iterator[Wanted]:
    """What the listing names and `include` takes, in the listing's order, each address once.

    Raises:
        DataError: Where the listing is not what `form` says.
    """
    url = joined(fetch.base, fill(fetch.index, fetch.values))
    if fetch.form == "dumpstatus":
        yield from _newest_dump(session, fetch, url)
        return
    seen: set[str] = set()
    for entry, checksum in _entries(session, fetch, url):
        path = below(entry, fetch.base)
        if not matches(path, fetch.include) or matches(path, fetch.exclude):
            continue
        target = _address(fetch, entry, path)
        if target is None or target in seen:
            continue
        seen.add(target)
        algorithm = _ALGORITHMS[len(checksum)] if checksum else None
        yield Wanted(
            target, name_of(target, fetch.base), None, algorithm, checksum and checksum.lower()
        )


def below(url: str, base: str) -> str:
    """The path of an address below `base`, with host where it is elsewhere; for globs."""
    parts, root = urlsplit(url), urlsplit(base)
    path = unquote(parts.path) + (f"?{unquote(parts.query)}" if parts.query else "")
    if origin_of(url) == origin_of(base) and path.startswith(unquote(root.path)):
        return path.removeprefix(unquote(root.path))
    return f"{parts.hostname}{path}"


def parsed(body: bytes, url: str) -> Any:
    """JSON from a server.

    Raises:
        DataError: Where it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        begins = body[:60].decode("utf-8", "replace")
        raise DataError(
            f"the server's answer is not JSON ({error}); it begins {begins!r}", where=url
        ) from error


def _address(fetch: FetchIndex, entry: str, path: str) -> str | None:
    if fetch.pattern is None and fetch.url == "{path}":
        return entry
    groups: dict[str, str] = {}
    if fetch.pattern is not None:
        found = re.search(fetch.pattern, path)
        if found is None:
            return None
        groups = {key: value for key, value in found.groupdict().items() if value is not None}
    values = {**fetch.values, "path": path, "name": path.rpartition("/")[2], **groups}
    return joined(fetch.base, fill(fetch.url, values))


def _entries(session: Session, fetch: FetchIndex, url: str) -> Iterator[tuple[str, str | None]]:
    """Address and given checksum of every entry."""
    pages, done = [url], set[str]()
    while pages:
        page = pages.pop(0)
        if page in done:
            continue
        if len(done) >= session.limits.pages:
            raise DataError(f"the listing has more than {len(done):,} pages", where=url)
        done.add(page)
        body, at = session.read(page)
        text = _text(body, page, session.limits.listing_bytes)
        if fetch.form == "lines":
            # Paths in a list of paths are below base, wherever the list itself lies.
            yield from (
                (joined(fetch.base, line), None) for line in text.splitlines() if line.strip()
            )
        elif fetch.form == "hashes":
            yield from _hashes(text, at)
        else:
            more, links = _sorted_links(fetch, text, at)
            pages += more
            yield from ((link, None) for link in links)


def _sorted_links(fetch: FetchIndex, text: str, at: str) -> tuple[list[str], list[str]]:
    """Links to further pages of the listing, and links to files."""
    more, files = [], []
    for link in _links(text, at):
        if fetch.next_page and matches(below(link, fetch.base), [fetch.next_page]):
            more.append(link)
        elif link.partition("?")[0] != at.partition("?")[0]:  # not a way to sort the page
            files.append(link)
    return more, files


def _hashes(text: str, at: str) -> Iterator[tuple[str, str]]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [_HASH.fullmatch(line) for line in lines if not line.startswith("#")]
    if not any(found):
        raise DataError("this is no list of hashes and names", where=at)
    for match in found:
        if match:
            yield joined(at, match[2].replace("?", "%3F").replace("#", "%23")), match[1]


def _text(body: bytes, url: str, most: int) -> str:
    if body.startswith(b"\x1f\x8b"):
        try:
            unpacked = zlib.decompressobj(wbits=31)
            body = unpacked.decompress(body, most + 1)
        except zlib.error as error:
            raise DataError(f"this gzip cannot be undone ({error})", where=url) from error
        if len(body) > most:
            raise DataError(f"the listing has more than {most:,} bytes", where=url)
        if not unpacked.eof:
            raise DataError("this gzip is cut short", where=url)
    return body.decode("utf-8", "replace")


class _LinkParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if href and tag == "a":
            self.links.append(href)
        elif href and tag == "base" and self.base is None:
            self.base = href


def _links(text: str, at: str) -> Iterator[str]:
    parser = _LinkParser()
    parser.feed(text)
    base = joined(at, parser.base) if parser.base else at
    for link in parser.links:
        try:
            yield joined(base, link)
        except DataError:
            continue  # a page may hold any nonsense; what cannot be an address is no file


def _newest_dump(session: Session, fetch: FetchIndex, url: str) -> Iterator[Wanted]:
    body, at = session.read(url)
    dates = {found[1] for link in _links(_text(body, url, session.limits.listing_bytes), at)
             if (found := _DATE.search(urlsplit(link).path))}  # fmt: skip
    for date in sorted(dates, reverse=True)[:_DUMPS_TRIED]:
        status_url = joined(at, f"{date}/dumpstatus.json")
        try:
            answer, _ = session.read(status_url)
        except StatusError:
            continue  # a date whose dump has not begun
        jobs = parsed(answer, status_url)
        job = jobs.get("jobs", {}).get(fetch.job) if isinstance(jobs, dict) else None
        if not isinstance(job, dict) or job.get("status") != "done":
            continue
        for name, facts in sorted(_dict(job.get("files")).items()):
            if matches(name, fetch.include) and not matches(name, fetch.exclude):
                yield _dump_file(status_url, date, name, _dict(facts))
        return
    raise DataError(
        f"none of the newest {_DUMPS_TRIED} dumps has finished the job {fetch.job}",
        where=url,
        fix="look at the listing in a browser; the job may be called otherwise",
    )


def _dump_file(status_url: str, date: str, name: str, facts: dict[str, Any]) -> Wanted:
    size, sha1 = facts.get("size"), facts.get("sha1")
    return Wanted(
        joined(status_url, str(facts.get("url") or name)),
        f"{date}/{name}",
        size if isinstance(size, int) else None,
        "sha1" if isinstance(sha1, str) else None,
        sha1 if isinstance(sha1, str) else None,
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
