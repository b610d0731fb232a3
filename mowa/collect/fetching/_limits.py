"""How long and how much: the bounds that no server can talk the fetcher out of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes and counts.

    Attributes:
        connect: Seconds until a connection must stand.
        read: Seconds without a byte until the connection counts as dead.
        stall_seconds: A transfer is measured over windows of this length.
        stall_bytes: A window with fewer bytes than this ends the transfer.
        retries: How often one request is tried again without a byte gained.
        backoff: Seconds before the first retry; doubled for each.
        max_wait: A `Retry-After` of more than this ends the request.
        redirects: How many are followed.
        listing_bytes: The largest listing, or page of an API, after decompression.
        robots_bytes: How much of a robots.txt is read (RFC 9309, 2.5: at least 500 KiB).
        crawl_delay: The largest `Crawl-delay` that is obeyed; beyond, this is kept.
        pages: How many pages of one list are walked.
    """

    connect: float = 20.0
    read: float = 60.0
    stall_seconds: float = 60.0
    stall_bytes: int = 6_000
    retries: int = 5
    backoff: float = 1.0
    max_wait: float = 300.0
    redirects: int = 5
    listing_bytes: int = 256 << 20
    robots_bytes: int = 512_000
    crawl_delay: float = 30.0
    pages: int = 1_000_000
