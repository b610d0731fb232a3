"""`mowa corpus import|catalogue`: others' datasets in, and a catalogue of ours to mirror."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mowa.cli._common import console, human_bytes


def bring_in(
    path: Annotated[
        Path, typer.Argument(help="NAME.manifest, a folder of Parquet files, .parquet or .jsonl.")
    ],
    *,
    name: Annotated[str, typer.Option(help="The name of the source to be.")],
    data: Annotated[Path, typer.Option(help="The recipe's data folder.")] = Path("data"),
    sources: Annotated[Path, typer.Option(help="The register of sources.")] = Path("sources"),
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
) -> None:
    """Bring a dataset in: check it, copy its files, write a source to fill in and a recipe."""
    from mowa.corpus.catalogue import bring_in as bring

    day = datetime.now(UTC).date().isoformat()
    found = bring(path, name, data=data, sources=sources, day=day, force=force)
    skipped = f", {found.skipped:,} records skipped" if found.skipped else ""
    console.print(
        f"{found.form}: {found.documents:,} documents, {found.characters:,} characters{skipped}"
    )
    console.print(f"{found.folder}\n{found.source}  (look at its rights)", markup=False)
    console.print(f"\nfor a recipe:\n\n{found.recipe}", markup=False, highlight=False)


def catalogue(
    folder: Annotated[Path, typer.Argument(help="The folder of exported datasets.")],
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Only check; write nothing.")] = False,
) -> None:
    """Write or check speakleash.json, the catalogue of a folder that others can mirror."""
    from mowa.corpus.catalogue import check_mirror, write_mirror

    if verify:
        faults = check_mirror(folder)
        for fault in faults:
            console.print(fault, markup=False, highlight=False)
        if faults:
            raise typer.Exit(1)
        console.print("all is as the catalogue says")
        return
    for entry in write_mirror(folder):
        console.print(
            f"{entry.name}  {human_bytes(entry.file_size)}  {entry.blake2b}",
            markup=False,
            highlight=False,
        )
