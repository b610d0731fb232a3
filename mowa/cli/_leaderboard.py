"""`mowa leaderboard`: results of evaluation as a site that opens from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mowa.cli._common import console, human_bytes
from mowa.evaluation.leaderboard._config import ITEMS

leaderboard_app = typer.Typer(no_args_is_help=True, help="Make a site of what `mowa eval` found.")


@leaderboard_app.callback()
def _group() -> None:
    """Keep `build` a command of its own, while there is no other."""


@leaderboard_app.command()
def build(
    results: Annotated[
        list[Path],
        typer.Argument(help="Folders that `mowa eval --out` wrote, or scores artifacts."),
    ],
    *,
    out: Annotated[Path, typer.Option(help="The folder of the site; an older site is replaced.")],
    title: Annotated[str | None, typer.Option(help="What the site is called.")] = None,
    items: Annotated[
        int, typer.Option(min=0, help="Items of each task that can be looked at; 0 for none.")
    ] = ITEMS,
) -> None:
    """Write the site: tables, pages of tasks and models, answers, comparisons, JSON and CSV."""
    from mowa.evaluation.leaderboard import build as build_site

    built = build_site(results, out, title=title, items=items)
    console.print(
        f"{built.models:,} models, {built.tasks:,} tasks, {built.scores:,} scores,"
        f" {human_bytes(built.bytes)}"
    )
    console.print(f"open {built.index}", markup=False, highlight=False)
