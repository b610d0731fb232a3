"""The command `mowa`."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated

import typer

from mowa import __version__
from mowa.cli import _artifacts, _chat, _eval, _models, _plan, _run, _sample, _sources
from mowa.cli._common import errors
from mowa.cli._corpus import corpus_app
from mowa.cli._instruct import instruct_app
from mowa.cli._leaderboard import leaderboard_app
from mowa.cli._results import results_app
from mowa.cli._train import train_app
from mowa.errors import MowaError
from mowa.execution import harmless
from mowa.workspace import disk_error

__all__ = ["app", "main"]

app = typer.Typer(
    name="mowa",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The whole road from raw texts to an open language model that speaks your language.\n\n"
    "`mowa quickstart` walks it in a few minutes; `mowa init` begins a project of your own.",
)

_INTERRUPTED = 130  # 128 + SIGINT: typer ends so when Ctrl-C is pressed

_FIRST, _GET, _LOOK = "First steps", "Getting texts", "Looking"
_KEEP, _SPEAK, _MEASURE = "Keeping", "Using a model", "Measuring models"

app.command(rich_help_panel=_FIRST)(_sample.quickstart)
app.command(rich_help_panel=_FIRST)(_run.init)
app.command(rich_help_panel=_FIRST)(_run.run)
app.command(rich_help_panel=_FIRST)(_plan.plan)
app.add_typer(_sources.sources_app, name="sources", rich_help_panel=_GET)
app.command(rich_help_panel=_GET)(_sources.fetch)
app.command(rich_help_panel=_LOOK)(_artifacts.status)
app.command(rich_help_panel=_LOOK)(_artifacts.show)
app.command(rich_help_panel=_LOOK)(_artifacts.lineage)
app.add_typer(corpus_app, name="corpus", rich_help_panel=_LOOK)
app.add_typer(instruct_app, name="instruct", rich_help_panel=_GET)
app.add_typer(train_app, name="train", rich_help_panel=_LOOK)
app.add_typer(leaderboard_app, name="leaderboard", rich_help_panel=_LOOK)
app.add_typer(_sample.sample_app, name="sample", rich_help_panel=_LOOK)
app.command(rich_help_panel=_KEEP)(_artifacts.verify)
app.command(rich_help_panel=_KEEP)(_artifacts.promote)
app.command(rich_help_panel=_KEEP)(_artifacts.gc)
app.command("eval", rich_help_panel=_MEASURE)(_eval.evaluate)
app.add_typer(results_app, name="results", rich_help_panel=_MEASURE)
app.command(rich_help_panel=_SPEAK)(_models.generate)
app.command(rich_help_panel=_SPEAK)(_chat.chat)


@app.callback(invoke_without_command=True)
def options(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options that stand before a command."""
    if version:
        print(f"mowa {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; a person sees one message, never a traceback.

    Exit codes: 0 done, 1 a failure, 2 a mistake in what was asked for, 75 stopped early on request
    (run again to go on), 130 interrupted.
    """
    try:
        app()
    except MowaError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            _say("interrupted; what is finished is kept, run the same command to go on")
        raise
    except OSError as error:
        explained = disk_error(error, Path(error.filename or Path.cwd()))
        _say(str(explained) if isinstance(explained, MowaError) else _refused(error))
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last line of defence before a person
        _say(_unexpected(error))
        sys.exit(1)


def _say(text: str) -> None:
    # An endpoint's words may be in it, or those of a file.
    errors.print(harmless(f"mowa: {text}"), markup=False, highlight=False)


def _refused(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"


def _unexpected(error: Exception) -> str:
    trace = traceback.format_exc()
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="mowa-error-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(trace)
        kept = f"the details are in {file.name}; please send them with a report"
    except OSError:
        kept = "the details could not be written"
    what = f"unexpected {type(error).__name__}: {error}"
    return f"{what}\n  what to do: this is a defect of Mowa; {kept}"
