"""`mowa instruct …`: dialogues, looked at, reviewed, handed on, and made by models."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mowa.cli import _instruct_make, _instruct_review
from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, console, harmless_json
from mowa.cli._instruct_sources import artifact_of
from mowa.errors import UsageError
from mowa.execution import harmless

if TYPE_CHECKING:
    from mowa.instructions import Dialogue

instruct_app = typer.Typer(no_args_is_help=True, help="Dialogues: what an assistant learns from.")
for _command in (
    _instruct_make.generate,
    _instruct_make.translate,
    _instruct_make.judge,
    _instruct_make.pairs,
    _instruct_review.review,
):
    instruct_app.command()(_command)

DialoguesArgument = Annotated[
    str, typer.Argument(help="The dialogues: recipe/step, recipe/step@version, or their folder.")
]

_STYLES = {"system": "dim", "user": "cyan", "chosen": "green", "rejected": "red"}


class _Form(StrEnum):
    MESSAGES = "messages"
    TRL = "trl"
    ALLAMO = "allamo"
    ALPACA = "alpaca"
    MOWA = "mowa"


class _Only(StrEnum):
    DIALOGUES = "dialogues"
    PREFERENCES = "preferences"


@instruct_app.command()
def show(
    dialogues: DialoguesArgument,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 10,
    source: Annotated[str | None, typer.Option(help="Only those of this source.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Print long turns whole.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Print the first dialogues of a set, turn by turn, with their origin and licence."""
    from mowa.instructions import read_dialogues, to_row

    shown = 0
    for dialogue in read_dialogues(artifact_of(dialogues, "dialogues", workspace).path):
        if source is not None and dialogue.source != source:
            continue
        if as_json:
            typer.echo(harmless_json(to_row(dialogue)))
        else:
            _print(dialogue, most=None if whole else 1_000)
        shown += 1
        if shown == limit:
            break


@instruct_app.command()
def export(
    dialogues: DialoguesArgument,
    out: Annotated[Path, typer.Argument(help="The file of JSON Lines to write.")],
    *,
    form: Annotated[_Form, typer.Option("--format", help="The form of a line.")] = _Form.MESSAGES,
    only: Annotated[_Only | None, typer.Option(help="Leave the other kind out.")] = None,
    facts: Annotated[
        bool,
        typer.Option("--facts", help="Add id, origin, licence, source, author, model, documents."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file of that name.")] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Write dialogues as JSON Lines that other programs read."""
    from mowa.instructions import export_rows, read_dialogues

    folder = artifact_of(dialogues, "dialogues", workspace).path
    if out.exists() and not force:
        raise UsageError("there is a file of that name", where=str(out), fix="add --force")
    written = export_rows(
        read_dialogues(folder),
        out,
        form.value,
        only=None if only is None else only.value,
        facts=facts,
    )
    console.print(f"{written.rows:,} rows in {out}", markup=False, highlight=False)
    if written.left_out:
        console.print(f"{written.left_out:,} left out: they are no rows of the form {form.value}")
    if written.unattributed:
        named = ", ".join(f"{licence} ({n:,})" for licence, n in written.unattributed.items())
        console.print(
            f"Authors and licence must be named for rows under {named}, and no row says them: write"
            " with --facts, or name them where you publish.",
            style="yellow",
            markup=False,
            highlight=False,
        )


def _print(dialogue: Dialogue, most: int | None) -> None:
    facts = (dialogue.source, dialogue.licence, dialogue.origin, dialogue.language)
    head = " · ".join(["── " + dialogue.id, *(fact or "–" for fact in facts)])
    console.print(harmless(head), style="bold", markup=False, highlight=False)
    turns = [(turn.role, turn.content) for turn in dialogue.messages]
    for role in ("chosen", "rejected"):
        answer = getattr(dialogue, role)
        if answer is not None:
            turns.append((role, answer))
    for role, text in turns:
        cut = most is not None and len(text) > most
        console.print(f"{harmless(role)}:", style=_STYLES.get(role), end=" ", markup=False)
        console.print(
            harmless(f"{text[:most]}…" if cut else text), markup=False, highlight=False, emoji=False
        )
    for span in dialogue.documents:
        stands = f"stands on {span.document} [{span.start}:{span.end}]"
        console.print(harmless(stands), style="dim", markup=False, highlight=False)
    console.print()
