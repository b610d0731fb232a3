"""One file: resumed where that is safe, hashed, verified, and put in place whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx

from mowa.collect.fetching._bodies import BrokenBodyError, decoded, encoding_of
from mowa.collect.fetching._names import BAD, PART
from mowa.collect.fetching._session import Again, Session, refused
from mowa.errors import DataError, MowaError
from mowa.workspace import disk_error

_CHUNK = 1 << 20
_ABSENT = (404, 410)
_GZIP = (".gz", ".tgz")


@dataclass(frozen=True)
class Wanted:
    """A file to fetch, and what is known of it before."""

    url: str
    name: str
    bytes: int | None = None
    algorithm: str | None = None
    checksum: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Got:
    """What became of it; `bytes` and `blake2b` are those of the file in place."""

    state: Literal["fetched", "unchanged", "absent"]
    status: int
    bytes: int = 0
    blake2b: str = ""
    etag: str | None = None
    last_modified: str | None = None
    notes: tuple[str, ...] = ()


class BudgetSpentError(MowaError):
    """The run has fetched as much as it may; what came is kept and goes on in the next run."""


def download(
    session: Session,
    wanted: Wanted,
    target: Path,
    *,
    old: dict[str, Any] | None,
    most: int,
    budget: int | None,
    started: Callable[[int | None, int], Callable[[int], None]],
) -> Got:
    """Fetch `wanted` into `target`.

    Args:
        session: Makes the requests.
        wanted: What to fetch.
        target: Where it goes; ``target.part`` holds it until it is whole and verified.
        old: The ledger's line of the file that is in place, to ask whether it changed.
        most: The largest file that is taken.
        budget: Bytes that may be received in this run, those counted by `session` included.
        started: Called with total and offset when bytes begin to come; returns what advances.

    Raises:
        DataError: For what no retry mends: a status, a size, a checksum, a transfer that does not
            end or does not move.
        BudgetSpentError: Where more than `budget` bytes would be received.
        MowaError: Where the disk is full.
    """
    run = _Run(session, wanted, target, old, most, budget, started)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        got = session.persist(wanted.url, run.attempt)
        if got is None and run.resumed and run.mismatch():
            # Two versions may have been joined where nothing told them apart.
            run.notes.append("the resumed file had another checksum; started anew")
            run.forget()
            got = session.persist(wanted.url, run.attempt)
        return got if got is not None else run.finish()
    except OSError as error:
        raise disk_error(error, target) from error


@dataclass
class _Run:
    session: Session
    wanted: Wanted
    target: Path
    old: dict[str, Any] | None
    most: int
    budget: int | None
    started: Callable[[int | None, int], Callable[[int], None]]
    resumed: bool = False
    status: int = 0
    seen: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.part = self.target.with_name(self.target.name + PART)
        self.side = self.target.with_name(f"{self.target.name}{PART}.json")
        self.hashes = _Hashes(self.wanted.algorithm)
        self.seen = _read_side(self.side, self.wanted.url)

    def attempt(self) -> Got | None:
        """One request; None when the part is complete."""
        offset = self._offset()
        with self.session.once(self.wanted.url, self._headers(offset)) as response:
            self.status = status = response.status_code
            if status == 304 and self.old is not None:
                return _unchanged(self.old, status)
            if status in _ABSENT and self.wanted.optional:
                return Got("absent", status)
            if status == 416 and offset:
                if response.headers.get("content-range", "").strip() == f"bytes */{offset}" and (
                    self.seen.get("total") in (None, offset)
                ):
                    self.hashes.prefix(self.part, offset)
                    self.resumed = True
                    return None
                self.forget()
                raise Again("the server cannot go on from where the download stopped")
            if status not in (200, 206):
                raise refused(status, self.session.hide(self.wanted.url))
            if status == 206 and not self._continues(response, offset):
                self.forget()
                self.notes.append("changed on the server during the download; started anew")
                raise Again("the file changed on the server")
            if status == 200 and offset:
                changed = _validators(response) != {
                    key: self.seen.get(key) for key in ("etag", "last_modified")
                }
                self.notes.append(
                    "changed on the server during the download; started anew"
                    if changed
                    else "the server does not resume; started anew"
                )
            self._receive(response, offset if status == 206 else 0)
        return None

    def mismatch(self) -> str | None:
        """What does not fit what was given; None where all fits."""
        if self.wanted.bytes is not None and self.hashes.count != self.wanted.bytes:
            return f"it has {self.hashes.count:,} bytes, not {self.wanted.bytes:,} as given"
        given = self.hashes.given()
        if given is not None and given != self.wanted.checksum:
            return f"its {self.wanted.algorithm} is {given}, not {self.wanted.checksum} as given"
        return None

    def finish(self) -> Got:
        wrong = self.mismatch()
        if wrong:
            bad = self.target.with_name(self.target.name + BAD)
            self.part.replace(bad)
            self.forget()
            raise DataError(
                wrong,
                where=self.session.hide(self.wanted.url),
                fix=f"what came is kept as {bad}; fetch again, or mend what the source says",
            )
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        self.part.replace(self.target)
        self.forget()
        return Got(
            "fetched",
            self.status,
            self.hashes.count,
            self.hashes.blake2b(),
            self.seen.get("etag"),
            self.seen.get("last_modified"),
            tuple(dict.fromkeys(self.notes)),
        )

    def forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.side.unlink(missing_ok=True)

    def _offset(self) -> int:
        """Bytes of the part that can be gone on from.

        Without a validator two versions could be joined unseen; then only a checksum allows it.
        """
        safe = _if_range(self.seen) or self.wanted.checksum
        if not self.seen or self.seen.get("whole") or not safe:
            return 0
        size = self.part.stat().st_size if self.part.exists() else 0
        return 0 if self.wanted.bytes is not None and size > self.wanted.bytes else size

    def _headers(self, offset: int) -> dict[str, str]:
        # Ranges and lengths then count the file's own bytes.
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            validator = _if_range(self.seen)
            if validator:
                headers["If-Range"] = validator
        elif self.old is not None:
            if self.old.get("etag"):
                headers["If-None-Match"] = self.old["etag"]
            elif self.old.get("last_modified"):
                headers["If-Modified-Since"] = self.old["last_modified"]
        return headers

    def _continues(self, response: httpx.Response, offset: int) -> bool:
        unit, _, rest = response.headers.get("content-range", "").partition(" ")
        span, _, total = rest.partition("/")
        if unit != "bytes" or span.partition("-")[0] != str(offset) or not offset:
            return False
        if encoding_of(response):
            return False
        known = self.seen.get("total")
        if total.isdigit() and known is not None and int(total) != known:
            return False
        now = _validators(response)
        return all(now[key] in (None, self.seen.get(key)) for key in now)

    def _receive(self, response: httpx.Response, offset: int) -> None:
        encoded = encoding_of(response)
        # A server may label an archive as the encoding of what is in it; then it stays as it is.
        archive = encoded and self.target.name.lower().endswith(_GZIP)
        length = response.headers.get("content-length", "")
        total = offset + int(length) if length.isdigit() and not encoded else None
        if not offset:
            self.seen = {"url": self.wanted.url, **_validators(response), "total": total}
            self.seen["whole"] = bool(encoded)
            self._start_over()
        self._check_total(total, offset)
        self.resumed = self.resumed or offset > 0
        self.hashes.prefix(self.part, offset)
        advance = self.started(total if total is not None else self.wanted.bytes, offset)
        before = self.session.received
        chunks = decoded(response) if encoded and not archive else response.iter_raw()
        try:
            with self.part.open("r+b") as file:
                file.seek(offset)
                file.truncate()
                for chunk in self._paced(chunks):
                    self._check_room(len(chunk))
                    file.write(chunk)
                    self.hashes.update(chunk)
                    self.session.received += len(chunk)
                    advance(len(chunk))
        except (httpx.HTTPError, BrokenBodyError, Again) as error:
            what = str(error)
            if isinstance(error, httpx.HTTPError):
                what = f"the transfer broke off ({what})"
            raise Again(what, gained=self.session.received - before) from error

    def _start_over(self) -> None:
        self.part.unlink(missing_ok=True)
        # Not flushed: one that a crash tears is no JSON, and the file is started anew.
        self.side.write_text(json.dumps(self.seen), "utf-8")
        self.part.touch()

    def _check_total(self, total: int | None, offset: int) -> None:
        if total is None:
            return
        if total > self.most:
            self.forget()
            raise DataError(
                f"the server announces {total:,} bytes; a file may have {self.most:,}",
                where=self.session.hide(self.wanted.url),
                fix="raise max_file_bytes in the [fetch] table of the source",
            )
        if self.budget is not None and total - offset > self.budget - self.session.received:
            if not offset:
                self.forget()
            raise self._spent()
        free = shutil.disk_usage(self.part.parent).free
        if total - offset > free:
            raise MowaError(
                f"the disk is full: {total - offset:,} bytes are to come, {free:,} are free",
                where=str(self.target),
                fix="free some space and run again; what is finished is kept",
            )

    def _check_room(self, more: int) -> None:
        count = self.hashes.count + more
        limit = self.most if self.wanted.bytes is None else min(self.most, self.wanted.bytes)
        if count > limit:
            self.forget()
            given = "as given" if limit == self.wanted.bytes else "the most that a file may have"
            raise DataError(
                f"the server does not stop at {limit:,} bytes, {given}",
                where=self.session.hide(self.wanted.url),
                fix="look at what the server sends; raise bytes or max_file_bytes of the source"
                " if that is right",
            )
        if self.budget is not None and self.session.received + more > self.budget:
            raise self._spent()

    def _spent(self) -> BudgetSpentError:
        return BudgetSpentError(
            "the next file would be more than may be fetched in one run",
            where=self.session.hide(self.wanted.url),
            fix="run again with a larger --max-bytes; what is finished is kept",
        )

    def _paced(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        limits = self.session.limits
        start, count = time.monotonic(), 0
        for chunk in chunks:
            yield chunk
            count += len(chunk)
            now = time.monotonic()
            if now - start >= limits.stall_seconds:
                if count < limits.stall_bytes:
                    raise Again(
                        f"the server sends next to nothing ({count:,} bytes in"
                        f" {now - start:,.0f} s)"
                    )
                start, count = now, 0


class _Hashes:
    """BLAKE2b-256, the given algorithm, and the count of what went through."""

    def __init__(self, algorithm: str | None) -> None:
        self._algorithm = algorithm
        self._start()

    def prefix(self, path: Path, length: int) -> None:
        """Stand where the first `length` bytes of the file have gone through."""
        if self.count == length:
            return
        self._start()
        with path.open("rb") as file:
            while self.count < length and (chunk := file.read(min(_CHUNK, length - self.count))):
                self.update(chunk)

    def update(self, chunk: bytes) -> None:
        self.count += len(chunk)
        self._own.update(chunk)
        if self._other is not None:
            self._other.update(chunk)

    def blake2b(self) -> str:
        return self._own.hexdigest()

    def given(self) -> str | None:
        return None if self._other is None else self._other.hexdigest()

    def _start(self) -> None:
        self.count = 0
        self._own = hashlib.blake2b(digest_size=32)
        # SHA-1 and MD5 guard against accidents here, as their publishers meant them.
        self._other = (
            hashlib.new(self._algorithm, usedforsecurity=False) if self._algorithm else None
        )


def _unchanged(old: dict[str, Any], status: int) -> Got:
    return Got("unchanged", status, old["bytes"], old["blake2b"], old["etag"], old["last_modified"])


def _validators(response: httpx.Response) -> dict[str, str | None]:
    return {
        "etag": response.headers.get("etag"),
        "last_modified": response.headers.get("last-modified"),
    }


def _if_range(seen: dict[str, Any]) -> str | None:
    """A validator strong enough to join two ranges (RFC 9110, 13.1.5: no weak entity tags)."""
    etag = seen.get("etag")
    return etag if etag and not etag.startswith("W/") else seen.get("last_modified")


def _read_side(path: Path, url: str) -> dict[str, Any]:
    """What was known when the part was begun; empty where it is of another address, or damaged."""
    try:
        seen = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return seen if isinstance(seen, dict) and seen.get("url") == url else {}
