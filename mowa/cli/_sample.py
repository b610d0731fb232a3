"""`mowa quickstart` and `mowa sample …`: the road on the built-in sample, and what came of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mowa.cli._common import (
    DEFAULT_WORKSPACE,
    WorkspaceOption,
    add_row,
    console,
    grid,
    human_bytes,
    human_seconds,
    lineage_tree,
    show_wide,
)
from mowa.cli._run import install_sample
from mowa.errors import UsageError
from mowa.workspace import Artifact, Workspace, lineage, write_text

if TYPE_CHECKING:
    from mowa.sample import Row

_MEASURED = "measured.json"
_ASKED = {
    "assistant-facts-told": "facts of the dialogues, in new words",
    "assistant-facts-read": "facts that only the texts tell",
    "assistant-unknown": "declines what it cannot know, and nothing else",
    "assistant-format": "right, and in the form asked for",
}

sample_app = typer.Typer(no_args_is_help=True, help="The built-in sample: write it, measure by it.")


@sample_app.callback()
def sample() -> None:
    """The built-in sample: Polish pages, texts and papers with known trouble in them."""


def quickstart(
    folder: Annotated[
        Path, typer.Argument(help="The folder to work in; made where absent.")
    ] = Path("quickstart"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes for corpus work.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change a key of the recipe.")
    ] = None,
) -> None:
    """Walk the whole road on the sample: from texts to a model that answers. A few minutes.

    Run it again and it says in a second that all is up to date.
    """
    from mowa.execution import best_progress
    from mowa.recipe import Recipe, run

    start = time.monotonic()
    install_sample(folder)
    console.print(
        f"The sample lies in {folder / 'data' / 'sample'}; the recipe is"
        f" {folder / 'recipes' / 'quickstart.toml'}."
    )
    recipe = Recipe.load(folder / "recipes" / "quickstart.toml", settings or [])
    store = Workspace.open(folder / "workspace", create=True)
    results = run(recipe, store, workers=workers, progress=best_progress())
    made = {result.artifact.name.partition("/")[2]: result.artifact for result in results}
    _show_documents(made["corpus"])
    rows = _measured(folder / "data" / "sample", made["corpus"], made["documents"])
    _show_measured(rows, folder / _MEASURED, whole=False)
    _show_figures(made)
    _show_answers(made["answers"])
    _show_samples(made["base"])
    _show_replies([made["base-replies"], made["replies"]])
    console.print("\n[bold]Lineage[/bold]")
    show_wide(lineage_tree(lineage(store, made["scores"])))
    console.print("\n[bold]Pictures[/bold] (open in a browser)")
    for artifact in made.values():
        report = artifact.path / "report.html"
        if report.exists():
            console.print(f"  {report}", soft_wrap=True, highlight=False)
    site = made["leaderboard"].path / "site" / "index.html"
    console.print(f"  {site}: the leaderboard", soft_wrap=True, highlight=False)
    again = sum(result.state == "up to date" for result in results)
    took = human_seconds(time.monotonic() - start)
    console.print(f"\n{again} of {len(results)} steps were up to date; {took}.")
    console.print(
        "Next: cd into the folder and try\n"
        '  mowa generate quickstart/base "W Krakowie"\n'
        "  mowa lineage quickstart/base --document <id>    (ids: see the corpus's report)\n"
        "  mowa init ../mymodel                            (a project with your own texts)\n"
        "  mowa chat quickstart/preferred                  (ask it what its texts tell)",
        highlight=False,
    )


@sample_app.command()
def write(
    folder: Annotated[Path, typer.Argument(help="Where to write it; made where absent.")],
    seed: Annotated[
        int, typer.Option(help="Another seed gives other texts of the same kinds.")
    ] = 7,
    size: Annotated[int, typer.Option(help="Good documents; trouble comes on top.")] = 2_000,
) -> None:
    """Write the sample into FOLDER: web pages, text files, notes, papers, and the truth about them.

    The same seed and size give the same bytes, so two people can speak of the same document. Each
    line of FOLDER/truth.jsonl says of one record what it is, what should become of it, and what
    text should come out. 2,000 documents are 12 MB; 7,000 are 5 MB of good text in 45 MB.
    """
    from mowa.sample import write_sample

    made = write_sample(folder, seed=seed, size=size)
    table = grid("kind of record", "number#")
    for kind, count in made.records.items():
        add_row(table, kind, f"{count:,}")
    show_wide(table)
    console.print(
        f"{len(made.written)} files written; {made.documents:,} good documents of"
        f" {made.characters:,} characters in {folder}"
    )


@sample_app.command("measure")
def measure_sample(
    folder: Annotated[Path, typer.Argument(help="The sample: the folder with truth.jsonl.")],
    corpus: Annotated[str, typer.Argument(help="The corpus made of it: quickstart/corpus.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Hold CORPUS against the truth about the sample: what was planted, and how much was found.

    Precision is the share of what was taken for such a thing that is one; recall the share of what
    was planted that was found. Change a threshold of a recipe that reads the sample, run it, and
    measure again: the table shows what the change costs.
    """
    store = Workspace.open(workspace)
    made = store.get(corpus)
    documents = [item for item in made.inputs if item.kind == "documents"]
    if made.kind != "corpus" or len(documents) != 1:
        raise UsageError(
            f"{made.id} is not a corpus made of one documents step",
            fix="name the corpus step of a recipe that reads the sample",
        )
    source = store.get(f"{documents[0].name}@{documents[0].version}")
    _show_measured(_measured(folder, made, source), None, whole=True)


