"""The loops that `training.py` compares the trainer with; run in environments without Mowa.

    python benchmarks/training_peers.py JOB.json

`hf` is the Trainer of `transformers`, `litgpt` is `litgpt.pretrain.setup` with a model of the same
shape (weights of its own), `nanogpt` a plain loop in the manner of nanoGPT's `train.py`: autocast,
gradients of micro-batches added up, fused AdamW, the whole model compiled. All read the same rows
in the same order, and are timed by the same clock: at the end of each optimizer step.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from processes import memory
from torch.optim.optimizer import register_optimizer_step_post_hook

IGNORED = -100
BETAS, EPS, DECAY, CLIP, FLOOR = (0.9, 0.95), 1e-8, 0.1, 1.0, 0.1


def clock() -> list[tuple[float, float]]:
    """A list that gets the time after each step of an AdamW, of which every trainer has one.

    Seconds of the clock, and those that this process has had of the processor.
    """
    stamps: list[tuple[float, float]] = []

    def note(optimizer: torch.optim.Optimizer, _args: Any, _kwargs: Any) -> None:
        if isinstance(optimizer, torch.optim.AdamW):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            stamps.append((time.perf_counter(), time.process_time()))

    register_optimizer_step_post_hook(note)
    return stamps


def share_of_peak(step: int, steps: int, warmup: int) -> float:
    """The learning rate of update `step`, from 0, as the trainer's `cosine` has it."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(steps - 1 - warmup, 1)
    return FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * min(done, 1.0))) / 2


class Rows(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Rows of `inputs.npy` and `labels.npy`; labels are in place, not shifted."""

    def __init__(self, folder: Path, count: int) -> None:
        self.inputs = np.load(folder / "inputs.npy", mmap_mode="r")[:count]
        self.labels = np.load(folder / "labels.npy", mmap_mode="r")[:count]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        labels = torch.from_numpy(self.labels[index].astype(np.int64))
        inputs = torch.from_numpy(self.inputs[index].astype(np.int64))
        return {"input_ids": inputs, "labels": labels, "shift_labels": labels}


def held_out_bits(logits_of: Callable[[torch.Tensor], torch.Tensor], folder: Path) -> float:
    """Bits per byte of the held-out windows, in float32."""
    inputs, labels = (np.load(folder / f"held_out_{name}.npy") for name in ("inputs", "labels"))
    nats = 0.0
    with torch.no_grad():
        for row in range(0, len(inputs), 4):
            x = torch.from_numpy(inputs[row : row + 4].astype(np.int64))
            y = torch.from_numpy(labels[row : row + 4].astype(np.int64))
            logits = logits_of(x).float().flatten(0, 1)
            nats += float(
                torch.nn.functional.cross_entropy(
                    logits, y.flatten(), ignore_index=IGNORED, reduction="sum"
                )
            )
    size = json.loads((folder / "held_out.json").read_text("utf-8"))["bytes"]
    return nats / math.log(2) / size


def peak_bytes() -> int:
    """Most memory that was in use: of the GPU, or of the whole process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return memory()


def decayed(model: Any) -> list[dict[str, Any]]:
    """Matrices of the layers with weight decay, embeddings and norms without."""
    embeddings = model.get_input_embeddings().weight
    yes = [p for p in model.parameters() if p.ndim > 1 and p is not embeddings]
    no = [p for p in model.parameters() if p.ndim < 2 or p is embeddings]
    return [{"params": yes, "weight_decay": DECAY}, {"params": no, "weight_decay": 0.0}]


def _adamw(parameters: Any, job: dict[str, Any]) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        parameters, lr=job["lr"], betas=BETAS, eps=EPS, weight_decay=DECAY, fused=True
    )


def _load(job: dict[str, Any]) -> Any:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    model.config.use_cache = False
    return model.to(job["device"]).train()


def hf(job: dict[str, Any]) -> tuple[Callable[[torch.Tensor], torch.Tensor], float]:
    """The Trainer of transformers, with the optimizer and the schedule of the others."""
    from transformers import Trainer, TrainingArguments

    class InOrder(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    model = _load(job)
    optimizer = _adamw(decayed(model), job)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: share_of_peak(step, job["steps"], job["warmup"])
    )
    arguments = TrainingArguments(
        output_dir=job["out"],
        per_device_train_batch_size=job["micro"],
        gradient_accumulation_steps=job["blocks"] // job["micro"],
        max_steps=job["steps"],
        max_grad_norm=CLIP,
        bf16=job["precision"] == "bf16",
        use_cpu=job["device"] == "cpu",
        torch_compile=job["compile"],
        logging_steps=job["log_every"],
        save_strategy="no",
        report_to=[],
        remove_unused_columns=False,
        disable_tqdm=True,
        dataloader_pin_memory=job["device"] != "cpu",
    )
    trainer = InOrder(
        model=model,
        args=arguments,
        train_dataset=Rows(Path(job["rows"]), job["steps"] * job["blocks"]),
        optimizers=(optimizer, scheduler),
    )
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    model.eval()
    return lambda x: model(input_ids=x, use_cache=False).logits, losses[-1]


