"""Asking a server of models: with bounds, patience, and a key that no message shows."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from mowa.errors import DataError, MowaError, UsageError
from mowa.execution import retry_after

T = TypeVar("T")

# Timeouts, too many requests, and a server or a gateway that is down; 529 is an overloaded one.
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})

_KINDS: dict[type[Exception], str] = {
    httpx.ConnectTimeout: "no connection in time",
    httpx.ReadTimeout: "no answer in time",
    httpx.ConnectError: "no connection",
    httpx.ReadError: "the connection ended before the answer did",
    httpx.RemoteProtocolError: "the connection ended before the answer did",
}

_FIXES = {
    401: "is the environment variable with the key the right one?",
    402: "the account has no money left",
    403: "may this key use this model?",
    404: "look at the URL, which mostly ends in /v1, and at the model's name",
}

_SHOWN = 400
"""Characters of a server's own words in a message."""


class EndpointError(DataError):
    """An endpoint that does not give what was asked for.

    Attributes:
        status: HTTP status, or None where there was no whole answer.
        body: The beginning of what it said instead.
        endless: Did an answer come, and not end?
        index: Of the request, where several were asked for.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        fix: str | None = None,
        status: int | None = None,
        body: str = "",
        endless: bool = False,
        index: int | None = None,
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.status, self.body, self.endless, self.index = status, body, endless, index

    def __reduce__(self) -> tuple[object, ...]:
        """Keep everything where the error crosses to another process."""
        return _rebuilt, (dict(self.__dict__),)


def _rebuilt(attributes: dict[str, Any]) -> EndpointError:
    return EndpointError(**attributes)


class Again(Exception):  # noqa: N818 - not an error yet: the request is made again
    """A failure that may pass.

    Args:
        reason: What happened.
        wait: Seconds that the server asks to wait.
        status: HTTP status, where there was one.
    """

    def __init__(
        self, reason: str, *, wait: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(reason)
        self.reason, self.wait, self.status = reason, wait, status


@dataclass(frozen=True)
class Patience:
    """How long an endpoint is waited for.

    Attributes:
        retries: Further attempts after the first.
        backoff: Seconds before the first of them; each time twice as long.
        max_wait: Longest wait; a server that asks for more is given up.
        connect: Seconds to connect.
        read: Seconds without a byte.
        whole: Seconds for one answer.
        max_bytes: Of one answer.
    """

    retries: int = 6
    backoff: float = 1.0
    max_wait: float = 120.0
    connect: float = 20.0
    read: float = 300.0
    whole: float = 1800.0
    max_bytes: int = 16 << 20


class Endpoint:
    """One base URL, asked by several threads.

    Args:
        url: Such as ``https://host/v1``.
        key_from: Environment variable that holds the key; None for none.
        patience: Bounds.
        connections: Most requests at once.

    Attributes:
        place: The URL without what may be secret in it.

    Raises:
        UsageError: For a URL that is none, or a variable that is not set.
    """

    def __init__(
        self, url: str, *, key_from: str | None, patience: Patience, connections: int
    ) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        if parts.scheme not in ("http", "https") or not host:
            raise UsageError(
                "this is not the address of an endpoint", fix="write it as https://host/v1"
            )
        self.place = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
        self._query = f"?{parts.query}" if parts.query else ""
        self._secrets = [text for text in (parts.password, parts.query) if text]
        headers = {"Accept": "application/json, text/event-stream"}
        if key_from is not None:
            key = _key(key_from)
            self._secrets.append(key)
            headers["Authorization"] = f"Bearer {key}"
        self._patience = patience
        self._client = httpx.Client(
            headers=headers,
            auth=(parts.username, parts.password or "") if parts.username else None,
            timeout=httpx.Timeout(patience.read, connect=patience.connect),
            limits=httpx.Limits(max_connections=connections),
            follow_redirects=False,  # a key goes to this host and no other
        )
        self._lock = threading.Lock()
        self._resume_at = 0.0
        self._closing = threading.Event()

    def close(self) -> None:
        """End the connections; whoever waits to ask again does not."""
        self._closing.set()
        self._client.close()

    def ask(self, path: str, body: Mapping[str, Any], read: Callable[[Iterator[bytes]], T]) -> T:
        """Post `body` until `read` has made something of the answer.

        Args:
            path: Below the URL, with its slash.
            body: JSON.
            read: Makes the result of the bytes of an answer; raises `Again` where they are not
                one, half a stream, say.

        Raises:
            EndpointError: Where the server refuses, or the retries are used up.
        """
        failures = 0
        while True:
            self._wait_for_others()
            try:
                with self.opened(path, body) as chunks:
                    return read(chunks)
            except Again as again:
                failures += 1
                self._wait(again, failures)

    @contextmanager
    def opened(self, path: str, body: Mapping[str, Any]) -> Iterator[Iterator[bytes]]:
        """Post `body` once; gives the bytes of the answer, within bounds.

        Raises:
            Again: Where it may be worth another attempt.
            EndpointError: Where it is not.
        """
        try:
            with self._client.stream(
                "POST", self.place + path + self._query, json=dict(body)
            ) as response:
                self._look_at(response)
                yield self._bounded(response)
        except (httpx.TransportError, httpx.DecodingError) as error:
            said = f"{_KINDS.get(type(error), type(error).__name__)} ({error})"
            raise Again(self.hidden(said)) from None  # the chain may show the request

    def failed(self, again: Again, more: str = "") -> EndpointError:
        """The error of what is not tried again."""
        return EndpointError(
            self.hidden(again.reason) + more,
            where=self.place,
            fix="run the same command later: what is finished is kept",
            status=again.status,
        )

    def hidden(self, text: str) -> str:
        """`text` without the key."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _look_at(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 200:
            kind = response.headers.get("content-type", "")
            if "html" in kind:
                raise Again(f"a web page came instead of an answer ({kind})", status=status)
            return
        said = self._words(response)
        if status in _PASSING:
            wait = retry_after(response.headers.get("retry-after"))
            raise Again(f"HTTP {status}: {said}", wait=wait, status=status)
        what = f"HTTP {status}: {said}"
        if 300 <= status < 400:
            what = f"HTTP {status}: the server sends elsewhere, where no key is sent"
        raise EndpointError(
            what, where=self.place, fix=_FIXES.get(status), status=status, body=said
        )

    def _words(self, response: httpx.Response) -> str:
        """The server's own explanation: one line, short, without the key."""
        data = b""
        try:
            for chunk in self._bounded(response):
                data += chunk
                if len(data) > 1 << 16:
                    break
        except (httpx.TransportError, httpx.DecodingError, EndpointError):
            pass  # the status says enough
        text = data.decode("utf-8", "replace")
        try:
            error = json.loads(text).get("error")
            if isinstance(error, dict):
                parts = (error.get("message"), error.get("code"), error.get("type"))
                text = "; ".join(str(part) for part in parts if part)
            elif error:
                text = str(error)
        except (ValueError, AttributeError):
            pass  # not JSON: as it is
        line = self.hidden(" ".join(text.split()))
        return line[:_SHOWN] + ("…" if len(line) > _SHOWN else "") or "no explanation"

    def _bounded(self, response: httpx.Response) -> Iterator[bytes]:
        begun, received = time.monotonic(), 0
        for chunk in response.iter_bytes():
            received += len(chunk)
            seconds = time.monotonic() - begun
            if received > self._patience.max_bytes or seconds > self._patience.whole:
                raise EndpointError(
                    f"the answer does not end: {received:,} bytes in {seconds:,.0f} s",
                    where=self.place,
                    fix="does the endpoint heed the limit of tokens?",
                    endless=True,
                )
            yield chunk

    def _wait(self, again: Again, failures: int) -> None:
        patience = self._patience
        wait = min(patience.backoff * 2 ** (failures - 1), patience.max_wait)
        if again.wait is not None:
            wait = max(wait, again.wait)
        if failures > patience.retries or wait > patience.max_wait:
            asks = f"; it asks to wait {wait:,.0f} s" if wait > patience.max_wait else ""
            tries = f" ({failures} times)" if failures > 1 else ""
            raise self.failed(again, f"{tries}{asks}") from None  # it may show more than is hidden
        if again.wait is not None:
            # All that ask this endpoint are meant.
            with self._lock:
                self._resume_at = max(self._resume_at, time.monotonic() + wait)
        self._pause(wait)

    def _wait_for_others(self) -> None:
        with self._lock:
            wait = self._resume_at - time.monotonic()
        if wait > 0:
            self._pause(wait)

    def _pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise MowaError("the engine was closed while it waited", where=self.place)


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(
            f"the environment variable {variable} is not set",
            fix=f"export {variable}=… with the key of the endpoint",
        )
    # What cannot stand in a header would be shown by the error that says so.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"what the environment variable {variable} holds cannot be a key")
    return key
