"""`mowa instruct review`: what people decided about dialogues, written into a new set."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, console
from mowa.cli._instruct_sources import Rows, dialogues_of, say_unread
from mowa.cli._option_groups import with_groups
from mowa.errors import UsageError
from mowa.execution import harmless

if TYPE_CHECKING:
    from mowa.instructions import Review

_SHOWN = 10
_ROWS = Rows()

ListsOption = list[Path] | None


@with_groups
def review(
    dialogues: Annotated[
        str, typer.Argument(help="recipe/step, a folder with dialogues, or a file of rows.")
    ],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A new folder, or a new file called .jsonl.")
    ],
    accept: Annotated[
        ListsOption, typer.Option(help="File of ids that are good: a column, or JSON Lines.")
    ] = None,
    reject: Annotated[
        ListsOption, typer.Option(help="File of ids that nothing is to learn from.")
    ] = None,
    correct: Annotated[
        ListsOption,
        typer.Option(help="File of ids and new answers, with tabs between, or JSON Lines."),
    ] = None,
    rows: Rows = _ROWS,
) -> None:
    """Write DIALOGUES again with what people decided: accepted, rejected, corrected.

    Rejected ones stay in the set, marked so; training leaves them out.
    """
    from mowa.instructions import export_rows, read_dialogues, write_dialogues
    from mowa.instructions._review import Reviewed, read_decisions, reviewed

    lists: list[tuple[Review, Path]] = [
        *(("accepted", path) for path in accept or ()),
        *(("rejected", path) for path in reject or ()),
        *(("corrected", path) for path in correct or ()),
    ]
    if not lists:
        raise UsageError("nothing is decided", fix="name files: --accept, --reject, --correct")
    if out.exists():
        raise UsageError(
            "there is something of that name", where=f"--out {out}", fix="name a new one"
        )
    decisions = read_decisions(lists)
    counted = Reviewed(Counter(), [])
    with dialogues_of(dialogues, workspace, rows) as (read, unread):
        found = reviewed(read_dialogues(read.path), decisions, counted)
        if out.suffix == ".jsonl":
            export_rows(found, out, "mowa")
        else:
            out.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=out.parent, prefix=".mowa-review-") as folder:
                write_dialogues(Path(folder) / out.name, found)
                (Path(folder) / out.name).rename(out)
    states = ", ".join(
        f"{count:,} {'not looked at' if state == 'none' else state}"
        for state, count in counted.states.most_common()
    )
    total = counted.states.total()
    console.print(f"{total:,} dialogues in {out}: {states}", markup=False, highlight=False)
    say_unread(unread)
    if counted.unknown:
        first = ", ".join(counted.unknown[:_SHOWN])
        more = f" and {len(counted.unknown) - _SHOWN:,} more" * (len(counted.unknown) > _SHOWN)
        console.print(
            harmless(f"{len(counted.unknown):,} ids are of no dialogue here: {first}{more}"),
            style="yellow",
            markup=False,
            highlight=False,
        )
