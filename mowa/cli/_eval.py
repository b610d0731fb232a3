"""`mowa eval`: ask models tasks, and watch the scores come."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, console, errors
from mowa.errors import MowaError, UsageError

if TYPE_CHECKING:
    from mowa.cli._eval_table import ScoreTable
    from mowa.evaluation._evaluate import Prepared
    from mowa.evaluation._results import Result
    from mowa.evaluation.contamination import Against
    from mowa.inference import Engine


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL…",
            help="recipe/step, a folder, https://host/v1#model; random:MODEL for fresh weights of"
            " its shape, untrained:MODEL for how its training began.",
        ),
    ],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    tasks: Annotated[
        list[str] | None,
        typer.Option("--tasks", "-t", help="Names, with commas between them, or folders."),
    ] = None,
    lm_eval: Annotated[
        list[str] | None,
        typer.Option("--lm-eval", help="Tasks of lm-eval, with commas between them."),
    ] = None,
    include: Annotated[
        Path | None,
        typer.Option(help="Folder with tasks in lm-eval's form; Python that they name is run."),
    ] = None,
    shots: Annotated[
        str | None,
        typer.Option(help="How many, such as 0 or 0,5: else 0, and what tasks of lm-eval say."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of results.")] = Path("results"),
    template: Annotated[
        bool, typer.Option("--template", help="Put prompts into the model's chat template.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Ask so many items of each task.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Which shots are drawn: else 0, and lm-eval's own."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder with items: DATA/task/test.jsonl.")
    ] = None,
    hub: Annotated[
        bool, typer.Option("--hub", help="Fetch items that are not here from the hub.")
    ] = False,
    url: Annotated[
        str | None, typer.Option(help="Address of an endpoint; MODEL is then its name there.")
    ] = None,
    key_from: Annotated[
        str | None, typer.Option(help="Environment variable with the endpoint's key.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Corpora and dialogues in which items are looked for: recipe/step, or `lineage`"
            " for those that a model was made from."
        ),
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="Who judges, for judged tasks: https://host/v1#model.")
    ] = None,
    judge_key_from: Annotated[
        str | None, typer.Option(help="Environment variable with the judge's key.")
    ] = None,
    lm_eval_json: Annotated[
        Path | None, typer.Option(help="Folder for results in the JSON form of lm-eval.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Ask MODELs tasks; what is finished is kept, and asked no second time."""
    from mowa.cli._eval_lm_eval import ask_lm_eval, lm_eval_tasks
    from mowa.cli._eval_table import ScoreTable
    from mowa.evaluation._models import open_model
    from mowa.execution import PlainProgress, best_progress

    references = [f"{url}#{model}" if url else model for model in models]
    counts = None if shots is None else _numbers(shots)
    theirs = lm_eval_tasks(_parts(lm_eval), include, hub=hub)
    with _judge(judge, workspace, judge_key_from) as judging:
        prepared = _prepare(
            _names(tasks) if tasks or not theirs else [], counts or [0], template=template,
            seed=seed or 0, limit=limit, data=data, hub=hub, judge=judging, judge_url=judge,
        )  # fmt: skip
        corpora = {name: _corpora(against or [], name, workspace) for name in references}
        failures: list[str] = []
        with ScoreTable(prepared, console) as table:
            for reference in references:
                with open_model(reference, workspace, device=device, key_from=key_from) as (
                    engine,
                    about,
                ):
                    table.model(about.name)
                    results = []
                    for column, item in enumerate(prepared):
                        result = _one(
                            engine, about, item, out=out, judge=judging, corpora=corpora[reference],
                            table=table, column=column, failures=failures,
                        )  # fmt: skip
                        results += [result] if result else []
                    if lm_eval_json and results:
                        _export(results, lm_eval_json)
                    if theirs:
                        failures += ask_lm_eval(
                            engine, about, theirs, shots=counts, template=template, seed=seed,
                            limit=limit, out=out,
                            progress=PlainProgress(console) if prepared else best_progress(),
                        )  # fmt: skip
    for line in failures:
        errors.print(f"mowa: {line}", markup=False, highlight=False)
    if failures:
        raise typer.Exit(1)


def _one(
    engine: Engine,
    about: Any,
    item: Prepared,
    *,
    out: Path,
    judge: Engine | None,
    corpora: list[Against],
    table: ScoreTable,
    column: int,
    failures: list[str],
) -> Result | None:
    """The result of one model and task; a failure is noted, and the rest goes on."""
    from mowa.evaluation._against import look_for
    from mowa.evaluation._evaluate import evaluate as ask

    try:
        folder, result = ask(
            engine,
            about,
            item,
            out,
            judge=judge,
            advance=lambda done, total: table.progress(column, done, total),
        )
        result = look_for(folder, item, corpora) if corpora else result
    except MowaError as error:
        table.failed(column)
        failures.append(f"{about.name}, {item.task.name}: {error}")
        return None
    table.result(column, result)
    return result


