"""Which addresses may be asked: the web's, and a private network's only if the source is there."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import parse_qsl, quote, unquote_plus, urljoin, urlsplit, urlunsplit

from mowa.errors import DataError

_SCHEMES = ("http", "https")
_PORTS = {"http": 80, "https": 443}

# What a terminal would obey, or a log would be broken by.
_UNSAFE = re.compile("[\x00-\x20\x7f-\xa0\u2028\u2029\u202a-\u202e\ud800-\udfff]")

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class Border:
    """Refuses addresses that a listing or a redirect must not lead to.

    The source's own host may be anywhere; what it names may be on the public network, or on the
    loopback where the source itself is.
    """

    def __init__(self, base: str) -> None:
        self._host = (urlsplit(base).hostname or "").lower()
        self._loopback = all(ip.is_loopback for ip in addresses_of(self._host) or [_PUBLIC])

    def check(self, url: str) -> None:
        """Refuse what is not http(s), holds a password, or leads into a private network.

        Raises:
            DataError: For such an address.
        """
        try:
            parts = urlsplit(url)
            host, _ = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise DataError(f"this is no address ({error})", where=url[:300]) from error
        if parts.scheme not in _SCHEMES or not host:
            raise DataError("only http:// and https:// are fetched", where=url[:300])
        if parts.username is not None or parts.password is not None:
            raise DataError("an address with a user name in it is not fetched", where=url[:300])
        for ip in addresses_of(host):
            self.check_ip(ip, host, url)

    def check_ip(self, ip: IP, host: str, url: str) -> None:
        """Refuse a private address that is not the source's own.

        Raises:
            DataError: For such an address.
        """
        if host.lower() == self._host or _is_public(ip) or (ip.is_loopback and self._loopback):
            return
        raise DataError(
            f"the server leads to {host} ({ip}), an address of a private network",
            where=url[:300],
            fix="if that is where the files are, register it as a source of its own",
        )


def addresses_of(host: str) -> list[IP]:
    """The IP addresses of a host; empty where it has none, which connecting will tell."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, the port only where it is not the scheme's own."""
    parts = urlsplit(url)
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    host = (parts.hostname or "").lower()
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def joined(base: str, url: str) -> str:
    """`url` as seen from `base`, without fragment; control characters and spaces are quoted.

    Raises:
        DataError: Where that is no address.
    """
    try:
        whole = urlunsplit(urlsplit(urljoin(base, url.strip()))._replace(fragment=""))
        return _UNSAFE.sub(lambda sign: quote(sign[0], errors="replace"), whole)
    except ValueError as error:
        raise DataError(f"this is no address ({error})", where=url[:300]) from error


def with_parameter(url: str, name: str, value: str | None) -> str:
    """The address with one query parameter set, or without it; the others stay letter by letter.

    Example:
        >>> with_parameter("https://a.example/?q=a:b&q=c&page=0", "page", "1+2")
        'https://a.example/?q=a:b&q=c&page=1%2B2'
    """
    parts = urlsplit(url)
    kept = [
        it for it in parts.query.split("&") if it and unquote_plus(it.partition("=")[0]) != name
    ]
    if value is not None:
        kept.append(f"{quote(name, safe='')}={quote(value, safe='')}")
    return urlunsplit(parts._replace(query="&".join(kept)))


def parameter_of(url: str, name: str) -> str | None:
    """The value of a query parameter; None where it has none."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)).get(name)


def _is_public(ip: IP) -> bool:
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        return _is_public(mapped)
    return ip.is_global and not ip.is_multicast


_PUBLIC = ipaddress.ip_address("1.1.1.1")
