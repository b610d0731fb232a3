"""The page: a title, sections, and the one template that gives them their look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from mowa.report._blocks import Block
from mowa.workspace import write_text


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it; `note` is one paragraph that says how to read it."""

    heading: str
    blocks: Sequence[Block]
    note: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report: opens without a server, needs no network and no script.

    The same page gives the same bytes; nothing of time or place is added.

    Example:
        >>> from mowa.report import Bars
        >>> section = Section("Decisions", [Bars("Documents", [("kept", 3)])])
        >>> page = Page("Corpus", "polish-classics", [section])
        >>> "<svg" in page.html()
        True
    """

    title: str
    subtitle: str
    sections: Sequence[Section]

    def html(self) -> str:
        """The page as HTML, all text escaped."""
        from jinja2 import Environment, StrictUndefined

        environment = Environment(
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        source = resources.files("mowa.report").joinpath("page.html.jinja").read_text("utf-8")
        return environment.from_string(source).render(page=self)

    def write(self, path: Path) -> None:
        """Write the page as UTF-8, whole or not at all."""
        write_text(path, self.html())
