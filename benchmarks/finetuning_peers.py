"""TRL's trainers, which `finetuning.py` compares ours with; run in an environment without Mowa.

    python benchmarks/finetuning_peers.py JOB.json

`sft` is its `SFTTrainer` with loss on the assistant's turns, packed (best fit, without padding) or
not; `dpo` its `DPOTrainer` with the reference's log-probabilities computed before. Both read the
model, its chat template and the dialogues from the job's files, and use fused AdamW. The time is
taken at the end of each optimizer step, with how many tokens have carried loss, or pairs, so far.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from training_peers import BETAS, CLIP, EPS, peak_bytes

DECAY = 0.05


class Clock:
    """What was done by the end of each step of AdamW: seconds, and things learnt."""

    def __init__(self) -> None:
        self.done = 0
        self.stamps: list[tuple[float, float, int]] = []
        register_optimizer_step_post_hook(self._note)

    def _note(self, optimizer: torch.optim.Optimizer, _args: Any, _kwargs: Any) -> None:
        if isinstance(optimizer, torch.optim.AdamW):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.stamps.append((time.perf_counter(), time.process_time(), self.done))


def _settings(job: dict[str, Any]) -> dict[str, Any]:
    return {
        "output_dir": job["out"],
        "per_device_train_batch_size": job["micro"],
        "gradient_accumulation_steps": max(round(job["examples"] / job["micro"]), 1),
        "max_steps": job["steps"],
        "learning_rate": job["lr"],
        "lr_scheduler_type": "constant",
        "weight_decay": DECAY,
        "adam_beta1": BETAS[0],
        "adam_beta2": BETAS[1],
        "adam_epsilon": EPS,
        "max_grad_norm": CLIP,
        "optim": "adamw_torch_fused",
        "bf16": job["precision"] == "bf16",
        "use_cpu": job["device"] == "cpu",
        "torch_compile": job["compile"],
        "gradient_checkpointing": False,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": job["device"] != "cpu",
        "max_length": job["sequence_length"],
        "seed": 0,
    }


def _read(job: dict[str, Any]) -> tuple[Any, Any, Any]:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    lines = Path(job["dialogues"]).read_text("utf-8").splitlines()
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    return (
        model.to(job["device"]),
        AutoTokenizer.from_pretrained(job["model"]),
        Dataset.from_list([json.loads(line) for line in lines]),
    )


def sft(job: dict[str, Any], clock: Clock) -> float:
    """Train on dialogues; the last loss."""
    from trl import SFTConfig, SFTTrainer

    class Counting(SFTTrainer):
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            clock.done += int((inputs["labels"][:, 1:] != -100).sum())
            return super().compute_loss(model, inputs, *args, **kwargs)

    model, tokenizer, dialogues = _read(job)
    trainer = Counting(
        model=model,
        args=SFTConfig(assistant_only_loss=True, packing=job["packed"], **_settings(job)),
        train_dataset=dialogues,
        processing_class=tokenizer,
    )
    return _train(trainer)


def dpo(job: dict[str, Any], clock: Clock) -> float:
    """Train on preferences; the last loss."""
    from trl import DPOConfig, DPOTrainer

    class Counting(DPOTrainer):
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            clock.done += len(inputs["input_ids"]) // 2
            return super().compute_loss(model, inputs, *args, **kwargs)

    model, tokenizer, dialogues = _read(job)
    trainer = Counting(
        model=model,
        args=DPOConfig(
            beta=0.1,
            precompute_ref_log_probs=True,
            precompute_ref_batch_size=job["micro"],
            **_settings(job),
        ),
        train_dataset=dialogues,
        processing_class=tokenizer,
    )
    return _train(trainer)


def _train(trainer: Any) -> float:
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    return float(losses[-1])


def main() -> None:
    """Run the job, and write what came of it beside it."""
    path = Path(sys.argv[1])
    job = json.loads(path.read_text("utf-8"))
    torch.set_num_threads(job["threads"])
    clock = Clock()
    loss = {"sft": sft, "dpo": dpo}[job["row"]](job, clock)
    names = ("trl", "torch", "transformers", "accelerate")
    found = {
        "stamps": clock.stamps,
        "loss": loss,
        "peak_bytes": peak_bytes(),
        "versions": {name: importlib.metadata.version(name) for name in names},
    }
    path.with_suffix(".found.json").write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
