"""Drawing the pages: what the templates need, for each language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mowa import __version__
from mowa.evaluation._intervals import TOO_FEW
from mowa.evaluation.leaderboard._board import Board, Cell, Column, Row
from mowa.evaluation.leaderboard._metrics import Metric, metric
from mowa.evaluation.leaderboard._scale import Scale
from mowa.evaluation.leaderboard._words import LANGUAGES, Language, language

_SIZES = (("large", 8e9), ("medium", 1e9), ("small", 1e8), ("tiny", 0.0))
_LEVELS = 9


@dataclass(frozen=True)
class Heat:
    """Groups by models; each cell a value and the class that colours it."""

    rows: list[Row]
    groups: list[HeatGroup]


@dataclass(frozen=True)
class HeatGroup:
    """One line of the heat table."""

    name: str
    items: int
    cells: list[tuple[float | None, str]]


@dataclass(frozen=True)
class Site:
    """All pages.

    Attributes:
        title: In place of the language's own title.
        with_data: Slugs of the columns whose items can be looked at.
    """

    board: Board
    title: str | None
    with_data: frozenset[str]

    def pages(self) -> dict[str, str]:
        """HTML of every page by its path from the root of the site."""
        found: dict[str, str] = {}
        for code in LANGUAGES:
            found |= _Tree(self, language(code)).pages()
        return found

    @cached_property
    def order(self) -> list[Row]:
        """Rows from the best average on; those without one by name."""

        def key(row: Row) -> tuple[bool, float, str]:
            average = self.board.standings[row.slug].average
            return average is None, -average.value if average else 0.0, row.slug

        return sorted(self.board.rows, key=key)


class _Tree:
    """The pages of one language."""

    def __init__(self, site: Site, lang: Language) -> None:
        self.site, self.board, self.lang = site, site.board, lang
        self.prefix = home_of(lang.code)
        self.environment = Environment(
            loader=PackageLoader("mowa.evaluation.leaderboard", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        average = [s.average for s in self.board.standings.values() if s.average is not None]
        self.environment.globals |= {
            "board": self.board,
            "few": TOO_FEW,
            "items_of": self._items_of,
            "lang": lang,
            "left_out": self._left_out,
            "measures_of": self._measures_of,
            "noticed": self._noticed,
            "written": lambda metric, value: written(lang, metric, value),
            "order": site.order,
            "ends": lambda column, low, high: lang.ends(
                shown(lang, column, low), shown(lang, column, high)
            ),
            "percent": lambda value: lang.number(value * 100, 1),
            "percents": lambda low, high: lang.ends(
                lang.number(low * 100, 1), lang.number(high * 100, 1)
            ),
            "whole": lambda value: lang.number(value * 100),
            "say": lambda column: lambda value: shown(lang, column, value),
            "scale_of": self._scale_of,
            "shown": lambda column, value: shown(lang, column, value),
            "site": site.title or lang.say("title"),
            "size_class": size_class,
            "heat_of": self._heat,
            "t": lang.say,
            "variant": lambda column: variant(lang, column),
            "version": __version__,
            "with_data": site.with_data,
            "with_items": bool(site.with_data),
            "scale": Scale.around(
                [0.0, *(e for a in average for e in (a.low, a.high))], share=True
            ),
        }

    def pages(self) -> dict[str, str]:
        board, lang = self.board, self.lang
        found = {
            self.prefix + "index.html": self._render(
                "index",
                depth=0,
                answers=sum(cell.result.items for cell in board.cells.values() if cell.comparable),
                kinds=sorted({row.model.kind for row in board.rows}),
                licences=sorted({row.model.licence or "" for row in board.rows}),
                ranked=any(s.rank for s in board.standings.values()),
                sizes=[key for key in _size_names() if key in map(size_class, board.rows)],
            ),
            self.prefix + "compare.html": self._render("compare", depth=0),
        }
        if self.site.with_data:
            found[self.prefix + "items.html"] = self._render("items", depth=0, hidden=True)
        for slug, columns in board.tasks:
            path = f"tasks/{slug}.html"
            found[self.prefix + path] = self._render("task", path, depth=1, columns=columns)
        ranked = sum(1 for standing in board.standings.values() if standing.rank)
        for row in board.rows:
            path = f"models/{row.slug}.html"
            found[self.prefix + path] = self._render("model", path, depth=1, row=row, ranked=ranked)
        del lang
        return found

    def _render(self, name: str, path: str | None = None, *, depth: int, **values: Any) -> str:
        path = path or f"{name}.html"
        home = "../" * depth
        root = home + "../" * self.prefix.count("/")
        others = [
            (code, language(code).say("name"), f"{root}{home_of(code)}{path}")
            for code in LANGUAGES
            if code != self.lang.code
        ]
        template = self.environment.get_template(f"{name}.html.jinja")
        given = {"hidden": False, **values}
        return template.render(page=name, root=root, home=home or "", others=others, **given)

    def _items_of(self, column: Column) -> int:
        return max((cell.result.items for _, cell in self.board.of_column(column)), default=0)

    def _left_out(self, cell: Cell) -> str:
        reasons = {name: count for name, count in cell.result.left_out.items() if count}
        if not reasons:
            return "0"
        said = [
            f"{self.lang.number(count)} ({self.lang.known('left_out', name)})"
            for name, count in sorted(reasons.items())
        ]
        return ", ".join(said)

    def _noticed(self, cell: Cell) -> str:
        said = [
            self.lang.known("noticed", name).format(n=self.lang.number(count))
            for name, count in sorted(cell.result.counts.items())
            if count and name in self.lang.words["noticed"]
        ]
        return ", ".join(said)

    def _measures_of(self, column: Column) -> list[Metric]:
        names = {name for _, cell in self.board.of_column(column) for name in cell.result.scores}
        main = column.task.metric
        return [metric(name) for name in sorted(names, key=lambda name: (name != main, name))]

    def _scale_of(self, column: Column) -> Scale:
        if not column.metric.lower:
            return Scale(0.0, 1.0)
        ends: list[float] = []
        for _, cell in self.board.of_column(column):
            score = cell.result.score
            if cell.comparable and score is not None:
                known = (score.value, score.low, score.high)
                ends += [end for end in known if end is not None]
        return Scale.around(ends, share=False)

    def _heat(self, column: Column) -> Heat:
        cells = [(row, cell) for row, cell in self.board.of_column(column) if cell.result.groups]
        by_row = {
            row.slug: {group.group: group for group in cell.result.groups} for row, cell in cells
        }
        names: dict[str, int] = {}
        for groups in by_row.values():
            for name, group in groups.items():
                names[name] = max(names.get(name, 0), group.items)
        base = column.task.baseline or 0.0
        rows = [row for row, _ in cells]
        lines = []
        for name, count in names.items():
            values = [by_row[row.slug].get(name) for row in rows]
            lines.append(
                HeatGroup(
                    self.lang.group(column.task.name, name),
                    count,
                    [
                        (group.value, level(group.value, base, lower=column.metric.lower))
                        if group is not None
                        else (None, "")
                        for group in values
                    ],
                )
            )
        return Heat(rows, lines)


def home_of(code: str) -> str:
    """Folder of a language from the root of the site: the first language is the root itself."""
    return "" if code == LANGUAGES[0] else f"{code}/"


def shown(lang: Language, column: Column, value: float) -> str:
    """A value of the column's metric as people read it."""
    return written(lang, column.metric, value)