def nanogpt(job: dict[str, Any]) -> tuple[Callable[[torch.Tensor], torch.Tensor], float]:
    """A loop as short as can be over the same model class."""
    model = _load(job)
    optimizer = _adamw(decayed(model), job)
    called = torch.compile(model) if job["compile"] else model
    rows = Rows(Path(job["rows"]), job["steps"] * job["blocks"])
    autocast = torch.autocast(job["device"], torch.bfloat16, enabled=job["precision"] == "bf16")
    passes = job["blocks"] // job["micro"]
    value = math.nan
    for step in range(job["steps"]):
        for group in optimizer.param_groups:
            group["lr"] = job["lr"] * share_of_peak(step, job["steps"], job["warmup"])
        for number in range(passes):
            first = step * job["blocks"] + number * job["micro"]
            read = [rows[first + row] for row in range(job["micro"])]
            batch = {key: torch.stack([row[key] for row in read]) for key in read[0]}
            batch = {key: x.to(job["device"], non_blocking=True) for key, x in batch.items()}
            with autocast:
                loss = called(**batch, use_cache=False).loss / passes
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % job["log_every"] == 0 or step == job["steps"] - 1:
            value = float(loss.detach()) * passes
    model.eval()
    return lambda x: model(input_ids=x, use_cache=False).logits, value


def litgpt(job: dict[str, Any]) -> tuple[Callable[[torch.Tensor], torch.Tensor], float]:
    """`litgpt pretrain`, its loop and all; only AdamW is made fused on a CPU too."""
    from litgpt import Config, pretrain
    from litgpt.args import EvalArgs, TrainArgs
    from litgpt.data import DataModule

    shape = json.loads((Path(job["model"]) / "config.json").read_text("utf-8"))
    config = Config(
        name="benchmark",
        block_size=shape["max_position_embeddings"],
        vocab_size=shape["vocab_size"],
        padded_vocab_size=shape["vocab_size"],
        n_layer=shape["num_hidden_layers"],
        n_head=shape["num_attention_heads"],
        n_query_groups=shape["num_key_value_heads"],
        n_embd=shape["hidden_size"],
        intermediate_size=shape["intermediate_size"],
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        norm_eps=shape["rms_norm_eps"],
        mlp_class_name="LLaMAMLP",
    )
    rows = Rows(Path(job["rows"]), job["steps"] * job["blocks"])

    class Stream(DataModule):
        def connect(self, *_: Any, **__: Any) -> None:
            pass

        def train_dataloader(self) -> Any:
            read = [
                torch.from_numpy(np.append(rows.inputs[n], max(int(rows.labels[n][-1]), 0)))
                for n in range(len(rows))
            ]
            return torch.utils.data.DataLoader(read, batch_size=job["micro"])

        def val_dataloader(self) -> Any:
            return torch.utils.data.DataLoader([torch.from_numpy(np.append(rows.inputs[0], 0))])

    kept: dict[str, Any] = {}
    losses: list[float] = []
    pretrain.save_checkpoint = lambda _fabric, state, *_: kept.update(model=state["model"])
    pretrain.instantiate_torch_optimizer = lambda _name, parameters, **_: _adamw(
        list(dict.fromkeys(parameters)), job
    )
    mean = pretrain.RunningMean.compute
    pretrain.RunningMean.compute = lambda self: losses.append(mean(self)) or losses[-1]
    if not job["compile"]:
        torch.compile = lambda model, **_: model
    sequence = rows.inputs.shape[1]
    pretrain.setup(
        "benchmark",
        model_config=config,
        out_dir=Path(job["out"]),
        precision="bf16-mixed" if job["precision"] == "bf16" else "32-true",
        data=Stream(),
        train=TrainArgs(
            save_interval=None,
            log_interval=job["log_every"],
            global_batch_size=job["blocks"],
            micro_batch_size=job["micro"],
            max_tokens=job["steps"] * job["blocks"] * sequence,
            max_seq_length=sequence,
            max_norm=CLIP,
            min_lr=job["lr"] * FLOOR,
            lr_warmup_steps=job["warmup"],
            tie_embeddings=shape["tie_word_embeddings"],
        ),
        eval=EvalArgs(interval=10**9, max_iters=1, final_validation=False),
        devices=1,
        logger_name="csv",
    )
    model = kept["model"].eval()
    return model, float(losses[-1])


def main() -> None:
    """Run the job, and write what came of it beside it."""
    path = Path(sys.argv[1])
    job = json.loads(path.read_text("utf-8"))
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    stamps = clock()
    began = time.perf_counter()
    logits_of, loss = {"hf": hf, "nanogpt": nanogpt, "litgpt": litgpt}[job["row"]](job)
    found: dict[str, Any] = {
        "stamps": [(wall - began, processor) for wall, processor in stamps],
        "loss": loss,
        "peak_bytes": peak_bytes(),
        "versions": {
            name: importlib.metadata.version(name)
            for name in (
                "torch",
                {"nanogpt": "transformers", "hf": "transformers"}.get(job["row"], "litgpt"),
            )
        },
    }
    if job["measure"]:
        found["bits_per_byte"] = held_out_bits(logits_of, Path(job["rows"]))
    path.with_suffix(".found.json").write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
