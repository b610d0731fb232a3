"""`mowa instruct generate`, `translate`, `judge` and `pairs`: the steps, for who has no recipe."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, add_row, console, grid, show_wide
from mowa.cli._instruct_asking import (
    MODEL_HELP,
    Asking,
    Models,
    Spending,
    numbers,
    refuse_idle_json,
)
from mowa.cli._instruct_sources import Rows, artifact_of, checked, dialogues_of, say_unread
from mowa.cli._option_groups import with_groups
from mowa.errors import UsageError
from mowa.workspace import RECORD, Artifact

if TYPE_CHECKING:
    from mowa.instructions.making._made import Outcome

# The groups of options, with what they are by default.
_WRITING = Asking()
_TRANSLATING = Asking(temperature=0.3, tokens=2048)
_JUDGING = Asking(temperature=0.0, tokens=512)
_SPENDING = Spending()
_ROWS = Rows()

DialoguesArgument = Annotated[
    str,
    typer.Argument(
        help="recipe/step, a folder with dialogues, or a file of rows: JSON Lines, JSON, Parquet."
    ),
]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", help="The folder; the same command goes on in it.")
]
ModelOption = Annotated[str, typer.Option("--model", "-m", help=MODEL_HELP)]
LanguageOption = Annotated[str, typer.Option(help="What answers are to be in, ISO 639-3.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="The endpoints can be held to JSON; else labelled lines.")
]
RequireLicenceOption = Annotated[
    bool, typer.Option("--require-licence", help="Reject what has no licence stated.")
]
TakeNdOption = Annotated[
    bool,
    typer.Option("--take-no-derivatives", help="Use texts whose licence forbids derivatives too."),
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Take the first so many.")]
JudgeTriesOption = Annotated[int, typer.Option(min=1, help="Ask a judge so often for a score.")]


@with_groups
def generate(
    corpus: Annotated[str, typer.Argument(help="recipe/step of a corpus, or its folder.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    out: OutOption,
    model: ModelOption,
    prompts: Annotated[
        str | None, typer.Option(help="Names or TOML files, with commas between; else all kinds.")
    ] = None,
    passages: Annotated[int, typer.Option(min=1, help="How many are asked about.")] = 100,
    characters: Annotated[
        str, typer.Option(help="Least and most characters of a passage.")
    ] = "400,3000",
    tries: Annotated[int, typer.Option(min=1, help="Ask so often for an answer in form.")] = 1,
    language: LanguageOption = "pol",
    as_json: JsonOption = False,
    require_licence: RequireLicenceOption = False,
    take_no_derivatives: TakeNdOption = False,
    asking: Asking = _WRITING,
    spending: Spending = _SPENDING,
) -> None:
    """Have MODEL write dialogues about passages of CORPUS.

    What it answered stays in OUT: an interrupted command asks nothing twice.
    """
    from mowa.instructions.making import GenerateDialoguesConfig
    from mowa.instructions.making._generate import run

    refuse_idle_json([model], as_json=as_json)
    models = Models(workspace, asking, [model])
    config = checked(
        GenerateDialoguesConfig,
        model=models.model(model, as_json=as_json),
        passages=passages,
        characters=numbers(characters, "characters", int),
        tries=tries,
        seed=asking.seed,
        language=language,
        require_licence=require_licence,
        no_derivatives="take" if take_no_derivatives else "reject",
        budget=spending.budget(),
        **({"prompts": _parts(prompts)} if prompts else {}),
    )
    read = [artifact_of(corpus, "corpus", workspace), *models.artifacts.values()]
    _make(run, config, read, out)


@with_groups
def translate(
    dialogues: DialoguesArgument,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    out: OutOption,
    model: ModelOption,
    prompt: Annotated[str, typer.Option(help="Name of a prompt, or a TOML file.")] = "translate",
    names: Annotated[
        str, typer.Option(help="Words that stay as they are, with commas between.")
    ] = "",
    tries: Annotated[int, typer.Option(min=1, help="Ask so often for one that passes.")] = 2,
    limit: LimitOption = None,
    language: LanguageOption = "pol",
    require_licence: RequireLicenceOption = False,
    take_no_derivatives: TakeNdOption = False,
    rows: Rows = _ROWS,
    asking: Asking = _TRANSLATING,
    spending: Spending = _SPENDING,
) -> None:
    """Have MODEL translate DIALOGUES turn by turn; code, formulas and placeholders stay."""
    from mowa.instructions.making import TranslateDialoguesConfig
    from mowa.instructions.making._translate import run

    models = Models(workspace, asking, [model])
    config = checked(
        TranslateDialoguesConfig,
        model=models.model(model),
        prompt=prompt,
        names=_parts(names),
        tries=tries,
        limit=limit,
        language=language,
        require_licence=require_licence,
        no_derivatives="take" if take_no_derivatives else "reject",
        budget=spending.budget(),
    )
    with dialogues_of(dialogues, workspace, rows) as (read, unread):
        _make(run, config, [read, *models.artifacts.values()], out, unread)


@with_groups
def judge(
    dialogues: DialoguesArgument,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    out: OutOption,
    judges: Annotated[
        list[str],
        typer.Option("--judge", help=f"{MODEL_HELP} One judges twice, by two prompts."),
    ],
    least: Annotated[float, typer.Option(min=0, max=10, help="Lowest mean score kept.")] = 6.0,
    gap: Annotated[
        float, typer.Option(min=0, max=10, help="Preferences that are less apart are dropped.")
    ] = 2.0,
    tries: JudgeTriesOption = 3,
    as_json: JsonOption = False,
    require_licence: RequireLicenceOption = False,
    rows: Rows = _ROWS,
    asking: Asking = _JUDGING,
    spending: Spending = _SPENDING,
) -> None:
    """Have judges score DIALOGUES from 0 to 10: answers alone, preferences in both orders."""
    from mowa.instructions.making import JudgeDialoguesConfig
    from mowa.instructions.making._judge import run

    models = Models(workspace, asking, judges)
    config = checked(
        JudgeDialoguesConfig,
        judges=models.judges(judges, as_json=as_json, temperature=asking.temperature),
        least=least,
        gap=gap,
        tries=tries,
        require_licence=require_licence,
        budget=spending.budget(),
    )
    with dialogues_of(dialogues, workspace, rows) as (read, unread):
        _make(run, config, [read, *models.artifacts.values()], out, unread)


@with_groups
def pairs(
    dialogues: DialoguesArgument,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    out: OutOption,
    models: Annotated[
        list[str], typer.Option("--model", "-m", help=f"{MODEL_HELP} Several times.")
    ],
    judges: Annotated[
        list[str] | None,
        typer.Option("--judge", help=f"{MODEL_HELP} Without one, models are named best first."),
    ] = None,
    judge_temperature: Annotated[
        float, typer.Option(min=0, help="As --temperature, which is of the models that answer.")
    ] = 0.0,
    samples: Annotated[int, typer.Option(min=1, help="Answers of each model.")] = 1,
    with_given: Annotated[
        bool, typer.Option("--with-given", help="The answer that is there takes part, as first.")
    ] = False,
    gap: Annotated[
        float, typer.Option(min=0, max=10, help="Scores that are less apart make no pair.")
    ] = 2.0,
    tries: JudgeTriesOption = 3,
    limit: LimitOption = None,
    language: LanguageOption = "pol",
    require_licence: RequireLicenceOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The judges can be held to JSON; else labelled lines.")
    ] = False,
    rows: Rows = _ROWS,
    asking: Asking = _WRITING,
    spending: Spending = _SPENDING,
) -> None:
    """Have models answer the questions of DIALOGUES; best and worst become a preference."""
    from mowa.instructions.making import PairDialoguesConfig
    from mowa.instructions.making._pair import run

    judges = judges or []
    if judge_temperature and not judges:
        raise UsageError(
            "--judge-temperature is of judges, and none is asked", fix="name one: --judge MODEL"
        )
    asked = Models(workspace, asking, [*models, *judges])
    config = checked(
        PairDialoguesConfig,
        models=[asked.model(model) for model in models],
        judges=asked.judges(judges, as_json=as_json, temperature=judge_temperature),
        samples=samples,
        with_given=with_given,
        gap=gap,
        tries=tries,
        limit=limit,
        language=language,
        require_licence=require_licence,
        budget=spending.budget(),
    )
    with dialogues_of(dialogues, workspace, rows) as (read, unread):
        _make(run, config, [read, *asked.artifacts.values()], out, unread)


def _make(
    run: Any, config: Any, read: list[Artifact], out: Path, unread: Sequence[Outcome] = ()
) -> None:
    """Run a step in the folder `out`; show what came of it, and which rows were not read."""
    from mowa import languages
    from mowa.execution import Context, Ledger, best_progress
    from mowa.workspace import Inputs, clear_partial_files

    try:
        config.check_reads([artifact.kind for artifact in read])
    except ValueError as error:
        raise UsageError(str(error)) from error
    _refuse_what_is_there(out, read)
    out.mkdir(parents=True, exist_ok=True)
    clear_partial_files(out)
    with tempfile.TemporaryDirectory(prefix="mowa-instruct-") as folder:
        context = Context(
            language=languages.load("pol"),
            data=Path(),
            sources=Path(),
            workers=1,
            ledger=Ledger(Path(folder) / "ledger.jsonl"),
            cache=out / "made.json",
            progress=best_progress(),
        )
        more = {"unread": unread} if unread else {}
        metrics = run(config, Inputs(tuple(read)), out, context, **more)
    table = grid("model", "answers#", "tokens of prompts#", "tokens made#", "cost#", "kWh#")
    for name, used in metrics["models"].items():
        counts = (f"{used[key]:,}" for key in ("answers", "prompt_tokens", "tokens"))
        money = "" if used["cost"] is None else f"{used['cost']:,.4f}"
        energy = "" if used["kwh"] is None else f"{used['kwh']:,.6f}"
        add_row(table, name, *counts, money, energy)
    show_wide(table)
    reasons = ", ".join(f"{count:,} {name}" for name, count in metrics["reasons"].items())
    console.print(
        f"{metrics['dialogues']:,} dialogues, {metrics['rejected']:,} rejected"
        + (f" ({reasons})" if reasons else ""),
        markup=False,
        highlight=False,
    )
    for name, count in metrics["counts"].items():
        if name.startswith("under a licence"):
            console.print(f"{count:,} {name}", style="yellow", markup=False)
    say_unread(unread)
    console.print(f"{out}: dialogues/, rejected.parquet, report.html", markup=False)


def _refuse_what_is_there(out: Path, read: Sequence[Artifact]) -> None:
    if (out / RECORD).exists() or out.resolve() in {artifact.path.resolve() for artifact in read}:
        raise UsageError(
            "what is made would be written over what is there",
            where=f"--out {out}",
            fix="name a folder of its own; the same command goes on in that one",
        )


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
