"""`mowa quickstart`: the whole road on the built-in sample, and what came of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from mowa.cli._common import (
    add_row,
    console,
    grid,
    human_bytes,
    human_seconds,
    lineage_tree,
    show_wide,
)
from mowa.cli._run import install_sample
from mowa.workspace import Artifact, Workspace, lineage


def quickstart(
    folder: Annotated[
        Path, typer.Argument(help="The folder to work in; made where absent.")
    ] = Path("quickstart"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes for corpus work.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change a key of the recipe.")
    ] = None,
) -> None:
    """Walk the whole road on the sample: texts, corpus, tokenizer, model, scores. A few minutes.

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
    _show_figures(made)
    _show_samples(made["base"])
    console.print("\n[bold]Lineage[/bold]")
    show_wide(lineage_tree(lineage(store, made["scores"])))
    console.print("\n[bold]Pictures[/bold] (open in a browser)")
    for artifact in made.values():
        report = artifact.path / "report.html"
        if report.exists():
            console.print(f"  {report}", soft_wrap=True, highlight=False)
    again = sum(result.state == "up to date" for result in results)
    took = human_seconds(time.monotonic() - start)
    console.print(f"\n{again} of {len(results)} steps were up to date; {took}.")
    console.print(
        "Next: cd into the folder and try\n"
        '  mowa generate quickstart/base "W Krakowie"\n'
        "  mowa lineage quickstart/base --document <id>    (ids: see the corpus's report)\n"
        "  mowa init ../mymodel                            (a project with your own texts)",
        highlight=False,
    )


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


def _show_samples(model: Artifact) -> None:
    console.print("\n[bold]The model continues[/bold]")
    samples: list[dict[str, Any]] = json.loads((model.path / "samples.json").read_text("utf-8"))
    for sample in samples:
        text = f"{sample['prompt']}|{sample['continuation']}".replace("\n", " ")
        console.print(f"  {text}", markup=False, highlight=False)


def _count(value: Any) -> int:
    """A number of documents, from a count or from a table that holds one."""
    return int(value["documents"] if isinstance(value, dict) else value)
