"""How fast are models asked, beside lm-eval's `hf` and `generate` of transformers?

    python benchmarks/evaluation.py [TEXTS...] [--rows NAME...] [--items 32] [--rounds 3]

A Llama of 10 million parameters is made on the spot, with a tokenizer of TEXTS (folders with
`*.txt` and `*.xml`) or else of Mowa's sample, and answers the same requests twice, on the CPU, each
time in a process of its own:

* `choice-1024`, `choice-2048`: four endings of 8 to 20 words after a text with five shots before
  it, which together fill four fifths of the window;
* `pairs`: minimal pairs of the task `grammar`;
* `texts`: 32 tokens after the same prompts as `choice-1024`;
* `equal`, `near`, `unequal`: 64 tokens after prompts of 50, of 42 to 50, and of 16 to 128 tokens,
  beside `generate` over prompts of like length, padded on the left.

The peer's batch is the best of 1, 8, 32 and `auto` (`generate`: 8 and 32); a row is the best of
several rounds. Imports, loading, tokenising and the peer's search for a batch size are not in it,
and stand beside it. Both must find the same: log-likelihoods to 1e-3, and the same texts. `--smoke`
is a toy without peers, in this process, in seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BEGAN = time.perf_counter()

import torch  # noqa: E402 - importing is timed
from evaluation_data import (  # noqa: E402
    Asked,
    choice_items,
    make_world,
    pair_items,
    prompts,
    write_model,
)
from processes import environment, in_own_process  # noqa: E402
from record import versions, write_record  # noqa: E402

from mowa.inference import ChoiceRequest, GenerateRequest, TorchEngine  # noqa: E402
from mowa.tokenizer import load_tokenizer  # noqa: E402

HERE = Path(__file__).resolve().parent
SHAPE = {"hidden_size": 320, "layers": 6, "heads": 5}
TOY = {"hidden_size": 32, "layers": 1, "heads": 2}
PACKAGES = [
    "torch==2.13.*",
    "transformers==5.23.*",
    "accelerate==1.*",
    "datasets==5.*",
    "lm-eval==0.4.13",
]
LM_EVAL, GENERATE = "lm-eval, hf", "transformers, generate"
_ALIKE = 1e-3

# What is asked, of a model with which window, who else, in which batches, how much faster.
ROWS: dict[str, dict[str, Any]] = {
    "choice-1024": {"row": "likelihoods", "window": 1024, "unit": "items a second"},
    "choice-2048": {"row": "likelihoods", "window": 2048, "unit": "items a second"},
    "pairs": {"row": "likelihoods", "window": 1024, "unit": "pairs a second"},
    "texts": {"row": "texts", "window": 1024, "unit": "texts a second", "tokens": 32},
    "equal": {"row": "generate", "window": 1024, "unit": "tokens a second", "tokens": 64},
    "near": {"row": "generate", "window": 1024, "unit": "tokens a second", "tokens": 64},
    "unequal": {"row": "generate", "window": 1024, "unit": "tokens a second", "tokens": 64},
}
_LENGTHS = {"equal": (50, 50), "near": (42, 50), "unequal": (16, 128)}
_BATCHES: dict[str, list[int | str]] = {
    "likelihoods": [1, 8, 32, "auto"],
    "texts": [1, 8, 32, "auto"],
    "generate": [8, 32],
}
_TARGETS = {"likelihoods": 2.0, "texts": 2.0, "generate": 1.0}


class TimedTokenizer:
    """A tokenizer that tells how long it encodes."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer, self.seconds = tokenizer, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode_batch_fast(self, *args: Any, **options: Any) -> Any:
        """What engines call."""
        began = time.perf_counter()
        found = self._tokenizer.encode_batch_fast(*args, **options)
        self.seconds += time.perf_counter() - began
        return found


def asked_of(row: str, words: list[str], folder: Path, options: argparse.Namespace) -> Asked:
    """The requests of a row."""
    tokenizer = load_tokenizer(folder)
    if row == "pairs":
        return pair_items(options.items * 16)
    if row in _LENGTHS:
        return prompts(words, tokenizer, count=options.items, lengths=_LENGTHS[row])
    items = choice_items(words, tokenizer, count=options.items, window=ROWS[row]["window"])
    return items if row != "texts" else [(context, []) for context, _ in items]


def run_ours(job: dict[str, Any]) -> dict[str, Any]:
    """Ask our engine, which knows nothing of the round before."""
    torch.set_num_threads(job["threads"])
    start = time.perf_counter() - BEGAN
    asked = json.loads(Path(job["asked"]).read_text("utf-8"))
    rounds: list[dict[str, float]] = []
    values: list[Any] = []
    load = 0.0
    for _ in range(job["rounds"]):
        began = time.perf_counter()
        engine = TorchEngine.load(Path(job["model"]), device="cpu", bos=False)
        _answers(engine, job["row"], asked | {"requests": asked["requests"][:1]})
        load = time.perf_counter() - began
        watch = TimedTokenizer(engine.tokenizer)
        engine.tokenizer = watch  # type: ignore[assignment]
        began = time.perf_counter()
        values = _answers(engine, job["row"], asked)
        rounds.append({"all": time.perf_counter() - began, "encode": watch.seconds, "detect": 0.0})
    return {"start": start, "load": load, "rounds": rounds, "values": values}


