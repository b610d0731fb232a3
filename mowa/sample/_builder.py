"""The sample as it grows: pages, stories, notes and papers, and the truth about each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from mowa.sample._compose import Document
from mowa.sample._facts import tables
from mowa.sample._truth import Truth
from mowa.sample._web import Host, Page, page_url

__all__ = ["Builder", "Paper"]

_ISO_639_1 = {
    "bel": "be", "ces": "cs", "deu": "de", "eng": "en", "lit": "lt", "pol": "pl",
    "rus": "ru", "slk": "sk", "ukr": "uk",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paper:
    """A PDF file to be: title, author, paragraphs by page, and what is wrong with it."""

    title: str
    author: str
    pages: tuple[tuple[str, ...], ...]
    encrypted: bool = False
    scanned: bool = False
    cut: bool = False


@dataclass(slots=True)
class Builder:
    """The files as they grow, and the truth about each record.

    Attributes:
        pool: Good documents that stand nowhere yet; what is planted is made of them.
    """

    seed: int
    rng: random.Random
    pool: Iterator[Document]
    pages: list[tuple[Page, Truth]] = field(default_factory=list)
    stories: list[tuple[bytes, Truth]] = field(default_factory=list)
    notes: list[tuple[dict[str, str], Truth]] = field(default_factory=list)
    papers: list[tuple[Paper, Truth]] = field(default_factory=list)

    def page(
        self, host: Host, title: str, text: str, truth: Truth, *, folder: str = "", **more: Any
    ) -> Page:
        """Add a page of `text`, parted by empty lines; what its host tells joins the truth."""
        paragraphs = tuple(text.split("\n\n")) if text else ()
        language = _ISO_639_1.get(truth.language or "pol", truth.language)
        url = page_url(host, title, len(self.pages), folder)
        page = Page(url, host, title, paragraphs, **{"language": language, **more})
        self.add_page(page, truth)
        return page

    def add_page(self, page: Page, truth: Truth) -> None:
        """Add an answer as it is; what its host tells is added to the truth of a page."""
        truth = replace(truth, host=page.host.domain, url=page.url)
        if page.media == "text/html" and page.status == 200:
            host = page.host
            text = "\n\n".join(part for part in (page.title, *page.paragraphs) if part)
            truth = replace(
                truth,
                make=host.make,
                encoding=host.encoding.replace("cp", "windows-").replace("iso8859_", "iso-8859-"),
                claimed_encoding=host.header,
                claimed_in_page=host.meta,
                licence=host.licence,
                licence_form=host.licence_form if host.licence else None,
                reserved=truth.reserved or "unknown",
                text=text if truth.text is None else truth.text,
            )
        self.pages.append((page, truth))

    def story(self, text: str, truth: Truth, encoding: str = "utf-8") -> None:
        """Add a text file."""
        content = f"{text}\n".encode(encoding) if text else b""
        encoding = encoding.replace("cp", "windows-").replace("iso8859_", "iso-8859-")
        self.stories.append((content, replace(truth, encoding=encoding, text=truth.text or text)))

    def note(self, title: str, text: str, truth: Truth) -> None:
        """Add a line of JSON, with an author and a date."""
        person = self.rng.choice(tables()["people"])
        day = date(2023, 1, 1) + timedelta(days=self.rng.randrange(3 * 365))
        record = {
            "text": text,
            "title": title,
            "author": str(person["nom"]),
            "date": day.isoformat(),
        }
        self.notes.append((record, replace(truth, text=truth.text or text)))

    def paper(self, paper: Paper, text: str, truth: Truth) -> None:
        """Add a PDF file; `text` is what stands in it, without breaks of pages."""
        self.papers.append((paper, replace(truth, text=text)))

    def fresh(self) -> Document:
        """A good document that stands nowhere yet."""
        return next(self.pool)
