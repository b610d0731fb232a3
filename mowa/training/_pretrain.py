"""The step `pretrain`: a causal language model, new or read, trained on token shards."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mowa.execution import Context
from mowa.training._checkpoint import Checkpoints
from mowa.training._config import PretrainConfig
from mowa.training._export import continue_prompts
from mowa.training._launch import clear_job, train_in_processes
from mowa.training._metrics import read_metrics
from mowa.training._report import write_report
from mowa.training._stop import StopRequest
from mowa.training._train import TRAINED, train_here
from mowa.workspace import Inputs, Metrics, write_text

# Written last: with it, nothing is left to do.
_FINISHED = "training.json"


def run(config: PretrainConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Train the model and write it into `out` as `transformers` reads it.

    `out` gets config.json, generation_config.json, model.safetensors (float32), the tokenizer's
    files, metrics.jsonl, samples.json, training.json and report.html. While it trains,
    ``out/checkpoints`` holds the newest checkpoints, from which a killed run goes on; those of
    `keep_checkpoint_every` stay.

    Raises:
        UsageError: Where inputs do not belong together, or the schedule does not fit the data.
        DataError: Where there are no tokens to train on, or a model cannot be read.
        MowaError: Where training diverges or a checkpoint belongs to another run.
        StoppedEarly: Where the run was asked to stop.
    """
    # One that came too late for a run before; whatever comes from here on counts.
    StopRequest(out).clear()
    if not (out / _FINISHED).exists():
        if not (out / TRAINED).exists():
            if config.processes > 1 and "RANK" not in os.environ:
                train_in_processes(config, inputs, out, context.progress)
            else:
                train_here(config, inputs, out, context.progress)
        _finish(config, out)
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


def _finish(config: PretrainConfig, out: Path) -> None:
    trained: dict[str, Any] = json.loads((out / TRAINED).read_text("utf-8"))
    samples = continue_prompts(config, out)
    lines = read_metrics(out / "metrics.jsonl")
    updates = [line for line in lines if "loss" in line]
    epochs = trained["epochs"]
    metrics: Metrics = {
        "parameters": trained["parameters"],
        "steps": trained["step"],
        "tokens_seen": trained["tokens"],
        "epochs": next(iter(epochs.values())) if len(epochs) == 1 else epochs,
        "skipped_updates": trained["skipped"],
        "final_loss": updates[-1]["loss"],
        "held_out_bpb_before": lines[0].get("held_out_bpb"),
        "held_out_bpb_after": updates[-1].get("held_out_bpb"),
        "held_out_bpb_by_source": updates[-1].get("held_out_bpb_by_source"),
        "held_out_documents": trained["held_out_documents"],
        "tokens_per_second": round(_typical_speed(updates), 1),
        "peak_memory": max(line["memory"] for line in updates),
        "seconds": round(trained["seconds"], 1),
        "kwh": round(trained["joules"] / 3.6e6, 6),
        "kwh_how": trained["energy"],
        **_utilisation(updates),
        **{
            key: trained[key]
            for key in (
                "optimizer", "precision", "device", "micro_batch_size", "attention", "head",
                "threads", "processes", "compiled",
            )
        },
    }  # fmt: skip
    write_report(
        config, metrics, lines, samples, vocab_size=trained["vocab_size"], path=out / "report.html"
    )
    write_text(out / _FINISHED, json.dumps(metrics, indent=1) + "\n")


def _utilisation(updates: list[dict[str, Any]]) -> dict[str, float]:
    """Medians, as of the speed."""
    names = ("mfu_palm", "mfu_causal", "flops_per_second")
    values = {name: sorted(line[name] for line in updates if name in line) for name in names}
    return {name: each[len(each) // 2] for name, each in values.items() if each}


def _typical_speed(updates: list[dict[str, Any]]) -> float:
    """The median of the tokens per second: a pause of the machine weighs nothing."""
    speeds = sorted(float(line["tokens_per_second"]) for line in updates)
    return speeds[len(speeds) // 2]
