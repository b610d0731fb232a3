"""report.html of a pretrained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mowa.report import Block, Figures, Lines, Page, Preformatted, Section, Table, Text
from mowa.training._config import PretrainConfig

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
    """Draw the curves of `lines`, the architecture and the continuations."""
    page = Page(
        title="A model trained from random weights",
        subtitle=f"{metrics['parameters']:,} parameters, {metrics['tokens_seen']:,} tokens,"
        f" {metrics['precision']}",
        sections=[
            Section("What came out", [Figures(_figures(metrics))]),
            Section("Training", _curves(lines), note="Loss is of each update's own batch."),
            Section("Continuations", _continuations(samples)),
            Section("Architecture", [Table(["", "value"], _architecture(config, vocab_size))]),
        ],
    )
    page.write(path)


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
        ("epochs", f"{metrics['epochs']:.2f}"),
        ("tokens a second", f"{metrics['tokens_per_second']:,.0f}"),
    ]


def _curves(lines: list[Line]) -> list[Block]:
    curves: list[Block] = [
        Lines("Loss", {"training": _points(lines, "loss")}, "update", "nats a token")
    ]
    measured = _points(lines, "held_out_bpb")
    if measured:
        curves.append(
            Lines("Held-out documents", {"held out": measured}, "update", "bits per byte")
        )
    return [
        *curves,
        Lines("Learning rate", {"AdamW": _points(lines, "lr")}, "update", "learning rate"),
        Lines("Norm of the gradient", {"norm": _points(lines, "grad_norm")}, "update", "norm"),
        Lines("Speed", {"speed": _points(lines, "tokens_per_second")}, "update", "tokens a second"),
    ]


def _points(lines: list[Line], key: str) -> list[Point]:
    points = [
        (float(line["step"]), float(line[key])) for line in lines if line.get(key) is not None
    ]
    width = -(-len(points) // _POINTS)
    groups = [points[at : at + width] for at in range(0, len(points), width or 1)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _continuations(samples: list[dict[str, Any]]) -> list[Block]:
    if not samples:
        return [Text("The recipe names no prompts.")]
    return [Preformatted(f"{sample['prompt']}▸{sample['continuation']}") for sample in samples]


def _architecture(config: PretrainConfig, vocab_size: int) -> list[list[Any]]:
    shape = config.architecture
    tied = "tied to the embeddings" if shape.tie_embeddings else "its own"
    return [
        ["kind", "Llama (RoPE, RMSNorm, SwiGLU)"],
        ["vocabulary", f"{vocab_size:,}"],
        ["hidden size", f"{shape.hidden_size:,}"],
        ["layers", f"{shape.layers:,}"],
        ["heads", f"{shape.heads:,} of {shape.head_size}"],
        ["heads of keys and values", f"{shape.key_value_heads:,}"],
        ["feed-forward size", f"{shape.feed_forward_size:,}"],
        ["context", f"{shape.context:,} tokens, trained on {config.sequence_length:,}"],
        ["output layer", tied],
        ["optimizer", config.optimizer],
    ]
