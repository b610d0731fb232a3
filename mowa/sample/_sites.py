"""Pages with all that stands around a text on the web: a template a make, and its furniture."""

from __future__ import annotations

import json
import random
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from mowa.sample._web import ALL_RIGHTS_RESERVED, Host, Page

__all__ = ["LICENCE_URLS", "Sites", "makes"]

# Characters of a page, least and most; a page falls anywhere between on a logarithmic scale.
_SIZES = {
    "bip": (7_000, 20_000),
    "blog": (16_000, 55_000),
    "docs": (14_000, 40_000),
    "forum": (20_000, 70_000),
    "news": (42_000, 148_000),
    "office": (15_000, 45_000),
    "parish": (5_400, 11_000),
    "school": (9_000, 36_000),
    "shop": (35_000, 95_000),
    "wiki": (18_000, 65_000),
}

# What each marker of a template is filled with, and its share of what is missing from the size.
_MARKERS = {"css": 0.45, "script": 0.35, "state": 0.2}
_POOL = 60_000  # characters of filler of one sort that the pages of a make take theirs from

LICENCE_URLS = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/deed.pl",
    "CC-BY-NC-ND-4.0": "https://creativecommons.org/licenses/by-nc-nd/4.0/",
}

_MONTHS = (
    *("stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca"),
    *("sierpnia", "września", "października", "listopada", "grudnia"),
)

_SPEAKER = re.compile(r"([\w.]{2,24}): ")  # how a text of the forum register begins a post


def makes() -> list[str]:
    """Every make of site that there is a template for."""
    return sorted(_SIZES)


class Sites:
    """Renders pages; a page depends on the seed, its address, and the articles of its host."""

    def __init__(self, seed: int, pages: list[Page]) -> None:
        self._seed = seed
        self._articles: dict[str, list[Page]] = {}
        for page in pages:
            if page.title and page.paragraphs and page.status == 200:
                self._articles.setdefault(page.host.domain, []).append(page)
        self._hosts: dict[str, _Pool] = {}

    def html(self, page: Page) -> str:
        """The page as HTML, filled up to about its size."""
        host = page.host
        rng = random.Random(f"{self._seed}/{page.same_as or page.url}")
        pool = self._hosts.get(host.domain)
        if pool is None:
            pool = self._hosts[host.domain] = _pool(host, self._seed)
        furniture = _furniture(page, self._articles.get(host.domain, []), pool, rng)
        text = str(
            _template(host.make).render(
                page=page,
                address=page.same_as or page.url,
                host=host,
                heading=page.title or host.name,
                paragraphs=page.paragraphs,
                f=furniture,
                posts=_posts(page, rng) if host.make == "forum" else [],
                **_parts(page),
                **{name: f"@@{name}@@" for name in _MARKERS},
            )
        )
        return _filled(text, page, pool, rng)


@dataclass(frozen=True, slots=True)
class _Pool:
    """What the pages of one host have in common."""

    cookie: str
    menu: list[dict[str, str]]
    links: list[dict[str, str]]
    hidden: list[dict[str, str]]
    icons: list[str]
    filler: dict[str, str]


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads((resources.files("mowa.sample") / "furniture.toml").read_text("utf-8"))


@cache
def _template(make: str) -> Any:
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("mowa.sample", "sites")
    return Environment(loader=loader, autoescape=True).get_template(f"{make}.html")


def _pool(host: Host, seed: int) -> _Pool:
    rng = random.Random(f"{seed}/{host.domain}")
    words = _words()

    def links(labels: list[str]) -> list[dict[str, str]]:
        return [
            {"label": label, "address": f"/{rng.randrange(10_000)}/{index}"}
            for index, label in enumerate(labels)
        ]

    few = 5 if host.make in ("parish", "bip") else 24
    menu = ["Strona główna", *host.menu, *rng.sample(words["menu"], 4 if few == 5 else 9)]
    icons = []
    for _ in range(5):
        moves = "".join(
            f"M{rng.randrange(24)} {rng.randrange(24)}l{rng.randrange(9)} 4z" for _ in range(6)
        )
        icons.append(f'<svg class="i" viewBox="0 0 24 24"><path d="{moves}"/></svg>')
    return _Pool(
        cookie=rng.choice(words["cookies"]),
        menu=links(menu),
        links=links(rng.sample(words["menu"], rng.randint(few, few * 2))),
        hidden=links(rng.sample(words["hidden"], 5)),
        icons=icons,
        filler={name: _filler(host.make, name) for name in _MARKERS},
    )


