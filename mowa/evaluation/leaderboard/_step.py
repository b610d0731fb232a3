"""The step `leaderboard`: a site over the scores of other steps."""

from __future__ import annotations

from pathlib import Path

from mowa.evaluation.leaderboard._build import Built, build
from mowa.evaluation.leaderboard._config import LeaderboardConfig
from mowa.execution import Context
from mowa.report import Bars, Page, Section, Table, Text
from mowa.workspace import Inputs, Metrics


def run(config: LeaderboardConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:  # noqa: ARG001 - small work, in this process
    """Write the site to `site/`, and `report.html` with its averages.

    Raises:
        UsageError: Where the scores hold no results of tasks.
        DataError: Where a result cannot be read.
    """
    built = build(
        [scores.path for scores in inputs.all("scores")],
        out / "site",
        title=config.title,
        items=config.items,
    )
    _report(built).write(out / "report.html")
    return {"models": built.models, "tasks": built.tasks, "scores": built.scores}


def _report(built: Built) -> Page:
    standings = built.site.board.standings
    averages = [
        (row.name, one.value * 100, (one.low * 100, one.high * 100))
        for row in built.site.order
        if (one := standings[row.slug].average) is not None
    ]
    bars = Bars(
        "Average over tasks, 0 chance, 100 everything right",
        [(name, value) for name, value, _ in averages],
        intervals=[ends for _, _, ends in averages],
    )
    ranks = Table(
        ["model", "best rank", "worst rank", "tasks missing"],
        [
            [row.name, *(one.rank or (None, None)), one.missing]
            for row in built.site.order
            for one in [standings[row.slug]]
        ],
    )
    return Page(
        "Leaderboard",
        f"{built.models:,} models, {built.tasks:,} tasks",
        [Section("Averages", [bars, ranks, Text("The site itself: site/index.html")])],
    )
