"""`mowa corpus show|stats|sample|search`: looking into one corpus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, add_row, console, grid, show_wide
from mowa.errors import UsageError
from mowa.workspace import Workspace

CorpusArgument = Annotated[
    str, typer.Argument(help="The corpus: recipe/step, recipe/step@version, or its folder.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_BAR = 40
_SHOWN_CHARACTERS = 1_000


def folder_of(workspace: Path, reference: str | None) -> Path:
    """The folder of the corpus that a person means; the only one where none is named."""
    if reference is not None and (Path(reference) / "manifest.json").is_file():
        return Path(reference)
    store = Workspace.open(workspace)
    if reference is not None:
        found = store.get(reference)
        if found.kind != "corpus":
            raise UsageError(f"{found.id} is no corpus but {found.kind}", fix="name a corpus")
        return found.path
    corpora = [item for item in store.all() if item.kind == "corpus"]
    if len(corpora) != 1:
        names = ", ".join(item.id for item in corpora)
        raise UsageError(
            f"there are several corpora: {names}" if corpora else "there is no corpus here",
            where=str(store.root),
            fix="name one of them" if corpora else "run a recipe first",
        )
    return corpora[0].path


def show(
    corpus: Annotated[str | None, typer.Argument(help="The corpus; the only one without.")] = None,
    *,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Show what a corpus is: sources, licences, decisions, reasons, lengths, languages."""
    from mowa.corpus.catalogue import checked_manifest

    folder = folder_of(workspace, corpus)
    manifest = checked_manifest(folder)
    if as_json:
        typer.echo(json.dumps(manifest, ensure_ascii=False, indent=1))
        return
    console.print(
        f"{folder}: {manifest['documents']:,} documents in {manifest.get('language', '?')}",
        markup=False,
        highlight=False,
    )
    for what in ("sources", "licences"):
        table = grid(what[:-1], "documents#", "kept#", "share#", "characters#")
        for name, entry in manifest[what].items():
            kept = entry.get("keep", 0)
            share = f"{kept / entry['documents']:.1%}" if entry["documents"] else ""
            numbers = (f"{entry['documents']:,}", f"{kept:,}", share, f"{entry['characters']:,}")
            add_row(table, name, *numbers)
        show_wide(table)
    for what in ("decisions", "reasons"):
        _counts(what[:-1], {name: entry["documents"] for name, entry in manifest[what].items()})
    for what in ("languages", "quality", "duplicates", "personal_data", "edits", "hosts"):
        if manifest.get(what):
            _counts(what.replace("_", " "), manifest[what])
    lengths = manifest.get("lengths", {})
    if lengths:
        _histogram(lengths["edges"], lengths["kept"], "characters of kept documents")


def stats(
    corpus: CorpusArgument,
    signal: Annotated[str, typer.Argument(help="A signal, such as words or stop_word_share.")],
    *,
    by: Annotated[str, typer.Option(help="source, decision, reason, licence, host …")] = "source",
    decision: Annotated[str | None, typer.Option(help="Only documents so decided.")] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Show how a signal is distributed: percentiles by group, and a histogram."""
    from mowa.corpus.catalogue import distribution

    found = distribution(folder_of(workspace, corpus), signal, by, decision)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, indent=1))
        return
    columns = list(found.rows[0]) if found.rows else ["group"]
    table = grid(columns[0], *(f"{name}#" for name in columns[1:]), title=f"{signal} by {by}")
    for row in found.rows:
        add_row(table, *(_cell(value) for value in row.values()))
    show_wide(table)
    _histogram(found.edges, found.counts, signal)


def sample(
    corpus: CorpusArgument,
    *,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many.")] = 10,
    decision: Annotated[str | None, typer.Option(help="keep, reject, …, or all.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only those not kept for this.")] = None,
    source: Annotated[str | None, typer.Option(help="Only those of this source.")] = None,
    seed: Annotated[int, typer.Option(help="Which documents.")] = 0,
    whole: Annotated[bool, typer.Option("--whole", help="Print whole texts.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Print random documents, as even over the sources as they allow."""
    from mowa.corpus.catalogue import draw

    # A reason belongs to what is not kept.
    chosen = decision or (None if reason else "keep")
    found = draw(
        folder_of(workspace, corpus),
        number,
        decision=None if chosen == "all" else chosen,
        reason=reason,
        source=source,
        seed=seed,
    )
    for row in found.iter_rows(named=True):
        if as_json:
            typer.echo(json.dumps(row, ensure_ascii=False))
            continue
        verdict = " ".join(filter(None, (row["decision"], row["reason"], row["detail"])))
        head = f"── {row['doc_id']} · {row['source']} · {row['licence']} · {verdict}"
        console.print(head, style="bold", markup=False, highlight=False)
        for name in ("title", "url"):
            if row[name]:
                console.print(row[name], style="dim", markup=False, highlight=False)
        text = row["text"]
        cut = not whole and len(text) > _SHOWN_CHARACTERS
        shown = f"{text[:_SHOWN_CHARACTERS]}…" if cut else text
        console.print(f"{shown}\n", markup=False, highlight=False)


def search(
    corpus: CorpusArgument,
    pattern: Annotated[str, typer.Argument(help="Words, or with --regex a pattern.")],
    *,
    regex: Annotated[bool, typer.Option("--regex", help="Rust's regular expressions.")] = False,
    fold: Annotated[
        bool, typer.Option("--fold", help="Regard neither case nor diacritics.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what is not kept.")] = False,
    fields: Annotated[
        list[str] | None, typer.Option("--in", help="text, title, url, author, host.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many documents.")] = 20,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Find documents by words or a pattern in their text, title or address."""
    from mowa.corpus.catalogue import search as search_corpus

    hits = search_corpus(
        folder_of(workspace, corpus),
        pattern,
        regex=regex,
        fold=fold,
        kept=not everything,
        fields=fields or ("text", "title", "url"),
        limit=limit,
    )
    count = 0
    for count, hit in enumerate(hits, 1):  # noqa: B007 - the last count is wanted
        if as_json:
            typer.echo(json.dumps(asdict(hit), ensure_ascii=False))
            continue
        console.print(
            f"{hit.doc_id} {hit.source} {hit.decision} {hit.field}: {hit.snippet}",
            markup=False,
            highlight=False,
        )
    if not as_json:
        more = ", and perhaps more: raise --limit" if count == limit else ""
        console.print(f"{count:,} document{'' if count == 1 else 's'}{more}")


def _counts(what: str, counts: Mapping[str, Any]) -> None:
    table = grid(what, "documents#")
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20]:
        add_row(table, name, f"{count:,}")
    show_wide(table)


def _histogram(edges: Any, counts: Any, what: str) -> None:
    filled = [index for index, count in enumerate(counts) if count]
    if not filled:
        return
    table = grid(f"{what} from", "documents#", "")
    most = max(counts)
    for index in range(filled[0], filled[-1] + 1):
        bar = "█" * round(counts[index] / most * _BAR)
        add_row(table, f"{edges[index]:,.4g}", f"{counts[index]:,}", bar)
    show_wide(table)


def _cell(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str("–" if value is None else value)
