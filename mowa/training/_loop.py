"""The training loop."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mowa.errors import StoppedEarly, UsageError
from mowa.execution import Progress
from mowa.training._batches import Batch, ahead, example_of, read_batch
from mowa.training._checkpoint import Checkpoint, Checkpoints
from mowa.training._compilation import compile_layers
from mowa.training._distribution import Ranks, reduce_gradients_next, share
from mowa.training._divergence import (
    refuse_broken_beginning,
    refuse_broken_measurement,
    refuse_broken_update,
)
from mowa.training._forward import Forward, Rows
from mowa.training._memory import (
    explained_memory,
    find_micro_batch,
    forget_peak_memory,
    peak_memory,
)
from mowa.training._meters import meters
from mowa.training._metrics import MetricsLog
from mowa.training._objective import Objective
from mowa.training._optimizer import Optimizers, trained_part
from mowa.training._parity import agree_with_model
from mowa.training._resume import refuse_other_run, restore, say_what_changed, tensors_of
from mowa.training._runtime import choose_micro_batch
from mowa.training._spikes import SpikeGuard
from mowa.training._stop import StopRequest
from mowa.training._trainer_config import TrainerConfig

# How much the newest update counts in the mean from which the time left is told.
_NEWEST = 0.05


@dataclass
class Run:
    """What the loop counts, and what it leaves besides the weights in the model."""

    precision: str
    device: str
    micro_batch_size: int
    attention: str = ""
    head: str = ""
    compiled: bool = False
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    skipped: list[int] = field(default_factory=list)
    joules: float = 0.0
    energy: list[str] = field(default_factory=list)


def train(  # noqa: C901, PLR0912, PLR0915 - the loop is read top to bottom, in one sitting
    config: TrainerConfig,
    model: Any,
    *,
    optimizer: str,
    precision: str,
    objective: Objective,
    out: Path,
    identity: dict[str, Any],
    threads: int,
    progress: Progress,
    ranks: Ranks,
    device: torch.device,
    stop: StopRequest,
    beginning: Checkpoint | None = None,
) -> Run:
    """Train `model` in place, from the newest checkpoint under `out` if there is one.

    Args:
        config: Of the step.
        model: Its weights are where training begins; the same in every process.
        optimizer: ``adamw`` or ``muon``.
        precision: ``fp32`` or ``bf16``; a checkpoint's own goes before it.
        objective: What is learnt: the order of the run, and the loss.
        out: Gets ``metrics.jsonl`` and ``checkpoints/``.
        identity: Plain values that a checkpoint must agree with to be gone on from.
        threads: CPU threads in use, recorded.
        progress: Where progress is shown.
        ranks: The processes that train together.
        device: Of this process.
        stop: Is looked at after every update.
        beginning: The checkpoint of another run that this one goes on from.

    Raises:
        MowaError: Where the loss, its gradient or a measurement is no longer a number, where a
            checkpoint belongs to other data or another plan, where memory runs out.
        StoppedEarly: Where the run was asked to stop.
    """
    order, names = objective.order, objective.names
    _refuse_uneven(config, ranks)
    forget_peak_memory(device)
    checkpoints = Checkpoints(
        out / "checkpoints",
        ranks,
        keep=config.keep_checkpoints,
        keep_every=config.keep_checkpoint_every,
    )
    found = checkpoints.latest(progress.say)
    if found:
        refuse_other_run(found, identity)
        precision = found.state["precision"]

    model = trained_part(model, config, progress.say)
    forward = Forward(
        model,
        device=device,
        precision=precision,
        sequence_length=config.sequence_length,
        autocast=ranks.mesh is None,
    )
    share(forward, ranks)
    first = beginning.step if beginning else 0
    last_step = first + order.steps
    optimizers = Optimizers(
        model, config, steps=last_step, precision=precision, optimizer=optimizer
    )
    model.train()

    def example(count: int) -> Rows:
        return example_of(objective, count, device)

    if config.check_forward:
        agree_with_model(forward, example(1), progress.say)
    elif found:
        # What was found to be the model's own loss when the run began.
        forward.head = found.state["arithmetic"]["head"]
        if found.state["arithmetic"]["device"] == device.type:
            forward.use_attention(found.state["arithmetic"]["attention"])
    micro = found.state["arithmetic"]["micro_batch_size"] if found else None
    micro = config.micro_batch_size or micro
    if micro is None and device.type == "cuda":
        micro = _largest_micro_batch(
            forward, optimizers, example, -(-config.blocks_per_batch // ranks.world), ranks
        )
    micro = micro or choose_micro_batch(
        None, config.sequence_length, device, compiled=config.compile
    )
    # What says where a run that goes on from this one reads on, in what it does not read too.
    before = beginning.state if beginning else {"plans": {}, "read": {}}
    plans = {name: plan.digest() for name, plan in zip(names, order.plans, strict=False)}

    objective.begin(forward, ranks, micro=micro, out=out, progress=progress)
    run = Run(precision, str(device), micro, forward.attention, forward.head, step=first)
    start_from = found or beginning
    spikes = SpikeGuard(config.skip_spikes, start_from.state["spikes"] if start_from else ())
    if start_from:
        restore(start_from, model, optimizers, ranks, device)
    if found:
        run.step, run.tokens = found.step, found.state["tokens"]
        run.seconds, run.skipped = found.state["seconds"], list(found.state["skipped"])
        run.joules = found.state["joules"]
        run.energy = list(found.state["energy"])
        progress.say(f"going on from update {run.step:,} of {last_step:,}")
    log = MetricsLog(
        out / "metrics.jsonl",
        step=run.step if found else -1,
        writes=ranks.is_first,
        board=out / "tensorboard" if config.tensorboard else None,
    )
    if found and run.step == last_step:
        run.compiled = found.state["arithmetic"].get("compiled", False)
    elif config.compile:
        run.compiled = compile_layers(forward, example(micro), ranks, progress.say)
    # What rounding depends on: a run that goes on with the same is bit-equal to one never stopped.
    arithmetic = {
        "device": device.type,
        "processes": ranks.world,
        "threads": threads,
        "micro_batch_size": micro,
        "shard_processes": config.shard_processes or ranks.world,
        "activation_checkpointing": config.activation_checkpointing,
        "compiled": run.compiled,
        "attention": forward.attention,
        "head": forward.head,
        "torch": torch.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
    if found:
        say_what_changed(found.state["arithmetic"], arithmetic, progress.say)

    def batch_of(step: int) -> Batch:
        return read_batch(objective, step - first, micro=micro, ranks=ranks, device=device)

    def save() -> None:
        log.flush()
        checkpoints.save(
            {
                "step": run.step,
                "tokens": run.tokens,
                "seconds": run.seconds,
                "joules": run.joules,
                "energy": run.energy,
                "skipped": run.skipped,
                "spikes": spikes.state(),
                "identity": identity,
                "precision": precision,
                "optimizer": optimizer,
                "arithmetic": arithmetic,
                "plans": before["plans"] | plans,
                "read": before["read"]
                | dict(zip(names, order.read_until(run.step - first), strict=False)),
            },
            tensors_of(model, optimizers, ranks, device),
        )

    began = saved = time.monotonic()
    spent_before, joules_before, energy_before = run.seconds, run.joules, run.energy
    update_seconds = 0.0
    if not found:
        line = objective.measure(forward, ranks, micro=micro)
        refuse_broken_beginning(line, objective)
        log.write(step=run.step, steps=last_step, **line)
        progress.say(f"update {run.step:,} of {last_step:,}: {objective.tell(line)}")

    with (
        checkpoints.writing(),
        meters(
            model,
            device=device,
            precision=precision,
            world=ranks.world,
            sequence_length=config.sequence_length,
        ) as meter,
        ahead(batch_of, range(run.step, last_step)) as batches,
        _no_collections(),
        explained_memory(config, micro),
        progress.task("training", total=last_step, done=run.step) as advance,
    ):
        for batch in batches:
            started = time.perf_counter()
            sums = torch.zeros(1 + len(objective.figures), device=device)
            for number, rows in enumerate(batch.passes):
                # Gradients are added up among the processes once an update.
                reduce_gradients_next(forward, ranks, wanted=number == len(batch.passes) - 1)
                # The divisor is known before the first gradient: whatever micro-batch and process
                # something is in, it weighs the same. FSDP takes gradients' mean.
                part = objective.loss(forward, rows) / batch.sizes.divisor
                torch.autograd.backward(part[0] * ranks.world)
                sums += part.detach()

            lr = optimizers.set_learning_rate(run.step, batch.sizes.rate)
            norm = torch.nn.utils.clip_grad_norm_(
                model.parameters(), config.grad_clip or math.inf, foreach=True
            )
            norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
            # The one moment of an update at which the device is waited for.
            others = torch.tensor([float(bool(stop)), meter.joules()], device=device)
            together = ranks.sum_tensor(torch.cat([sums, others])).tolist()
            loss_value, *figures, stopping, joules = together
            norm_value = float(norm)
            refuse_broken_update(
                loss_value,
                norm_value,
                f"update {run.step + 1:,} of {last_step:,}, at learning rate {lr:.3g}",
                checkpoints,
            )
            if spikes.is_spike(loss_value, norm_value):
                optimizers.drop_gradients()
                run.skipped.append(run.step + 1)
                progress.say(
                    f"update {run.step + 1:,} is left out: loss {loss_value:.3f}, gradient norm"
                    f" {norm_value:.3g}"
                )
            else:
                optimizers.step()

            run.step += 1
            read = sum(rows.input_ids.numel() for rows in batch.passes) * ranks.world
            run.tokens += read
            took = time.perf_counter() - started
            update_seconds += (took - update_seconds) * (_NEWEST if update_seconds else 1.0)
            run.joules = joules_before + joules
            run.seconds = spent_before + time.monotonic() - began

            last = run.step == last_step
            measured: dict[str, Any] = {}
            if last or (config.eval_every and run.step % config.eval_every == 0):
                measured = objective.measure(forward, ranks, micro=micro)
                now = f"update {run.step:,} of {last_step:,}"
                refuse_broken_measurement(measured, objective, now, checkpoints)
                progress.say(
                    f"{now}: loss {loss_value:.4f},"
                    f" {objective.tell(measured)}, {read / took:,.0f} tokens/s"
                )
            if last or measured or run.step % config.log_every == 0:
                log.write(
                    step=run.step,
                    loss=loss_value,
                    **dict(zip(objective.figures, figures, strict=True)),
                    **batch.sizes.logged,
                    lr=lr,
                    grad_norm=norm_value,
                    tokens=run.tokens,
                    tokens_per_second=round(read / took, 1),
                    memory=peak_memory(device),
                    joules=round(run.joules, 1),
                    **meter.line(read / took),
                    seconds=round(run.seconds, 3),
                    seconds_left=round(update_seconds * (last_step - run.step), 1),
                    **measured,
                )
            if last or stopping or _is_due(config, run.step, time.monotonic() - saved, ranks):
                # A counter that fails in the middle makes all since the meter began an estimate.
                run.energy = list(dict.fromkeys([*energy_before, *meter.measured_how()]))
                save()
                saved = time.monotonic()
            advance(1)
            if stopping and not last:
                checkpoints.finish()
                if ranks.is_first:
                    stop.clear()
                raise _stopped(stop.reason, run.step, last_step)

    checkpoints.finish()
    return run


@contextmanager
def _no_collections() -> Iterator[None]:
    """Python's garbage collector leaves what is there now alone: it took half a second at times."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _is_due(config: TrainerConfig, step: int, seconds: float, ranks: Ranks) -> bool:
    by_time, by_steps = config.checkpoint_every_seconds, config.checkpoint_every_steps
    for every in (by_steps, config.keep_checkpoint_every):
        if every and step % every == 0:
            return True
    # Clocks differ: one process's is everybody's.
    return bool(by_time) and bool(ranks.most(ranks.is_first and seconds >= by_time))


def _largest_micro_batch(
    forward: Forward,
    optimizers: Optimizers,
    example: Callable[[int], Rows],
    most: int,
    ranks: Ranks,
) -> int:
    """Found by trying, beside all that an update holds: the optimizers' state, and gradients."""
    optimizers.prepare()
    try:
        return find_micro_batch(
            lambda size: torch.autograd.backward(forward(example(size))), most=most, ranks=ranks
        )
    finally:
        # What was tried must not count in the first update.
        optimizers.drop_gradients()


def _refuse_uneven(config: TrainerConfig, ranks: Ranks) -> None:
    if config.blocks_per_batch % ranks.world:
        fitting = [n for n in range(1, ranks.world + 1) if not config.blocks_per_batch % n]
        raise UsageError(
            f"{ranks.world} processes do not divide the {config.blocks_per_batch} blocks of a batch"
            f" ({config.global_batch_size:,} tokens in blocks of {config.sequence_length:,})",
            fix=f"use {fitting[-1]} processes, or another global_batch_size",
        )


def _stopped(reason: str, step: int, steps: int) -> StoppedEarly:
    return StoppedEarly(
        f"asked to stop by {reason or 'another process'}: saved after update {step:,} of {steps:,}",
        fix="run the same command again to go on",
    )
