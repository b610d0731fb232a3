"""report.html of a model that learnt from dialogues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mowa.report import Block, Figures, Lines, Page, Preformatted, Section, Table, Text
from mowa.training._dialogue_config import FinetuneConfig, PreferConfig
from mowa.training._report import (
    Line,
    architecture_rows,
    curves_of_the_run,
    points,
    training_rows,
)

# What is measured in training and on what is held out, with its title and unit.
_CURVES = {
    "loss": ("Loss", "nats"),
    "accuracy": ("Right", "share"),
    "margin": ("Margin between chosen and rejected", "nats, times beta"),
    "chosen_logps": ("Log-probability of chosen answers", "nats an answer"),
    "rejected_logps": ("Log-probability of rejected answers", "nats an answer"),
}


def write_report(
    config: FinetuneConfig | PreferConfig,
    metrics: dict[str, Any],
    lines: list[Line],
    samples: list[dict[str, Any]],
    *,
    vocab_size: int,
    path: Path,
) -> None:
    """Draw what was learnt, from what, and how the model answers.

    The model's ``config.json`` lies beside `path`.
    """
    settings = json.loads((path.parent / "config.json").read_text("utf-8"))
    shape = architecture_rows(config, settings, vocab_size)
    what = "dialogues" if isinstance(config, FinetuneConfig) else "preferences"
    page = Page(
        title=f"A model trained on {what}",
        subtitle=f"{metrics['parameters']:,} parameters, {metrics['trained_on']:,} {what},"
        f" {metrics['precision']}",
        sections=[
            Section("What came out", [Figures(_figures(metrics))]),
            Section("Answers", _answers(samples), note="The likeliest token each time."),
            Section("Training", [*_curves(lines), *curves_of_the_run(lines)]),
            Section("What it learnt from", [Table(["", "number"], _used(metrics, what))]),
            Section(
                "How it was trained",
                [Table(["", "value"], [*_objective(config), *training_rows(config, metrics)])],
            ),
            Section("Architecture", [Table(["", "value"], shape)]),
        ],
    )
    page.write(path)


def _figures(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    figures = []
    for name, title, form in (
        ("loss", "loss on held-out ones", ".3f"), ("accuracy", "right on held-out ones", ".1%"),
    ):  # fmt: skip
        before, after = (metrics.get(f"held_out_{name}_{when}") for when in ("before", "after"))
        if before is not None and after is not None:
            figures += [
                (f"{title}, {when}", format(value, form))
                for when, value in (("before", before), ("after", after))
            ]
    return [
        *figures,
        ("last loss", f"{metrics['final_loss']:.3f}"),
        ("updates", f"{metrics['steps']:,}"),
        ("epochs", f"{metrics['epochs']:.2f}"),
        ("tokens a second", f"{metrics['tokens_per_second']:,.0f}"),
    ]


def _curves(lines: list[Line]) -> list[Block]:
    made: list[Block] = []
    for name, (title, unit) in _CURVES.items():
        curves = {
            label: found
            for label, key in (("training", name), ("held out", f"held_out_{name}"))
            if (found := points(lines, key))
        }
        if curves:
            made.append(Lines(title, curves, "update", unit))
    return made


def _answers(samples: list[dict[str, Any]]) -> list[Block]:
    if not samples:
        return [Text("The recipe names no prompts, and nothing is held out.")]
    made: list[Block] = []
    for sample in samples:
        turns = [f"{turn['role']}: {turn['content']}" for turn in sample["messages"]]
        made.append(Preformatted("\n".join([*turns, f"▸ {sample['answer']}"])))
        if sample["expected"]:
            made.append(Text(f"As it stands in the set: {sample['expected']}"))
    return made


def _used(metrics: dict[str, Any], what: str) -> list[list[Any]]:
    return [
        [f"{what} trained on", metrics["trained_on"]],
        [f"{what} held out", metrics["held_out"]],
        ["tokens learnt in an epoch", metrics["targets_per_epoch"]],
        ["rows", metrics["rows"]],
        ["share of the rows that is filled", metrics["filled"]],
        *([f"left out: {reason}", count] for reason, count in metrics["rejected"].items()),
        *([f"trained on, {origin}", count] for origin, count in metrics["origins"].items()),
        *([f"trained on, {licence}", count] for licence, count in metrics["licences"].items()),
    ]


def _objective(config: FinetuneConfig | PreferConfig) -> list[list[Any]]:
    template = ["chat template", config.template or "the model's own, or mowa"]
    if isinstance(config, FinetuneConfig):
        weights = config.weights.model_dump().items()
        return [
            template,
            ["weights by origin", ", ".join(f"{name} {weight:g}" for name, weight in weights)],
            ["losses are divided by", f"the {config.normalise} of an update"],
            [
                "learning rate adapts to the targets",
                "yes" if config.adaptive_learning_rate else "no",
            ],
        ]
    beta, rejected, penalty = config.strengths()
    return [
        template,
        ["objective", config.objective],
        ["beta, of the rejected answer, lambda", f"{beta:g}, {rejected:g}, {penalty:g}"],
    ]
