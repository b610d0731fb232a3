"""How fast are fine-tuning and preferences beside TRL's trainers?

    python benchmarks/finetuning.py [TEXTS...] [--dialogues FOLDER] [--rows NAME...] [--json FILE]

TEXTS are folders with `*.txt` and `*.xml`; without them the texts are Mowa's sample. A tokenizer is
made of them, a Llama of 10 million parameters, and dialogues whose turns are pieces of the texts,
as long as in instruction sets (log-normal: a question has some 15 words, an answer some 60, few
have ten times as many); `--dialogues` takes those of an artifact instead. Every row trains the same
model in one precision, an update of ours being eight rows of 1,024 tokens, a peer's as many
dialogues as stand in them; a peer's micro-batch is the best of 1, 2, 4 and 8. What is counted are
tokens that carry loss a second, and pairs a second: not positions, of which an unpacked batch has
many that teach nothing. The first updates are left out, and so is the reference, which both compute
before. Each peer runs in an environment of its own in the user's cache. `--smoke` is a toy without
peers.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from finetuning_peers import Clock
from processes import environment, in_own_process
from record import versions, write_record
from training_data import artifact, make_tokenizer, texts_of, write_corpus, write_model
from training_peers import peak_bytes

from mowa.execution import PlainProgress
from mowa.inference import Message
from mowa.instructions import Dialogue, read_dialogues, template_called, write_dialogues
from mowa.training import FinetuneConfig, PreferConfig
from mowa.training._conversations import Conversations
from mowa.training._conversing import prepare
from mowa.training._metrics import read_metrics
from mowa.training._runtime import choose_precision
from mowa.training._train import train_here
from mowa.training._whole import WholePlan
from mowa.workspace import Inputs

HERE = Path(__file__).resolve().parent
SHAPE = {"hidden_size": 320, "layers": 6, "heads": 5, "context": 1024}
TOY = {"hidden_size": 32, "layers": 1, "heads": 2, "context": 64}
LEFT_OUT = 3  # first updates: memory is claimed, code is compiled
SEED = 0
_TARGET = 1.2

PACKAGES = [
    "torch==2.13.*", "transformers==5.23.*", "accelerate==1.*", "datasets==5.*", "trl==1.16.*",
]  # fmt: skip
# A name, what is learnt, packed or not, compiled or not.
OURS = {
    "ours": ("Mowa, not compiled", "sft", True, False),
    "ours-compiled": ("Mowa", "sft", True, True),
    "ours-dpo": ("Mowa, not compiled", "dpo", True, False),
    "ours-dpo-compiled": ("Mowa", "dpo", True, True),
}
PEERS = {
    "trl-packed": ("TRL SFTTrainer, packed, not compiled", "sft", True, False),
    "trl-packed-compiled": ("TRL SFTTrainer, packed", "sft", True, True),
    "trl-unpacked": ("TRL SFTTrainer, not compiled", "sft", False, False),
    "trl-unpacked-compiled": ("TRL SFTTrainer", "sft", False, True),
    "trl-dpo": ("TRL DPOTrainer, not compiled", "dpo", False, False),
    "trl-dpo-compiled": ("TRL DPOTrainer", "dpo", False, True),
}
_UNITS = {"sft": "tokens with loss a second", "dpo": "pairs a second"}
_NAMES = {"sft": "fine-tuning", "dpo": "preferences (DPO)"}


def make_world(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Model, dialogues and preferences below `root`, also as the peers read them."""
    texts = texts_of(options.texts, sample=options.sample)
    corpus = write_corpus(root / "corpus", texts)
    tokenizer = make_tokenizer(root / "model", corpus, options.vocabulary)
    parameters = write_model(root / "model", options.shape, tokenizer, SEED)
    # Its generation blocks are what TRL finds the assistant's tokens by.
    (root / "model/chat_template.jinja").write_text(template_called("mowa"), "utf-8")
    dialogues = (
        list(read_dialogues(options.dialogues))
        if options.dialogues
        else list(made_dialogues(texts, options.count, options.words))
    )
    preferences = list(made_preferences(texts, options.count // 2, options.words))
    write_dialogues(root / "sft", dialogues)
    write_dialogues(root / "dpo", preferences)
    fitting = _used(root, "sft", options), _used(root, "dpo", options)
    _write_rows(root / "sft.jsonl", [_as_messages(d) for d in dialogues if d.id in fitting[0]])
    _write_rows(root / "dpo.jsonl", [_as_pair(d) for d in preferences if d.id in fitting[1]])
    return {"parameters": parameters, "dialogues": len(fitting[0]), "pairs": len(fitting[1])}


def made_dialogues(texts: Sequence[str], count: int, words: int) -> Iterator[Dialogue]:
    """Pieces of texts as turns, one to three questions each."""
    pieces = _Pieces(texts, words)
    for number in range(count):
        turns = [
            turn
            for _ in range(pieces.draw.choice((1, 1, 2, 3)))
            for turn in (Message("user", pieces.question()), Message("assistant", pieces.answer()))
        ]
        yield Dialogue(f"{number:06}", tuple(turns))


def made_preferences(texts: Sequence[str], count: int, words: int) -> Iterator[Dialogue]:
    """A question, and two answers that are pieces of texts."""
    pieces = _Pieces(texts, words)
    for number in range(count):
        asked = (Message("user", pieces.question()),)
        yield Dialogue(
            f"{number:06}", asked, chosen=pieces.answer(), rejected=f"{pieces.answer()} {number}"
        )


class _Pieces:
    """Runs of words out of texts, of log-normal length."""

    def __init__(self, texts: Sequence[str], words: int) -> None:
        self.draw = random.Random(SEED)
        self._words = " ".join(texts).split()
        self._usual = words

    def question(self) -> str:
        return self._piece(self._usual / 4, 0.7)

    def answer(self) -> str:
        return self._piece(self._usual, 0.9)

    def _piece(self, median: float, spread: float) -> str:
        length = max(round(self.draw.lognormvariate(math.log(median), spread)), 1)
        start = self.draw.randrange(len(self._words))
        return " ".join(self._words[start : start + length]) or self._words[0]


def _used(root: Path, kind: str, options: argparse.Namespace) -> set[str]:
    """The ids of those that ours would train on: a peer gets no others."""
    out = root / f"look-{kind}"
    config = _config(kind, {"shape": options.shape, "blocks": options.blocks, "steps": 1})
    prepare(config, _inputs(root, kind), out)
    return {name.rpartition("/")[2] for name in Conversations(out, held_out=False).ids}


def _as_messages(dialogue: Dialogue) -> dict[str, Any]:
    return {"messages": [{"role": t.role, "content": t.content} for t in dialogue.messages]}


def _as_pair(dialogue: Dialogue) -> dict[str, Any]:
    answers = {"chosen": dialogue.chosen, "rejected": dialogue.rejected}
    return {
        "prompt": _as_messages(dialogue)["messages"],
        **{key: [{"role": "assistant", "content": text}] for key, text in answers.items()},
    }


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def _inputs(root: Path, kind: str) -> Inputs:
    return Inputs((artifact(root / "model", "model"), artifact(root / kind, "dialogues")))


def _config(kind: str, job: dict[str, Any]) -> FinetuneConfig | PreferConfig:
    length = job["shape"]["context"]
    values = {
        "sequence_length": length,
        "global_batch_size": job["blocks"] * length,
        "steps": job["steps"],
        "learning_rate": job.get("lr", 1e-4),
        "schedule": "constant",
        "held_out": 0.0,
        "precision": job.get("precision", "fp32"),
        "device": job.get("device", "cpu"),
        "threads": job.get("threads"),
        "compile": job.get("compile", False),
        "checkpoint_every_seconds": 0.0,
        "seed": SEED,
    }
    return (FinetuneConfig if kind == "sft" else PreferConfig).model_validate(values)


def run_ours(job: dict[str, Any]) -> dict[str, Any]:
    """Train as the step does, in this process."""
    clock = Clock()
    root, out = Path(job["root"]), Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    config = _config(job["kind"], job)
    inputs = _inputs(root, job["kind"])
    prepare(config, inputs, out)
    train_here(config, inputs, out, PlainProgress())
    lines = [line for line in read_metrics(out / "metrics.jsonl") if "loss" in line]
    done, stamps = 0, []
    for line, (wall, processor, _) in zip(lines, clock.stamps, strict=True):
        done += line["targets" if job["kind"] == "sft" else "pairs"]
        stamps.append((wall, processor, done))
    trained = json.loads((out / "trained.json").read_text("utf-8"))
    return {
        "stamps": stamps,
        "loss": lines[-1]["loss"],
        "peak_bytes": peak_bytes(),
        "micro": trained["micro_batch_size"],
        "filled": trained["filled"],
    }


def run_row(row: str, base: dict[str, Any]) -> dict[str, Any]:
    """One row: how much it learns a second, and what else it found; a peer's best micro-batch."""
    _, kind, packed, compiled = (OURS | PEERS)[row]
    job = base | {"kind": kind, "row": kind, "packed": packed, "compile": compiled}
    if row in OURS:
        job["out"] = tempfile.mkdtemp(prefix=f"out-{row}-", dir=base["root"])
        found = in_own_process([sys.executable, __file__, "--job"], job, row)
        return _with_speed(found, base)
    python = environment("trl", PACKAGES)
    rows = []
    for size in base["micro_batches"]:
        job |= {
            "micro": size,
            "out": f"{base['root']}/out-{row}-{size}",
            "model": f"{base['root']}/model",
            "dialogues": f"{base['root']}/{kind}.jsonl",
            # As many rows, or as many dialogues as stand in ours.
            "examples": base["blocks"] if packed else base["examples"][kind],
            "sequence_length": base["shape"]["context"],
        }
        found = in_own_process([python, HERE / "finetuning_peers.py"], job, f"{row}-{size}")
        shutil.rmtree(job["out"], ignore_errors=True)
        if found:
            rows.append(_with_speed(found | {"micro": size}, base))
    return max(rows, key=lambda found: found["speed"], default={})


def _with_speed(found: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    if not found:
        return {}
    (*began, before), (*ended, after) = found["stamps"][LEFT_OUT - 1], found["stamps"][-1]
    which = 1 if base["processor"] else 0
    return found | {"speed": (after - before) / (ended[which] - began[which])}


def _row(
    row: str, found: dict[str, Any], peer: str | None, other: dict[str, Any] | None, unit: str
) -> dict[str, Any]:
    kept = ("micro", "loss", "peak_bytes", "filled", "versions")
    name, kind, _, compiled = OURS[row]
    alike = peer is not None and PEERS[peer][3] == compiled
    return {
        "what": f"{_NAMES[kind]}, {name}",
        "unit": unit,
        "ours": found["speed"],
        "peer": PEERS[peer][0] if peer else None,
        "peer_value": other["speed"] if other else None,
        "ratio": found["speed"] / other["speed"] if other else None,
        "target": _TARGET if alike else None,
        "ours_details": {key: found[key] for key in kept if key in found},
        "peer_details": {key: other[key] for key in kept if key in other} if other else None,
    }


def results_of(rows: Sequence[str], base: dict[str, Any]) -> list[dict[str, Any]]:
    """Every row of ours beside every row of the peers that learns the same."""
    speeds: dict[str, dict[str, Any]] = {}
    for row in rows:
        found = run_row(row, base)
        if found:
            name, kind, *_ = (OURS | PEERS)[row]
            speeds[row] = found
            print(
                f"{_NAMES[kind]}, {name:40} {found['speed']:>10,.1f} {_UNITS[kind]},"
                f" micro-batch {found['micro']}, loss {found['loss']:.3f},"
                f" {found['peak_bytes'] / 1e9:.2f} GB",
                flush=True,
            )
    results = []
    for row in (row for row in speeds if row in OURS):
        kind = OURS[row][1]
        unit = _UNITS[kind] + (" of the processor" if base["processor"] else "")
        peers = [peer for peer in speeds if peer in PEERS and PEERS[peer][1] == kind]
        results += [
            _row(row, speeds[row], peer, speeds[peer] if peer else None, unit)
            for peer in peers or [None]
        ]
    return results


def examples_of(root: Path, kind: str, options: argparse.Namespace) -> int:
    """How many dialogues, or pairs, stand in an update of ours."""
    units = Conversations(root / f"look-{kind}", held_out=False)
    plan = WholePlan(units, sequence_length=options.shape["context"], seed=SEED)
    return max(round(len(units) / plan.blocks_per_epoch * options.blocks), 1)


def smoke(options: argparse.Namespace) -> None:
    """Toy sizes, no peers."""
    options.shape, options.vocabulary, options.sample = TOY, 512, 40
    options.blocks, options.steps, options.count, options.words = 4, 5, 60, 4
    options.rows = ["ours", "ours-dpo"]
    options.threads = 1


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path, nargs="*")
    parser.add_argument("--dialogues", type=Path, help="folder of an artifact of kind dialogues")
    parser.add_argument("--rows", nargs="+", choices=[*PEERS, *OURS], default=[*PEERS, *OURS])
    parser.add_argument("--steps", type=int, default=15, help="updates of a row that is timed")
    parser.add_argument("--count", type=int, default=4_000, help="dialogues; half as many pairs")
    parser.add_argument("--precision", choices=["fp32", "bf16"])
    parser.add_argument("--micro-batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--processor", action="store_true", help="seconds of the processor")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.shape, options.vocabulary, options.sample = SHAPE, 8192, 2_000
    options.blocks, options.words = 8, 60
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
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        world = make_world(root, options)
        base = {
            "root": folder,
            "shape": options.shape,
            "blocks": options.blocks,
            "steps": options.steps,
            "lr": 1e-4,
            "threads": options.threads,
            "precision": precision,
            "device": "cpu",
            "micro_batches": options.micro_batches,
            "processor": options.processor,
            "examples": {kind: examples_of(root, kind, options) for kind in _UNITS},
        }
        print(
            f"{precision}, {options.threads} threads; {world['parameters']:,} parameters,"
            f" {world['dialogues']:,} dialogues, {world['pairs']:,} pairs; an update has"
            f" {base['examples']['sft']} dialogues or {base['examples']['dpo']} pairs",
            flush=True,
        )
        results = results_of(options.rows, base)
    for row in results:
        against = (
            f"  {row['ratio']:.2f} x {row['peer_value']:,.1f} {row['peer']}" if row["peer"] else ""
        )
        target = f", target {row['target']}" if row["target"] else ""
        print(f"{row['what']:44} {row['ours']:>10,.1f} {row['unit']}{against}{target}")
    if options.json:
        found = versions(("mowa", "torch", "transformers", "numpy"))
        found |= {"peers": " ".join(PACKAGES), "precision": precision}
        write_record(options.json, found, results)


if __name__ == "__main__":
    main()
