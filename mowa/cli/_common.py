"""What the commands share: options, the console, and how errors and trees are shown."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from mowa.execution import harmless
from mowa.workspace import Node

WorkspaceOption = Annotated[
    Path,
    typer.Option(
        "--workspace", "-w", envvar="MOWA_WORKSPACE", help="The folder that holds artifacts."
    ),
]

_PIPE_WIDTH = 400

DEFAULT_WORKSPACE = Path("workspace")

console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def harmless_json(value: Any) -> str:
    """JSON on one line with letters as they are, and an escape for what a terminal would obey."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(one if harmless(one) == one else f"\\u{ord(one):04x}" for one in text)


def show_wide(renderable: Table | Tree) -> None:
    """Print a table or a tree; through a pipe it is as wide as it needs to be."""
    if console.is_terminal:
        console.print(renderable, soft_wrap=False)
        return
    text = io.StringIO()
    Console(width=_PIPE_WIDTH, file=text).print(renderable)
    console.file.writelines(line.rstrip() + "\n" for line in text.getvalue().splitlines())


def grid(*columns: str, title: str | None = None) -> Table:
    """A table without vertical lines; columns whose name ends in ``#`` are right-aligned."""
    table = Table(title=title, box=None, header_style="bold", pad_edge=False, title_justify="left")
    for column in columns:
        table.add_column(column.rstrip("#"), justify="right" if column.endswith("#") else "left")
    return table


def add_row(table: Table, *cells: str) -> None:
    """Add a row whose cells are shown as they stand, brackets too."""
    table.add_row(*(escape(harmless(cell)) for cell in cells))


def lineage_tree(node: Node) -> Tree:
    """A lineage as a tree to print; an artifact that was shown above is not opened again."""
    seen: set[str] = set()

    def add(node: Node, parent: Tree | None) -> Tree:
        text = _label(node)
        again = node.reference.fingerprint in seen and node.children
        seen.add(node.reference.fingerprint)
        label = f"{text} [dim](above)[/dim]" if again else text
        tree = parent.add(label) if parent is not None else Tree(label)
        for child in () if again else node.children:
            add(child, tree)
        return tree

    return add(node, None)


def human_bytes(count: float) -> str:
    """A size as people read it, in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def human_seconds(seconds: float) -> str:
    """A duration as people read it."""
    if seconds < 60:
        return f"{seconds:,.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _label(node: Node) -> str:
    reference = node.reference
    text = (
        f"[bold]{reference.name}@{reference.version}[/bold] [dim]{reference.fingerprint[:12]}[/dim]"
    )
    if node.artifact is None:
        return f"{text} [red]gone from the workspace[/red]"
    if node.artifact.kind == "inventory":
        return f"{text} {_source(node.artifact.config, node.artifact.rights)}"
    return f"{text} {node.artifact.kind}"


def _source(config: dict[str, Any], rights: dict[str, Any]) -> str:
    observed = config.get("observed", {})
    name = observed.get("source", {}).get("name", "?")
    licence = rights.get("sources", {}).get(name, {}).get("licence", "?")
    return f"source {name} · {licence} · {observed.get('count', 0):,} files"
