"""`mowa corpus …`: questions to a corpus."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mowa.cli import _corpus_compare, _corpus_look, _corpus_share
from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, add_row, console, grid, show_wide
from mowa.cli._label import label, train_classifier
from mowa.errors import UsageError
from mowa.workspace import Artifact, Workspace

if TYPE_CHECKING:
    from mowa.corpus import Explanation, Rule

corpus_app = typer.Typer(no_args_is_help=True, help="Questions to a corpus.")
corpus_app.command()(_corpus_look.show)
corpus_app.command()(_corpus_look.stats)
corpus_app.command()(_corpus_look.sample)
corpus_app.command()(_corpus_look.search)
corpus_app.command()(_corpus_compare.diff)
corpus_app.command()(_corpus_compare.replay)
corpus_app.command("import")(_corpus_share.bring_in)
corpus_app.command()(_corpus_share.catalogue)


@corpus_app.callback()
def corpus() -> None:
    """Questions to a corpus."""


corpus_app.command()(label)
corpus_app.command()(train_classifier)


@corpus_app.command()
def why(
    document: Annotated[
        str, typer.Argument(help="The document's id, or its first digits (6 at least).")
    ],
    corpus: Annotated[
        str | None, typer.Option(help="The corpus; every corpus of the workspace without it.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Say why a document was kept or not: every rule, its value and its bounds."""
    found, explained = _explain(_corpora(Workspace.open(workspace), corpus), document)
    console.print(f"[bold]document {explained.doc_id}[/bold] in {found.id}")
    verdict = explained.decision
    if explained.reason:
        verdict += f": {explained.reason}"
    if explained.detail:
        verdict += f" ({explained.detail})"
    if explained.split:
        verdict += f", {explained.split} split"
    console.print(verdict, style="bold", markup=False, highlight=False)
    if explained.duplicate_of:
        first = f"{explained.duplicate_of} at {explained.duplicate_locator}"
        console.print(f"  the copy that stays: {first}", markup=False, highlight=False)
    for twin in explained.twins:
        what = "same text" if twin.same else "nearly the same text"
        line = f"  {what}: {twin.doc_id} {twin.decision} {twin.source} {twin.locator}"
        console.print(line, markup=False, highlight=False)
    if explained.twins_in_all > len(explained.twins):
        console.print(f"  and {explained.twins_in_all - len(explained.twins):,} more copies")
    for key, value in explained.provenance.items():
        if value is not None:
            console.print(f"  {key}: {value}", markup=False, highlight=False)
    table = grid("rule", "value#", "bounds", "passed", "where the bounds come from")
    for rule in explained.rules:
        passed = "yes" if rule.passed else "NO"
        add_row(table, rule.name, _value(rule.value), _bounds(rule), passed, rule.origin)
    show_wide(table)
    console.print(explained.excerpt, markup=False, highlight=False)


class _Form(StrEnum):
    SPEAKLEASH = "speakleash"
    JSONL = "jsonl"
    PARQUET = "parquet"
    DATASETS = "datasets"


class _Split(StrEnum):
    TRAIN = "train"
    HELD_OUT = "held_out"
    ALL = "all"


class _Release(StrEnum):
    OPEN = "open"
    RESEARCH = "research"


@corpus_app.command()
def export(
    corpus: Annotated[str, typer.Argument(help="The corpus: recipe/step, or recipe/step@version.")],
    out: Annotated[Path, typer.Argument(help="The folder to write into.")],
    *,
    name: Annotated[str, typer.Option(help="The name of the dataset, and of its files.")],
    form: Annotated[_Form, typer.Option("--format", help="What to write.")] = _Form.SPEAKLEASH,
    split: Annotated[_Split, typer.Option(help="Which kept documents.")] = _Split.TRAIN,
    release: Annotated[
        _Release | None,
        typer.Option(help="open leaves out what is for research only; research takes all."),
    ] = None,
    description: Annotated[str, typer.Option(help="What the manifest says of the dataset.")] = "",
    sources: Annotated[
        Path, typer.Option(help="The register of sources, for their addresses.")
    ] = Path("sources"),
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    force: Annotated[bool, typer.Option("--force", help="Write over files of that name.")] = False,
) -> None:
    """Write the kept documents: a SpeakLeash or Hugging Face dataset, JSON Lines, Parquet."""
    from mowa.corpus import export as export_corpus

    found = Workspace.open(workspace).get(corpus)
    written = export_corpus(
        found.path,
        out,
        name,
        form=form.value,
        split=split.value,
        release=None if release is None else release.value,
        register=sources,
        description=description or f"Kept documents of the corpus {found.id}",
        force=force,
    )
    console.print(f"{written.documents:,} documents, {written.characters:,} characters")
    for licence, count in written.licences.items():
        console.print(f"  {licence}: {count:,}", markup=False, highlight=False)
    if written.left_out:
        console.print(f"  left out, for research only: {written.left_out:,}")
    for path in written.files:
        console.print(str(path), markup=False, highlight=False)


def _corpora(store: Workspace, reference: str | None) -> list[Artifact]:
    if reference is not None:
        return [store.get(reference)]
    found = [item for item in store.all() if item.kind == "corpus"]
    if not found:
        raise UsageError("there is no corpus in this workspace", where=str(store.root))
    return found


def _explain(corpora: list[Artifact], document: str) -> tuple[Artifact, Explanation]:
    """The first corpus that knows the document; the error of the last one if none does."""
    from mowa.corpus import why as why_document

    *others, last = corpora
    for item in others:
        try:
            return item, why_document(item.path, document)
        except UsageError:
            continue
    return last, why_document(last.path, document)


def _value(value: str | float | None) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str("" if value is None else value)


def _bounds(rule: Rule) -> str:
    low = "" if rule.minimum is None else f"at least {rule.minimum:g}"
    high = "" if rule.maximum is None else f"at most {rule.maximum:g}"
    return ", ".join(bound for bound in (low, high) if bound)
