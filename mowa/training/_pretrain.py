"""The step `pretrain`: a new model from random weights, trained on token shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mowa.errors import DataError, UsageError
from mowa.execution import Context
from mowa.model import TokenizerFacts, build, parameter_count
from mowa.training._checkpoint import Checkpoints
from mowa.training._config import PretrainConfig
from mowa.training._export import continue_prompts, write_model
from mowa.training._held_out import HeldOut
from mowa.training._loop import train
from mowa.training._metrics import read_metrics
from mowa.training._plan import PackingPlan
from mowa.training._report import write_report
from mowa.training._runtime import numerics
from mowa.training._split import TokenSplit
from mowa.workspace import Inputs, Metrics, identity_of, write_text

# Written last: with it, nothing is left to do.
_FINISHED = "training.json"


def run(config: PretrainConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Train the model and write it into `out` as `transformers` reads it.

    `out` gets config.json, generation_config.json, model.safetensors (float32), the tokenizer's
    files, metrics.jsonl, samples.json, training.json and report.html. While it trains,
    ``out/checkpoints`` holds the last two checkpoints, from which a killed run goes on.

    Raises:
        UsageError: Where tokens and tokenizer do not belong together, or the schedule does not fit
            the data.
        DataError: Where there are no tokens to train on.
        MowaError: Where training diverges or a checkpoint belongs to another run.
    """
    checkpoints = out / "checkpoints"
    if not (out / _FINISHED).exists():
        _pretrain(config, inputs, out, context)
    finished: Metrics = json.loads((out / _FINISHED).read_text("utf-8"))
    if config.keep_optimizer:
        Checkpoints(checkpoints).keep_last()
    else:
        Checkpoints(checkpoints).remove()
    return finished


def _pretrain(config: PretrainConfig, inputs: Inputs, out: Path, context: Context) -> None:
    tokens, tokenizer = inputs.one("tokens"), inputs.one("tokenizer")
    facts = TokenizerFacts.read(tokenizer.path)
    split = TokenSplit.open(tokens.path, "train")
    held_out = HeldOut(
        TokenSplit.open(tokens.path, "held_out"),
        sequence_length=config.sequence_length,
        documents=config.eval_documents or None,
    )
    if split.vocab_size != facts.vocab_size:
        raise UsageError(
            f"the vocabulary of the tokens is {split.vocab_size:,}, but that of the tokenizer"
            f" {facts.vocab_size:,}",
            where=f"{tokens.id} and {tokenizer.id}",
            fix="give this step the tokenizer that the tokens were made with",
        )
    if not split.tokens:
        raise DataError("there are no training tokens", where=tokens.id)
    plan = PackingPlan(
        split.lengths,
        sequence_length=config.sequence_length,
        blocks_per_batch=config.blocks_per_batch,
        seed=config.seed,
        steps=config.steps,
        epochs=config.epochs,
    )
    if config.warmup_steps >= plan.steps:
        raise UsageError(
            f"warmup_steps {config.warmup_steps} is not below the number of updates,"
            f" which is {plan.steps} for {config.epochs} epochs of {split.tokens:,} tokens",
            fix="lower warmup_steps or global_batch_size, or raise epochs",
        )
    identity: dict[str, Any] = {
        "config": identity_of(config),
        "plan": plan.digest(),
        "data": [tokens.fingerprint, tokenizer.fingerprint],
    }
    parameters = parameter_count(config.architecture, facts.vocab_size)
    context.progress.say(
        f"{parameters:,} parameters; {plan.steps:,} updates of {config.global_batch_size:,} tokens,"
        f" {plan.blocks / plan.blocks_per_epoch:.2f} epochs of {split.tokens:,}"
    )
    with numerics(threads=config.threads, seed=config.seed) as threads:
        model = build(config.architecture, facts, config.seed)
        trained = train(
            config,
            model,
            tokens=split,
            plan=plan,
            held_out=held_out,
            out=out,
            identity=identity,
            threads=threads,
            progress=context.progress,
        )
        write_model(model, tokenizer.path, out)
        samples = continue_prompts(config, out)

    lines = read_metrics(out / "metrics.jsonl")
    updates = [line for line in lines if "loss" in line]
    metrics: Metrics = {
        "parameters": parameters,
        "steps": plan.steps,
        "tokens_seen": trained.tokens,
        "epochs": round(plan.blocks / plan.blocks_per_epoch, 4),
        "final_loss": updates[-1]["loss"],
        "held_out_bpb_before": lines[0].get("held_out_bpb"),
        "held_out_bpb_after": updates[-1].get("held_out_bpb"),
        "held_out_documents": held_out.documents,
        "tokens_per_second": round(_typical_speed(updates), 1),
        "seconds": round(trained.seconds, 1),
        "precision": trained.precision,
        "device": trained.device,
        "micro_batch_size": trained.micro_batch_size,
        "threads": threads,
        "compiled": trained.compiled,
    }
    write_report(
        config, metrics, lines, samples, vocab_size=facts.vocab_size, path=out / "report.html"
    )
    write_text(out / _FINISHED, json.dumps(metrics, indent=1) + "\n")


def _typical_speed(updates: list[dict[str, Any]]) -> float:
    """The median of the tokens per second: a pause of the machine weighs nothing."""
    speeds = sorted(float(line["tokens_per_second"]) for line in updates)
    return speeds[len(speeds) // 2]
