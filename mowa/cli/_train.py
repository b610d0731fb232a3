"""`mowa train`: watching a run, stopping it, and making a model of a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, console, human_bytes, human_seconds
from mowa.errors import UsageError

train_app = typer.Typer(no_args_is_help=True, help="Watch a training run, stop it, export it.")

RunArgument = Annotated[
    str, typer.Argument(help="recipe/step, running or finished, or a folder with metrics.jsonl.")
]

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


@train_app.command()
def watch(
    run: RunArgument,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
) -> None:
    """Show how a run goes: loss, bits per byte, speed, time left.

    Ctrl-C ends the look, not the run.
    """
    folder = _folder(run, workspace)
    if once or not console.is_terminal:
        console.print(_picture(folder))
        return
    with Live(_picture(folder), console=console, refresh_per_second=4) as live:
        while not (folder / "training.json").exists():
            time.sleep(every)
            if not folder.exists():  # it is finished, and has been put in its place
                folder = _folder(run, workspace)
            live.update(_picture(folder))


@train_app.command()
def stop(run: RunArgument, workspace: WorkspaceOption = DEFAULT_WORKSPACE) -> None:
    """Ask a run to save after the update that it is in, and to end.

    `mowa run` with the same recipe goes on later.
    """
    folder, goes = _found(run, workspace)
    if not goes:
        raise UsageError("this run has ended", where=str(folder))
    (folder / "stop").touch()
    console.print("asked; it saves after the update that it is in, and ends with exit code 75")


@train_app.command()
def export(
    run: RunArgument,
    out: Annotated[Path, typer.Argument(help="A new folder for the model.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    step: Annotated[
        int | None, typer.Option(min=0, help="The checkpoint after this update; the newest.")
    ] = None,
) -> None:
    """Make a model that transformers loads out of a checkpoint, of a run that goes on too."""
    try:
        from mowa.training._export import export_checkpoint
    except ModuleNotFoundError as error:
        raise UsageError(
            f"exporting needs the package {error.name}", fix="pip install 'mowa[train]'"
        ) from error
    found = export_checkpoint(_folder(run, workspace), out, step=step)
    console.print(f"wrote {out}, the model after update {found.step:,}")


def _folder(run: str, workspace: Path) -> Path:
    return _found(run, workspace)[0]


def _found(run: str, workspace: Path) -> tuple[Path, bool]:
    """The folder of `run`, and whether it goes on, as far as can be seen."""
    if (Path(run) / "metrics.jsonl").exists():
        return Path(run), not (Path(run) / "training.json").exists()
    from mowa.workspace import Workspace

    store = Workspace.open(workspace)
    name, _, version = run.partition("@")
    begun = [
        (folder / "out", store.is_being_made(found, of))
        for folder, found, of in store.unfinished()
        if found == name and version in ("", of) and (folder / "out" / "metrics.jsonl").exists()
    ]
    if begun:
        return max(begun, key=lambda one: (one[1], (one[0] / "metrics.jsonl").stat().st_mtime))
    path = store.get(run).path
    if not (path / "metrics.jsonl").exists():
        raise UsageError(
            f"{run} is no training run", fix="name a step that trains a model, as recipe/step"
        )
    return path, False


def _picture(folder: Path) -> Group:
    from mowa.training._metrics import read_metrics

    lines = read_metrics(folder / "metrics.jsonl")
    updates = [line for line in lines if "loss" in line]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    steps = lines[0].get("steps") if lines else None
    if not updates:
        return Group(Text(f"{folder}: no update yet"))
    last = updates[-1]
    table.add_row("update", f"{last['step']:,}" + (f" of {steps:,}" if steps else ""))
    table.add_row("loss", f"{last['loss']:.4f}  {sparkline([u['loss'] for u in updates])}")
    for row in _quality(lines, last):
        table.add_row(*row)
    table.add_row("learning rate", f"{last['lr']:.3g}")
    norms = [u["grad_norm"] for u in updates]
    table.add_row("gradient norm", f"{last['grad_norm']:.3g}  {sparkline(norms)}")
    table.add_row("tokens", f"{last['tokens']:,}, {last['tokens_per_second']:,.0f} a second")
    if "mfu_palm" in last:
        text = f"{last['mfu_palm']:.1%} (PaLM), {last['mfu_causal']:.1%} (causal)"
        table.add_row("MFU", text)
    if "joules" in last:
        table.add_row("energy", f"{last['joules'] / 3.6e6:.4g} kWh")
    if last.get("memory"):
        table.add_row("memory", f"{human_bytes(last['memory'])} at most")
    ended = (folder / "training.json").exists()
    spent = human_seconds(last["seconds"])
    left = "ended" if ended else f"{human_seconds(last['seconds_left'])} left"
    table.add_row("time", f"{spent}, {left}")
    parts: list[Any] = [table]
    if steps:
        parts.append(ProgressBar(total=steps, completed=last["step"], width=_WIDTH))
    return Group(*parts)


def _quality(lines: list[dict[str, Any]], last: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What was held out, at the newest measurement, and how well answers are told apart."""
    for line in reversed(lines):
        after = f"after update {line['step']:,}"
        if line.get("held_out_bpb") is not None:
            yield "held out", f"{line['held_out_bpb']:.3f} bits per byte {after}"
            for source, value in sorted((line.get("held_out_bpb_by_source") or {}).items()):
                yield f"  {source}", f"{value:.3f}"
            break
        if line.get("held_out_loss") is not None:
            right = f"loss {line['held_out_loss']:.3f}, {line['held_out_accuracy']:.1%} right"
            yield "held out", f"{right} {after}"
            break
    if "margin" in last:
        yield "margin", f"{last['margin']:.3f}, {last['accuracy']:.1%} of pairs in their order"


def sparkline(values: list[float], width: int = _WIDTH) -> str:
    """Means of neighbouring values as bars, the newest on the right.

    Example:
        >>> sparkline([1.0, 2.0, 3.0, 4.0])
        '▁▃▅█'
    """
    size = -(-len(values) // width)
    means = [
        sum(part) / len(part)
        for part in (values[at : at + size] for at in range(0, len(values), size))
    ]
    low, high = min(means), max(means)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[int((value - low) * scale)] for value in means)