def _measured(folder: Path, corpus: Artifact, documents: Artifact) -> list[Row]:
    from mowa.sample import measure, read_truth

    return measure(read_truth(folder), corpus.path, documents.path)


def _show_measured(rows: list[Row], path: Path | None, *, whole: bool) -> None:
    from mowa.sample import as_json, summary

    table = grid(
        "what", "planted#", "found#", "false alarms#", "precision#", "recall#", "looked for by",
        title="\n[bold]Planted against found[/bold]",
    )  # fmt: skip
    shown = rows if whole else summary(rows)
    for row in shown:
        label = f"{row.group}: {row.label}" if whole and row.label else row.group
        unit = " (words)" if row.group == "main text" else ""
        add_row(
            table,
            label + unit,
            f"{row.planted:,}",
            _number(row.found),
            _number(row.false_alarms),
            _share(row.precision),
            _share(row.recall),
            row.looked_for_by or "–",
        )
    show_wide(table)
    unseen = [row.group for row in summary(rows) if row.looked_for_by is None]
    if unseen:
        console.print(f"No step looks for these yet: {', '.join(unseen)}.")
    if path is not None:
        write_text(path, as_json(rows))
        console.print(
            f"Every sort by itself: {path}; what each means: docs/sample.md.\n"
            "Some are hard on purpose: what no step finds well yet is what comes next.",
            highlight=False,
        )


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _show_documents(corpus: Artifact) -> None:
    metrics = corpus.metrics
    table = grid("documents", "number#", title="\n[bold]What became of the records[/bold]")
    add_row(table, "records read", f"{metrics['records']:,}")
    skipped = metrics["records"] - metrics["documents"]
    add_row(table, "  not texts (requests, pictures, errors)", f"{skipped:,}")
    add_row(table, "documents in", f"{metrics['documents']:,}")
    for split, count in metrics["splits"].items():
        add_row(table, f"  kept, {split.replace('_', '-')}", f"{_count(count):,}")
    for reason, count in metrics["reasons"].items():
        add_row(table, f"  not kept: {reason}", f"{_count(count):,}")
    show_wide(table)


def _show_figures(made: dict[str, Artifact]) -> None:
    scores, model = made["scores"].metrics, made["base"].metrics
    fertility = json.loads((made["tokenizer"].path / "fertility.json").read_text("utf-8"))
    words = fertility["held_out"]["tokens_per_word"]
    table = grid("figure", "value#", "", title="\n[bold]Figures on held-out documents[/bold]")
    add_row(table, "tokens per word", f"{words:.2f}", "")
    for label, key in (
        ("bits per byte before training", "untrained_bpb"),
        ("bits per byte, xz -9 per document", "xz_bpb"),
        ("bits per byte, 5-gram model", "ngram_bpb"),
        ("bits per byte after training", "held_out_bpb"),
    ):
        bounds = scores.get(f"{key}_interval")
        interval = f"95 % interval {bounds[0]:.2f} to {bounds[1]:.2f}" if bounds else ""
        add_row(table, label, f"{scores[key]:.2f}", interval)
    add_row(table, "parameters", f"{model['parameters']:,}", "")
    seconds = human_seconds(model["seconds"])
    add_row(table, "tokens trained on", f"{model['tokens_seen']:,}", f"in {seconds}")
    size = sum(file.bytes for file in made["base"].files)
    add_row(table, "size of the model", human_bytes(size), str(made["base"].path))
    show_wide(table)


def _show_answers(answers: Artifact) -> None:
    console.print("\n[bold]What the model can do[/bold]")
    rows: list[dict[str, Any]] = answers.metrics["results"]
    table = grid("task", "model", "right#", "95 % interval", "items#")
    for row in sorted(rows, key=lambda row: (row["task"], -row["value"])):
        interval = f"{row['low']:.1%} to {row['high']:.1%}"
        add_row(
            table, row["task"], row["model"], f"{row['value']:.1%}", interval, f"{row['items']:,}"
        )
    show_wide(table)


def _show_replies(steps: list[Artifact]) -> None:
    """What is right of what each model replies, a task a row."""
    rows: list[dict[str, Any]] = [row for step in steps for row in step.metrics["results"]]
    models = list(dict.fromkeys(row["model"] for row in rows))
    values = {(row["task"], row["model"]): row["value"] for row in rows}
    table = grid(
        "right answers", *(f"{model.partition('/')[2]}#" for model in models),
        title="\n[bold]What it learns from dialogues, and from preferences[/bold]",
    )  # fmt: skip
    for task in dict.fromkeys(row["task"] for row in rows):
        add_row(
            table, _ASKED.get(task, task), *(_share(values.get((task, model))) for model in models)
        )
    show_wide(table)


def _show_samples(model: Artifact) -> None:
    console.print("\n[bold]The model continues[/bold]")
    samples: list[dict[str, Any]] = json.loads((model.path / "samples.json").read_text("utf-8"))
    for sample in samples:
        text = f"{sample['prompt']}|{sample['continuation']}".replace("\n", " ")
        console.print(f"  {text}", markup=False, highlight=False)


def _count(value: Any) -> int:
    """A number of documents, from a count or from a table that holds one."""
    return int(value["documents"] if isinstance(value, dict) else value)
