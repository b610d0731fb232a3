"""Items that a JSON API lists, page by page and level by level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from mowa.collect.fetching._addresses import joined
from mowa.collect.fetching._download import Wanted
from mowa.collect.fetching._listing import parsed
from mowa.collect.fetching._names import clean, name_of
from mowa.collect.fetching._session import Session
from mowa.collect.fetching._templates import as_text, fill, fits, look_up
from mowa.errors import DataError
from mowa.rights import FetchApi, Level


@dataclass(frozen=True)
class Answer:
    """One page of a list: its address, its items, and the address of the next page."""

    url: str
    items: list[Any]
    next_url: str | None


def documents(session: Session, fetch: FetchApi) -> Iterator[Wanted]:
    """The documents of every item that `where` takes."""
    for values in _items(session, fetch, 0, dict(fetch.values)):
        for document in fetch.documents:
            if not fits(values, document.where):
                continue
            address = fill(document.url, values)
            if not address:
                continue  # the API says that there is none
            url = joined(fetch.base, address)
            name = (
                clean(fill(document.name, values, plain=True))
                if document.name
                else name_of(url, fetch.base)
            )
            # An API may list what has no document; that is no failure of the fetch.
            yield Wanted(url, name, optional=True)


def first_page(fetch: FetchApi) -> str:
    """The address of the list's first page."""
    level = fetch.levels[0]
    url = joined(fetch.base, fill(level.url, fetch.values))
    page = level.page
    if page is None or page.parameter is None:
        return url
    return str(httpx.URL(url).copy_set_param(page.parameter, page.first))


def pages(session: Session, level: Level, url: str) -> Iterator[Answer]:
    """Pages of a list from `url` on, until one is empty or names no next.

    Raises:
        DataError: For an answer without items at `level.items`, for a list that repeats itself,
            and for more than `limits.pages` pages.
    """
    seen: set[str] = set()
    before: list[Any] | None = None
    following: str | None = url
    while following is not None:
        if following in seen or len(seen) >= session.limits.pages:
            raise DataError(
                "the list leads back to a page that it gave before"
                if following in seen
                else f"the list has more than {len(seen):,} pages",
                where=session.public(following),
            )
        seen.add(following)
        body, at = session.read(following)
        answer = parsed(body, session.public(following))
        items = look_up(answer, level.items)
        if isinstance(items, dict) and not level.items:
            items = [items]
        if not isinstance(items, list):
            raise DataError(
                f"the answer has no list at {level.items or 'its top'!r}",
                where=session.public(following),
                fix="look at the answer; the API may have changed: mend items in [fetch]",
            )
        if items and items == before:
            raise DataError(
                "the server gave the same page twice; it may not know the page parameter",
                where=session.public(following),
            )
        before = items
        next_url = _next(level, following, at, answer) if items else None
        next_url = session.public(next_url) if next_url else None
        yield Answer(following, items, next_url)
        following = next_url


def _items(
    session: Session, fetch: FetchApi, depth: int, values: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Values of the innermost items, those of the levels around them included."""
    level = fetch.levels[depth]
    url = joined(fetch.base, fill(level.url, values))
    if level.page is not None and level.page.parameter is not None:
        url = str(httpx.URL(url).copy_set_param(level.page.parameter, level.page.first))
    for answer in pages(session, level, url):
        for item in answer.items:
            for expanded in _expanded(level, values, item):
                if not fits(expanded, level.where):
                    continue
                if depth + 1 < len(fetch.levels):
                    yield from _items(session, fetch, depth + 1, expanded)
                else:
                    yield expanded


def _expanded(level: Level, values: dict[str, Any], item: Any) -> Iterator[dict[str, Any]]:
    own = item if isinstance(item, dict) else {level.item or "item": item}
    found = [{**values, **own}]
    for name, path in level.each.items():
        listed = look_up(own, path)
        found = [
            {**one, name: value}
            for one in found
            for value in (listed if isinstance(listed, list) else [])
        ]
    yield from found


def _next(level: Level, url: str, at: str, answer: Any) -> str | None:
    page = level.page
    if page is None:
        return None
    if page.by in ("number", "offset"):
        assert page.parameter is not None
        address = httpx.URL(url)
        now = int(address.params.get(page.parameter, page.first))
        return str(address.copy_set_param(page.parameter, now + page.step))
    found = look_up(answer, page.next or "")
    if isinstance(found, list):  # links with their relation: [{"rel": "next", "href": "…"}]
        found = next(
            (
                one.get("href")
                for one in found
                if isinstance(one, dict) and one.get("rel") == "next"
            ),
            None,
        )
    text = as_text(found)
    if not text:
        return None
    if page.by == "link":
        return joined(at, text)
    assert page.parameter is not None
    return str(httpx.URL(url).copy_set_param(page.parameter, text))
