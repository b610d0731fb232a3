"""`mowa results`: look at answers, compare two models item by item, score again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mowa.cli._common import add_row, console, grid, show_wide
from mowa.errors import UsageError

results_app = typer.Typer(
    no_args_is_help=True, help="Look at results of evaluation, compare them, score them again."
)

_SHOWN = 200  # characters of a prompt or an answer


@results_app.command("list")
def list_results(
    places: Annotated[list[Path], typer.Argument(help="Folders that hold results.")],
) -> None:
    """Every result, one a line."""
    from mowa.cli._eval_table import cell
    from mowa.evaluation._results import find_results, read_result

    table = grid("result", "model", "task", "shots#", "score")
    for folder in find_results(places):
        result = read_result(folder)
        add_row(
            table,
            str(folder),
            result["model"]["name"],
            result["task"]["name"],
            str(result["settings"]["shots"]),
            cell(result)[1],
        )
    show_wide(table)


@results_app.command()
def show(
    result: Annotated[Path, typer.Argument(help="The folder of a result.")],
    *,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only items that are not right.")] = False,
    count: Annotated[int, typer.Option("--items", "-n", min=1, help="How many items.")] = 5,
) -> None:
    """Prompts, answers and what they were worth."""
    from mowa.evaluation._answers import read_answers
    from mowa.evaluation._results import read_result

    read_result(result)
    shown = [
        answer
        for answer in read_answers(result)
        if not wrong or (answer.value is not None and answer.value < 1)
    ]
    for answer in shown[:count]:
        value = "left out" if answer.value is None else f"{answer.value:.3f}"
        _say(f"{answer.id}: {value}")
        _say(f"  asked:  …{_short(answer.prompt, end=True)}")
        _say(f"  right:  {_short(answer.target)}")
        _say(f"  answer: {_short(answer.output)}")


@results_app.command()
def diff(
    first: Annotated[Path, typer.Argument(help="The folder of a result.")],
    second: Annotated[Path, typer.Argument(help="The folder of a result of the same task.")],
    *,
    count: Annotated[int, typer.Option("--items", "-n", min=0, help="How many items.")] = 10,
) -> None:
    """The difference with its interval, and the items that differ."""
    from mowa.evaluation._compare import compare

    found = compare(first, second)
    names = [result["model"]["name"] for result in (found.first, found.second)]
    difference = found.difference
    _say(
        f"{names[0]} − {names[1]}: {difference.mean:+.4f}"
        f" ({difference.low:+.4f} to {difference.high:+.4f}), p = {difference.p:.4g},"
        f" {difference.items:,} items, {len(found.items):,} of them differ"
    )
    table = grid("item", "right", names[0], names[1])
    for one, other in found.items[:count]:
        add_row(table, one.id, _short(one.target), _short(one.output), _short(other.output))
    if found.items[:count]:
        show_wide(table)


@results_app.command()
def rescore(
    places: Annotated[list[Path], typer.Argument(help="Folders of results.")],
) -> None:
    """Score the logged answers again, without the model."""
    from mowa.cli._eval_table import cell
    from mowa.evaluation._results import find_results
    from mowa.evaluation._results import rescore as score_again

    folders = find_results(places)
    if not folders:
        raise UsageError("there are no results here", where=", ".join(map(str, places)))
    for folder in folders:
        _say(f"{folder}: {cell(score_again(folder))[1]}")


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False)


def _short(text: str, *, end: bool = False) -> str:
    line = " ".join(text.split())
    return line[-_SHOWN:] if end else line[:_SHOWN]
