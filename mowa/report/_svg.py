"""SVG by hand: elements with escaped text, and the axes of a chart."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup, escape

from mowa.report._numbers import linear_ticks, log_ticks, tick_labels

WIDTH = 720
"""Width of every chart's coordinate system; on the page it takes the width that there is."""

_CHARACTER = 6.7
"""Average advance of a 12-unit sans-serif character: leaves room for labels without measuring."""


def element(name: str, *children: str, **attributes: float | str) -> Markup:
    """One element; text children and attribute values are escaped, elements are kept.

    Underscores in attribute names stand for hyphens; ``class_`` is the attribute ``class``.
    """
    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(coordinate(value))}"'
        for key, value in attributes.items()
    ]
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{''.join(parts)}>{inside}</{name}>")  # noqa: S704 - escaped above


def coordinate(value: float | str) -> str:
    """A coordinate with two decimals at most; text as it is."""
    if isinstance(value, str):
        return value
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def label_width(labels: list[str]) -> float:
    """Room that the longest of `labels` takes."""
    return max((len(label) for label in labels), default=0) * _CHARACTER


def shortened(label: str, limit: int) -> str:
    """`label`, cut to `limit` characters with an ellipsis."""
    return label if len(label) <= limit else label[: limit - 1].rstrip() + "…"


def picture(title: str, description: str, height: float, *children: str) -> Markup:
    """The chart as a whole: an image with a name and a description for those who cannot see it."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *children,
        role="img",
        viewBox=f"0 0 {WIDTH} {coordinate(height)}",
        xmlns="http://www.w3.org/2000/svg",
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from [low, high] to coordinates from `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def at(self, value: float) -> float:
        """The coordinate of `value`."""
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Coordinate and label of each tick."""
        values = log_ticks(self.low, self.high) if self.log else linear_ticks(self.low, self.high)
        return list(zip(map(self.at, values), tick_labels(values, log=self.log), strict=True))


def axes(x: Scale, y: Scale, x_label: str, y_label: str) -> Markup:
    """Grid lines, tick labels and names of both axes."""
    bottom, left, right = y.start, x.start, x.stop
    drawn: list[str] = []
    for at, label in y.ticks():
        drawn += [
            element("line", class_="grid", x1=left, x2=right, y1=at, y2=at),
            element("text", label, class_="tick", x=left - 8, y=at + 4, text_anchor="end"),
        ]
    for at, label in _spaced(x.ticks()):
        drawn += [
            element("line", class_="axis", x1=at, x2=at, y1=bottom, y2=bottom + 5),
            element("text", label, class_="tick", x=at, y=bottom + 19, text_anchor="middle"),
        ]
    drawn += [
        element("line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom),
        element(
            "text",
            x_label,
            class_="name",
            x=(left + right) / 2,
            y=bottom + 38,
            text_anchor="middle",
        ),
        element("text", y_label, class_="name", x=0, y=y.stop - 10),
    ]
    return element("g", *drawn)


def _spaced(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Drop labels that would run into the one before."""
    kept: list[tuple[float, str]] = []
    for at, label in ticks:
        half = label_width([label]) / 2
        if not kept or at - half > kept[-1][0] + label_width([kept[-1][1]]) / 2 + 6:
            kept.append((at, label))
    return kept
