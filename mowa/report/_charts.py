"""Bars, histograms and lines, drawn as SVG that needs neither a script nor a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from markupsafe import Markup

from mowa.report._numbers import number, refuse_non_finite, widened
from mowa.report._svg import WIDTH, Scale, axes, element, label_width, picture, shortened

_HEIGHT = 300
_TOP, _BOTTOM, _RIGHT = 30, 46, 16
_ROW = 30
_LABEL_LIMIT = 34
_COLOURS = 6
_MARKS = 60
"""Lines with more points than this are drawn without dots; about so many keep a tooltip."""

_DESCRIBED = 20

Point = tuple[float, float]


@dataclass(frozen=True)
class Bars:
    """Horizontal bars in the order given, each with its value.

    Args:
        title: What the bars show.
        items: Label and value of each bar; values may be negative.
        unit: Written after each value.
        intervals: Optional lower and upper bound of each value, drawn as a whisker.

    Raises:
        ValueError: For NaN or infinity, or where the intervals are not as many as the items.
    """

    title: str
    items: list[tuple[str, float]]
    unit: str = ""
    intervals: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        refuse_non_finite((value for _, value in self.items), self.title)
        refuse_non_finite((bound for pair in self.intervals for bound in pair), self.title)
        if self.intervals and len(self.intervals) != len(self.items):
            raise ValueError(
                f"{self.title}: {len(self.items)} bars, {len(self.intervals)} intervals"
            )

    def html(self) -> Markup:
        """The chart in a figure."""
        if not self.items:
            return _figure(self.title, _nothing())
        values = [f"{number(value)} {self.unit}".strip() for _, value in self.items]
        labels = [shortened(label, _LABEL_LIMIT) for label, _ in self.items]
        bounds = [
            0.0,
            *(value for _, value in self.items),
            *(x for pair in self.intervals for x in pair),
        ]
        low, high = min(bounds), max(bounds)
        left, right = label_width(labels) + 14, WIDTH - label_width(values) - 14
        scale = Scale(low, high if high > low else low + 1, left, right)
        rows = [
            self._row(index, label, value, scale)
            for index, (label, value) in enumerate(zip(labels, values, strict=True))
        ]
        height = len(rows) * _ROW + 4
        zero = element("line", class_="axis", x1=scale.at(0), x2=scale.at(0), y1=0, y2=height)
        said = [f"{label}: {value}" for (label, _), value in zip(self.items, values, strict=True)]
        return _figure(self.title, picture(self.title, _list(said), height, *rows, zero))

    def _row(self, index: int, label: str, shown: str, scale: Scale) -> Markup:
        full, value = self.items[index]
        start, stop = sorted((scale.at(0), scale.at(value)))
        y = index * _ROW + 2
        tooltip, end, whisker = f"{full}: {shown}", scale.at(max(value, 0)), Markup()
        if self.intervals:
            low, high = self.intervals[index]
            tooltip += f" ({number(low)} to {number(high)})"
            end = max(end, scale.at(high))
            a, b, middle = scale.at(low), scale.at(high), y + _ROW / 2
            path = f"M{a:.2f} {middle - 5}v10M{a:.2f} {middle}H{b:.2f}M{b:.2f} {middle - 5}v10"
            whisker = element("path", class_="whisker", d=path)
        return element(
            "g",
            element("title", tooltip),
            element("rect", class_="hover", x=0, y=y, width=WIDTH, height=_ROW),
            element("text", label, x=scale.start - 10, y=y + 20, text_anchor="end"),
            element(
                "rect", class_="bar", x=start, y=y + 5, width=stop - start, height=_ROW - 10, rx=2
            ),
            whisker,
            element("text", shown, class_="value", x=end + 8, y=y + 20),
            class_="row",
        )


@dataclass(frozen=True)
class Histogram:
    """Counts of values between edges.

    Args:
        title: What is counted.
        edges: Bounds of the bins, rising, one more than `counts`; above zero where `log_x`.
        counts: Number of values in each bin.
        x_label: What the values are, with their unit.
        log_x: Draw the horizontal axis logarithmically.

    Raises:
        ValueError: Where edges and counts do not fit together, or are not finite.
    """

    title: str
    edges: list[float]
    counts: list[int]
    x_label: str
    log_x: bool = False

    def __post_init__(self) -> None:
        refuse_non_finite([*self.edges, *self.counts], self.title)
        if not self.counts:
            return
        if len(self.edges) != len(self.counts) + 1:
            raise ValueError(f"{self.title}: {len(self.edges)} edges for {len(self.counts)} counts")
        if any(a >= b for a, b in pairwise(self.edges)):
            raise ValueError(f"{self.title}: the edges do not rise")
        if min(self.counts) < 0:
            raise ValueError(f"{self.title}: a count is negative")
        _refuse_log_of_nothing(self.title, self.edges, log=self.log_x)

    def html(self) -> Markup:
        """The chart in a figure."""
        total = sum(self.counts)
        if not total:
            return _figure(self.title, _nothing())
        x, y = _frame(self.edges[0], self.edges[-1], 0, max(self.counts), log_x=self.log_x)
        bars, said = [], []
        for (low, high), count in zip(pairwise(self.edges), self.counts, strict=True):
            if not count:
                continue
            said.append(f"{_bound(low)} to {_bound(high)}: {count:,}")
            start, stop, top = x.at(low), x.at(high), y.at(count)
            gap = 0.5 if stop - start > 3 else 0
            bars.append(
                element(
                    "rect",
                    element("title", f"{said[-1]} ({count / total:.1%})"),
                    class_="bar",
                    x=start + gap,
                    y=top,
                    width=stop - start - 2 * gap,
                    height=y.start - top,
                )
            )
        drawn = axes(x, y, self.x_label, "count")
        return _figure(self.title, picture(self.title, _list(said), _HEIGHT, drawn, *bars))


@dataclass(frozen=True)
class Lines:
    """One or more curves over the same axes.

    Args:
        title: What the curves show.
        series: Points (x, y) of each curve by its name, x rising.
        x_label: What x is, with its unit.
        y_label: What y is, with its unit.
        log_x: Draw the horizontal axis logarithmically; x above zero.

    Raises:
        ValueError: For NaN or infinity, or x at or below zero where `log_x`.
    """

    title: str
    series: dict[str, list[Point]]
    x_label: str
    y_label: str
    log_x: bool = False

    def __post_init__(self) -> None:
        points = [point for points in self.series.values() for point in points]
        refuse_non_finite((value for point in points for value in point), self.title)
        _refuse_log_of_nothing(self.title, [x for x, _ in points], log=self.log_x)

    def html(self) -> Markup:
        """The chart in a figure, with a legend where there is more than one curve."""
        series = {name: points for name, points in self.series.items() if points}
        if not series:
            return _figure(self.title, _nothing())
        xs = [x for points in series.values() for x, _ in points]
        ys = [y for points in series.values() for _, y in points]
        x, y = _frame(min(xs), max(xs), min(ys), max(ys), log_x=self.log_x)
        curves = [
            _curve(index % _COLOURS + 1, name, points, x, y)
            for index, (name, points) in enumerate(series.items())
        ]
        said = [
            f"{name}: from {number(points[0][1])} at {number(points[0][0])}"
            f" to {number(points[-1][1])} at {number(points[-1][0])}"
            for name, points in series.items()
        ]
        drawn = axes(x, y, self.x_label, self.y_label)
        chart = picture(self.title, _list(said), _HEIGHT, drawn, *curves)
        legend = _legend(list(series)) if len(series) > 1 else Markup()
        return _figure(self.title, legend + chart)


def _frame(x0: float, x1: float, y0: float, y1: float, *, log_x: bool) -> tuple[Scale, Scale]:
    """Scales of both axes; the left margin fits the longest label of the vertical one."""
    low, high = widened(y0, y1)
    if y0 == 0 and low < 0:
        low = 0
    elif low:
        margin = (high - low) * 0.04
        low, high = low - margin, high + margin
    y = Scale(low, high, _HEIGHT - _BOTTOM, _TOP)
    left = label_width([label for _, label in y.ticks()]) + 14
    start, stop = (x0 / 1.5, x1 * 1.5) if log_x and x0 == x1 else widened(x0, x1)
    return Scale(start, stop, left, WIDTH - _RIGHT, log=log_x), y


def _curve(colour: int, name: str, points: list[Point], x: Scale, y: Scale) -> Markup:
    placed = [(round(x.at(a), 1), round(y.at(b), 1)) for a, b in points]
    path = "M" + "L".join(f"{a:g} {b:g}" for a, b in _thinned(placed))
    every = max(1, len(points) // _MARKS)
    seen = "dot" if len(points) <= _MARKS else "spot"
    dots = [
        element(
            "circle",
            element("title", f"{name}: {number(points[i][1])} at {number(points[i][0])}"),
            class_=seen,
            cx=placed[i][0],
            cy=placed[i][1],
            r=3 if seen == "dot" else 8,
        )
        for i in range(0, len(points), every)
    ]
    return element("g", element("path", class_="line", d=path), *dots, class_=f"c{colour}")


def _thinned(points: list[Point]) -> list[Point]:
    """At most four points for each pixel column: first, lowest, highest, last.

    What is drawn stays the same, and a curve of a million steps stays a small file.
    """
    kept: list[Point] = []
    column: list[Point] = []
    for point in points:
        if column and int(point[0]) != int(column[0][0]):
            kept += _corners(column)
            column = []
        column.append(point)
    return kept + _corners(column)


def _corners(column: list[Point]) -> list[Point]:
    if len(column) <= 4:
        return column
    heights = [y for _, y in column]
    ends = {0, heights.index(min(heights)), heights.index(max(heights)), len(column) - 1}
    return [column[index] for index in sorted(ends)]


def _legend(names: list[str]) -> Markup:
    items = [
        element("li", element("i", class_=f"c{index % _COLOURS + 1}"), name)
        for index, name in enumerate(names)
    ]
    return element("ul", *items, class_="legend")


def _figure(title: str, content: Markup) -> Markup:
    return element("figure", element("figcaption", title), content)


def _nothing() -> Markup:
    return element("p", "no data", class_="nothing")


def _list(said: list[str]) -> str:
    more = f"; and {len(said) - _DESCRIBED} more" if len(said) > _DESCRIBED else ""
    return "; ".join(said[:_DESCRIBED]) + more


def _bound(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else number(value)


def _refuse_log_of_nothing(title: str, values: list[float], *, log: bool) -> None:
    if log and any(value <= 0 for value in values):
        raise ValueError(f"{title}: a logarithmic axis needs values above zero")
