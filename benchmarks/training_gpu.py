"""How near does the trainer come to what one GPU can do?

    python benchmarks/training_gpu.py [--shapes 1.2b 8b] [--steps 20] [--json FILE] [--dry-run]

Each shape trains on random tokens in documents of a thousand on average, documents masked, in bf16,
compiled, with AdamW, in a process of its own. The roofline is of the same run: the products of the
model at the rate that the product of two large matrices reaches there, and nothing else. Tokens a
second are of the median update, the first left out. `--dry-run` does all that at toy size on a CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from processes import in_own_process
from record import versions, write_record
from training import LEFT_OUT, flops_per_token, matmul_peak, run_ours
from training_data import make_tokenizer, write_corpus, write_tokens

# Llama 3.2 1B and Llama 3.1 8B; their vocabulary.
SHAPES: dict[str, dict[str, Any]] = {
    "1.2b": {
        "shape": {"hidden_size": 2048, "layers": 16, "heads": 32, "kv_heads": 8, "ffn_size": 8192},
        "sequence": 4096,
        "blocks": 16,
        "vocabulary": 128_256,
        "target": 60_000,
    },
    "8b": {
        "shape": {
            "hidden_size": 4096,
            "layers": 32,
            "heads": 32,
            "kv_heads": 8,
            "ffn_size": 14336,
            "tie_embeddings": False,
        },
        "sequence": 8192,
        "blocks": 4,
        "vocabulary": 128_256,
        "target": 9_000,
    },
}
TOY = {
    "shape": {"hidden_size": 32, "layers": 1, "heads": 2},
    "sequence": 32,
    "blocks": 4,
    "vocabulary": 512,
    "target": None,
}
_DOCUMENT = 1_000  # tokens on average
_LEARNT = 300  # tokens that the tokenizer learns; the others are only there


def products(case: dict[str, Any]) -> int:
    """Parameters that a token is multiplied with: all but those of an input layer of its own."""
    shape = case["shape"]
    width, heads = shape["hidden_size"], shape["heads"]
    key_values = width // heads * shape.get("kv_heads", heads)
    inner = shape.get("ffn_size") or -(-8 * width // (3 * 64)) * 64
    layer = 2 * width * width + 2 * width * key_values + 3 * width * inner
    return shape["layers"] * layer + case["vocabulary"] * width


def measure(name: str, case: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Train one shape, and compare it with the roofline."""
    shape = case["shape"] | {"context": case["sequence"]}
    tokens = case["blocks"] * case["sequence"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        draw = np.random.default_rng(0)
        count = (options.steps + 1) * tokens
        dtype = np.uint16 if case["vocabulary"] <= 1 << 16 else np.uint32
        drawn = draw.integers(3, case["vocabulary"], count).astype(dtype)
        mean = min(_DOCUMENT, case["sequence"])
        lengths = draw.multinomial(count - 2 * (count // mean), [mean / count] * (count // mean))
        lengths += 2
        lengths[-1] += count - int(lengths.sum())
        corpus = write_corpus(root / "corpus", [f"{word} tekst żółw." for word in range(400)])
        unused = case["vocabulary"] - _LEARNT
        make_tokenizer(root / "tokenizer", corpus, _LEARNT, unused=unused)
        write_tokens(root / "tokens", drawn, lengths.tolist(), case["vocabulary"])
        job = {
            "root": folder,
            "out": str(root / "out"),
            "tokens": "tokens",
            "shape": shape,
            "blocks": case["blocks"],
            "steps": options.steps,
            "warmup": 2,
            "lr": 1e-4,
            "precision": "bf16",
            "device": options.device,
            "threads": 1,
            "compile": not options.dry_run,
            "measure": False,
        }
        found = in_own_process([sys.executable, __file__, "--job"], job, name)
    if not found:
        return {}
    took = np.median(np.diff([wall for wall, _ in found["stamps"][LEFT_OUT - 1 :]]))
    roof = options.peak / flops_per_token(products(case), shape)
    return {
        "what": f"training, Llama {name} at {case['sequence']:,}, bf16, documents masked",
        "unit": "tokens a second",
        "ours": tokens / took,
        "peer": "roofline of products alone",
        "peer_value": roof,
        "ratio": tokens / took / roof,
        "target": case["target"],
        "ours_details": {key: found[key] for key in ("micro", "peak_bytes", "loss")},
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.job:
        found = run_ours(json.loads(options.job.read_text("utf-8")))
        options.job.with_suffix(".found.json").write_text(json.dumps(found), "utf-8")
        return
    cases = {"toy": TOY} if options.dry_run else {name: SHAPES[name] for name in options.shapes}
    options.device = "cpu" if options.dry_run else "cuda"
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no GPU here; --dry-run tries the script at toy size on a CPU")
    options.peak = matmul_peak("bf16", 256 if options.dry_run else 8192, options.device)
    print(f"products of bf16 matrices reach {options.peak / 1e12:,.2f} TFLOP/s", flush=True)
    results = [row for name, case in cases.items() if (row := measure(name, case, options))]
    for row in results:
        print(
            f"{row['what']:64} {row['ours']:>12,.0f} {row['unit']}, {row['ratio']:.2f} of the"
            f" roofline, target {row['target']}"
        )
    if options.json:
        found = versions(("mowa", "torch", "transformers"))
        if options.device == "cuda":
            found["gpu"] = torch.cuda.get_device_name()
        write_record(options.json, found, results)


if __name__ == "__main__":
    main()
