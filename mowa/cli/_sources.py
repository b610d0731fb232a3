"""`mowa sources` and `mowa fetch`: the register, and bringing what it names from the network."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mowa.cli._common import add_row, console, grid, human_bytes, show_wide
from mowa.errors import UsageError
from mowa.rights import Source, available_sources, load_source, shipped_register
from mowa.workspace import write_text

if TYPE_CHECKING:
    from mowa.collect.fetching import FetchOptions, FetchReport, Wanted

RegisterOption = Annotated[Path, typer.Option("--register", help="The folder of the register.")]

_REGISTER = Path("sources")
_SHOWN = 40

sources_app = typer.Typer(help="The register of sources.", invoke_without_command=True)


@sources_app.callback()
def sources(context: typer.Context, register: RegisterOption = _REGISTER) -> None:
    """List the register of sources, and those that come with Mowa."""
    context.obj = register
    if context.invoked_subcommand is not None:
        return
    table = grid(
        "source", "licence", "legal basis", "release", "language", "fetched by", "register"
    )
    for name in _all_names(register):
        source, folder = _find(register, name)
        how = source.fetch.kind if source.fetch else "hand"
        where = "this project" if folder == register else "Mowa"
        cells = (source.licence, source.legal_basis, source.release, source.language or "")
        add_row(table, name, *cells, how, where)
    show_wide(table)
    console.print("`mowa sources show NAME` says more; `mowa fetch NAME` fetches.", highlight=False)


@sources_app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The source's name.")],
) -> None:
    """Show one source: rights, how it is fetched, and which reader reads it."""
    register: Path = context.obj
    source, folder = _find(register, name)
    console.print(f"[bold]{source.name}[/bold]  {folder / name}.toml", highlight=False)
    table = grid("", "")
    for key, value in source.model_dump(exclude={"name", "reader", "fetch"}).items():
        if value:
            add_row(table, key, str(value))
    if source.reader:
        add_row(table, "reader", ", ".join(f"{key} = {it!r}" for key, it in source.reader.items()))
    if source.fetch:
        plan = source.fetch
        add_row(table, "fetched by", f"{plan.kind}, from {plan.base}")
        for key, value in plan.values.items():
            add_row(table, "value", f"{key} = {value}  (--set {key}=…)")
        if plan.key:
            add_row(table, "key", f"environment variable {plan.key.env}  {plan.key.get_one}")
    show_wide(table)


def fetch(
    name: Annotated[str, typer.Argument(help="The source's name; see `mowa sources`.")],
    *,
    into: Annotated[Path | None, typer.Option(help="The target folder; data/NAME.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many files at most.")] = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=1, help="So many bytes at most are received.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change a value of the source: KEY=VALUE.")
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option(envvar="MOWA_CONTACT", help="Your mail or web address; servers see it."),
    ] = None,
    register: RegisterOption = _REGISTER,
    base_url: Annotated[str | None, typer.Option(help="A mirror instead.", hidden=True)] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would be fetched.")] = False,
) -> None:
    """Fetch a source's files from the network: politely, verified, and resumed where it stopped.

    Run it again to go on, or to see whether something has changed.
    """
    from mowa.collect.fetching import FetchOptions, planned
    from mowa.collect.fetching import fetch as fetch_source
    from mowa.execution import best_progress

    source, folder = _find(register, name)
    options = FetchOptions(
        contact=_contact(contact),
        limit=limit,
        max_bytes=max_bytes,
        base=base_url,
        values=_values(settings or []),
    )
    if dry_run:
        _show_plan(*planned(source, options), options)
        return
    if source.fetch is not None and folder != register:
        _register(source.name, folder, register)
    target = into or Path("data") / name
    report = fetch_source(source, target, options, progress=best_progress())
    _show_report(report, target)
    if report.failures:
        raise typer.Exit(1)


def _all_names(register: Path) -> list[str]:
    shipped = shipped_register()
    names = set(available_sources(register)) | set(available_sources(shipped) if shipped else [])
    return sorted(names)


def _find(register: Path, name: str) -> tuple[Source, Path]:
    """A source of the project, else of those that come with Mowa."""
    shipped = shipped_register()
    here = name in available_sources(register)
    if not here and shipped and name in available_sources(shipped):
        return load_source(shipped, name), shipped
    near = [] if here else difflib.get_close_matches(name, _all_names(register), n=1)
    if near:
        raise UsageError(f"there is no source {name!r}", fix=f"did you mean {near[0]}?")
    return load_source(register, name), register


def _register(name: str, folder: Path, register: Path) -> None:
    """Copy a source of Mowa's into the project's register, collected today."""
    text = (folder / f"{name}.toml").read_text("utf-8")
    today = datetime.now(UTC).date().isoformat()
    text = re.sub(r"(?m)^collected_at = .*$", f"collected_at = {today}", text, count=1)
    write_text(register / f"{name}.toml", text)
    console.print(f"{register / name}.toml: registered; look through it", highlight=False)


def _contact(contact: str | None) -> str:
    if contact is None:
        raise UsageError(
            "servers want to know whom to write to",
            fix="give a mail or web address: --contact you@example.org, or the environment"
            " variable MOWA_CONTACT",
        )
    return contact


def _values(settings: list[str]) -> dict[str, str]:
    values = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {setting} is not KEY=VALUE")
        values[key] = value
    return values


def _show_plan(files: list[Wanted], all_of_it: bool, options: FetchOptions) -> None:  # noqa: FBT001 - unpacked from a pair
    table = grid("file", "size#", "checksum", "address")
    for file in files[:_SHOWN]:
        size = human_bytes(file.bytes) if file.bytes is not None else "?"
        add_row(table, file.name, size, file.algorithm or "", file.url)
    show_wide(table)
    known = [file.bytes for file in files if file.bytes is not None]
    rest = f"; {len(files) - _SHOWN:,} are not shown" if len(files) > _SHOWN else ""
    more = "" if all_of_it else " and more"
    console.print(
        f"{len(files):,} files{more}; {human_bytes(sum(known))} in the {len(known):,} whose size"
        f" is known{rest}",
        highlight=False,
    )
    if options.max_bytes and sum(known) > options.max_bytes:
        console.print(f"--max-bytes ends the run at {human_bytes(options.max_bytes)}")


def _show_report(report: FetchReport, target: Path) -> None:
    console.print(
        f"{target}: {report.fetched:,} fetched, {report.unchanged:,} unchanged,"
        f" {human_bytes(report.received)} received",
        highlight=False,
    )
    if report.absent:
        console.print(f"{len(report.absent):,} are not on the server, such as {report.absent[0]}",
                      markup=False, highlight=False)  # fmt: skip
    if report.stopped:
        console.print(f"stopped: {report.stopped}", markup=False, highlight=False)
    if report.left_over:
        console.print(
            f"{len(report.left_over):,} files of earlier runs are no longer named by the source,"
            f" such as {report.left_over[0]}: remove what should not be read twice",
            markup=False,
            highlight=False,
        )
    for _, message in report.failures[:_SHOWN]:
        console.print(f"failed: {message}", markup=False, highlight=False)
    if len(report.failures) > _SHOWN:
        console.print(f"and {len(report.failures) - _SHOWN:,} more failures")
