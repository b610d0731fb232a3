"""The step `pretrain`: a causal language model, new or read, trained on token shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mowa.execution import Context
from mowa.training._config import PretrainConfig
from mowa.training._export import continue_prompts
from mowa.training._metrics import read_metrics
from mowa.training._report import write_report
from mowa.training._step import how_it_went, run_training
from mowa.workspace import Inputs, Metrics


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
    return run_training(
        config, inputs, out, context, finish=lambda trained: _finish(config, out, trained)
    )


def _finish(config: PretrainConfig, out: Path, trained: dict[str, Any]) -> Metrics:
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
        **how_it_went(trained, updates),
    }
    write_report(
        config, metrics, lines, samples, vocab_size=trained["vocab_size"], path=out / "report.html"
    )
    return metrics
