"""Does the planner say beforehand what training then takes? Two sizes probed, two others run.

    python benchmarks/planner.py --json planner.json

Builds the tokens of the quickstart once, probes the smallest and the largest of four sizes,
predicts wall time and peak memory of the two between them, and then trains those with `mowa run`,
each in a process of its own. Nothing else should compute on the machine meanwhile: twenty updates
of each are timed. Wall time is that of the updates, as metrics.jsonl has it; memory is the peak
of the process while it trains, before it writes the model. Ends with 1 where a prediction is
further off than the target.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import memory
from record import versions, write_record

from mowa.recipe import Recipe, step_config
from mowa.training import PretrainConfig
from mowa.training._flops import DecoderSizes
from mowa.training.planner import Calibration, Probe, probe
from mowa.training.planner._probe import UPDATES

TARGET = 0.15
MIB = 2**20


@dataclass(frozen=True)
class Size:
    """One architecture."""

    hidden: int
    layers: int
    heads: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.layers} layers of {self.hidden}"

    def settings(self) -> list[str]:
        """What makes the quickstart's model this one."""
        keys = {"hidden_size": self.hidden, "layers": self.layers, "heads": self.heads}
        return [f"steps.base.architecture.{key}={value}" for key, value in keys.items()]


PROBED = (Size(192, 4, 3), Size(512, 8, 8))
PREDICTED = (Size(320, 6, 5), Size(384, 8, 6))


def main() -> None:
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="mowa-planner-"))
    _mowa(["init", str(folder / "project"), "--sample"], folder)
    project = folder / "project"
    common = [
        f"steps.base.steps={options.updates}",
        "steps.base.warmup_steps=1",
        "steps.base.eval_every=1000000",
        "steps.base.eval_documents=1",
        "steps.base.prompts=[]",
        "steps.base.checkpoint_every_seconds=0.0",
        f"steps.base.optimizer='{options.optimizer}'",
        f"steps.base.precision='{options.precision}'",
        f"steps.base.compile={str(options.compile).lower()}",
    ]
    if options.threads:
        common.append(f"steps.base.threads={options.threads}")
    recipe = "recipes/quickstart.toml"
    _mowa(["run", recipe, "--to", "tokens"], project)
    vocabulary = Recipe.load(project / recipe).steps["tokenizer"].config["vocab_size"]

    probes: list[Probe] = []
    for size in PROBED:
        config = _config(project / recipe, [*common, *size.settings()])
        found = probe(config, vocabulary, updates=options.probe_updates)
        probes.append(found)
        print(
            f"probed {size.name}: {found.micro_seconds * 1e3:,.1f} ms a micro-batch,"
            f" {found.optimizer_seconds * 1e3:,.1f} ms the optimizer,"
            f" {found.peak_bytes / MIB:,.0f} MiB"
        )
    calibration = Calibration(probes)
    results: list[dict[str, object]] = []
    for size in PREDICTED:
        settings = [*common, *size.settings()]
        config = _config(project / recipe, settings)
        predicted = calibration.predict(
            DecoderSizes.of(config.architecture, vocabulary),
            sequence_length=config.sequence_length,
            rows_per_update=config.blocks_per_batch,
            micro_rows=probes[0].micro_batch_size,
        )
        seconds, peak = _train(project, recipe, settings)
        for what, unit, expected, measured in (
            (f"wall time, {size.name}", "s", predicted.update_seconds * options.updates, seconds),
            (f"peak memory, {size.name}", "MiB", predicted.peak_bytes / MIB, peak / MIB),
        ):
            error = expected / measured - 1
            print(
                f"{what}: predicted {expected:,.1f} {unit}, measured {measured:,.1f}, {error:+.1%}"
            )
            results.append(
                {
                    "what": what,
                    "unit": unit,
                    "ours": round(expected, 2),
                    "peer": "the run itself",
                    "peer_value": round(measured, 2),
                    "ratio": round(expected / measured, 4),
                    "target": f"within {TARGET:.0%}",
                    "reached": abs(error) <= TARGET,
                }
            )
    missed = sum(not result["reached"] for result in results)
    print(f"{len(results) - missed} of {len(results)} predictions within {TARGET:.0%}")
    if options.json:
        write_record(options.json, versions(["mowa", "torch", "transformers"]), results)
    sys.exit(1 if missed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=60, help="of the runs that are predicted")
    parser.add_argument("--probe-updates", type=int, default=UPDATES, help="of each probe")
    parser.add_argument("--optimizer", default="adamw", choices=["adamw", "muon"])
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--threads", type=int, help="CPU threads; else as torch chooses")
    parser.add_argument("--compile", action="store_true", help="compile, probes and runs")
    parser.add_argument("--json", type=Path, help="write the record here")
    return parser.parse_args()


def _config(recipe: Path, settings: list[str]) -> PretrainConfig:
    return PretrainConfig.model_validate(step_config(Recipe.load(recipe, settings), "base"))


def _train(project: Path, recipe: str, settings: list[str]) -> tuple[float, float]:
    """Seconds of the updates, and the most memory until the last of them was written."""
    sets = [part for setting in settings for part in ("--set", setting)]
    command = [sys.executable, "-m", "mowa", "run", recipe, "--to", "base", "--yes", *sets]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL) as process:
        peak, training = 0, True
        while process.poll() is None:
            # Read first: whatever the checkpoint takes must not get into a peak that is kept. The
            # checkpoint goes when the model is written, so what was seen once is remembered.
            found = memory(process=process.pid)
            training = training and not _has_checkpoint(project)
            if training:
                peak = max(peak, found)
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"training failed with exit code {process.returncode}")
    lines = (project / "workspace/quickstart/base@dev/metrics.jsonl").read_text("utf-8")
    timed = [json.loads(line) for line in lines.splitlines()]
    tokens = [line["tokens"] for line in timed if "loss" in line]
    read = [now - before for before, now in zip([0, *tokens], tokens, strict=False)]
    speeds = [line["tokens_per_second"] for line in timed if "loss" in line]
    return sum(count / speed for count, speed in zip(read, speeds, strict=True)), peak


def _has_checkpoint(project: Path) -> bool:
    """Whether the only checkpoint, behind the last update, is being made: training is over then."""
    folder = project / "workspace/.mowa/partial/quickstart"
    return any(folder.glob("**/checkpoints/*")) if folder.exists() else False


def _mowa(arguments: Sequence[str], folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "mowa", *arguments],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
