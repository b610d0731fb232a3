"""`mowa instruct generate`, `translate`, `judge` and `pairs`: the steps, for who has no recipe."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, add_row, console, grid, show_wide
from mowa.cli._instruct_sources import artifact_of, dialogues_of
from mowa.errors import UsageError
from mowa.workspace import RECORD, Artifact

if TYPE_CHECKING:
    from mowa.instructions.making import Budget

_ModelHelp = "https://host/v1#name, recipe/step of a model, or a folder that holds one."

DialoguesArgument = Annotated[
    str, typer.Argument(help="recipe/step, a folder with dialogues, or a JSON Lines file.")
]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", help="The folder; the same command goes on in it.")
]
ModelOption = Annotated[str, typer.Option("--model", "-m", help=_ModelHelp)]
ModelsOption = Annotated[
    list[str], typer.Option("--model", "-m", help=f"{_ModelHelp} Several times.")
]
JudgesOption = Annotated[
    list[str], typer.Option("--judge", help=f"{_ModelHelp} One judges twice, by two prompts.")
]
KeyOption = Annotated[
    str | None, typer.Option(help="Environment variable with the key of the endpoints.")
]
LanguageOption = Annotated[str, typer.Option(help="What answers are to be in, ISO 639-3.")]
TemperatureOption = Annotated[float, typer.Option(min=0, help="0 takes the likeliest token.")]
TokensOption = Annotated[int, typer.Option("--tokens", min=1, help="Most tokens of an answer.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Which documents, and which draws.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="The endpoints can be held to JSON; else labelled lines.")
]
PricesOption = Annotated[
    str | None, typer.Option(help="Of a million tokens of prompts, and of answers: 0.2,0.6.")
]
ConcurrencyOption = Annotated[int, typer.Option(min=1, help="Requests to an endpoint at once.")]
MaxRequestsOption = Annotated[
    int | None, typer.Option(min=0, help="Stop after so many requests; the next run goes on.")
]
MaxTokensOption = Annotated[int | None, typer.Option(min=0, help="Stop after so many tokens.")]
MaxCostOption = Annotated[float | None, typer.Option(min=0, help="Stop when so much is spent.")]
RequireLicenceOption = Annotated[
    bool, typer.Option("--require-licence", help="Reject what has no licence stated.")
]
TakeNdOption = Annotated[
    bool,
    typer.Option("--take-no-derivatives", help="Use texts whose licence forbids derivatives too."),
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Take the first so many.")]


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
    temperature: TemperatureOption = 0.7,
    tokens: TokensOption = 1024,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    key_from: KeyOption = None,
    prices: PricesOption = None,
    concurrency: ConcurrencyOption = 8,
    require_licence: RequireLicenceOption = False,
    take_no_derivatives: TakeNdOption = False,
    max_requests: MaxRequestsOption = None,
    max_tokens: MaxTokensOption = None,
    max_cost: MaxCostOption = None,
) -> None:
    """Have MODEL write dialogues about passages of CORPUS.

    What it answered stays in OUT: an interrupted command asks nothing twice.
    """
    from mowa.instructions.making import GenerateDialoguesConfig
    from mowa.instructions.making._generate import run

    asking = _Asking(
        workspace,
        key_from=key_from,
        temperature=temperature,
        tokens=tokens,
        seed=seed,
        as_json=as_json,
        prices=_numbers(prices, "prices"),
        concurrency=concurrency,
    )
    config = _checked(
        GenerateDialoguesConfig,
        model=asking.model(model),
        passages=passages,
        characters=[int(number) for number in _numbers(characters, "characters") or ()],
        tries=tries,
        seed=seed,
        language=language,
        require_licence=require_licence,
        no_derivatives="take" if take_no_derivatives else "reject",
        budget=_budget(max_requests, max_tokens, max_cost),
        **({"prompts": _parts(prompts)} if prompts else {}),
    )
    read = [artifact_of(corpus, "corpus", workspace), *asking.artifacts.values()]
    _make(run, config, read, out)


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
    temperature: TemperatureOption = 0.3,
    tokens: TokensOption = 2048,
    seed: SeedOption = 0,
    key_from: KeyOption = None,
    prices: PricesOption = None,
    concurrency: ConcurrencyOption = 8,
    require_licence: RequireLicenceOption = False,
    take_no_derivatives: TakeNdOption = False,
    max_requests: MaxRequestsOption = None,
    max_tokens: MaxTokensOption = None,
    max_cost: MaxCostOption = None,
) -> None:
    """Have MODEL translate DIALOGUES turn by turn; code, formulas and placeholders stay."""
    from mowa.instructions.making import TranslateDialoguesConfig
    from mowa.instructions.making._translate import run

    asking = _Asking(
        workspace,
        key_from=key_from,
        temperature=temperature,
        tokens=tokens,
        seed=seed,
        as_json=False,
        prices=_numbers(prices, "prices"),
        concurrency=concurrency,
    )
    config = _checked(
        TranslateDialoguesConfig,
        model=asking.model(model),
        prompt=prompt,
        names=_parts(names),
        tries=tries,
        limit=limit,
        language=language,
        require_licence=require_licence,
        no_derivatives="take" if take_no_derivatives else "reject",
        budget=_budget(max_requests, max_tokens, max_cost),
    )
    with dialogues_of(dialogues, workspace) as read:
        _make(run, config, [read, *asking.artifacts.values()], out)


def judge(
    dialogues: DialoguesArgument,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    out: OutOption,
    judges: JudgesOption,
    least: Annotated[float, typer.Option(min=0, max=10, help="Lowest mean score kept.")] = 6.0,
    gap: Annotated[
        float, typer.Option(min=0, max=10, help="Preferences that are less apart are dropped.")
    ] = 2.0,
    tries: Annotated[int, typer.Option(min=1, help="Ask a judge so often for a score.")] = 3,
    temperature: TemperatureOption = 0.3,
    tokens: TokensOption = 512,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    key_from: KeyOption = None,
    prices: PricesOption = None,
    concurrency: ConcurrencyOption = 8,
    require_licence: RequireLicenceOption = False,
    max_requests: MaxRequestsOption = None,
    max_tokens: MaxTokensOption = None,
    max_cost: MaxCostOption = None,
) -> None:
    """Have judges score DIALOGUES from 0 to 10: answers alone, preferences in both orders."""
    from mowa.instructions.making import JudgeDialoguesConfig
    from mowa.instructions.making._judge import run

    asking = _Asking(
        workspace,
        key_from=key_from,
        temperature=temperature,
        tokens=tokens,
        seed=seed,
        as_json=as_json,
        prices=_numbers(prices, "prices"),
        concurrency=concurrency,
    )
    config = _checked(
        JudgeDialoguesConfig,
        judges=asking.judges(judges),
        least=least,
        gap=gap,
        tries=tries,
        require_licence=require_licence,
        budget=_budget(max_requests, max_tokens, max_cost),
    )
    with dialogues_of(dialogues, workspace) as read:
        _make(run, config, [read, *asking.artifacts.values()], out)


def pairs(
    dialogues: DialoguesArgument,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    out: OutOption,
    models: ModelsOption,
    judges: Annotated[
        list[str] | None,
        typer.Option("--judge", help=f"{_ModelHelp} Without one, models are named best first."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Answers of each model.")] = 1,
    with_given: Annotated[
        bool, typer.Option("--with-given", help="The answer that is there takes part, as first.")
    ] = False,
    gap: Annotated[
        float, typer.Option(min=0, max=10, help="Scores that are less apart make no pair.")
    ] = 2.0,
    tries: Annotated[int, typer.Option(min=1, help="Ask a judge so often for a score.")] = 3,
    limit: LimitOption = None,
    language: LanguageOption = "pol",
    temperature: TemperatureOption = 0.7,
    tokens: TokensOption = 1024,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    key_from: KeyOption = None,
    prices: PricesOption = None,
    concurrency: ConcurrencyOption = 8,
    require_licence: RequireLicenceOption = False,
    max_requests: MaxRequestsOption = None,
    max_tokens: MaxTokensOption = None,
    max_cost: MaxCostOption = None,
) -> None:
    """Have models answer the questions of DIALOGUES; best and worst become a preference."""
    from mowa.instructions.making import PairDialoguesConfig
    from mowa.instructions.making._pair import run

    asking = _Asking(
        workspace,
        key_from=key_from,
        temperature=temperature,
        tokens=tokens,
        seed=seed,
        as_json=as_json,
        prices=_numbers(prices, "prices"),
        concurrency=concurrency,
    )
    config = _checked(
        PairDialoguesConfig,
        models=[asking.model(model, as_text=True) for model in models],
        judges=asking.judges(judges or []),
        samples=samples,
        with_given=with_given,
        gap=gap,
        tries=tries,
        limit=limit,
        language=language,
        require_licence=require_licence,
        budget=_budget(max_requests, max_tokens, max_cost),
    )
    with dialogues_of(dialogues, workspace) as read:
        _make(run, config, [read, *asking.artifacts.values()], out)


@dataclass
class _Asking:
    """How all models of a command are asked; collects those that lie on this disk."""

    workspace: Path
    key_from: str | None
    temperature: float
    tokens: int
    seed: int
    as_json: bool
    prices: list[float] | None
    concurrency: int

    def __post_init__(self) -> None:
        self.artifacts: dict[str, Artifact] = {}

    def model(self, reference: str, *, as_text: bool = False) -> Any:
        from mowa.instructions.making import ModelConfig

        how = {
            "temperature": self.temperature,
            "max_new_tokens": self.tokens,
            "seed": self.seed,
        }
        if not reference.startswith(("http://", "https://")):
            artifact = artifact_of(reference, "model", self.workspace)
            self.artifacts[artifact.name] = artifact
            return _checked(ModelConfig, name=artifact.name, **how)
        url, _, name = reference.partition("#")
        if not name:
            raise UsageError("this address names no model", fix="https://host/v1#name")
        return _checked(
            ModelConfig,
            name=name,
            url=url,
            key_from=self.key_from,
            json_answers=self.as_json and not as_text,
            prices=self.prices,
            concurrency=self.concurrency,
            **how,
        )

    def judges(self, references: Sequence[str]) -> list[Any]:
        """A judge each; one alone judges twice, the second time by other prompts."""
        from mowa.instructions.making import JudgeConfig

        models = [self.model(reference) for reference in references]
        judges = [JudgeConfig(model=model) for model in models]
        if len(judges) == 1:
            judges.append(
                JudgeConfig(
                    model=models[0], prompt="judge-language", pair_prompt="judge-pair-language"
                )
            )
        return judges


def _make(run: Any, config: Any, read: list[Artifact], out: Path) -> None:
    """Run a step in the folder `out`, and show what came of it."""
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
        metrics = run(config, Inputs(tuple(read)), out, context)
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
    console.print(f"{out}: dialogues/, rejected.parquet, report.html", markup=False)


def _refuse_what_is_there(out: Path, read: Sequence[Artifact]) -> None:
    if (out / RECORD).exists() or out.resolve() in {artifact.path.resolve() for artifact in read}:
        raise UsageError(
            "what is made would be written over what is there",
            where=f"--out {out}",
            fix="name a folder of its own; the same command goes on in that one",
        )


def _checked(kind: Any, **values: Any) -> Any:
    from mowa.recipe._recipe import explain

    try:
        return kind(**values)
    except ValidationError as error:
        raise explain(error, kind, "what you asked for") from error


def _budget(requests: int | None, tokens: int | None, cost: float | None) -> Budget:
    from mowa.instructions.making import Budget

    return Budget(max_requests=requests, max_tokens=tokens, max_cost=cost)


def _numbers(text: str | None, name: str) -> list[float] | None:
    if text is None:
        return None
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--{name} {text} is not two numbers with a comma between") from None
    return [first, second]


def _parts(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
