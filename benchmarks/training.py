"""How fast is the trainer beside the Trainer of transformers, litgpt and a plain loop?

    python benchmarks/training.py [TEXTS...] [--rows NAME...] [--minutes 10] [--memory] [--tokenise]

TEXTS are folders with `*.txt` and `*.xml`; without them the texts are Mowa's sample. A tokenizer
and tokens are made of them, and every row trains the same Llama of 10 million parameters (litgpt:
its own model of that shape) on the same rows of 512 tokens in the same order, eight an update, with
fused AdamW and one precision, in a process of its own. A peer's micro-batch is the best of 1, 2, 4
and 8 rows; ours is its default. The first updates are left out; tokens a second are of the median
update. No row masks documents but those that say so. Each peer gets a virtual environment in the
user's cache. On a machine that does other things too, `--threads 1 --processor` counts the seconds
that a trainer has of the processor: waiting for one that is busy elsewhere then costs nothing.

`--minutes M` lets the fastest peer train M minutes at the best of `--rates` (which is found in
`--tune-minutes` each, else in runs of M), and ours, as it is shipped, half as long: when does it
reach the bits per byte of the peer's run? `--memory` is
the peak at vocabularies of 32k and 128k; `--tokenise` the step `tokens` beside `datasets.map`;
`--smoke` a toy without peers, in seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from processes import environment, in_own_process
from record import versions, write_record
from training_data import (
    artifact,
    join_documents,
    make_tokenizer,
    make_tokens,
    texts_of,
    timed,
    write_corpus,
    write_held_out,
    write_model,
    write_rows,
)
from training_peers import clock, held_out_bits, peak_bytes
from transformers import AutoModelForCausalLM

from mowa.execution import PlainProgress
from mowa.model import ArchitectureConfig, TokenizerFacts, build
from mowa.training import PretrainConfig
from mowa.training._export import export_checkpoint
from mowa.training._metrics import read_metrics
from mowa.training._runtime import choose_precision
from mowa.training._train import train_here
from mowa.workspace import Inputs

HERE = Path(__file__).resolve().parent
SHAPE = {"hidden_size": 320, "layers": 6, "heads": 5, "context": 512}
TOY = {"hidden_size": 32, "layers": 1, "heads": 2, "context": 32}
LEFT_OUT = 3  # first updates: memory is claimed, code is compiled
SEED = 0

PACKAGES = {
    "transformers": ["torch==2.13.*", "transformers==5.23.*", "accelerate==1.*", "datasets==5.*"],
    "litgpt": ["torch==2.13.*", "litgpt==0.5.13"],
}
# What runs, in which environment, compiled or not; None is our own environment.
PEERS = {
    "hf": ("transformers Trainer", "transformers", "hf", False),
    "hf-compiled": ("transformers Trainer, compiled", "transformers", "hf", True),
    "litgpt": ("litgpt, not compiled", "litgpt", "litgpt", False),
    "litgpt-compiled": ("litgpt", "litgpt", "litgpt", True),
    "nanogpt": ("nanoGPT-like loop, not compiled", "transformers", "nanogpt", False),
    "nanogpt-compiled": ("nanoGPT-like loop", "transformers", "nanogpt", True),
}
OURS = {
    "ours": ("Mowa, not compiled", "stream", False),
    "ours-compiled": ("Mowa", "stream", True),
    "ours-masked": ("Mowa, documents masked, not compiled", "tokens", False),
    "ours-masked-compiled": ("Mowa, documents masked", "tokens", True),
}
_TARGET, _TARGET_BITS = 1.2, 2.0


def make_world(root: Path, options: argparse.Namespace, steps: int) -> dict[str, Any]:
    """Everything that the rows read, below `root`."""
    began = time.perf_counter()
    corpus = write_corpus(root / "corpus", texts_of(options.texts, sample=options.sample))
    tokenizer = make_tokenizer(root / "tokenizer", corpus, options.vocabulary)
    seconds: dict[str, float] = {}
    with timed(seconds, "tokens"):
        tokens = make_tokens(root / "tokens", corpus, tokenizer)
    stream = join_documents(root / "stream", tokens)
    write_rows(
        root / "rows",
        stream,
        steps=steps,
        blocks=options.blocks,
        sequence_length=options.shape["context"],
        seed=SEED,
    )
    write_held_out(
        root / "rows", tokens, sequence_length=options.shape["context"], documents=options.documents
    )
    parameters = write_model(root / "model", options.shape, tokenizer, SEED)
    index = json.loads((root / "tokens/tokens.json").read_text("utf-8"))["splits"]
    text = sum(split["bytes"] for split in index.values())
    print(
        f"{parameters:,} parameters, {index['train']['tokens']:,} tokens of {text / 1e6:.1f} MB"
        f" (made in {time.perf_counter() - began:.0f} s)",
        flush=True,
    )
    return {"parameters": parameters, "bytes": text, "seconds": seconds}


def run_ours(job: dict[str, Any]) -> dict[str, Any]:
    """Train as the step `pretrain` does, in this process."""
    stamps = clock()
    root, out = Path(job["root"]), Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    values = {
        "architecture": job["shape"],
        "sequence_length": job["shape"]["context"],
        "global_batch_size": job["blocks"] * job["shape"]["context"],
        "steps": job["steps"],
        "warmup_steps": job["warmup"],
        "learning_rate": job["lr"],
        "optimizer": "adamw",
        "precision": job["precision"],
        "device": job["device"],
        "threads": job["threads"],
        "compile": job["compile"],
        "checkpoint_every_seconds": 0.0,
        "eval_documents": 1,
        "seed": SEED,
    }
    config = PretrainConfig.model_validate(values | job.get("changes", {}))
    read = [artifact(root / job["tokens"], "tokens"), artifact(root / "tokenizer", "tokenizer")]
    if job.get("reads_model"):
        read.append(artifact(Path(job["model"]), "model"))
    inputs = Inputs(tuple(read))
    began = time.perf_counter()
    train_here(config, inputs, out, PlainProgress())
    lines = [line for line in read_metrics(out / "metrics.jsonl") if "loss" in line]
    found = {
        "stamps": [(wall - began, processor) for wall, processor in stamps],
        "loss": lines[-1]["loss"],
        "peak_bytes": peak_bytes(),
        "micro": json.loads((out / "trained.json").read_text("utf-8"))["micro_batch_size"],
    }
    if job["measure"]:
        found["bits_per_byte"] = _bits(out, job)
        found["curve"] = _curve(out, job, [wall - began for wall, _ in stamps])
    return found


def _bits(folder: Path, job: dict[str, Any]) -> float:
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    return held_out_bits(lambda x: model(input_ids=x).logits, Path(job["rows"]))


def _curve(out: Path, job: dict[str, Any], seconds: list[float]) -> list[tuple[float, float]]:
    """Seconds until each checkpoint, start and saving counted in, and its bits as peers' are.

    Until the first that has at most the bits that are wanted.
    """
    curve = []
    every = job["changes"]["keep_checkpoint_every"]
    for step in range(every, job["steps"] + 1, every):
        export_checkpoint(out, out / f"after-{step}", step=step)
        curve.append((round(seconds[step - 1], 1), _bits(out / f"after-{step}", job)))
        if curve[-1][1] <= job["wanted"]:
            break
    return curve


def run_row(row: str, base: dict[str, Any], *, micro: int | None = None) -> dict[str, Any]:
    """One row: its tokens a second and what else it found; a peer's best micro-batch."""
    if row in OURS:
        _, tokens, compiled = OURS[row]
        out = tempfile.mkdtemp(prefix=f"out-{row}-", dir=base["root"])
        job = base | {"tokens": tokens, "compile": compiled, "out": out}
        found = in_own_process([sys.executable, __file__, "--job"], job, row)
        return _with_speed(found, base)
    _, packages, name, compiled = PEERS[row]
    rows = []
    for size in [micro] if micro else base["micro_batches"]:
        job = base | {"row": name, "compile": compiled, "micro": size}
        job["out"] = f"{base['root']}/out-{row}-{size}"
        command = [environment(packages, PACKAGES[packages]), HERE / "training_peers.py"]
        found = in_own_process(command, job, f"{row}-{size}")
        if found:
            rows.append(_with_speed(found | {"micro": size}, base))
    return max(rows, key=lambda found: found["speed"], default={})


