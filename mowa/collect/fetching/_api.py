"""Items that a JSON API lists, page by page and level by level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mowa.collect.fetching._addresses import joined, parameter_of, with_parameter
from mowa.collect.fetching._download import Wanted
from mowa.collect.fetching._listing import parsed
from mowa.collect.fetching._names import clean, name_of
from mowa.collect.fetching._session import Session, StatusError
from mowa.collect.fetching._templates import as_text, fill, fill_name, fits, look_up
from mowa.errors import DataError
from mowa.rights import FetchApi, Level


@dataclass(frozen=True)
class Answer:
    """One page of a list: its address, its items, and the address of the next page."""

    url: str
    items: list[Any]
    next_url: str | None


@dataclass
class Lists:
    """Lists within the outermost that the server has not, or that failed: others are walked on."""

    absent: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def documents(session: Session, fetch: FetchApi, lists: Lists) -> Iterator[Wanted]:
    """The documents of every item that `where` takes; `lists` is told of lists that failed."""
    for values in _items(session, fetch, dict(fetch.values), lists):
        for document in fetch.documents:
            if not fits(values, document.where):
                continue
            address = fill(document.url, values)
            if not address:
                continue  # the API says that there is none
            url = joined(fetch.base, address)
            name = (
                clean(fill_name(document.name, values))
                if document.name
                else name_of(url, fetch.base)
            )
            # An API may list what has no document; that is no failure of the fetch.
            yield Wanted(url, name, optional=True)


def first_page(fetch: FetchApi) -> str:
    """The address of the list's first page."""
    return first_of(fetch.levels[0], joined(fetch.base, fill(fetch.levels[0].url, fetch.values)))


def first_of(level: Level, url: str) -> str:
    """The address with the first value of its page parameter."""
    page = level.page
    if page is None or page.parameter is None:
        return url
    return with_parameter(url, page.parameter, page.first)


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
    session: Session, fetch: FetchApi, values: dict[str, Any], lists: Lists, depth: int = 0
) -> Iterator[dict[str, Any]]:
    """Values of the innermost items, those of the levels around them included."""
    level = fetch.levels[depth]
    for item in _walk(session, fetch, values, lists, depth):
        for expanded in _expanded(level, values, item):
            if not fits(expanded, level.where):
                continue
            if depth + 1 < len(fetch.levels):
                yield from _items(session, fetch, expanded, lists, depth + 1)
            else:
                yield expanded


def _walk(
    session: Session, fetch: FetchApi, values: dict[str, Any], lists: Lists, depth: int
) -> Iterator[Any]:
    """Items of one list; a list within another may be absent or fail without ending the run."""
    level = fetch.levels[depth]
    url = first_of(level, joined(fetch.base, fill(level.url, values)))
    try:
        for answer in pages(session, level, url):
            yield from answer.items
    except DataError as error:
        if depth == 0:
            raise
        if isinstance(error, StatusError) and error.status in (404, 410):
            lists.absent.append(url)
        else:
            lists.failed.append((session.public(url), str(error)))


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
        now = int(parameter_of(url, page.parameter) or page.first)
        return with_parameter(url, page.parameter, str(now + page.step))
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
    return with_parameter(url, page.parameter, text)
