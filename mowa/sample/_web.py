"""Web pages of invented hosts, and the WARC files that a crawler would have made of them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import re
import uuid
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["HOSTS", "Host", "Page", "WarcRecord", "page_url", "record_id", "records_of", "warc"]

_FIRST_FETCH = datetime(2026, 10, 12, 6, 0, 0, tzinfo=UTC)
_ASCII = str.maketrans("ąćęłńóśźż", "acelnoszz")
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@dataclass(frozen=True, slots=True)
class Host:
    """An invented site: what it is called, and how its server and its pages are made."""

    domain: str
    name: str
    menu: tuple[str, ...]
    encoding: str = "utf-8"
    compressed: bool = False


HOSTS = {
    "atlas": Host("atlas.example", "Atlas Polski", ("Miasta", "Rzeki", "Góry", "Mapa")),
    "przyroda": Host("przyroda.example", "Przyroda wokół nas", ("Zwierzęta", "Rośliny", "Quiz")),
    "biblioteka": Host("biblioteczka.example", "Biblioteczka", ("Autorzy", "Recenzje", "Katalog")),
    "zwyczaje": Host("zwyczaje.example", "Dawne zwyczaje", ("Święta", "Rzemiosło"), "cp1250"),
    "kuchnia": Host("domowa-kuchnia.example", "Domowa kuchnia", ("Zupy", "Ciasta", "Przetwory")),
    "urzad": Host("gmina.example", "Urząd Gminy", ("Aktualności", "Załatw sprawę"), "cp1250"),
    "forum": Host(
        "forum.example", "Forum sąsiadów", ("Ogród", "Naprawy", "Podróże"), compressed=True
    ),
    "pamietnik": Host("pamietniki.example", "Pamiętniki", ("Wpisy", "Archiwum")),
    "gazeta": Host("gazeta.example", "Gazeta Lokalna", ("Wiadomości", "Pogoda", "Ogłoszenia")),
    "opowiadania": Host("opowiadania.example", "Półka z opowiadaniami", ("Baśnie", "Podróże")),
    "poradnik": Host("poradnik.example", "Poradnik domowy", ("Dom", "Zdrowie"), compressed=True),
    "bip": Host(
        "bip-gmina.example", "Biuletyn Informacji Publicznej", ("Rada", "Uchwały"), "latin2"
    ),
    "sklep": Host("sklep-rzemioslo.example", "Sklep z rękodziełem", ("Nowości", "Koszyk")),
    "parafia": Host("parafia.example", "Parafia świętego Marcina", ("Ogłoszenia", "Historia")),
    "dokumentacja": Host("dokumentacja.example", "Podręcznik użytkownika", ("Wstęp", "Indeks")),
    "szkola": Host("szkola.example", "Szkoła Podstawowa nr 3", ("Uczniowie", "Czytanki")),
    "kronika": Host("kronika.example", "Kronika Regionu", ("Region", "Kultura", "Sport")),
    "muzeum": Host("muzeum.example", "Muzeum Ziemi", ("Wystawy", "Zbiory")),
    "szlaki": Host("szlaki.example", "Szlaki piesze i rowerowe", ("Góry", "Jeziora")),
    "blog": Host("blog-z-podrozy.example", "Notatki z drogi", ("O mnie", "Archiwum")),
    "nauka": Host("nauka.example", "Nauka po ludzku", ("Odkrycia", "Uczeni")),
    "dzialka": Host("dzialkowcy.example", "Forum działkowców", ("Warzywa", "Kwiaty")),
    "klub": Host("klub-sportowy.example", "Klub Sportowy Sokół", ("Mecze", "Drużyna")),
    "gwary": Host("gwary.example", "Mowa naszych dziadków", ("Słowniczek", "Opowieści")),
}


@dataclass(frozen=True, slots=True)
class Page:
    """One address and what the server answers: an article, or another status or media type."""

    url: str
    host: Host
    title: str = ""
    paragraphs: tuple[str, ...] = ()
    language: str = "pl"
    status: int = 200
    location: str = ""
    image: bool = False


@dataclass(frozen=True, slots=True)
class WarcRecord:
    """One record of a WARC file: type, id (without angle brackets), bytes before compression."""

    kind: str
    key: str
    content: bytes


def page_url(host: Host, title: str, number: int) -> str:
    """`https://host/slug-number.html`; unique where the number is."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower().translate(_ASCII)).strip("-")[:60].strip("-")
    return f"https://{host.domain}/{slug or 'strona'}-{number}.html"


