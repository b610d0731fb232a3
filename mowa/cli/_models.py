"""`mowa generate`: let a model speak."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption
from mowa.errors import UsageError
from mowa.execution import harmless


def generate(
    model: Annotated[
        str,
        typer.Argument(help="A model of the workspace (recipe/step) or a folder that holds one."),
    ],
    prompt: Annotated[
        str, typer.Argument(help="The beginning of the text; '-' reads standard input.")
    ],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    max_new_tokens: Annotated[
        int, typer.Option("--tokens", "-n", min=1, help="How many at most.")
    ] = 200,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="0 takes the likeliest token; 1 samples as trained.")
    ] = 0.8,
    top_p: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Sample among the likeliest tokens of this share."),
    ] = 0.95,
    top_k: Annotated[int, typer.Option(min=0, help="Sample among this many; 0 for all.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same text.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Continue PROMPT with MODEL, printing as it goes."""
    path = model_folder(model, workspace)
    if prompt == "-":
        prompt = sys.stdin.read()
    try:
        from mowa.inference import TorchEngine
    except ModuleNotFoundError as error:
        raise UsageError(
            f"generating needs the package {error.name}", fix="pip install 'mowa[train]'"
        ) from error
    engine = TorchEngine.load(path, device=device)
    sys.stdout.write(prompt)
    for piece in engine.stream(
        prompt,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        seed=seed,
    ):
        sys.stdout.write(harmless(piece) if sys.stdout.isatty() else piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def model_folder(model: str, workspace: Path) -> Path:
    """The folder of a model that a person names.

    Raises:
        UsageError: Where there is none.
    """
    if (Path(model) / "config.json").exists():
        return Path(model)
    from mowa.workspace import Workspace

    item = Workspace.open(workspace).get(model)
    if item.kind != "model":
        raise UsageError(f"{item.id} is of kind {item.kind}, not a model")
    return item.path
