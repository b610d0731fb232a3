"""`mowa corpus …`: questions to a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, console, grid, plain_width
from mowa.errors import UsageError
from mowa.workspace import Artifact, Workspace

corpus_app = typer.Typer(no_args_is_help=True, help="Questions to a corpus.")


@corpus_app.command()
def why(
    document: Annotated[str, typer.Argument(help="The document's id, or its first six digits.")],
    corpus: Annotated[
        str | None, typer.Option(help="The corpus; every corpus of the workspace without it.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Say why a document was kept or not: every rule, its value and its bounds."""
    from mowa.corpus import why as why_document

    found, explanation = _first(
        _corpora(Workspace.open(workspace), corpus), lambda item: why_document(item.path, document)
    )
    console.print(f"[bold]document {explanation.doc_id}[/bold] in {found.id}")
    verdict = explanation.decision + (f" ({explanation.reason})" if explanation.reason else "")
    split = f", in the {explanation.split} split" if explanation.split else ""
    console.print(f"[bold]{verdict}[/bold]{split}")
    for key, value in explanation.provenance.items():
        if value is not None:
            console.print(f"  {key}: {value}", markup=False, soft_wrap=True)
    table = grid("rule", "value#", "bounds", "passed")
    for rule in explanation.rules:
        table.add_row(rule.name, rule.value, rule.bounds, "yes" if rule.passed else "[bold]no[/bold]")
    plain_width(table)
    console.print(explanation.text, markup=False, soft_wrap=True)


def _corpora(store: Workspace, reference: str | None) -> list[Artifact]:
    if reference is not None:
        return [store.get(reference)]
    found = [item for item in store.all() if item.kind == "corpus"]
    if not found:
        raise UsageError("there is no corpus in this workspace", where=str(store.root))
    return found
