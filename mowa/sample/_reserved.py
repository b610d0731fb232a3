"""Hosts that reserve their texts against mining, by every protocol, and some that only seem to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from mowa.sample._builder import Builder
from mowa.sample._planted import phrases
from mowa.sample._truth import Truth
from mowa.sample._web import Host, Page

__all__ = ["cases", "plant_reservations"]


@dataclass(frozen=True, slots=True)
class Case:
    """Pages of one host, or of one of its folders, and what they may be used for.

    Attributes:
        value: `deny`, `allow`, `review` (a person must read it), `unknown` (nothing is said).
        protocols: Those that say so.
        files: Other addresses of the host, with media type and content.
        same_host_as: The case whose host its pages are of, for a folder with rules of its own.
    """

    name: str
    make: str
    value: str
    protocols: tuple[str, ...] = ()
    robots: str | None = "User-agent: *\nDisallow:\n"
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    head: str = ""
    notice: str = ""
    folder: str = ""
    same_host_as: str = ""


def plant_reservations(builder: Builder, count: int) -> None:
    """`count` pages for each case, and each host's robots.txt and other files."""
    hosts: dict[str, Host] = {}
    for case in cases():
        host = hosts.get(case.same_host_as or case.name)
        if host is None:
            host = hosts[case.name] = _host(case)
            for path, (media, content) in case.files.items():
                page = Page(
                    f"https://{host.domain}{path}", host, media=media, body=content.encode()
                )
                builder.add_page(page, Truth("skipped", "skip", "not-html", what="policy-file"))
        for _ in range(count):
            document = builder.fresh()
            denied = case.value == "deny"
            truth = Truth(
                "reserved" if case.value in ("deny", "review") else "not-reserved",
                expected="reject" if denied else "quarantine" if case.value == "review" else "keep",
                reason="reserved" if denied else "reservation-in-prose" if case.notice else None,
                what=case.name,
                document=document.name,
                register=document.kind,
                language="pol",
                reserved=case.value,
                protocols=case.protocols,
            )
            builder.page(
                host, document.title, document.text, truth,
                folder=case.folder, headers=case.headers, head=case.head, notice=case.notice,
            )  # fmt: skip


def _host(case: Case) -> Host:
    return Host(
        f"{case.name}.example",
        f"Serwis „{case.name}”",
        ("Teksty", "O nas"),
        case.make,
        robots=case.robots,
    )


def cases() -> list[Case]:
    """Every way to reserve texts, or to seem to."""
    first, second = phrases("reservation")
    everything = "User-agent: *\nDisallow:\n"
    mining = '<meta name="tdm-reservation" content="{}">\n'
    policy = '<meta name="tdm-policy" content="https://tdm-strona.example/licencje.json">\n'
    rsl = (
        '<?xml version="1.0"?>\n<rsl xmlns="https://rslstandard.org/rsl"><content url="/">'
        '<license><prohibits type="usage">ai-train</prohibits></license></content></rsl>\n'
    )
    tdm_file = json.dumps(
        [
            {"location": "/wolne/*", "tdm-reservation": 0},
            {
                "location": "/*",
                "tdm-reservation": 1,
                "tdm-policy": "https://tdm-plik.example/zasady.json",
            },
        ],
        indent=1,
    )
    whole_site = json.dumps([{"location": "/*", "tdm-reservation": 1}])
    well_known, as_json = "/.well-known/tdmrep.json", "application/json"
    return [
        Case(
            "roboty-ai", "blog", "deny", ("robots",),
            "User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n\n" + everything,
        ),
        Case("roboty-wszystkie", "office", "deny", ("robots",), "User-agent: *\nDisallow: /\n"),
        Case(
            "roboty-archiwum", "news", "deny", ("robots",),
            "# archiwum tylko dla ludzi\nUser-agent: ccbot\nDisallow: /archiwum/\n\n" + everything,
            folder="archiwum/",
        ),
        Case("roboty-archiwum-obok", "news", "unknown", same_host_as="roboty-archiwum"),
        Case(
            "sygnal-tresci", "blog", "deny", ("content-signal",),
            "User-agent: *\nContent-signal: search=yes,ai-train=no\nAllow: /\n",
        ),
        Case(
            "aipref-roboty", "wiki", "deny", ("aipref",),
            "User-agent: *\nContent-Usage: train-ai=n\nAllow: /\n",
        ),
        Case(
            "aipref-zgoda", "wiki", "allow", ("aipref",),
            "User-agent: *\nContent-Usage: train-ai=y\nAllow: /\n",
        ),
        Case(
            "aipref-naglowek", "school", "deny", ("aipref",),
            headers=(("Content-Usage", "train-ai=n"),),
        ),
        Case(
            "tdm-plik", "docs", "deny", ("tdmrep",), files={well_known: (as_json, tdm_file)},
        ),
        Case(
            "tdm-plik-wolne", "docs", "allow", ("tdmrep",),
            folder="wolne/", same_host_as="tdm-plik",
        ),
        Case("tdm-naglowek", "office", "deny", ("tdmrep",), headers=(("tdm-reservation", "1"),)),
        Case("tdm-strona", "blog", "deny", ("tdmrep",), head=mining.format(1) + policy),
        Case(
            "tdm-wyjatek", "school", "allow", ("tdmrep",),
            files={well_known: (as_json, whole_site)}, head=mining.format(0),
        ),
        Case(
            "noai-strona", "blog", "deny", ("noai",),
            head='<meta name="robots" content="index, noai, noimageai">\n',
        ),
        Case("noai-naglowek", "shop", "deny", ("noai",), headers=(("X-Robots-Tag", "noai"),)),
        Case(
            "noimageai", "blog", "unknown", head='<meta name="robots" content="noimageai">\n',
        ),
        Case(
            "ai-txt", "wiki", "deny", ("ai.txt",),
            files={"/ai.txt": ("text/plain", "User-Agent: *\nDisallow: /\nAllow: *.jpg\n")},
        ),
        Case(
            "rsl", "news", "deny", ("rsl",),
            "License: https://rsl.example/license.xml\n" + everything,
            files={"/license.xml": ("application/rsl+xml", rsl)},
            head='<link rel="license" type="application/rsl+xml" href="https://rsl.example/license.xml">\n',
        ),
        Case("zastrzezenie", "news", "review", ("prose",), notice=first),
        Case("zastrzezenie-drugie", "office", "review", ("prose",), notice=second),
        Case("roboty-panel", "blog", "unknown", robots="User-agent: *\nDisallow: /admin\n"),
    ]  # fmt: skip
