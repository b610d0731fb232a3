"""`mowa init` and `mowa run`: from a folder of texts to a model."""

from __future__ import annotations

import shutil
import sys
import time
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from mowa.cli._common import (
    DEFAULT_WORKSPACE,
    WorkspaceOption,
    add_row,
    console,
    grid,
    human_seconds,
    show_wide,
)
from mowa.errors import UsageError


def init(
    folder: Annotated[Path, typer.Argument(help="The folder of the new project.")] = Path(),
    *,
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Put in the sample texts and the quickstart recipe too."),
    ] = False,
) -> None:
    """Make a project: a commented recipe, a source to describe, and a place for texts.

    Nothing that exists is overwritten.
    """
    starter = resources.files("mowa.recipe").joinpath("starter")
    with resources.as_file(starter) as path:
        made = copy_new(path, folder)
    texts = folder / "data" / "my-texts"
    texts.mkdir(parents=True, exist_ok=True)
    if sample:
        made += install_sample(folder)
    for path in made:
        console.print(f"wrote {path}")
    console.print(
        f"\nNext: put files (text, PDF, HTML, JSON Lines, Parquet, WARC …) into {texts},\n"
        f"describe them in {folder / 'sources' / 'my-texts.toml'}, then\n"
        f"  mowa run {folder / 'recipes' / 'first.toml'} --dry-run\n"
        f"  mowa run {folder / 'recipes' / 'first.toml'}"
    )


def run(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    to: Annotated[str | None, typer.Option(help="Stop after this step.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a key: data=/srv/texts, steps.base.seed=2 …"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes for corpus work; all cores without it.")
    ] = None,
    *,
    executor: Annotated[
        str, typer.Option(help="What corpus work runs on: local (processes) or ray.")
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(help="host:port of a Ray cluster; without it one is started here."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, and why.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Redo long work without asking.")
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Refuse, instead of waiting for another run.")
    ] = False,
) -> None:
    """Make all that RECIPE describes and that is not up to date.

    A run that was interrupted or killed goes on where it was. What has not changed is not made
    again.
    """
    from mowa.execution import Executor, best_progress
    from mowa.recipe import Recipe
    from mowa.recipe import run as run_recipe

    start = time.monotonic()
    where = Executor.named(executor, ray_address)
    loaded = Recipe.load(recipe, settings or [])
    if dry_run:
        show_plan(loaded, workspace, to)
        return
    progress = best_progress()
    results = run_recipe(
        loaded,
        workspace,
        to=to,
        workers=workers,
        executor=where,
        progress=progress,
        confirm=None if yes else ask,
        wait=not no_wait,
    )
    table = grid("step", "kind", "state", "seconds#", "report")
    for result in results:
        report = result.artifact.path / "report.html"
        add_row(
            table,
            result.artifact.id,
            result.artifact.kind,
            result.state if result.state in ("up to date", "recover") else "made",
            f"{result.seconds:,.1f}",
            str(report) if report.exists() else "",
        )
    show_wide(table)
    current = sum(result.state == "up to date" for result in results)
    took = human_seconds(time.monotonic() - start)
    console.print(f"{current} of {len(results)} steps were up to date; {took}")


def show_plan(recipe: object, workspace: Path, to: str | None) -> None:
    """Print what a run of `recipe` would do."""
    from mowa.recipe import Recipe, make_plan
    from mowa.workspace import Workspace

    assert isinstance(recipe, Recipe)
    exists = (workspace / ".mowa" / "workspace.json").exists()
    store = Workspace.open(workspace) if exists else Workspace(workspace)
    plan = make_plan(recipe, store, to=to, keep_cache=exists)
    table = grid("step", "does", "state", "took before#", "fingerprint", "why")
    for item in plan:
        before = human_seconds(item.current.seconds) if item.current else ""
        does = recipe.steps[item.step].does
        add_row(table, item.id, does, item.state, before, item.fingerprint[:12], item.why)
    show_wide(table)
    todo = sum(item.state != "up to date" for item in plan)
    console.print(f"{todo} of {len(plan)} steps to do; nothing was done (--dry-run)")


def ask(question: str) -> bool:
    """Ask on a terminal; elsewhere the answer is no."""
    if not sys.stdin.isatty():
        console.print(question)
        raise UsageError("there is no terminal to ask on", fix="run with --yes to redo the work")
    return typer.confirm(question)


def install_sample(folder: Path) -> list[Path]:
    """Write the sample texts, their sources and the quickstart recipe into `folder`."""
    from mowa.sample import write_sample

    with resources.as_file(resources.files("mowa.sample").joinpath("project")) as path:
        made = copy_new(path, folder)
    write_sample(folder / "data" / "sample")
    return made


def copy_new(source: Path, target: Path) -> list[Path]:
    """Copy the files of `source` that `target` does not have; returns what was written."""
    made = []
    for path in sorted(source.rglob("*")):
        to = target / path.relative_to(source)
        if path.is_file() and path.suffix != ".py" and not to.exists():
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
            made.append(to)
    return made
