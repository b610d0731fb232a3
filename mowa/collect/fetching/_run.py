"""Bringing the files of one source into a folder, and saying what came of each."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mowa.collect.fetching._api import Lists, first_page, pages
from mowa.collect.fetching._download import BudgetSpentError, Got, Wanted, download
from mowa.collect.fetching._ledger import FetchLedger
from mowa.collect.fetching._names import Names, clean
from mowa.collect.fetching._plan import (
    FetchOptions,
    configured,
    opened,
    page_name,
    wanted_of,
)
from mowa.collect.fetching._session import Session
from mowa.errors import DataError, UsageError
from mowa.execution import PlainProgress, Progress
from mowa.rights import Fetch, FetchApi, Source
from mowa.workspace import disk_error, locked, write_text

_SHOWN = 20_000_000  # bytes from which a file gets a bar of its own
_SECONDS_BETWEEN_LINES = 15.0


@dataclass
class FetchReport:
    """What came of a run: counts of files (or pages), bytes received, and what went wrong.

    Attributes:
        stopped: Why the run ended before all was fetched; None where it did not.
        absent: Addresses that the source names and the server has not.
        failures: Address and message.
        left_over: Paths of earlier runs that the source no longer names.
    """

    fetched: int = 0
    unchanged: int = 0
    received: int = 0
    stopped: str | None = None
    absent: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)


def fetch(
    source: Source, into: Path, options: FetchOptions, *, progress: Progress | None = None
) -> FetchReport:
    """Fetch what the source's `[fetch]` names into the folder `into`, where it is not there yet.

    One request at a time. Killed at any moment, the same call goes on. `into/fetched.jsonl` says
    where every file is from. A file that fails is reported, and the others are fetched.

    Raises:
        UsageError: Where the source has no `[fetch]`, or contact, key or values are missing.
        DataError: Where a listing cannot be read.
        MowaError: Where the disk is full, or another run fetches into this folder.
    """
    plan = configured(source, options)
    progress = progress or PlainProgress()
    try:
        into.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(locked(into / ".fetching", wait=False))
            session = stack.enter_context(opened(source, plan, options, progress.say))
            run = _Run(session, plan, into, options, progress)
            if isinstance(plan, FetchApi) and plan.store == "rows":
                run.rows(plan)
            else:
                lists = Lists()
                run.files(wanted_of(session, plan, lists))
                run.report.absent += lists.absent
                run.report.failures += lists.failed
            run.report.received = session.received
            return run.report
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError("this is no folder", where=str(error.filename or into)) from error
    except OSError as error:
        raise disk_error(error, into) from error


class _Run:
    """One run: counts, the ledger, names, and the budget."""

    def __init__(
        self,
        session: Session,
        plan: Fetch,
        into: Path,
        options: FetchOptions,
        progress: Progress,
    ) -> None:
        self.report = FetchReport()
        self._session, self._plan, self._into, self._progress = session, plan, into, progress
        self._limit = options.limit or plan.limit
        self._budget = options.max_bytes or plan.max_bytes
        self._ledger = FetchLedger(into)
        self._names = Names()
        self._marks = {line["page"]: line.get("blake2b") for line in self._ledger.pages}
        self._told = time.monotonic()
        for line in self._ledger.all():
            if line["path"] == clean(str(line["path"])):  # a ledger may have been edited
                self._names.keep(line["url"], line["path"])

    def files(self, wanted: Iterator[Wanted]) -> None:
        """Fetch each; a failure of one is noted and the next is fetched."""
        named: set[str] = set()
        for count, one in enumerate(wanted):
            if self._limit is not None and count >= self._limit:
                self.report.stopped = f"the limit of {self._limit:,} files is reached"
                return
            self._tell(f"{count:,} files")
            name = self._names.take(one.url, one.name)
            named.add(name)
            try:
                self._file(one, name)
            except BudgetSpentError as spent:
                self.report.stopped = f"{spent.what} ({self._budget:,} bytes); {spent.fix}"
                return
            except DataError as error:
                self.report.failures.append((self._session.hide(one.url), str(error)))
                self._progress.say(f"FAILED {error}")
        there = {line["path"] for line in self._ledger.all() if line["path"]}
        self.report.left_over = sorted(
            path for path in there - named if (self._into / path).is_file()
        )

    def rows(self, plan: FetchApi) -> None:
        """Store the items of each page as JSON Lines; goes on where an earlier run stopped."""
        start = first_page(plan)
        number, url, finished = self._where_rows_stand(start)
        if finished and plan.refresh == "never":
            self.report.unchanged = number
            return
        if finished:
            number, url = 0, start
        begun = number
        for answer in pages(self._session, plan.levels[0], url):
            if answer.items:
                self._page(number, start, answer.url, answer.items, answer.next_url)
                number += 1
            if answer.next_url is None:
                break
            if self._limit is not None and number - begun >= self._limit:
                self.report.stopped = f"the limit of {self._limit:,} pages is reached"
                return
            if self._budget is not None and self._session.received >= self._budget:
                self.report.stopped = f"{self._budget:,} bytes, the most for one run, are reached"
                return
        self._ledger.add({"page": "end", "url": start, "path": None, "at": _now()})
        folder = self._into / "pages"
        self.report.left_over = [
            page_name(at)
            for at in range(number, number + len(list(folder.glob("*.jsonl"))))
            if (self._into / page_name(at)).is_file()
        ]

    def _file(self, wanted: Wanted, name: str) -> None:
        target = self._into / name
        line = self._ledger.of(wanted.url)
        in_place = (
            line is not None
            and line.get("status") not in (404, 410)
            and target.is_file()
            and target.stat().st_size == line.get("bytes")
        )
        if in_place and line is not None and self._need_not_ask(wanted, line):
            self.report.unchanged += 1
            return
        with ExitStack() as stack:
            got = download(
                self._session,
                wanted,
                target,
                old=line if in_place else None,
                most=self._plan.max_file_bytes,
                budget=self._budget,
                started=lambda total, offset: self._bar(stack, name, total, offset),
            )
        self._note(wanted, name, got)

    def _need_not_ask(self, wanted: Wanted, line: dict[str, Any]) -> bool:
        """Its checksum held when it was fetched and is the same now; or nothing ever changes."""
        given = f"{wanted.algorithm}:{wanted.checksum}" if wanted.checksum else None
        return self._plan.refresh == "never" or (given is not None and line.get("given") == given)

    def _note(self, wanted: Wanted, name: str, got: Got) -> None:
        if got.state == "unchanged":
            self.report.unchanged += 1
            return
        if got.state == "absent":
            self.report.absent.append(wanted.url)
        else:
            self.report.fetched += 1
        self._ledger.add(
            {
                "url": self._session.hide(wanted.url),
                "path": name if got.state == "fetched" else None,
                "bytes": got.bytes,
                "blake2b": got.blake2b or None,
                "etag": got.etag,
                "last_modified": got.last_modified,
                "status": got.status,
                "fetched_at": _now(),
                "given": f"{wanted.algorithm}:{wanted.checksum}" if wanted.checksum else None,
                "notes": list(got.notes),
            }
        )
        for note in got.notes:
            self._progress.say(f"{name}: {note}")

    def _bar(
        self, stack: ExitStack, name: str, total: int | None, offset: int
    ) -> Callable[[int], None]:
        stack.close()  # the bar of a transfer that broke off
        if total is None or total < _SHOWN:
            return lambda _: None
        self._progress.say(f"{name}: {total:,} bytes")
        task = self._progress.task(name.rpartition("/")[2], total=total, done=offset)
        return stack.enter_context(task)

    def _page(
        self, number: int, start: str, url: str, items: list[Any], next_url: str | None
    ) -> None:
        text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
        data = text.encode("utf-8", "replace")
        mark = hashlib.blake2b(data, digest_size=32).hexdigest()
        target = self._into / page_name(number)
        same = self._marks.get(number) == mark
        self._marks[number] = mark
        if same and target.is_file() and target.stat().st_size == len(data):
            self.report.unchanged += 1
        else:
            write_text(target, data.decode())
            self.report.fetched += 1
        self._tell(f"{number + 1:,} pages")
        self._ledger.add(
            {
                "page": number,
                "start": start,
                "url": self._session.hide(url),
                "path": page_name(number),
                "items": len(items),
                "bytes": len(data),
                "blake2b": mark,
                "next": next_url,
                "fetched_at": _now(),
            }
        )

    def _tell(self, how_far: str) -> None:
        """A line from time to time: the end of a list is seldom known before."""
        now = time.monotonic()
        if now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            self._progress.say(f"{how_far}; {self._session.received:,} bytes received")

    def _where_rows_stand(self, start: str) -> tuple[int, str, bool]:
        """Number and address of the next page, and whether the list was walked to its end."""
        number, url, finished = 0, start, False
        for line in self._ledger.pages:
            if line["page"] == "end":
                finished = line["url"] == start
            elif line.get("start") == start:
                number, url, finished = int(line["page"]) + 1, line.get("next") or start, False
            else:
                number, url, finished = 0, start, False
        lines = {line["page"]: line for line in self._ledger.pages if line["page"] != "end"}
        for at in range(number):
            path = self._into / page_name(at)
            if not path.is_file() or path.stat().st_size != lines.get(at, {}).get("bytes"):
                return 0, start, False
        return number, url, finished


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
