"""The steps `finetune` and `prefer`: a model that is read learns from dialogues."""

from __future__ import annotations

import json
import shutil
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from mowa.execution import Context
from mowa.inference import GenerateRequest, Message, TorchEngine
from mowa.training._conversations import RENDERED, Conversations, read_index
from mowa.training._converse_report import write_report
from mowa.training._conversing import prepare
from mowa.training._dialogue_config import FinetuneConfig, PreferConfig
from mowa.training._metrics import read_metrics
from mowa.training._preferring import REFERENCE, read_reference
from mowa.training._step import how_it_went, run_training
from mowa.training._whole import WholePlan
from mowa.workspace import Inputs, Metrics, write_text, writing

REFERENCES = "reference.parquet"


def run(
    config: FinetuneConfig | PreferConfig, inputs: Inputs, out: Path, context: Context
) -> Metrics:
    """Train the model that is read, and write it into `out` with its chat template.

    `out` gets what `pretrain` writes, with the template as chat_template.jinja, answers in
    samples.json, what was not used with its reason in rejected.parquet, and from preferences the
    reference's log-probabilities in reference.parquet. A killed run goes on from its checkpoints;
    tokens and reference are not made again.

    Raises:
        UsageError: Where the tokenizer lacks what the template needs, or the schedule does not fit.
        DataError: Where no dialogue can be used, or the model cannot be read.
        MowaError: Where training diverges or a checkpoint belongs to another run.
        StoppedEarly: Where the run was asked to stop.
    """
    metrics = run_training(
        config,
        inputs,
        out,
        context,
        prepare=lambda: prepare(config, inputs, out),
        finish=lambda trained: _finish(config, out, trained),
    )
    for name in (RENDERED, REFERENCE):
        shutil.rmtree(out / name, ignore_errors=True)
    return metrics


def _finish(config: FinetuneConfig | PreferConfig, out: Path, trained: dict[str, Any]) -> Metrics:
    if isinstance(config, PreferConfig):
        _keep_reference(config, out)
    samples = _answers(config, out)
    lines = read_metrics(out / "metrics.jsonl")
    updates = [line for line in lines if "loss" in line]
    measured = sorted(name for name in updates[-1] if name.startswith("held_out_"))
    metrics: Metrics = {
        "parameters": trained["parameters"],
        "steps": trained["step"],
        "tokens_seen": trained["tokens"],
        "epochs": trained["epochs"],
        "skipped_updates": trained["skipped"],
        "trained_on": trained["trained_on"],
        "held_out": trained["held_out"],
        **{key: trained[key] for key in ("rejected", "licences", "origins")},
        "rows": trained["rows"],
        "filled": trained["filled"],
        "targets_per_epoch": trained["targets_per_epoch"],
        "final_loss": updates[-1]["loss"],
        **{f"{name}_before": lines[0].get(name) for name in measured},
        **{f"{name}_after": updates[-1].get(name) for name in measured},
        **how_it_went(trained, updates),
    }
    write_report(
        config, metrics, lines, samples, vocab_size=trained["vocab_size"], path=out / "report.html"
    )
    return metrics


def _keep_reference(config: PreferConfig, out: Path) -> None:
    """The reference's log-probabilities of all pairs that were used, as one table."""
    frames = []
    for split, units in (
        ("train", Conversations(out, held_out=False)),
        ("held-out", Conversations(out, held_out=True, limit=config.eval_dialogues or None)),
    ):
        if not len(units):
            continue
        plan = WholePlan(units, sequence_length=config.sequence_length, seed=config.seed)
        found = read_reference(plan, len(units), out / REFERENCE / f"{split}-{len(units)}")
        columns = {"id": units.ids, "chosen": found[:, 0], "rejected": found[:, 1]}
        frames.append(pl.DataFrame(columns).with_columns(held_out=pl.lit(split == "held-out")))
    with writing(out / REFERENCES) as partial:
        pl.concat(frames).write_parquet(partial)


def _answers(config: FinetuneConfig | PreferConfig, out: Path) -> list[dict[str, Any]]:
    """What the model answers, the likeliest token each time; written to samples.json."""
    asked: list[list[dict[str, str]]] = [
        [{"role": "user", "content": prompt}, {"role": "assistant", "content": ""}]
        for prompt in config.prompts
    ] or read_index(out)["questions"]
    samples: list[dict[str, Any]] = []
    if asked:
        engine = TorchEngine.load(out, device=config.device)
        requests = [
            GenerateRequest(
                tuple(Message(**turn) for turn in turns[:-1]), max_new_tokens=config.prompt_tokens
            )
            for turns in asked
        ]
        for number, generated in sorted(engine.generate_many(requests), key=itemgetter(0)):
            samples.append(
                {
                    "messages": asked[number][:-1],
                    "answer": generated.text,
                    "finish": generated.finish,
                    "expected": asked[number][-1]["content"] or None,
                }
            )
    write_text(out / "samples.json", json.dumps(samples, ensure_ascii=False, indent=1) + "\n")
    return samples