def _prepare(
    names: list[str],
    shots: list[int],
    *,
    template: bool,
    seed: int,
    limit: int | None,
    data: Path | None,
    hub: bool,
    judge: Engine | None,
    judge_url: str | None,
) -> list[Prepared]:
    from mowa.evaluation._evaluate import judge_identity, prepare
    from mowa.evaluation._models import place_of
    from mowa.evaluation._results import Settings
    from mowa.evaluation._task import find_tasks, has_shots

    prepared = []
    for task in find_tasks(names):
        identity = None
        if task.kind == "judged":
            if judge is None or judge_url is None:
                raise UsageError(
                    f"{task.name} needs a judge", fix="name one: --judge https://host/v1#model"
                )
            identity = judge_identity(judge, place_of(judge_url), task)
        for count in shots if has_shots(task) else [0]:
            settings = Settings(count, template, seed, limit, identity)
            prepared.append(prepare(task, settings, data=data, hub=hub))
    return prepared


@contextmanager
def _judge(judge: str | None, workspace: Path, key_from: str | None) -> Iterator[Engine | None]:
    from mowa.evaluation._models import is_url, open_model

    if judge is None:
        yield None
        return
    if not is_url(judge):
        raise UsageError("a judge is an endpoint", fix="--judge https://host/v1#model")
    with open_model(judge, workspace, key_from=key_from) as (engine, _):
        yield engine


def _corpora(names: list[str], reference: str, workspace: Path) -> list[Against]:
    """The corpora and dialogues in which items are looked for, each with its index."""
    if not names:
        return []
    from mowa import languages
    from mowa.corpus.catalogue import checked_manifest
    from mowa.evaluation._models import find_model, is_url, without_kind
    from mowa.evaluation.contamination import against, corpora_of
    from mowa.evaluation.contamination._texts import SEARCHED
    from mowa.execution import Context, Ledger, best_progress
    from mowa.recipe import Recipe
    from mowa.workspace import Workspace

    store = Workspace.open(workspace)
    found = {}
    for name in names:
        if name != "lineage":
            corpus = store.get(name)
            if corpus.kind not in SEARCHED:
                raise UsageError(f"{corpus.id} is of kind {corpus.kind}, no corpus or dialogues")
            found[corpus.fingerprint] = corpus
        elif not is_url(reference):
            _, model = find_model(without_kind(reference), workspace)
            if model is not None:
                read = corpora_of(store, model)
                found |= {one.fingerprint: one for one in read.found}
                for gone in read.gone:
                    errors.print(
                        f"mowa: {gone.name}@{gone.version} ({gone.kind}) is gone from the"
                        f" workspace: what of it {reference} has read cannot be looked through",
                        markup=False,
                        highlight=False,
                    )
    looked_at = []
    for corpus in found.values():
        with tempfile.TemporaryDirectory(prefix="mowa-eval-") as folder:
            context = Context(
                language=languages.load(
                    checked_manifest(corpus.path)["language"]
                    if corpus.kind == "corpus"
                    else Recipe.model_fields["language"].default
                ),
                data=Path(),
                sources=Path(),
                workers=os.cpu_count() or 1,
                ledger=Ledger(Path(folder) / "ledger.jsonl"),
                progress=best_progress(),
            )
            looked_at.append(against(store, corpus, context))
    return looked_at


def _export(results: list[Result], folder: Path) -> None:
    from mowa.evaluation._lm_eval import as_lm_eval
    from mowa.workspace import write_text

    name = results[0]["model"]["name"].replace("/", "__").replace(":", "_")
    text = json.dumps(as_lm_eval(results), ensure_ascii=False, indent=1)
    write_text(folder / name / "results.json", text + "\n")


def _names(tasks: list[str] | None) -> list[str]:
    names = _parts(tasks)
    if not names:
        from mowa.evaluation._task import all_tasks

        known = ", ".join(task.name for task in all_tasks())
        raise UsageError("which tasks?", fix=f"--tasks grammar; there are {known}")
    return names


def _parts(texts: list[str] | None) -> list[str]:
    return [part.strip() for text in texts or [] for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = [-1]
    if min(found) < 0:
        raise UsageError(f"--shots {text} is no list of numbers", fix="--shots 0,5")
    return list(dict.fromkeys(found))
