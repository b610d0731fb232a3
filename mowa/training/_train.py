"""Training in this process, or in this one of several: from artifacts to a written model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mowa.execution import Progress
from mowa.training._config import PretrainConfig
from mowa.training._conversing import finetuning, preferring
from mowa.training._dialogue_config import FinetuneConfig, PreferConfig
from mowa.training._distribution import joined
from mowa.training._export import write_model, write_settings
from mowa.training._loop import train
from mowa.training._memory import explained_memory
from mowa.training._pretraining import pretraining
from mowa.training._runtime import choose_device, choose_precision, numerics
from mowa.training._stop import stop_request
from mowa.training._task import Task
from mowa.training._trainer_config import TrainerConfig
from mowa.workspace import Inputs, identity_of, write_text

TRAINED = "trained.json"
"""What `train_here` leaves for the report; written when the model is."""

TASKS: dict[type[TrainerConfig], Callable[[Any, Inputs, Path, Progress], Task]] = {
    PretrainConfig: pretraining,
    FinetuneConfig: finetuning,
    PreferConfig: preferring,
}


def train_here(config: TrainerConfig, inputs: Inputs, out: Path, progress: Progress) -> None:
    """Train and write the model into `out`, together with the processes that torchrun started.

    Raises:
        UsageError: Where inputs do not belong together, or the schedule does not fit the data.
        DataError: Where there is nothing to train on, or a model cannot be read.
        MowaError: Where training diverges or a checkpoint belongs to another run.
        StoppedEarly: Where the run was asked to stop.
    """
    task = TASKS[type(config)](config, inputs, out, progress)
    order = task.objective.order
    identity: dict[str, Any] = {
        "config": identity_of(config),
        "plan": order.digest(),
        "data": [artifact.fingerprint for artifact in inputs.artifacts],
    }
    optimizer = config.optimizer_for(new=task.is_new)
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    if task.beginning is not None:
        optimizer = task.beginning.state["optimizer"]
        if config.precision == "auto":
            precision = task.beginning.state["precision"]
    with (
        # From here on: who asks while it compiles is heard after the first update.
        stop_request(out) as stop,
        numerics(threads=config.threads, seed=config.seed) as threads,
        joined(device, shard_processes=config.shard_processes) as (ranks, device),
    ):
        model = task.model()
        parameters = sum(parameter.numel() for parameter in model.parameters())
        progress.say(
            f"{parameters:,} parameters; {order.steps:,} updates of"
            f" {config.global_batch_size:,} tokens; {task.epochs}"
        )
        if ranks.is_first:
            write_settings(model, task.tokenizer, out)
        with explained_memory(config, config.micro_batch_size or 1):
            run = train(
                config,
                model,
                optimizer=optimizer,
                precision=precision,
                objective=task.objective,
                out=out,
                identity=identity,
                threads=threads,
                progress=progress,
                ranks=ranks,
                device=device,
                stop=stop,
                beginning=task.beginning,
            )
        read = [artifact.id for artifact in inputs.all("model")]
        write_model(model, task.tokenizer, out, ranks, base=", ".join(read))
        facts_of_run = {
            **asdict(run),
            "parameters": parameters,
            "optimizer": optimizer,
            "vocab_size": task.facts.vocab_size,
            "threads": threads,
            "processes": ranks.world,
            **task.recorded,
        }
        if ranks.is_first:
            write_text(out / TRAINED, json.dumps(facts_of_run, indent=1) + "\n")