def _answers(engine: TorchEngine, row: str, asked: dict[str, Any]) -> list[Any]:
    if row == "likelihoods":
        choices = [ChoiceRequest(context, tuple(texts)) for context, texts in asked["requests"]]
        found = dict(engine.choice_loglikelihoods(choices))
        return [one.logprob for index in sorted(found) for one in found[index]]
    stop = ("\n\n\n",) if row == "texts" else ()
    texts = [GenerateRequest(prompt, asked["tokens"], stop) for prompt, _ in asked["requests"]]
    written = dict(engine.generate_many(texts))
    return [written[index].text for index in sorted(written)]


def measured(
    row: str, root: Path, words: list[str], options: argparse.Namespace
) -> dict[str, Any] | None:
    """One row of the record, printed as it comes; None where ours failed."""
    about = ROWS[row]
    window = about["window"]
    model = root / f"model-{window}"
    if not model.exists():
        parameters = write_model(model, root / "tokenizer", options.shape | {"context": window})
        print(f"{parameters:,} parameters, window {window:,}", flush=True)
    requests = asked_of(row, words, root / "tokenizer", options)
    path = root / f"{row}.json"
    path.write_text(
        json.dumps({"requests": requests, "tokens": about.get("tokens", 0)}), encoding="utf-8"
    )
    job = {
        "root": str(root),
        "row": about["row"],
        "model": str(model),
        "asked": str(path),
        "rounds": options.rounds,
        "threads": options.threads,
    }
    work = len(requests) * (about["tokens"] if about["row"] == "generate" else 1)
    command: list[str | Path] = [sys.executable, __file__, "--job"]
    mine = run_ours(job) if options.smoke else in_own_process(command, job, row)
    if not mine:
        return None
    ours = _summary(mine, work)
    speeds = {}
    others = {}
    for batch in [] if options.smoke else _BATCHES[about["row"]]:
        python = sys.executable
        if about["row"] != "generate":
            python = str(environment("lm-eval", PACKAGES))
        command = [python, HERE / "evaluation_peers.py"]
        found = in_own_process(command, job | {"batch": batch}, f"{row}-{batch}")
        if found:
            others[batch] = _summary(found, work) | _beside(mine["values"], found["values"])
            speeds[batch] = others[batch]["speed"]
            print(f"  {row}, peer, batch {batch}: {speeds[batch]:,.2f}", flush=True)
    best = max(speeds, key=lambda batch: speeds[batch], default=None)
    value = speeds[best] if best else None
    return {
        "what": row,
        "unit": about["unit"],
        "ours": ours["speed"],
        "peer": None if best is None else f"{_peer(about['row'])}, batch {best}",
        "peer_value": value,
        "ratio": ours["speed"] / value if value else None,
        "target": _TARGETS[about["row"]] if value else None,
        "ours_details": ours,
        "peer_details": None if best is None else others[best] | {"batches": speeds},
    }


def _peer(kind: str) -> str:
    return GENERATE if kind == "generate" else LM_EVAL


def _summary(found: dict[str, Any], work: int) -> dict[str, Any]:
    best = min(found["rounds"], key=lambda each: each["all"] - each["encode"] - each["detect"])
    seconds = best["all"] - best["encode"] - best["detect"]
    return {
        "speed": work / seconds,
        "seconds": seconds,
        "tokenising": best["encode"],
        "detecting": best["detect"],
        "importing": found["start"],
        "loading": found["load"],
    }


def _beside(ours: list[Any], theirs: list[Any]) -> dict[str, float]:
    """How alike the answers are; likelihoods that are not are no measurement."""
    if ours and isinstance(ours[0], str):
        same = sum(one == other for one, other in zip(ours, theirs, strict=True))
        return {"texts alike": same / len(ours)}
    largest = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    if largest > _ALIKE:
        sys.exit(f"log-likelihoods differ by {largest:.4f}: this compares nothing")
    return {"largest difference": largest}


def smoke(options: argparse.Namespace) -> None:
    """Toy sizes, no peers."""
    options.shape, options.vocabulary, options.sample = TOY, 512, 40
    options.items, options.rounds, options.threads = 2, 1, 1
    options.rows = ["choice-1024", "pairs", "texts", "near"]


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path, nargs="*")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--items", type=int, default=32, help="of a row; pairs: 16 times as many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.shape, options.vocabulary, options.sample = SHAPE, 8192, 2_000
    if options.smoke:
        smoke(options)
    return options


def main(arguments: list[str] | None = None) -> None:
    options = options_of(arguments)
    if options.job:
        found = run_ours(json.loads(options.job.read_text("utf-8")))
        options.job.with_suffix(".found.json").write_text(json.dumps(found), "utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        words = make_world(
            root, options.texts, sample=options.sample, vocabulary=options.vocabulary
        )
        rows = (measured(row, root, words, options) for row in options.rows)
        results = [row for row in rows if row]
    for row in results:
        beside = ""
        if row["peer"]:
            beside = f"  {row['ratio']:.2f} x {row['peer_value']:,.2f} {row['peer']}"
            beside += f", target {row['target']}"
        print(f"{row['what']:14} {row['ours']:>12,.2f} {row['unit']}{beside}")
    if options.json:
        found = versions(("mowa", "torch", "transformers", "tokenizers"))
        found["peers of lm-eval"] = " ".join(PACKAGES)
        write_record(options.json, found | {"threads": str(options.threads)}, results)


if __name__ == "__main__":
    main()
