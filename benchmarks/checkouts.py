"""Which of two checkouts of Mowa makes the better model in the same time?

    git worktree add --detach /tmp/before COMMIT
    python benchmarks/checkouts.py RECIPE --workspace WORKSPACE --other /tmp/before
        [--seconds S] [--json FILE]

The recipe's step `base` is trained from the tokens that the workspace has (`mowa run RECIPE --to
tokens`), by this checkout and by the other, with the same settings and first weights. Both run at
once, each with one thread on a core of its own, so that whatever slows the machine slows both. A
trial of some updates, at once too, says how many each makes in S seconds; that is the length of its
schedule. What came out is then scored by this checkout alone: bits per byte of all held-out
documents, beside `xz -9` and the 5-gram of the step `scores`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from record import versions, write_record

# Only what both checkouts have.
from mowa import languages
from mowa.evaluation import ScoresConfig
from mowa.evaluation import _scores as scores
from mowa.execution import Context, Ledger
from mowa.training import _pretrain as pretrain
from mowa.training._config import PretrainConfig
from mowa.workspace import Artifact, Inputs, Workspace

HERE = Path(__file__).resolve().parent.parent
# Neither what is trained nor how: only when it is looked at, saved, measured and shown.
_LEFT_OUT = {"does", "reads", "epochs", "steps", "eval_every", "prompts"}


def train(job: dict[str, Any]) -> None:
    """Run the step `pretrain` of whichever checkout this process imports."""
    os.sched_setaffinity(0, {job["core"]})
    out = Path(job["out"])
    out.mkdir(parents=True)
    config = PretrainConfig.model_validate(job["config"])
    read = Inputs(tuple(Artifact.load(Path(job[kind])) for kind in ("tokens", "tokenizer")))
    ledger = Ledger(out / "ledger.jsonl")
    language = languages.load(job["language"])
    context = Context(language=language, data=out, sources=out, workers=1, ledger=ledger)
    metrics = pretrain.run(config, read, out, context)
    (out / "metrics.json").write_text(json.dumps(metrics), "utf-8")


def train_at_once(
    checkouts: list[Path], jobs: list[dict[str, Any]], root: Path
) -> list[dict[str, Any]]:
    """What each checkout says of the model that it made."""
    running = []
    for number, (checkout, job) in enumerate(zip(checkouts, jobs, strict=True)):
        path = root / f"job-{number}.json"
        path.write_text(json.dumps(job), "utf-8")
        variables = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--job", str(path)]
        running.append(subprocess.Popen(command, env=variables))
    failed = [process.wait() for process in running]
    if any(failed):
        raise SystemExit(f"training ended with {failed}")
    return [json.loads((Path(job["out"]) / "metrics.json").read_text("utf-8")) for job in jobs]


def updates_in(seconds: float, trial: dict[str, Any], updates: int, batch: int) -> int:
    """How many updates fit, what comes before the first (compiling) taken off."""
    each = batch / float(trial["tokens_per_second"])
    start = max(float(trial["seconds"]) - updates * each, 0)
    return max(round((seconds - start) / each), 1)


def score(job: dict[str, Any], corpus: Path, metrics: dict[str, Any]) -> dict[str, Any]:
    """Bits per byte of held-out documents, as the step `scores` of this checkout finds them."""
    tokens = Artifact.load(Path(job["tokens"]))
    model = replace(tokens, path=Path(job["out"]), kind="model", metrics=metrics)
    out = Path(f"{job['out']}-scores")
    out.mkdir()
    ledger = Ledger(out / "ledger.jsonl")
    language = languages.load(job["language"])
    context = Context(language=language, data=out, sources=out, workers=1, ledger=ledger)
    scores.run(ScoresConfig(), Inputs((model, tokens, Artifact.load(corpus))), out, context)
    found: dict[str, Any] = json.loads((out / "scores.json").read_text("utf-8"))
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path, nargs="?")
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--other", type=Path, help="the other checkout")
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--trial", type=int, default=24, help="updates that say how fast each is")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.job:
        train(json.loads(options.job.read_text("utf-8")))
        return
    if not (options.recipe and options.other):
        parser.error("name a recipe, and the other checkout")
    recipe = tomllib.loads(options.recipe.read_text("utf-8"))
    workspace = Workspace.open(options.workspace)
    made = {
        kind: workspace.get(f"{options.recipe.stem}/{kind}").path
        for kind in ("tokens", "tokenizer", "corpus")
    }
    step = recipe["steps"]["base"]
    config = {key: value for key, value in step.items() if key not in _LEFT_OUT}
    config |= {"eval_documents": 0, "checkpoint_every_seconds": 0.0, "threads": 1}
    checkouts = [HERE, options.other.resolve()]
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)

        def jobs(name: str, steps: list[int], settings: dict[str, Any]) -> list[dict[str, Any]]:
            return [
                {
                    "out": str(root / f"{name}-{number}"),
                    "core": core,
                    "language": recipe["language"],
                    "config": config | settings | {"steps": count},
                    **{kind: str(made[kind]) for kind in ("tokens", "tokenizer")},
                }
                for number, (core, count) in enumerate(zip(cores, steps, strict=True))
            ]

        trial = jobs("trial", [options.trial] * 2, {"eval_documents": 1, "warmup_steps": 0})
        counts = [
            updates_in(options.seconds, found, options.trial, config["global_batch_size"])
            for found in train_at_once(checkouts, trial, root)
        ]
        print(f"updates in {options.seconds:.0f} seconds: {counts[0]} and {counts[1]}", flush=True)
        whole = jobs("whole", counts, {})
        trained = train_at_once(checkouts, whole, root)
        scored = [
            score(job, made["corpus"], metrics) for job, metrics in zip(whole, trained, strict=True)
        ]
    details = [
        {
            key: found[key]
            for key in ("steps", "seconds", "tokens_per_second", "precision",
                        "held_out_bpb_before", "held_out_bpb_after")
        } | {"scores": measured["scores"], "sources": measured["sources"]}
        for found, measured in zip(trained, scored, strict=True)
    ]  # fmt: skip
    ours, other = (measured["scores"][0]["bits_per_byte"] for measured in scored)
    for name, found in zip(("this checkout", "the other"), details, strict=True):
        print(f"{name}: {json.dumps(found, ensure_ascii=False)}")
    if options.json:
        result = {
            "what": f"{options.recipe.stem}, both loops at once, one core each",
            "unit": "held-out bits a byte",
            "ours": ours,
            "peer": f"the checkout {options.other.name}",
            "peer_value": other,
            "ratio": ours / other,
            "target": None,
            "ours_details": details[0],
            "peer_details": details[1],
        }
        write_record(options.json, versions(("mowa", "torch", "transformers")), [result])


if __name__ == "__main__":
    main()
