"""How long does the loss of logits take on a CPU: at once, in parts, compiled, in one buffer?

    python benchmarks/loss.py [--threads 2] [--positions 2048] [--vocabulary 8192]

The cross-entropy of logits that are there, and its gradient with respect to them; the median of
many. *At once* is a plain log-softmax over all of them, *in parts* the same over as many positions
as the caches hold, *compiled* what torch.compile makes of it at once. Ours is what the trainer has
on a CPU. Memory that is freed stays with the process, as in the trainer. `--smoke`: a toy.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from record import versions, write_record
from torch import Tensor

from mowa.training import _head
from mowa.training._runtime import numerics

PRECISIONS = {"bf16": torch.bfloat16, "fp32": torch.float32}
Losses = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def in_parts(logits: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """`losses_of_logits` of as many positions at once as ours takes."""
    rows = max(_head._LOGITS_IN_CACHE // logits.shape[1], 1)  # noqa: SLF001 - ours takes so many
    total = weights.new_zeros(())
    for first in range(0, len(logits), rows):
        part = slice(first, first + rows)
        loss, gradient = _head.losses_of_logits(logits[part], labels[part], weights[part])
        total += loss
        logits[part] = gradient
    return total, logits


def milliseconds(losses: Losses, options: argparse.Namespace) -> tuple[float, float]:
    """The median, and the loss."""
    generator = torch.Generator().manual_seed(0)
    shape = options.positions, options.vocabulary
    logits = torch.randn(shape, generator=generator).to(PRECISIONS[options.precision])
    labels = torch.randint(0, options.vocabulary, (options.positions,), generator=generator)
    weights = torch.ones(options.positions)
    took, loss = [], 0.0
    for _ in range(options.times + 2):
        given = logits.clone()  # some write the gradient in its place
        began = time.perf_counter()
        total, _ = losses(given, labels, weights)
        took.append(time.perf_counter() - began)
        loss = float(total)
    took = sorted(took[2:])
    return 1e3 * took[len(took) // 2], loss


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--positions", type=int, default=2048)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--precision", choices=sorted(PRECISIONS), default="bf16")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--smoke", action="store_true", help="a toy, nothing compiled")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.smoke:
        options.positions, options.vocabulary, options.times = 8, 32, 2
    return options


def main(arguments: list[str] | None = None) -> None:
    options = options_of(arguments)
    ways: dict[str, Losses] = {"at once": _head.losses_of_logits, "in parts": in_parts}
    if not options.smoke:
        ways["compiled"] = torch.compile(_head.losses_of_logits, dynamic=False, fullgraph=True)
    with numerics(threads=options.threads, seed=0):
        ours, loss = milliseconds(_head.losses_part_by_part, options)
        others = {name: milliseconds(losses, options) for name, losses in ways.items()}
    print(f"ours: {ours:.1f} ms, loss {loss:.2f}")
    results: list[dict[str, Any]] = []
    for name, (took, other_loss) in others.items():
        print(f"{name}: {took:.1f} ms, loss {other_loss:.2f}, {took / ours:.2f} times ours")
        results.append(
            {
                "what": f"loss of {options.positions} x {options.vocabulary} logits",
                "unit": "ms, less is better; the ratio is the other's to ours",
                "ours": ours,
                "peer": name,
                "peer_value": took,
                "ratio": took / ours,
                "target": None,
                "ours_details": {"loss": loss},
                "peer_details": {"loss": other_loss},
            }
        )
    if options.json:
        write_record(options.json, versions(("mowa", "torch")), results)


if __name__ == "__main__":
    main()
