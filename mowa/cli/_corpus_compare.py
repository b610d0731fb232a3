"""`mowa corpus diff|replay`: two corpora side by side, and one under other thresholds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, add_row, console, grid, show_wide
from mowa.cli._corpus_look import CorpusArgument, JsonOption, folder_of
from mowa.errors import UsageError
from mowa.languages import load


def diff(
    first: CorpusArgument,
    second: Annotated[str, typer.Argument(help="The corpus to compare it with.")],
    *,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Show how the second corpus differs from the first."""
    from mowa.corpus.catalogue import diff as compare

    found = compare(folder_of(workspace, first), folder_of(workspace, second))
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, indent=1))
        return
    console.print(", ".join(f"{name} {count:,}" for name, count in found.documents.items()))
    changes = {
        "added": found.added,
        "gone": found.gone,
        "text changed": found.text_changed,
        "licence changed": found.relicensed,
        **found.decisions,
    }
    table = grid("what", "documents#", "for example")
    for name, change in changes.items():
        add_row(table, name, f"{change.documents:,}", " ".join(change.examples[:2]))
    show_wide(table)
    for what, pairs in (("source", found.sources), ("licence", found.licences)):
        table = grid(what, "kept before#", "kept after#")
        for name, (before, after) in pairs.items():
            add_row(table, name, f"{before:,}", f"{after:,}")
        if pairs:
            show_wide(table)


def replay(
    corpus: CorpusArgument,
    *,
    settings: Annotated[
        list[str],
        typer.Option("--set", help="thresholds.words.minimum=50, thresholds.words=off …"),
    ],
    as_json: JsonOption = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Show what other thresholds would keep, from the signals, without building anything."""
    from mowa.corpus.catalogue import checked_manifest
    from mowa.corpus.catalogue import replay as decide_again

    folder = folder_of(workspace, corpus)
    try:
        pack = load(str(checked_manifest(folder).get("language")))
    except UsageError:  # a corpus of a language that this Mowa has no pack of
        pack = None
    found = decide_again(folder, settings, pack)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, indent=1))
        return
    table = grid("source", "kept#", "would be#", "characters#", "would be#")
    for name, counts in found.sources.items():
        columns = ("documents_before", "documents_after", "characters_before", "characters_after")
        add_row(table, name, *(f"{counts[column]:,}" for column in columns))
    show_wide(table)
    table = grid("reason", "documents#", "would be#", "change#")
    for name, counts in found.reasons.items():
        before, after = counts["before"], counts["after"]
        add_row(table, name, f"{before:,}", f"{after:,}", f"{after - before:+,}")
    show_wide(table)
    console.print(f"{found.gained:,} more would be kept, {found.lost:,} no longer")
    for example in found.examples:
        line = " ".join(str(value) for value in example.values() if value)
        console.print(f"  {line}", markup=False, highlight=False)
    console.print("to build it, in the corpus step of the recipe:")
    if found.minimum_language_confidence is not None:
        console.print(f"  minimum_language_confidence = {found.minimum_language_confidence:g}")
    for name, bounds in found.thresholds.items():
        inner = ", ".join(f"{end} = {v:g}" for end, v in bounds.items() if v is not None)
        console.print(f"  thresholds.{name} = {{ {inner} }}", markup=False, highlight=False)