def written(lang: Language, metric: Metric, value: float) -> str:
    """A value of `metric` as people read it."""
    return lang.number(value * metric.factor, metric.decimals)


def variant(lang: Language, column: Column) -> str:
    """How the task was asked: shots, and what else tells its columns apart."""
    settings = column.settings
    said = [
        lang.count("count.shots", settings.shots)
        if settings.shots
        else lang.say("variant.no_shots")
    ]
    values: dict[str, Callable[[], str]] = {
        "version": lambda: f"{column.task.version} ({column.task.fingerprint[:6]})",
        "limit": lambda: lang.number(settings.limit or 0),
        "seed": lambda: str(settings.seed),
        "judge": lambda: str((settings.judge or {}).get("model", "?")),
    }
    for name in column.differs:
        if name == "limit" and settings.limit is None:
            continue
        said.append(lang.say(f"variant.{name}", **{name: values[name]()}))
    return " · ".join(said)


def size_class(row: Row) -> str:
    """The class of the model's size that the filter offers."""
    count = row.model.parameters
    if count is None:
        return "unknown"
    return next(name for name, least in _SIZES if count >= least)


def _size_names() -> Sequence[str]:
    return [*(name for name, _ in reversed(_SIZES)), "unknown"]


def level(value: float, base: float, *, lower: bool) -> str:
    """The class that colours a value: ``h1`` to ``h9`` above chance, ``h0`` at or below it."""
    if lower:
        return ""
    share = (value - base) / (1 - base)
    return "h0" if share <= 0 else f"h{min(_LEVELS, 1 + int(share * _LEVELS))}"


def assets() -> dict[str, bytes]:
    """Style and scripts, the same for every site."""
    folder = resources.files("mowa.evaluation.leaderboard").joinpath("assets")
    return {f"assets/{one.name}": one.read_bytes() for one in sorted(folder.iterdir(), key=str)}
