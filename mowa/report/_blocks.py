"""What a section is made of besides charts: figures, tables, text."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

from markupsafe import Markup

from mowa.report._numbers import number
from mowa.report._svg import element


class Block(Protocol):
    """Anything that can stand in a section."""

    def html(self) -> Markup:
        """The block as HTML, all text escaped."""


@dataclass(frozen=True)
class Figures:
    """The few big numbers of a page: label and value, the value as it is to be shown."""

    items: list[tuple[str, str]]

    def html(self) -> Markup:
        """A definition list."""
        cells = [
            element("div", element("dt", label), element("dd", str(value)))
            for label, value in self.items
        ]
        return element("dl", *cells, class_="figures") if cells else _nothing()


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers; numbers are formatted and aligned right, None is a dash.

    Raises:
        ValueError: For a row whose length is not that of `columns`, and for NaN.
    """

    columns: list[str]
    rows: list[list[Any]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row of {len(row)} cells in a table of {len(self.columns)}: {row}"
                )
        self.html()

    def html(self) -> Markup:
        """A table with scopes, in a frame that scrolls where the page is too narrow."""
        if not self.rows:
            return _nothing()
        numeric = [all(_is_number(row[i]) for row in self.rows) for i in range(len(self.columns))]
        head = [
            element("th", name, scope="col", class_="number" if numeric[i] else "text")
            for i, name in enumerate(self.columns)
        ]
        body = [
            element("tr", *[_cell(value, first=i == 0) for i, value in enumerate(row)])
            for row in self.rows
        ]
        table = element("table", element("thead", element("tr", *head)), element("tbody", *body))
        return element("div", table, class_="scroll", tabindex="0")


@dataclass(frozen=True)
class Text:
    """One paragraph."""

    paragraph: str

    def html(self) -> Markup:
        """A paragraph."""
        return element("p", self.paragraph)


@dataclass(frozen=True)
class Preformatted:
    """Text whose line breaks and spaces are kept: samples, commands, trees."""

    text: str

    def html(self) -> Markup:
        """A ``pre`` element; long lines wrap."""
        return element("pre", self.text)


def _cell(value: Any, *, first: bool) -> Markup:
    if value is None:
        return element("td", "–", class_="number")
    if isinstance(value, bool):
        return element("td", "yes" if value else "no", class_="text")
    if _is_number(value):
        return element("td", number(value), class_="number")
    if first:
        return element("th", str(value), scope="row", class_="text")
    return element("td", str(value), class_="text")


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, Real) and not isinstance(value, bool))


def _nothing() -> Markup:
    return element("p", "no data", class_="nothing")
