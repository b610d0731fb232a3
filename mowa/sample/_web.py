"""The invented hosts of the sample, and pages as a crawler asks for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ALL_RIGHTS_RESERVED", "HOSTS", "Host", "Page", "page_url"]

_ASCII = str.maketrans("ąćęłńóśźż", "acelnoszz")

ALL_RIGHTS_RESERVED = "LicenseRef-all-rights-reserved"


@dataclass(frozen=True, slots=True)
class Host:
    """An invented site: what it is called, and how its server and its pages are made.

    Attributes:
        make: The name of its template in `sites/`.
        encoding: Python's name of the encoding that its bytes are really in.
        header: The charset that its HTTP header claims; None where it claims none.
        meta: The charset that its pages claim; None where they claim none.
        coding: How bodies travel: words among `gzip`, `deflate` and `chunked`.
        licence: What its pages state, as SPDX; None where they state nothing.
        licence_form: Where they state it: `rel`, `link`, `text` or `json`.
        neighbours: Other hosts that its documents may stand on instead, so that all have some.
        robots: Its robots.txt; None where there is none (404).
    """

    domain: str
    name: str
    menu: tuple[str, ...]
    make: str
    encoding: str = "utf-8"
    header: str | None = "utf-8"
    meta: str | None = "utf-8"
    coding: str = ""
    licence: str | None = None
    licence_form: str = "link"
    neighbours: tuple[str, ...] = ()
    robots: str | None = "User-agent: *\nDisallow: /admin/\nDisallow: /szukaj\n"


_CP1250, _LATIN2 = "windows-1250", "iso-8859-2"

HOSTS = {
    "atlas": Host(
        "atlas.example",
        "Atlas Polski",
        ("Miasta", "Rzeki", "Góry", "Mapa"),
        "wiki",
        licence="CC-BY-SA-4.0",
        licence_form="rel",
        neighbours=("muzeum", "szlaki", "kronika", "nauka"),
    ),
    "przyroda": Host(
        "przyroda.example",
        "Przyroda wokół nas",
        ("Zwierzęta", "Rośliny", "Quiz"),
        "blog",
        licence="CC-BY-4.0",
        licence_form="json",
        neighbours=("nauka", "szkola", "dzialka"),
    ),
    "biblioteka": Host(
        "biblioteczka.example",
        "Biblioteczka",
        ("Autorzy", "Recenzje", "Katalog"),
        "school",
        coding="gzip",
        neighbours=("muzeum", "szkola", "kronika"),
    ),
    # The server was told UTF-8 once and for all; the pages know better.
    "zwyczaje": Host(
        "zwyczaje.example",
        "Dawne zwyczaje",
        ("Święta", "Rzemiosło"),
        "parish",
        encoding="cp1250",
        header="utf-8",
        meta=_CP1250,
        neighbours=("gwary", "sklep", "parafia"),
    ),
    "kuchnia": Host(
        "domowa-kuchnia.example",
        "Domowa kuchnia",
        ("Zupy", "Ciasta", "Przetwory"),
        "blog",
        licence=ALL_RIGHTS_RESERVED,
        licence_form="text",
        neighbours=("sklep",),
    ),
    "urzad": Host(
        "gmina.example",
        "Urząd Gminy",
        ("Aktualności", "Załatw sprawę"),
        "office",
        encoding="cp1250",
        header=_CP1250,
        meta=_CP1250,
        neighbours=("bip", "bip", "szkola"),
    ),
    "forum": Host(
        "forum.example",
        "Forum sąsiadów",
        ("Ogród", "Naprawy", "Podróże"),
        "forum",
        coding="gzip",
        neighbours=("dzialka",),
    ),
    "pamietnik": Host(
        "pamietniki.example",
        "Pamiętniki",
        ("Wpisy", "Archiwum"),
        "blog",
        header=None,
        neighbours=("blog",),
    ),
    "gazeta": Host(
        "gazeta.example",
        "Gazeta Lokalna",
        ("Wiadomości", "Pogoda", "Ogłoszenia"),
        "news",
        coding="gzip chunked",
        licence=ALL_RIGHTS_RESERVED,
        licence_form="text",
        neighbours=("klub", "kronika", "parafia"),
    ),
    "opowiadania": Host(
        "opowiadania.example",
        "Półka z opowiadaniami",
        ("Baśnie", "Podróże"),
        "school",
        licence="CC-BY-SA-4.0",
        licence_form="link",
        neighbours=("gwary", "blog"),
    ),
    "poradnik": Host(
        "poradnik.example",
        "Poradnik domowy",
        ("Dom", "Zdrowie"),
        "news",
        coding="deflate",
        neighbours=("dokumentacja", "sklep"),
    ),
    "bip": Host(
        "bip-gmina.example",
        "Biuletyn Informacji Publicznej",
        ("Rada", "Uchwały"),
        "bip",
        encoding="iso8859_2",
        header=_LATIN2,
        meta=_LATIN2,
    ),
    "sklep": Host(
        "sklep-rzemioslo.example",
        "Sklep z rękodziełem",
        ("Nowości", "Koszyk"),
        "shop",
        coding="gzip",
    ),
    # The editor wrote Windows-1250 and copied the heading from a page that was ISO 8859-2.
    "parafia": Host(
        "parafia.example",
        "Parafia świętego Marcina",
        ("Ogłoszenia", "Historia"),
        "parish",
        encoding="cp1250",
        header=None,
        meta=_LATIN2,
    ),
    "dokumentacja": Host(
        "dokumentacja.example",
        "Podręcznik użytkownika",
        ("Wstęp", "Indeks"),
        "docs",
        licence="CC-BY-4.0",
        licence_form="link",
        robots=None,
    ),
    # The server's default from 1999, over pages that were redone since.
    "szkola": Host(
        "szkola.example",
        "Szkoła Podstawowa nr 3",
        ("Uczniowie", "Czytanki"),
        "school",
        header="iso-8859-1",
        robots=None,
    ),
    "kronika": Host(
        "kronika.example",
        "Kronika Regionu",
        ("Region", "Kultura", "Sport"),
        "office",
        encoding="iso8859_2",
        header=None,
        meta=None,
    ),
    "muzeum": Host(
        "muzeum.example",
        "Muzeum Ziemi",
        ("Wystawy", "Zbiory"),
        "school",
        coding="chunked",
        licence="CC-BY-NC-ND-4.0",
        licence_form="rel",
    ),
    "szlaki": Host(
        "szlaki.example",
        "Szlaki piesze i rowerowe",
        ("Góry", "Jeziora"),
        "docs",
        header="UTF-8",
        meta=None,
    ),
    "blog": Host(
        "blog-z-podrozy.example",
        "Notatki z drogi",
        ("O mnie", "Archiwum"),
        "blog",
        coding="gzip",
        licence="CC-BY-SA-4.0",
        licence_form="json",
    ),
    "nauka": Host(
        "nauka.example",
        "Nauka po ludzku",
        ("Odkrycia", "Uczeni"),
        "wiki",
        licence="CC-BY-SA-4.0",
        licence_form="link",
    ),
    "dzialka": Host(
        "dzialkowcy.example",
        "Forum działkowców",
        ("Warzywa", "Kwiaty"),
        "forum",
        encoding="cp1250",
        header=_CP1250,
        meta=None,
    ),
    "klub": Host(
        "klub-sportowy.example",
        "Klub Sportowy Sokół",
        ("Mecze", "Drużyna"),
        "office",
        header=None,
        meta=None,
        robots=None,
    ),
    "gwary": Host(
        "gwary.example",
        "Mowa naszych dziadków",
        ("Słowniczek", "Opowieści"),
        "parish",
        encoding="iso8859_2",
        header=_LATIN2,
        meta=_CP1250,
    ),
}


@dataclass(frozen=True, slots=True)
class Page:
    """One address and what the server answers: an article, or another status or media type.

    Attributes:
        body: The bytes of the answer, where no template makes them.
        headers: HTTP headers beside those that every answer has.
        head: HTML for the page's `<head>`.
        notice: HTML for the page's foot.
        size: About how many characters the page is to have; drawn for its make without it.
        same_as: The address whose page this is to the letter.
        damage: How its record is broken: `chunked` (the body is cut), `length` (the record claims
            to be longer than it is) or `member` (the file ends within its gzip member).
    """

    url: str
    host: Host
    title: str = ""
    paragraphs: tuple[str, ...] = ()
    language: str = "pl"
    status: int = 200
    location: str = ""
    media: str = "text/html"
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    head: str = ""
    notice: str = ""
    size: int | None = None
    same_as: str = ""
    damage: str = ""


def page_url(host: Host, title: str, number: int, folder: str = "") -> str:
    """`https://host/slug-number.html`; unique where the number is."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower().translate(_ASCII)).strip("-")[:60].strip("-")
    return f"https://{host.domain}/{folder}{slug or 'strona'}-{number}.html"