def record_id(name: str) -> str:
    """The WARC-Record-ID that belongs to a URL: a UUID of version 5, so that it never changes."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def records_of(filename: str, pages: Sequence[Page], *, first: int) -> list[WarcRecord]:
    """A warcinfo record, then each page's response and request (WARC 1.1, ISO 28500:2017).

    Args:
        filename: The name of the WARC file.
        pages: What was fetched, in this order, two seconds apart.
        first: How many pages were fetched before, in other files.
    """
    fields = (
        "software: mowa.sample\r\nformat: WARC File Format 1.1\r\n"
        "description: invented pages in Polish, CC0-1.0\r\n"
    )
    records = [
        _record(
            "warcinfo",
            record_id(filename),
            _FIRST_FETCH,
            fields.encode(),
            [("Content-Type", "application/warc-fields"), ("WARC-Filename", filename)],
        )
    ]
    for number, page in enumerate(pages, first):
        moment = _FIRST_FETCH + timedelta(seconds=2 * number)
        response, target = record_id(page.url), ("WARC-Target-URI", page.url)
        concurrent = ("WARC-Concurrent-To", f"<{response}>")
        kind = ("Content-Type", "application/http;msgtype=response")
        records.append(_record("response", response, moment, _response(page), [target, kind]))
        kind = ("Content-Type", "application/http;msgtype=request")
        request = record_id(f"{page.url}#request")
        records.append(
            _record("request", request, moment, _request(page), [target, concurrent, kind])
        )
    return records


def warc(records: Iterable[WarcRecord]) -> bytes:
    """The file: one gzip member a record, without a time: same records, same bytes."""
    return b"".join(zlib.compress(record.content, 9, wbits=31) for record in records)


def _record(
    kind: str, key: str, moment: datetime, block: bytes, extra: list[tuple[str, str]]
) -> WarcRecord:
    digest = base64.b32encode(hashlib.sha1(block, usedforsecurity=False).digest()).decode()
    headers = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", f"<{key}>"),
        ("WARC-Date", moment.strftime("%Y-%m-%dT%H:%M:%SZ")),
        *extra,
        ("WARC-Block-Digest", f"sha1:{digest}"),
        ("Content-Length", str(len(block))),
    ]
    head = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    return WarcRecord(kind, key, head.encode() + block + b"\r\n\r\n")


def _request(page: Page) -> bytes:
    path = page.url.split(page.host.domain, 1)[1]
    return (
        f"GET {path} HTTP/1.1\r\nHost: {page.host.domain}\r\n"
        "User-Agent: mowa-sample/1.0\r\nAccept: text/html\r\nAccept-Language: pl\r\n\r\n"
    ).encode()


def _response(page: Page) -> bytes:
    reason = {200: "OK", 301: "Moved Permanently", 404: "Not Found"}[page.status]
    headers = [("Date", "Mon, 12 Oct 2026 06:00:00 GMT"), ("Server", "example")]
    if page.location:
        headers.append(("Location", page.location))
    if page.image:
        headers.append(("Content-Type", "image/gif"))
        body = _PIXEL
    else:
        headers.append(("Content-Type", f"text/html; charset={_charset(page.host)}"))
        body = _html(page).encode(page.host.encoding, "xmlcharrefreplace")
        if page.host.compressed:
            headers.append(("Content-Encoding", "gzip"))
            body = gzip.compress(body, mtime=0)
    headers.append(("Content-Length", str(len(body))))
    head = f"HTTP/1.1 {page.status} {reason}\r\n"
    return (head + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n").encode() + body


def _charset(host: Host) -> str:
    return {"cp1250": "windows-1250", "latin2": "iso-8859-2"}.get(host.encoding, host.encoding)


def _html(page: Page) -> str:
    """The page with its furniture: cookie bar, navigation, article, sidebar, footer."""
    host = page.host
    menu = "".join(
        f'<li><a href="/{item.lower().translate(_ASCII).replace(" ", "-")}/">{item}</a></li>'
        for item in host.menu
    )
    heading = f"<h1>{html.escape(page.title, quote=False)}</h1>\n" if page.title else ""
    article = heading + "\n".join(
        f"<p>{html.escape(paragraph, quote=False)}</p>" for paragraph in page.paragraphs
    )
    return f"""<!DOCTYPE html>
<html lang="{page.language}">
<head>
<meta charset="{_charset(host)}">
<title>{html.escape(page.title or host.name, quote=False)} – {host.name}</title>
<link rel="stylesheet" href="/style.css">
<script>window.statystyki = window.statystyki || [];</script>
</head>
<body>
<div id="cookie-bar" class="cookie-banner" role="dialog">Ta strona używa plików cookie.
<button>Zgadzam się</button></div>
<header class="site-header"><a class="logo" href="/">{host.name}</a>
<nav class="menu"><ul><li><a href="/">Strona główna</a></li>{menu}</ul></nav></header>
<main>
<article>
{article}
</article>
</main>
<aside class="sidebar"><ul><li><a href="/najnowsze/">Najnowsze</a></li>
<li><a href="/kontakt/">Kontakt</a></li></ul></aside>
<footer class="site-footer"><p>© 2026 {host.name}. Wszystkie prawa oddane: CC0.</p></footer>
</body>
</html>
"""
