"""What a run is to do: the source's `[fetch]`, and what a person says about it."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mowa.collect.fetching._addresses import joined
from mowa.collect.fetching._api import Lists, documents, first_page
from mowa.collect.fetching._download import Wanted
from mowa.collect.fetching._limits import Limits
from mowa.collect.fetching._listing import listed
from mowa.collect.fetching._names import clean, name_of
from mowa.collect.fetching._session import Session
from mowa.collect.fetching._templates import fill, fill_name
from mowa.errors import UsageError
from mowa.rights import Fetch, FetchApi, FetchFiles, FetchIndex, Source

_FEW, _MANY = 20, 1000  # files that a plan shows

_CONTACT = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|https?://\S+")


@dataclass(frozen=True)
class FetchOptions:
    """What a person says about one run.

    Attributes:
        contact: A mail or web address for the servers' administrators.
        limit: How many files, or pages of rows; None: what the source says.
        max_bytes: How many bytes are received at most; None: what the source says.
        base: Takes the place of the source's base, for a mirror.
        delay: Takes the place of the source's delay.
        values: Take the place of the source's values.
        limits: Bounds.
    """

    contact: str
    limit: int | None = None
    max_bytes: int | None = None
    base: str | None = None
    delay: float | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


def planned(
    source: Source, options: FetchOptions, *, most: int | None = None
) -> tuple[list[Wanted], bool]:
    """What a run would fetch, `most` files at most, and whether that is all; fetches no file.

    Listings are read; of an API, whose lists cost many requests, what leads to the first few
    files, and of rows nothing: only the first page's address is known before.
    """
    plan = configured(source, options)
    if most is None:
        most = _FEW if isinstance(plan, FetchApi) else _MANY
    limit = min(options.limit or plan.limit or most, most)
    with opened(source, plan, options, lambda _: None) as session:
        if isinstance(plan, FetchApi) and plan.store == "rows":
            return [Wanted(first_page(plan), page_name(0))], False
        found = list(itertools.islice(wanted_of(session, plan, Lists()), limit + 1))
    return found[:limit], len(found) <= limit


def check_contact(contact: str) -> str:
    """The contact, if a server's administrator could use it.

    Raises:
        UsageError: Where it is neither a mail nor a web address.
    """
    if not _CONTACT.fullmatch(contact) or not contact.isascii():
        raise UsageError(
            f"{contact!r} is no address that a server's administrator could write to",
            fix="give a mail address or a web page: --contact you@example.org, or MOWA_CONTACT",
        )
    return contact


def configured(source: Source, options: FetchOptions) -> Fetch:
    """The source's `[fetch]` with what the options change in it.

    Raises:
        UsageError: Where the source has none, or the options do not fit it.
    """
    check_contact(options.contact)
    if source.fetch is None:
        raise UsageError(
            f"the source {source.name} does not say how it is fetched",
            where=source.url or source.name,
            fix=f"it was obtained so: {source.collected_how}",
        )
    plan = source.fetch
    unknown = sorted(set(options.values) - set(plan.values))
    if unknown:
        raise UsageError(
            f"the source {source.name} has no value {unknown[0]!r} to set",
            fix=f"values are: {', '.join(plan.values) or '(none)'}",
        )
    changes: dict[str, Any] = {"values": {**plan.values, **options.values}}
    if options.base is not None:
        changes["base"] = options.base if options.base.endswith("/") else f"{options.base}/"
    if options.delay is not None:
        changes["delay"] = options.delay
    return type(plan).model_validate({**plan.model_dump(), **changes})


@contextmanager
def opened(
    source: Source, plan: Fetch, options: FetchOptions, say: Callable[[str], None]
) -> Iterator[Session]:
    """A session with the source's key, closed at the end.

    Raises:
        UsageError: Where the key is not in the environment.
    """
    key = None
    if plan.key is not None:
        secret = os.environ.get(plan.key.env, "").strip()
        if not secret:
            where = f": {plan.key.get_one}" if plan.key.get_one else ""
            raise UsageError(
                f"the source {source.name} asks for a key, and {plan.key.env} is not set",
                fix=f"get a key{where}, and set the environment variable {plan.key.env}",
            )
        key = (plan.key.parameter, plan.key.header, secret)
    session = Session(
        plan.base,
        contact=options.contact,
        delay=plan.delay,
        limits=options.limits,
        key=key,
        say=say,
    )
    try:
        yield session
    finally:
        session.close()


def wanted_of(session: Session, plan: Fetch, lists: Lists) -> Iterator[Wanted]:
    """The files that the plan names, in its order; `lists` is told of lists that failed."""
    if isinstance(plan, FetchIndex):
        return listed(session, plan)
    if isinstance(plan, FetchFiles):
        return _given(plan)
    return documents(session, plan, lists)


def _given(plan: FetchFiles) -> Iterator[Wanted]:
    for entry in plan.files:
        url = joined(plan.base, fill(entry.url, plan.values))
        sums = {"sha256": entry.sha256, "sha1": entry.sha1, "md5": entry.md5}
        algorithm = next((name for name, value in sums.items() if value), None)
        name = clean(fill_name(entry.name, plan.values)) if entry.name else name_of(url, plan.base)
        yield Wanted(url, name, entry.bytes, algorithm, sums[algorithm] if algorithm else None)


def page_name(number: int) -> str:
    """Where a page of rows is stored."""
    return f"pages/{number:06}.jsonl"
