"""report.html of a pretrained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mowa.report import Block, Figures, Lines, Page, Preformatted, Section, Table, Text
from mowa.training._config import PretrainConfig
from mowa.training._trainer_config import TrainerConfig

# More points than this are thinned by their mean: a curve is some 800 pixels wide.
_POINTS = 400

Line = dict[str, Any]
Point = tuple[float, float]


def write_report(
    config: PretrainConfig,
    metrics: dict[str, Any],
    lines: list[Line],
    samples: list[dict[str, Any]],
    *,
    vocab_size: int,
    path: Path,
) -> None:
    """Draw the curves of `lines`, the architecture and the continuations.

    The model's ``config.json`` lies beside `path`.
    """
    settings = json.loads((path.parent / "config.json").read_text("utf-8"))
    shape = architecture_rows(config, settings, vocab_size)
    new = config.architecture is not None or config.family is not None
    page = Page(
        title="A model trained from random weights" if new else "A model trained further",
        subtitle=f"{metrics['parameters']:,} parameters, {metrics['tokens_seen']:,} tokens,"
        f" {metrics['precision']}",
        sections=[
            Section("What came out", [Figures(_figures(metrics))]),
            *_by_source(lines),
            Section("Training", _curves(lines), note="Loss is of each update's own batch."),
            Section("Continuations", _continuations(samples)),
            Section("How it was trained", [Table(["", "value"], training_rows(config, metrics))]),
            Section("Architecture", [Table(["", "value"], shape)]),
        ],
    )
    page.write(path)


def _by_source(lines: list[Line]) -> list[Section]:
    """Bits per byte of each source's held-out documents, where there is more than one source."""
    measured = [line for line in lines if line.get("held_out_bpb_by_source")]
    if not measured or len(measured[-1]["held_out_bpb_by_source"]) < 2:
        return []
    first, last = measured[0]["held_out_bpb_by_source"], measured[-1]["held_out_bpb_by_source"]
    rows = [[source, first.get(source), last[source]] for source in sorted(last)]
    curves = {
        source: [
            (float(line["step"]), float(line["held_out_bpb_by_source"][source]))
            for line in measured
            if source in line["held_out_bpb_by_source"]
        ]
        for source in sorted(last)
    }
    return [
        Section(
            "Held-out documents of each source",
            [
                Table(["source", "bits per byte before", "after"], rows),
                Lines("By source", curves, "update", "bits per byte"),
            ],
        )
    ]


def _figures(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    before, after = metrics["held_out_bpb_before"], metrics["held_out_bpb_after"]
    figures = [("last loss, nats a token", f"{metrics['final_loss']:.3f}")]
    if after is not None:
        figures = [
            ("bits per byte, untrained", f"{before:.3f}"),
            ("bits per byte, trained", f"{after:.3f}"),
            *figures,
        ]
    return [
        *figures,
        ("updates", f"{metrics['steps']:,}"),
        *_epochs(metrics["epochs"]),
        ("tokens a second", f"{metrics['tokens_per_second']:,.0f}"),
    ]


def _epochs(epochs: float | dict[str, float]) -> list[tuple[str, str]]:
    if not isinstance(epochs, dict):
        return [("epochs", f"{epochs:.2f}")]
    return [(f"epochs of {name.rpartition('/')[2]}", f"{x:.2f}") for name, x in epochs.items()]


def _curves(lines: list[Line]) -> list[Block]:
    made: list[Block] = [
        Lines("Loss", {"training": points(lines, "loss")}, "update", "nats a token")
    ]
    measured = points(lines, "held_out_bpb")
    if measured:
        made.append(Lines("Held-out documents", {"held out": measured}, "update", "bits per byte"))
    return [*made, *curves_of_the_run(lines)]


def curves_of_the_run(lines: list[Line]) -> list[Block]:
    """Learning rate, norm and speed, whatever is learnt."""
    return [
        Lines("Learning rate", {"AdamW": points(lines, "lr")}, "update", "learning rate"),
        Lines("Norm of the gradient", {"norm": points(lines, "grad_norm")}, "update", "norm"),
        Lines("Speed", {"speed": points(lines, "tokens_per_second")}, "update", "tokens a second"),
    ]


def points(lines: list[Line], key: str) -> list[Point]:
    """What the lines have of `key`, by update."""
    every = [(float(line["step"]), float(line[key])) for line in lines if line.get(key) is not None]
    width = -(-len(every) // _POINTS)
    groups = [every[at : at + width] for at in range(0, len(every), width or 1)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _continuations(samples: list[dict[str, Any]]) -> list[Block]:
    if not samples:
        return [Text("The recipe names no prompts.")]
    return [Preformatted(f"{sample['prompt']}▸{sample['continuation']}") for sample in samples]


def training_rows(config: TrainerConfig, metrics: dict[str, Any]) -> list[list[Any]]:
    """How it was trained, as the rows of a table."""
    skipped = metrics["skipped_updates"]
    return [
        ["updates", f"{metrics['steps']:,} of {config.global_batch_size:,} tokens"],
        ["schedule", f"{config.schedule}, {config.warmup_steps:,} updates of warm-up"],
        ["optimizer", metrics["optimizer"]],
        ["peak learning rate", f"{config.learning_rate:g}"],
        ["attention", metrics["attention"]],
        ["output layer and loss", metrics["head"]],
        ["processes", f"{metrics['processes']}"],
        ["energy", f"{metrics['kwh']:.4g} kWh ({metrics['kwh_how']})"],
        *(
            [[f"MFU, {name}", f"{metrics[f'mfu_{name}']:.1%}"] for name in ("palm", "causal")]
            if "mfu_palm" in metrics
            else []
        ),
        ["most memory", f"{metrics['peak_memory'] / 1e9:.2f} GB"],
        ["updates left out", ", ".join(map(str, skipped)) if skipped else "none"],
        ["frozen", ", ".join(config.freeze) or "nothing"],
    ]


def architecture_rows(
    config: TrainerConfig, settings: dict[str, Any], vocab_size: int
) -> list[list[Any]]:
    """What the model is, as the rows of a table."""
    heads = settings.get("num_attention_heads")
    width = settings.get("hidden_size")
    size = settings.get("head_dim") or (width // heads if width and heads else None)
    positions = settings.get("max_position_embeddings")
    tied = "tied to the embeddings" if settings.get("tie_word_embeddings") else "its own"
    return [
        ["family", settings.get("model_type")],
        ["vocabulary", f"{vocab_size:,}"],
        ["hidden size", width],
        ["layers", settings.get("num_hidden_layers")],
        ["heads", f"{heads} of {size}"],
        ["heads of keys and values", settings.get("num_key_value_heads")],
        ["feed-forward size", settings.get("intermediate_size")],
        ["context", f"{positions or 0:,} tokens, trained on {config.sequence_length:,}"],
        ["output layer", tied],
    ]