def _with_speed(found: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    if not found:
        return {}
    stamps = found["stamps"][LEFT_OUT - 1 :]
    which = 1 if base["processor"] else 0
    took = sorted(later[which] - earlier[which] for earlier, later in pairwise(stamps))
    update = took[len(took) // 2]
    return found | {"speed": base["blocks"] * base["shape"]["context"] / update}


def speeds_of(rows: list[str], base: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What each row found out, printed as it comes."""
    speeds = {}
    for row in rows:
        found = run_row(row, base)
        if found:
            speeds[row] = found
            print(
                f"{_name(row):44} {found['speed']:>10,.0f} tokens/s, micro-batch {found['micro']},"
                f" loss {found['loss']:.3f}, {found['peak_bytes'] / 1e9:.2f} GB",
                flush=True,
            )
    return speeds


def speed_rows(speeds: dict[str, dict[str, Any]], *, processor: bool) -> list[dict[str, Any]]:
    """Every row of ours beside every row of the peers."""
    peers = [row for row in speeds if row in PEERS]
    results = []
    for row in (row for row in speeds if row in OURS):
        for peer in peers or [None]:
            other = speeds[peer] if peer else None
            results.append(
                _row(
                    f"training, {_name(row)}",
                    "tokens a second" + (" of the processor" if processor else ""),
                    speeds[row]["speed"],
                    speeds[row],
                    peer=_name(peer) if peer else None,
                    other=other,
                    value=other["speed"] if other else None,
                    target=_TARGET if peer and "masked" not in row else None,
                )
            )
    return results


def _name(row: str) -> str:
    return (OURS.get(row) or PEERS[row])[0]


def _row(
    what: str,
    unit: str,
    ours: float,
    details: dict[str, Any],
    *,
    peer: str | None = None,
    other: dict[str, Any] | None = None,
    value: float | None = None,
    target: float | None = None,
) -> dict[str, Any]:
    kept = ("micro", "loss", "peak_bytes", "bits_per_byte", "lr")
    return {
        "what": what,
        "unit": unit,
        "ours": ours,
        "peer": peer,
        "peer_value": value,
        "ratio": ours / value if value else None,
        "target": target,
        "ours_details": {key: details[key] for key in kept if key in details},
        "peer_details": {key: other[key] for key in kept if key in other} if other else None,
    }


def bits_rows(
    peer: str, speeds: dict[str, dict[str, Any]], base: dict[str, Any], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """How soon ours reaches what `peer` reaches, with its best learning rate, in some minutes."""
    tokens = base["blocks"] * base["shape"]["context"]
    found = {}

    def train(rate: float, minutes: float) -> None:
        steps = int(minutes * 60 * speeds[peer]["speed"] / tokens)
        job = base | {"steps": steps, "lr": rate, "warmup": steps // 50, "measure": True}
        job["log_every"] = 10
        found[rate] = run_row(peer, job, micro=speeds[peer]["micro"])
        bits = found[rate].get("bits_per_byte")
        print(f"{PEERS[peer][0]}, rate {rate}, {minutes} minutes: {bits}", flush=True)

    for rate in options.rates:
        train(rate, options.tune_minutes or options.minutes)
    rate = min((r for r in found if found[r]), key=lambda r: found[r]["bits_per_byte"])
    if options.tune_minutes:
        train(rate, options.minutes)
    wanted = found[rate]["bits_per_byte"]
    ours = options.bits_row
    steps = int(options.minutes * 30 * speeds[ours]["speed"] / tokens)
    job = base | {"steps": steps, "warmup": steps // 50, "measure": True, "lr": options.our_rate}
    job["wanted"] = wanted
    job["changes"] = {
        "optimizer": "auto",
        "keep_checkpoint_every": max(steps // 20, 1),
    }
    mine = run_row(ours, job)
    reached = next((at for at, bits in mine["curve"] if bits <= wanted), None)
    print(f"{OURS[ours][0]}: {mine['bits_per_byte']:.4f}, curve {mine['curve']}", flush=True)
    took = found[rate]["stamps"][-1][0]
    return [
        _row(
            f"seconds to {wanted:.4f} bits per byte, {OURS[ours][0]} (Muon)",
            "seconds, less is better; the ratio is the peer's to ours",
            reached or float("nan"),
            mine,
            peer=f"{PEERS[peer][0]}, learning rate {rate} of {options.rates}",
            other=found[rate] | {"lr": rate},
            value=took,
        )
        | {"ratio": took / reached if reached else None, "target": _TARGET_BITS}
    ]


def memory_rows(base: dict[str, Any], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Peak memory of a whole batch at once where the vocabulary is large; tokens stay small."""
    results = []
    for size in options.vocabularies:
        root = Path(base["root"])
        facts = TokenizerFacts.read(root / "tokenizer")
        wide = {**facts.__dict__, "vocab_size": size}
        model = build(ArchitectureConfig.model_validate(base["shape"]), type(facts)(**wide), SEED)
        model.save_pretrained(root / f"model-{size}")
        job = base | {"steps": LEFT_OUT + 2, "model": str(root / f"model-{size}")}
        other = run_row("hf", job, micro=base["blocks"])
        job["reads_model"] = True
        job["changes"] = {"micro_batch_size": base["blocks"], "architecture": None}
        mine = run_row("ours", job)
        results.append(
            _row(
                f"peak memory, vocabulary {size:,}, {base['blocks']} rows at once",
                "GB, less is better; the ratio is the peer's to ours",
                mine["peak_bytes"] / 1e9,
                mine,
                peer=PEERS["hf"][0],
                other=other,
                value=other["peak_bytes"] / 1e9,
            )
            | {"ratio": other["peak_bytes"] / mine["peak_bytes"]}
        )
    return results


_TOKENISE = """
import json, sys, time
from datasets import load_dataset
from transformers import PreTrainedTokenizerFast

root, processes, length, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
tokenizer = PreTrainedTokenizerFast.from_pretrained(root + "/tokenizer")
data = load_dataset("parquet", data_files=root + "/corpus/documents/*.parquet", split="train",
                    cache_dir=out)
def encode(batch):
    ids = tokenizer(batch["text"], add_special_tokens=False)["input_ids"]
    return {"input_ids": [[tokenizer.bos_token_id, *each, tokenizer.eos_token_id] for each in ids]}
def pack(batch):
    flat = [token for ids in batch["input_ids"] for token in ids]
    kept = len(flat) // length * length
    return {"input_ids": [flat[at : at + length] for at in range(0, kept, length)]}
start = time.perf_counter()
data = data.map(encode, batched=True, num_proc=processes, remove_columns=data.column_names)
data = data.map(pack, batched=True, num_proc=processes)
print(json.dumps(time.perf_counter() - start))
"""


def tokenise_rows(root: Path, world: dict[str, Any], options: argparse.Namespace) -> list[Any]:
    """MB of text a second: the step `tokens`, which leaves nothing to pack, and `datasets.map`."""
    mine = world["bytes"] / 1e6 / world["seconds"]["tokens"]
    results = []
    for processes in (1, options.threads):
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run(
                [environment("transformers", PACKAGES["transformers"]), "-c", _TOKENISE, root,
                 str(processes), str(options.shape["context"]), out],
                env=os.environ | {"HF_DATASETS_CACHE": out},
                stdout=subprocess.PIPE, check=True, text=True,
            )  # fmt: skip
        other = world["bytes"] / 1e6 / float(done.stdout.splitlines()[-1])
        results.append(
            _row("tokens of texts", "MB a second", mine, {}, value=other,
                 peer=f"datasets.map, {processes} processes, tokenised and packed")
        )  # fmt: skip
    return results


def matmul_peak(precision: str, size: int = 1024, device: str = "cpu") -> float:
    """Most floating-point operations a second that a product of square matrices reaches."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    one, other = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    wait = torch.cuda.synchronize if device == "cuda" else int
    best = float("inf")
    for _ in range(30):
        wait()
        began = time.perf_counter()
        one @ other
        wait()
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def flops_per_token(parameters: int, shape: dict[str, int]) -> float:
    """Of products alone, forward and backward; attention as far as a causal mask lets it see."""
    return 6 * parameters + 6 * shape["layers"] * shape["hidden_size"] * shape["context"]


def smoke(options: argparse.Namespace) -> None:
    """Toy sizes, no peers."""
    options.shape, options.vocabulary, options.sample = TOY, 512, 40
    options.blocks, options.steps, options.documents = 4, 6, 2
    options.rows = ["ours", "ours-masked"]
    options.threads = 1


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path, nargs="*")
    parser.add_argument("--rows", nargs="+", choices=[*PEERS, *OURS], default=[*PEERS, *OURS])
    parser.add_argument("--steps", type=int, default=20, help="updates of a row that is timed")
    parser.add_argument("--precision", choices=["fp32", "bf16"])
    parser.add_argument("--micro-batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--processor", action="store_true", help="seconds of the processor")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, help="compare bits per byte after so many")
    parser.add_argument("--tune-minutes", type=float, help="of each rate, before the run itself")
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3, 3e-3, 6e-3])
    parser.add_argument("--our-rate", type=float, default=3e-3)
    parser.add_argument("--bits-row", choices=list(OURS), default="ours-masked-compiled")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--tokenise", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.shape, options.vocabulary, options.sample = SHAPE, 8192, 2_000
    options.blocks, options.documents, options.vocabularies = 8, 40, (32_768, 131_072)
    if options.smoke:
        smoke(options)
    return options


def main(arguments: list[str] | None = None) -> None:
    options = options_of(arguments)
    if options.job:
        job = json.loads(options.job.read_text("utf-8"))
        found = run_ours(job)
        options.job.with_suffix(".found.json").write_text(json.dumps(found), "utf-8")
        return
    precision = options.precision or choose_precision("auto", torch.device("cpu"))
    torch.set_num_threads(options.threads)
    most = options.steps
    if options.minutes:  # rows for a trainer of 20,000 tokens a second
        most = int(options.minutes * 60 * 20_000 / options.blocks / options.shape["context"])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        world = make_world(root, options, most)
        base = {
            "root": folder,
            "rows": str(root / "rows"),
            "model": str(root / "model"),
            "shape": options.shape,
            "blocks": options.blocks,
            "steps": options.steps,
            "warmup": 2,
            "lr": 3e-3,
            "threads": options.threads,
            "precision": precision,
            "device": "cpu",
            "log_every": 1,
            "micro_batches": options.micro_batches,
            "processor": options.processor,
            "measure": False,
        }
        peak = matmul_peak(precision)
        each = flops_per_token(world["parameters"], options.shape)
        print(
            f"{precision}, {options.threads} threads; products reach {peak / 1e9:,.0f} GFLOP/s:"
            f" at most {peak / each:,.0f} tokens/s",
            flush=True,
        )
        speeds = speeds_of(options.rows, base)
        results = speed_rows(speeds, processor=options.processor)
        peers = [row for row in speeds if row in PEERS]
        if options.tokenise:
            results += tokenise_rows(root, world, options)
        if options.memory:
            results += memory_rows(base, options)
        if options.minutes and peers and options.bits_row in speeds:
            best = max(peers, key=lambda row: speeds[row]["speed"])
            results += bits_rows(best, speeds, base, options)
    for row in results:
        against = (
            f"  {row['ratio']:.2f} x {row['peer_value']:,.3f} {row['peer']}" if row["peer"] else ""
        )
        target = f", target {row['target']}" if row["target"] else ""
        print(f"{row['what']:64} {row['ours']:>12,.3f} {row['unit']}{against}{target}")
    if options.json:
        found = versions(("mowa", "torch", "transformers", "numpy"))
        found |= {f"peers of {name}": " ".join(each) for name, each in PACKAGES.items()}
        found |= {"matmul peak, GFLOP/s": f"{peak / 1e9:.0f}", "precision": precision}
        write_record(options.json, found, results)


if __name__ == "__main__":
    main()
