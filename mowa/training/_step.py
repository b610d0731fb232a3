"""What a step that trains does around the training: go on, finish, clean up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mowa.execution import Context
from mowa.training._checkpoint import Checkpoints
from mowa.training._launch import clear_job, train_in_processes
from mowa.training._stop import StopRequest
from mowa.training._train import TRAINED, train_here
from mowa.training._trainer_config import TrainerConfig
from mowa.workspace import Inputs, Metrics, write_text

# Written last: with it, nothing is left to do.
_FINISHED = "training.json"


def run_training(
    config: TrainerConfig,
    inputs: Inputs,
    out: Path,
    context: Context,
    *,
    finish: Callable[[dict[str, Any]], Metrics],
    prepare: Callable[[], None] | None = None,
) -> Metrics:
    """Train the model into `out`, from wherever an earlier run was ended.

    Args:
        config: Of the step.
        inputs: Of the step.
        out: Gets the model, and training.json last.
        context: Of the step.
        finish: Given what trained.json has, writes what stands beside the model; its metrics.
        prepare: Called before the training begins or goes on.

    Raises:
        MowaError: As `train_here`.
    """
    # One that came too late for a run before; whatever comes from here on counts.
    StopRequest(out).clear()
    if not (out / _FINISHED).exists():
        if not (out / TRAINED).exists():
            if prepare is not None:
                prepare()
            if config.processes > 1 and "RANK" not in os.environ:
                train_in_processes(config, inputs, out, context.progress)
            else:
                train_here(config, inputs, out, context.progress)
        metrics = finish(json.loads((out / TRAINED).read_text("utf-8")))
        write_text(out / _FINISHED, json.dumps(metrics, indent=1, ensure_ascii=False) + "\n")
    (out / TRAINED).unlink(missing_ok=True)
    clear_job(out)
    StopRequest(out).clear()
    finished: Metrics = json.loads((out / _FINISHED).read_text("utf-8"))
    checkpoints = Checkpoints(out / "checkpoints", keep_every=config.keep_checkpoint_every)
    if config.keep_optimizer:
        checkpoints.keep_last()
    else:
        checkpoints.remove()
    return finished


def how_it_went(trained: dict[str, Any], updates: list[dict[str, Any]]) -> Metrics:
    """Speed, memory, energy and means of a run, from trained.json and the lines of its updates."""
    return {
        "tokens_per_second": round(_typical_speed(updates), 1),
        "peak_memory": max(line["memory"] for line in updates),
        "seconds": round(trained["seconds"], 1),
        "kwh": round(trained["joules"] / 3.6e6, 6),
        "kwh_how": "; ".join(trained["energy"]),
        **_utilisation(updates),
        **{
            key: trained[key]
            for key in (
                "optimizer", "precision", "device", "micro_batch_size", "attention", "head",
                "threads", "processes", "compiled",
            )
        },
    }  # fmt: skip


def _utilisation(updates: list[dict[str, Any]]) -> dict[str, float]:
    """Medians, as of the speed."""
    names = ("mfu_palm", "mfu_causal", "flops_per_second")
    values = {name: sorted(line[name] for line in updates if name in line) for name in names}
    return {name: each[len(each) // 2] for name, each in values.items() if each}


def _typical_speed(updates: list[dict[str, Any]]) -> float:
    """The median of the tokens per second: a pause of the machine weighs nothing."""
    speeds = sorted(float(line["tokens_per_second"]) for line in updates)
    return speeds[len(speeds) // 2]
