"""Asking servers politely: one request at a time, paced, with a name, patience and bounds."""

from __future__ import annotations

import ipaddress
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from mowa import __version__
from mowa.collect.fetching._addresses import Border, joined, origin_of, with_parameter
from mowa.collect.fetching._bodies import BrokenBodyError, decoded
from mowa.collect.fetching._limits import Limits
from mowa.collect.fetching._robots import AGENT, Robots, parse_robots
from mowa.errors import DataError
from mowa.execution import retry_after

T = TypeVar("T")

_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_GAIN = 1 << 20  # bytes that make a broken transfer worth another full round of retries


class Again(Exception):  # noqa: N818 - not an error yet: the request is made again
    """A failure that may pass.

    Args:
        reason: What happened.
        wait: Seconds that the server asks to wait.
        gained: Bytes that came before.
    """

    def __init__(self, reason: str, *, wait: float | None = None, gained: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.wait, self.gained = reason, wait, gained


class Session:
    """Requests to the hosts of one source.

    Args:
        base: The source's own address, where its key may be sent.
        contact: A mail or web address; servers see it in `User-Agent`.
        delay: Seconds between two requests to one host.
        limits: Bounds.
        key: Parameter and header (one of them None) and the key itself.
        say: Is told of waits.

    Attributes:
        received: Bytes of bodies that came, of files and listings, whole or not.
    """

    def __init__(
        self,
        base: str,
        *,
        contact: str,
        delay: float,
        limits: Limits,
        key: tuple[str | None, str | None, str] | None = None,
        say: Callable[[str], None],
    ) -> None:
        self.limits = limits
        self.received = 0
        self.border = Border(base)
        self._base_origin = origin_of(base)
        self._delay = delay
        self._key = key
        self._say = say
        self._robots: dict[str, Robots] = {}
        self._last: dict[str, float] = {}
        # Through a proxy the peer is the proxy, and says nothing of the host.
        self._direct = not {"http", "https", "all"} & set(urllib.request.getproxies())
        timeout = httpx.Timeout(limits.read, connect=limits.connect)
        self._client = httpx.Client(
            headers={
                "User-Agent": f"{AGENT}/{__version__} (corpus fetcher; {contact})",
                "Accept-Encoding": "gzip",
            },
            timeout=timeout,
            limits=httpx.Limits(max_connections=1),
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def persist(self, url: str, work: Callable[[], T]) -> T:
        """Call `work` until it does not raise `Again`, waiting longer each time.

        Raises:
            DataError: Where the retries are used up, or the server asks for too long a wait.
        """
        failures = 0
        while True:
            try:
                return work()
            except Again as again:
                failures = 1 if again.gained >= _GAIN else failures + 1
                wait = self.limits.backoff * 2 ** (failures - 1)
                if again.wait is not None:
                    wait = max(wait, again.wait)
                if failures > self.limits.retries:
                    raise self._given_up(url, again.reason, failures) from again
                if wait > self.limits.max_wait:
                    raise DataError(
                        f"{again.reason}; the server asks to wait {wait:,.0f} s",
                        where=self.hide(url),
                        fix="run the same command later; what is finished is kept",
                    ) from again
                if wait >= 1:
                    self._say(f"{self.hide(url)}: {again.reason}; again in {wait:,.0f} s")
                time.sleep(wait)

    @contextmanager
    def once(self, url: str, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """One GET with its redirects; yields the response, its body not read yet.

        Raises:
            Again: For a failure of the connection, also while the caller reads the body, and for a
                status that passes.
            DataError: For an address that may not be fetched, and for a loop of redirects.
        """
        seen = [url]
        while True:
            self._allowed(seen[-1])
            self._pace(seen[-1])
            with self._send(seen[-1], headers or {}) as response:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    target = joined(seen[-1], response.headers["location"])
                    if target in seen or len(seen) > self.limits.redirects:
                        raise DataError(
                            f"the server redirects in circles, or more than"
                            f" {self.limits.redirects} times",
                            where=self.hide(url),
                        )
                    seen.append(target)
                    continue
                if response.status_code in _PASSING:
                    raise Again(
                        f"the server answers with status {response.status_code}",
                        wait=retry_after(response.headers.get("retry-after")),
                    )
                yield response
                return

    def read(self, url: str) -> tuple[bytes, str]:
        """The whole body of a listing, decoded, and the address that it came from in the end.

        Raises:
            DataError: For any status but 200, and for more than `listing_bytes`.
        """

        def work() -> tuple[bytes, str]:
            with self.once(url) as response:
                if response.status_code != 200:
                    raise refused(response.status_code, self.hide(url))
                most = self.limits.listing_bytes
                body = self._body(response, most)
                if len(body) > most:
                    raise DataError(
                        f"the listing has more than {most:,} bytes", where=self.hide(url)
                    )
                return body, str(response.url)

        body, at = self.persist(url, work)
        return body, self.public(at)

    def hide(self, text: str) -> str:
        """The text without the key."""
        return text.replace(self._key[2], "***") if self._key else text

    def public(self, url: str) -> str:
        """The address without the key's parameter; it is added anew where it is asked."""
        if self._key and self._key[0] and f"{self._key[0]}=" in url:
            url = with_parameter(url, self._key[0], None)
        return self.hide(url)

    def _body(self, response: httpx.Response, most: int) -> bytes:
        """The decoded body; ends soon after `most` bytes, so that more than that can be told."""
        body = bytearray()
        start = time.monotonic()
        for piece in decoded(response):
            body += piece
            self.received += len(piece)
            if len(body) > most:
                break
            elapsed = time.monotonic() - start
            if elapsed > self.limits.stall_seconds and (
                len(body) < self.limits.stall_bytes * elapsed / self.limits.stall_seconds
            ):
                raise Again("the server sends next to nothing")
        return bytes(body)

    @contextmanager
    def _send(
        self, url: str, headers: dict[str, str], *, keyed: bool = True
    ) -> Iterator[httpx.Response]:
        address, headers = self._with_key(url, headers) if keyed else (url, headers)
        try:
            with self._client.stream("GET", address, headers=headers) as response:
                self._check_peer(response, url)
                yield response
        except httpx.InvalidURL as error:
            raise DataError(f"this is no address ({error})", where=self.hide(url)) from error
        except BrokenBodyError as error:
            raise Again(str(error)) from error
        except httpx.HTTPError as error:
            what = str(error) or type(error).__name__
            raise Again(self.hide(f"the connection failed ({what})")) from error

    def _check_peer(self, response: httpx.Response, url: str) -> None:
        """A name may lead elsewhere when it is looked up again: what counts is who answered."""
        stream = response.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream is not None else None
        if peer and self._direct:
            ip = ipaddress.ip_address(str(peer[0]).partition("%")[0])
            self.border.check_ip(ip, urlsplit(url).hostname or "", url)

    def _allowed(self, url: str) -> None:
        self.border.check(url)
        origin = origin_of(url)
        if origin not in self._robots:
            self._robots[origin] = self._read_robots(origin)
        robots = self._robots[origin]
        refusal = robots.refusal(url)
        if refusal:
            fix = "ask the host for permission or for another way to the files"
            if robots.reason:
                fix = "look at the network, the proxy and the host's name, and run it again later"
            raise DataError(refusal, where=self.hide(url), fix=fix)

    def _read_robots(self, origin: str) -> Robots:
        """The host's rules; redirects of robots.txt are followed as far as the border allows."""

        def work() -> Robots:
            url = f"{origin}/robots.txt"
            for _ in range(self.limits.redirects + 1):
                self.border.check(url)
                self._pace(url)
                with self._send(url, {}, keyed=False) as response:
                    status = response.status_code
                    if status in _REDIRECTS and "location" in response.headers:
                        url = joined(url, response.headers["location"])
                        continue
                    if status in _PASSING:
                        wait = retry_after(response.headers.get("retry-after"))
                        raise Again(f"its robots.txt cannot be read (status {status})", wait=wait)
                    most = self.limits.robots_bytes
                    body = self._body(response, most)[:most] if status == 200 else b""
                    return parse_robots(status, body)
            return Robots()

        try:
            return self.persist(f"{origin}/robots.txt", work)
        except DataError as error:
            return Robots(reason=error.what)

    def _pace(self, url: str) -> None:
        origin = origin_of(url)
        robots = self._robots.get(origin)
        wanted = min(robots.delay, self.limits.crawl_delay) if robots else 0.0
        due = self._last.get(origin, -1e9) + max(self._delay, wanted)
        time.sleep(max(due - time.monotonic(), 0.0))
        self._last[origin] = time.monotonic()

    def _with_key(self, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        if self._key is None or origin_of(url) != self._base_origin:
            return url, headers
        parameter, header, value = self._key
        if parameter:
            return with_parameter(url, parameter, value), headers
        return url, {**headers, str(header): value}

    def _given_up(self, url: str, reason: str, tries: int) -> DataError:
        return DataError(
            f"{reason}, {tries} times",
            where=self.hide(url),
            fix="run the same command later; what is finished is kept",
        )


class StatusError(DataError):
    """A status that no retry mends."""

    status = 0


def refused(status: int, where: str) -> StatusError:
    """The message for a status that no retry mends."""
    reasons = {401: "asks for a key", 403: "forbids this", 404: "has no such file", 410: "has it no"
               " more"}  # fmt: skip
    said = reasons.get(status)
    error = StatusError(f"the server {said or 'answers'} (status {status})", where=where)
    error.status = status
    return error
