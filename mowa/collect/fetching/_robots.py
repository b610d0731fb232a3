"""robots.txt (RFC 9309): what a host asks crawlers to leave alone, and how fast it wants them."""

from __future__ import annotations

from dataclasses import dataclass

from protego import Protego

AGENT = "mowa"
"""The product token that a robots.txt may name."""


@dataclass(frozen=True)
class Robots:
    """What one host allows.

    Attributes:
        rules: The parsed file; None where there is none, which allows all.
        reason: Why nothing is allowed, where the file could not be read.
    """

    rules: Protego | None = None
    reason: str | None = None

    def refusal(self, url: str) -> str | None:
        """Why `url` may not be fetched; None where it may."""
        if self.reason:
            return self.reason
        if self.rules is not None and not self.rules.can_fetch(url, AGENT):
            return "the robots.txt of the host forbids this address"
        return None

    @property
    def delay(self) -> float:
        """Seconds that the host wants between requests."""
        found = None if self.rules is None else self.rules.crawl_delay(AGENT)
        return max(float(found or 0), 0.0)


def parse_robots(status: int, body: bytes) -> Robots:
    """RFC 9309, 2.3.1: no such file (4xx) allows all; a server that fails allows nothing."""
    if status == 200:
        return Robots(Protego.parse(body.decode("utf-8", "replace")))
    if status >= 500 or status == 429:
        return Robots(reason=f"the robots.txt of the host cannot be read (status {status})")
    return Robots()
