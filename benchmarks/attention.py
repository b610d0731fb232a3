"""How long does attention take on a CPU in bf16: plain, by torch's kernel, by blocks of queries?

    python benchmarks/attention.py [--threads 1] [--blocks 4] [--queries 64 128 256]

Forward and backward over rows of documents laid end to end, the median of many. Plain is what
``eager`` of `transformers` does: all pairs, and a softmax in float32. The kernel is torch's
``scaled_dot_product_attention`` with the mask. On a processor without AVX-512 BF16 or AMX torch
emulates bf16, and the trainer uses float32 there: `--precision fp32` times that. `--smoke`: a toy.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from record import versions, write_record
from torch import Tensor
from torch.nn import functional

from mowa.training import _blocked

PRECISIONS = {"bf16": torch.bfloat16, "fp32": torch.float32}
_SEGMENTS = 3


def plain(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """All pairs, the softmax in float32, as models of `transformers` have it."""
    scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5 + mask
    return functional.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype) @ value


def kernel(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def by_blocks(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return _blocked.blocked_attention(query, key, value, mask, query.shape[-1] ** -0.5)[0]


def milliseconds(
    attend: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor], options: argparse.Namespace
) -> float:
    """Forward and backward, the median."""
    generator = torch.Generator().manual_seed(0)
    dtype = PRECISIONS[options.precision]
    shape = (options.blocks, options.heads, options.positions, options.size)
    inputs = [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for _ in range(3)]
    grad = torch.randn(shape, generator=generator).to(dtype)
    segments = torch.arange(options.positions) * _SEGMENTS // options.positions
    hidden = (segments[:, None] != segments) | torch.ones(2 * (options.positions,)).triu(1).bool()
    mask = torch.zeros(hidden.shape, dtype=dtype).masked_fill(hidden, torch.finfo(dtype).min)
    mask = mask.expand(options.blocks, 1, *hidden.shape).contiguous()
    took = []
    for _ in range(options.times + 2):
        began = time.perf_counter()
        torch.autograd.grad(attend(*inputs, mask), inputs, grad)
        took.append(time.perf_counter() - began)
    return sorted(took[2:])[options.times // 2] * 1e3


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    torch.set_num_threads(options.threads)
    results: list[dict[str, Any]] = []
    peers = {"plain": milliseconds(plain, options), "torch's kernel": milliseconds(kernel, options)}
    shipped = _blocked._QUERIES  # noqa: SLF001 - the constant that is tried
    for queries in options.queries or [shipped]:
        _blocked._QUERIES = queries  # noqa: SLF001 - as above
        ours = milliseconds(by_blocks, options)
        for name, value in peers.items():
            results.append(
                {
                    "what": f"attention by blocks of {queries} queries, {options.threads} threads",
                    "unit": "ms, less is better; the ratio is the peer's to ours",
                    "ours": ours,
                    "peer": name,
                    "peer_value": value,
                    "ratio": value / ours,
                    "target": None,
                }
            )
            print(
                f"blocks of {queries:4}: {ours:8.2f} ms; {name}: {value:8.2f} ms,"
                f" {value / ours:.2f} times"
            )
    _blocked._QUERIES = shipped  # noqa: SLF001 - as above
    if options.json:
        write_record(options.json, versions(["mowa", "torch"]), results)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=4, help="rows of a batch")
    parser.add_argument("--heads", type=int, default=5)
    parser.add_argument("--positions", type=int, default=512)
    parser.add_argument("--size", type=int, default=64, help="of a head")
    parser.add_argument("--precision", choices=list(PRECISIONS), default="bf16")
    parser.add_argument("--queries", type=int, nargs="+", help="sizes of blocks to try")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--smoke", action="store_true", help="a toy, in a second")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.smoke:
        options.positions, options.times, options.heads = 24, 2, 2
    return options


if __name__ == "__main__":
    main()
