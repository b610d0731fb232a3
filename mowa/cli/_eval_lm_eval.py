"""`mowa eval --lm-eval`: tasks of lm-eval on our engines, results as lm-eval writes them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mowa.cli._common import console
from mowa.errors import MowaError, UsageError
from mowa.execution import Progress

if TYPE_CHECKING:
    from mowa.evaluation._lm_eval_tasks import LmEvalTasks
    from mowa.evaluation._results import ModelAbout
    from mowa.inference import Engine

# Read when huggingface_hub, datasets, evaluate and tqdm are imported.
_OFFLINE = ("HF_HUB_OFFLINE", "HF_EVALUATE_OFFLINE")
_NO_BARS = "TQDM_DISABLE"


def lm_eval_tasks(names: Sequence[str], include: Path | None, *, hub: bool) -> LmEvalTasks | None:
    """The tasks of lm-eval that a person means, if any; to be called before a model is opened.

    Args:
        names: Of tasks, groups and tags, or YAML files.
        include: A folder with tasks in lm-eval's form.
        hub: May data be fetched?

    Raises:
        UsageError: Without lm-eval, and for tasks that it does not know.
    """
    if not names:
        if include is not None:
            raise UsageError(
                "--include is for tasks in lm-eval's form", fix="name them with --lm-eval"
            )
        return None
    if not hub:
        os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    os.environ.setdefault(_NO_BARS, "1")
    try:
        from mowa.evaluation._lm_eval_tasks import LmEvalTasks
    except ModuleNotFoundError as error:
        raise UsageError(
            f"tasks of lm-eval need the package {error.name}", fix="pip install 'mowa[lm-eval]'"
        ) from error
    return LmEvalTasks(names, include=include)


def ask_lm_eval(
    engine: Engine,
    about: ModelAbout,
    tasks: LmEvalTasks,
    *,
    shots: Sequence[int] | None,
    template: bool,
    seed: int | None,
    limit: int | None,
    out: Path,
    progress: Progress,
) -> list[str]:
    """Ask a model the tasks with each number of shots; print what lm-eval finds, and write it.

    Returns:
        What failed, a line each; the rest goes on.
    """
    from mowa.evaluation._lm_eval_adapter import EngineLM
    from mowa.evaluation._lm_eval_tasks import write_lm_eval
    from mowa.inference import Unsupported

    failures = []
    counts: Sequence[int | None] = shots or [None]
    for count in counts:
        try:
            lm = EngineLM(engine, about, progress=progress)
            found = tasks.ask(lm, shots=count, template=template, seed=seed, limit=limit)
            path = write_lm_eval(found, out, about.name)
        except Unsupported as error:
            console.print(f"{about.name} · lm-eval: not comparable: {error.what}", markup=False)
            continue
        except MowaError as error:
            failures.append(f"{about.name}, lm-eval: {error}")
            continue
        for line in _lines(found):
            console.print(f"{about.name} · {line}", markup=False, highlight=False)
        console.print(f"{about.name} · lm-eval's results: {path}", markup=False, highlight=False)
    return failures


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """Each task or group with its shots and what lm-eval says of it."""
    rows = {**found["results"], **found.get("groups", {})}
    for name, figures in rows.items():
        shots = found.get("n-shot", {}).get(name)
        asked = "" if shots is None else f" · {shots} shots"
        parts = [
            f"{metric.partition(',')[0]} {value:.4f}{_error(figures, metric)}"
            for metric, value in figures.items()
            if isinstance(value, float) and "_stderr" not in metric
        ]
        yield f"{name}{asked}: {', '.join(parts) or 'no figures'}"
    if cut := found["config"]["cut"]:
        yield f"{cut:,} requests did not fit into the window, and lost their beginning"


def _error(figures: dict[str, Any], metric: str) -> str:
    name, _, how = metric.partition(",")
    value = figures.get(f"{name}_stderr,{how}")
    return f" ± {value:.4f}" if isinstance(value, float) else ""
