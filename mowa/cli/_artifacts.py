"""`mowa status`, `show`, `lineage`, `verify`, `promote`, `gc`: looking after a workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

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
from mowa.errors import MowaError, UsageError
from mowa.workspace import Workspace

ArtifactArgument = Annotated[
    str, typer.Argument(help="recipe/step, recipe/step@version, or the artifact's folder.")
]


def status(
    recipe: Annotated[
        Path | None, typer.Argument(help="A recipe: what of it is up to date, and why not.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    settings: Annotated[list[str] | None, typer.Option("--set", help="As for mowa run.")] = None,
) -> None:
    """List what the workspace holds, or how far a RECIPE is."""
    from mowa.workspace import Workspace

    if recipe is not None:
        from mowa.cli._run import show_plan
        from mowa.recipe import Recipe

        show_plan(Recipe.load(recipe, settings or []), workspace, None)
        return
    store = Workspace.open(workspace)
    table = grid("artifact", "kind", "size#", "made", "took#", "release", "fingerprint")
    for item in store.all():
        add_row(
            table,
            item.id,
            item.kind,
            human_bytes(sum(file.bytes for file in item.files)),
            item.created,
            human_seconds(item.seconds),
            item.rights.get("release", ""),
            item.fingerprint[:12],
        )
    show_wide(table)
    old, unfinished = store.superseded(), list(store.leftovers())
    if old or unfinished:
        console.print(
            f"{len(old)} superseded artifacts (`mowa gc` removes what nothing needs) and"
            f" {len(unfinished)} unfinished builds (a run goes on from them)"
        )


def show(
    artifact: ArtifactArgument,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print artifact.json.")] = False,
) -> None:
    """Show what an artifact is, what it was made from, what was measured, where its report is."""
    item = _store(workspace, artifact).get(artifact)
    if as_json:
        console.file.write(item.to_json())
        return
    table = grid("", "")
    add_row(table, "artifact", item.id)
    add_row(table, "kind", item.kind)
    add_row(table, "folder", str(item.path))
    add_row(table, "fingerprint", item.fingerprint)
    add_row(table, "made", f"{item.created} in {human_seconds(item.seconds)}")
    add_row(table, "by", f"mowa {item.code['mowa']} {item.code['commit'][:12]}")
    add_row(table, "size", human_bytes(sum(file.bytes for file in item.files)))
    add_row(table, "release", item.rights.get("release", ""))
    for name, rights in item.rights.get("sources", {}).items():
        add_row(table, "source", f"{name} · {rights['licence']} · {rights['legal_basis']}")
    for used in item.inputs:
        add_row(table, "made from", f"{used.name}@{used.version} ({used.fingerprint[:12]})")
    for part in ("config", "runtime", "metrics"):
        for key, value in _flat(getattr(item, part)):
            add_row(table, part, f"{key} = {value}")
    if (item.path / "report.html").exists():
        add_row(table, "report", str(item.path / "report.html"))
    show_wide(table)


def lineage(
    artifact: ArtifactArgument,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    document: Annotated[
        str | None,
        typer.Option("--document", "-d", help="Follow this document (its id) to its record."),
    ] = None,
    *,
    down: Annotated[
        bool, typer.Option("--down/--up", help="What was made from it, or what it was made from.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what an artifact was made from, down to the source or to one record of one file."""
    from mowa.workspace import lineage as lineage_of

    store = _store(workspace, artifact)
    item = store.get(artifact)
    if document is not None:
        from mowa.recipe import trace

        found = trace(store, item, document)
        if as_json:
            _print_json(found.to_dict())
            return
        console.print(f"[bold]document {found.doc_id}[/bold]")
        for hop in found.hops:
            facts = ", ".join(
                f"{key} {value}" for key, value in hop.facts.items() if value is not None
            )
            console.print(f"  {hop.artifact} {hop.fingerprint[:12]} {facts}", markup=False)
        for key, value in found.record.items():
            if value is not None:
                console.print(f"    {key}: {value}", markup=False)
        return
    node = lineage_of(store, item, "down" if down else "up")
    if as_json:
        _print_json(node.to_dict())
    else:
        show_wide(lineage_tree(node))


def verify(
    artifacts: Annotated[
        list[str] | None, typer.Argument(help="What to verify; everything without it.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Hash every file again and compare with the records; exit code 1 where anything differs."""
    from mowa.workspace import verify as verify_artifact

    if artifacts:
        items = [_store(workspace, name).get(name) for name in artifacts]
    else:
        items = _store(workspace, "").all()
    faults = [fault for item in items for fault in verify_artifact(item)]
    for fault in faults:
        console.print(f"{fault.artifact}: {fault.path}: {fault.what}", markup=False)
    files = sum(len(item.files) for item in items)
    if faults:
        raise MowaError(
            f"{len(faults)} of {files} files are not what was made",
            fix="remove the artifact's folder and run its recipe again",
        )
    console.print(f"{len(items)} artifacts, {files} files: all as they were made")


def promote(
    artifact: ArtifactArgument,
    version: Annotated[str, typer.Argument(help="The version to fix, for example 1.0.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Fix an artifact, and all that it stands on, under VERSION, without building it again."""
    from mowa.workspace import promote as promote_artifact

    store = _store(workspace, artifact)
    fixed = promote_artifact(store, store.get(artifact), version)
    for item in fixed:
        console.print(f"{item.id} [dim]{item.fingerprint[:12]}[/dim]")
    console.print(f"{len(fixed)} artifacts are now fixed as {version}")


def gc(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    unfinished: Annotated[
        bool,
        typer.Option("--unfinished", help="Unfinished builds too, which a run could go on from."),
    ] = False,
) -> None:
    """Remove superseded artifacts that nothing was made from."""
    from mowa.workspace import collect_garbage, garbage

    store = _store(workspace, "")
    found = garbage(store, unfinished=unfinished)
    for folder, size in found:
        console.print(f"{human_bytes(size):>10}  {folder.name}", markup=False)
    total = sum(size for _, size in found)
    if not dry_run:
        total = collect_garbage(store, unfinished=unfinished)
    console.print(f"{human_bytes(total)} {'would be' if dry_run else 'were'} freed")


def _store(workspace: Path, reference: str) -> Workspace:
    """The workspace; an artifact's folder needs none of its own."""
    from mowa.workspace import RECORD, Workspace

    if reference and (Path(reference) / RECORD).exists():
        folder = Path(reference).resolve()
        if (folder.parent.parent / ".mowa").is_dir():
            return Workspace.open(folder.parent.parent)
        return Workspace(folder.parent.parent)
    try:
        return Workspace.open(workspace)
    except UsageError as error:
        error.fix = "name it with --workspace or MOWA_WORKSPACE, or make one with mowa run"
        raise


def _flat(values: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    flat: list[tuple[str, object]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{key}.")
        else:
            flat.append((prefix + key, value))
    return flat


def _print_json(value: object) -> None:
    console.file.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")
