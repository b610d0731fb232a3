"""`mowa chat`: talk to a model, turn by turn."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from mowa.cli._chat_history import History
from mowa.cli._chat_talk import Sampling, Talk, clean
from mowa.cli._chat_texts import texts
from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption
from mowa.cli._models import model_folder
from mowa.errors import UsageError
from mowa.inference import Engine


def chat(
    model: Annotated[
        str,
        typer.Argument(help="recipe/step, a folder with a model, or https://host/v1#model."),
    ],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    *,
    system: Annotated[str | None, typer.Option(help="The system prompt.")] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="JSONL: the conversation is kept there after each turn, and goes on."),
    ] = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", "-n", min=1, help="Of an answer, at most.")
    ] = 512,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="0 takes the likeliest token; 1 samples as trained.")
    ] = 0.7,
    top_p: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Sample among the likeliest tokens of this share."),
    ] = 0.95,
    top_k: Annotated[int, typer.Option(min=0, help="Sample among this many; 0 for all.")] = 0,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same answers; else they vary.")
    ] = None,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Without a chat template: as a script of two speakers."),
    ] = False,
    whole_input: Annotated[
        bool, typer.Option("--whole-input", help="All of standard input is one question.")
    ] = False,
    language: Annotated[
        str | None, typer.Option(help="Of messages: pol or eng; without it, that of LANG.")
    ] = None,
    key_from: Annotated[
        str | None, typer.Option(help="Environment variable with the endpoint's key.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Talk to MODEL; answers come as they are written.

    Where standard input is no terminal, each of its lines is a question; only answers are printed.
    """
    said = texts(language, os.environ)
    sampling = Sampling(max_new_tokens, temperature, top_p, top_k, seed)
    with _opened(model, workspace, device=device, key_from=key_from) as (engine, is_remote):
        if not (plain or is_remote or "chat" in engine.can):
            raise UsageError(said.no_template, where=model, fix=said.no_template_fix)
        talk = Talk(engine, sampling, said, History(history, engine.name), plain=plain)
        if system is not None:
            talk.history.set_system(clean(system))
        if sys.stdin.isatty() and sys.stdout.isatty() and not whole_input:
            talk.with_person()
        elif talk.with_pipe(whole=whole_input):
            raise typer.Exit(1)


@contextmanager
def _opened(
    model: str, workspace: Path, *, device: str, key_from: str | None
) -> Iterator[tuple[Engine, bool]]:
    from mowa.evaluation._models import is_url, open_model

    if is_url(model):
        with open_model(model, workspace, key_from=key_from) as (engine, _):
            yield engine, True
        return
    folder = model_folder(model, workspace)
    try:
        from mowa.inference import TorchEngine
    except ModuleNotFoundError as error:
        raise UsageError(
            f"talking to a model needs the package {error.name}", fix="pip install 'mowa[train]'"
        ) from error
    yield TorchEngine.load(folder, device=device), False