def _furniture(page: Page, articles: list[Page], pool: _Pool, rng: random.Random) -> dict[str, Any]:
    words = _words()
    others = rng.sample(articles, min(len(articles), rng.randint(4, 8)))
    related = [
        {"title": other.title, "address": other.url, "text": _teaser(other.paragraphs[0])}
        for other in others
        if other.url not in (page.url, page.same_as)
    ]
    month = rng.randrange(12)
    year, day = rng.randint(2009, 2026), rng.randint(1, 28)
    stamp = f"{year}-{month + 1:02}-{day:02}"
    return {
        "cookie": pool.cookie,
        "menu": pool.menu,
        "links": pool.links,
        "hidden": pool.hidden,
        "icons": pool.icons,
        "crumbs": pool.menu[: rng.randint(2, 3)],
        "related": related,
        "comments": _remarks(rng, words["comments"], words["nicks"], rng.randint(0, 8)),
        "changes": _remarks(rng, words["changes"], words["clerks"], rng.randint(3, 16)),
        "tags": rng.sample(words["tags"], 4),
        "cloud": rng.sample(words["tags"], 20),
        "products": [
            {
                "title": name,
                "address": f"/p/{rng.randrange(9_999)}",
                "text": f"{rng.randint(9, 299)},90 zł",
            }
            for name in rng.sample(words["products"], rng.randint(6, 12))
        ],
        "buttons": rng.sample(words["buttons"], 3),
        "share": rng.sample(words["share"], 4),
        "adverts": rng.sample(words["adverts"], 4),
        "labels": words["labels"],
        "code_lines": words["code"],
        "newsletter": rng.choice(words["newsletters"]),
        "more": rng.choice(words["more"]),
        "address": rng.choice(words["addresses"]),
        "author": rng.choice(words["nicks"]),
        "clerk": rng.choice(words["clerks"]),
        "signature": rng.choice(words["signatures"]),
        "price": f"{rng.randint(19, 399)},{rng.choice(('00', '50', '99'))}",
        "code": f"LATO{rng.randint(10, 99)}",
        "number": rng.randint(100, 90_000),
        "date": stamp,
        "date_words": f"{day} {_MONTHS[month]} {year}",
    }


def _teaser(text: str) -> str:
    return text if len(text) <= 110 else text[:110].rsplit(" ", 1)[0] + "…"


def _remarks(
    rng: random.Random, texts: list[str], names: list[str], count: int
) -> list[dict[str, str]]:
    return [
        {
            "author": rng.choice(names),
            "when": f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.20{rng.randint(10, 26)}",
            "text": rng.choice(texts),
        }
        for _ in range(count)
    ]


def _posts(page: Page, rng: random.Random) -> list[dict[str, Any]]:
    """The paragraphs as posts of several users, with quotes and signatures around them."""
    words = _words()
    people = rng.sample(words["nicks"], 4)
    posts: list[dict[str, Any]] = []
    for text in page.paragraphs:
        named = _SPEAKER.match(text)
        if posts and named is None and rng.random() < 0.5:
            posts[-1]["paragraphs"].append(text)
            continue
        posts.append(
            {
                "author": named[1] if named else people[len(posts) % len(people)],
                "paragraphs": [text],
                "quote": _teaser(posts[-1]["paragraphs"][-1])
                if posts and rng.random() < 0.3
                else "",
                "quoted": posts[-1]["author"] if posts else "",
                "signature": rng.choice(words["signatures"]) if rng.random() < 0.5 else "",
                "rank": rng.choice(words["ranks"]),
                "count": rng.randint(1, 4_000),
                "since": f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(2004, 2024)}",
                "when": f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(2009, 2026)}",
            }
        )
    return posts


def _parts(page: Page) -> dict[str, str]:
    """What the host claims of its encoding and its licence, and what the page adds."""
    host = page.host
    upper = host.make in ("parish", "bip", "office")
    charset = ""
    if host.meta and upper:
        charset = f'<meta http-equiv="Content-Type" content="text/html; charset={host.meta}">\n'
    elif host.meta:
        charset = f'<meta charset="{host.meta}">\n'
    head, notice, json_licence = page.head, page.notice, ""
    if host.licence == ALL_RIGHTS_RESERVED:
        notice += " © Wszelkie prawa zastrzeżone. Kopiowanie bez zgody redakcji zabronione."
    elif host.licence is not None:
        url = LICENCE_URLS[host.licence]
        name = host.licence.replace("CC-", "CC ", 1).replace("-4.0", " 4.0")
        if host.licence_form == "json":
            json_licence = f',"license":"{url}"'
        else:
            rel = ' rel="license"' if host.licence_form == "rel" else ""
            notice += f' Treść dostępna na licencji <a{rel} href="{url}">{name}</a>.'
    return {"charset": charset, "head": head, "notice": notice, "json_licence": json_licence}


def _filled(text: str, page: Page, pool: _Pool, rng: random.Random) -> str:
    least, most = _SIZES[page.host.make]
    drawn = least * (most / least) ** rng.random()
    missing = max(0, (page.size or int(drawn)) - len(text))
    present = {name: share for name, share in _MARKERS.items() if f"@@{name}@@" in text}
    for name, share in present.items():
        amount = int(missing * share / sum(present.values()))
        text = text.replace(f"@@{name}@@", _slice(pool.filler[name], amount, rng), 1)
    return text


def _slice(filler: str, amount: int, rng: random.Random) -> str:
    """Whole lines of the filler, at most `amount` characters, over and over if need be."""
    start = filler.find("\n", rng.randrange(len(filler) // 4)) + 1
    whole = filler[start:]
    while len(whole) < amount:
        whole += filler
    return whole[: whole.rfind("\n", 0, max(amount, 1)) + 1]


@cache
def _filler(make: str, name: str) -> str:
    """Style sheets, scripts and JSON such as pages carry by the kilobyte; one item a line."""
    rng, words = random.Random(f"{make}/{name}"), _words()["filler"]
    made = {"css": _rule, "script": _statement, "state": _entry}[name]
    lines: list[str] = []
    total = 0
    # Blocks recur in a real style sheet, which is why it packs so well.
    blocks = [
        "{" + ";".join(rng.sample(words["properties"], rng.randint(2, 6))) + "}" for _ in range(40)
    ]
    names = rng.sample(words["words"], 16)
    while total < _POOL:
        lines.append(made(rng, names, blocks))
        total += len(lines[-1]) + 1
    return "\n".join(lines) + "\n"


def _rule(rng: random.Random, words: list[str], blocks: list[str]) -> str:
    pick = rng.choice
    selector = f".{pick(words)}-{pick(words)}" + pick(
        ("", ":hover", f" .{pick(words)}", "::before")
    )
    if rng.random() < 0.05:
        return f"@media (max-width:{rng.randrange(320, 1400)}px){{{selector}{pick(blocks)}}}"
    return selector + pick(blocks)


def _statement(rng: random.Random, words: list[str], _: list[str]) -> str:
    pick = rng.choice
    one, two, three, number = pick(words), pick(words), pick(words), rng.randrange(10_000)
    return pick(
        (
            f"var {one}_{two}=document.getElementById('{three}-{two}');",
            f"function {one}{two.title()}(e,t){{return e&&e.{three}?t.{two}(e.{three}):null}}",
            f"window.{one}=window.{one}||[];window.{one}.push({{'{two}':{number},'{three}':!0}});",
            f"if({one}){{{one}.on('{two}',function(){{this.{three}={number % 99}}});}}",
        )
    )


def _entry(rng: random.Random, words: list[str], _: list[str]) -> str:
    entry = {
        "id": rng.randrange(10**4),
        "type": rng.choice(words),
        "visible": rng.random() < 0.5,
        "children": [],
        "attributes": {"lazy": True, "tracking": None, "label": rng.choice(words)},
    }
    return json.dumps(entry, separators=(",", ":")) + ","
