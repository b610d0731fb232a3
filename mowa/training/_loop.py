"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mowa.errors import MowaError
from mowa.execution import Progress
from mowa.training._checkpoint import Checkpoint, Checkpoints
from mowa.training._config import PretrainConfig
from mowa.training._forward import Forward, Rows, stack
from mowa.training._held_out import HeldOut
from mowa.training._metrics import MetricsLog
from mowa.training._optimizer import Optimizers
from mowa.training._plan import PackingPlan
from mowa.training._runtime import choose_device, choose_micro_batch, choose_precision

if TYPE_CHECKING:
    from mowa.training._split import TokenSplit

# How much the newest update counts in the mean from which the time left is told.
_NEWEST = 0.05


@dataclass(frozen=True)
class Trained:
    """What the loop leaves besides the weights in the model that it was given."""

    precision: str
    device: str
    micro_batch_size: int
    compiled: bool
    tokens: int
    seconds: float


def train(  # noqa: C901, PLR0915 - the loop is read top to bottom, in one sitting
    config: PretrainConfig,
    model: Any,
    *,
    tokens: TokenSplit,
    plan: PackingPlan,
    held_out: HeldOut,
    out: Path,
    identity: dict[str, Any],
    threads: int,
    progress: Progress,
) -> Trained:
    """Train `model` in place, from the newest checkpoint under `out` if there is one.

    Args:
        config: Of the step.
        model: Fresh from `mowa.model.build`.
        tokens: The training split.
        plan: Over the documents of `tokens`.
        held_out: Measured before the first update, after the last, and in between as configured.
        out: Gets ``metrics.jsonl`` and ``checkpoints/``.
        identity: Plain values that a checkpoint must agree with to be gone on from.
        threads: CPU threads in use, recorded.
        progress: Where progress is shown.

    Raises:
        MowaError: Where the loss or its gradient is no longer a number, or where a checkpoint
            belongs to other data or another plan.
    """
    checkpoints = Checkpoints(out / "checkpoints")
    found = checkpoints.latest(progress.say)
    if found:
        _refuse_other_run(found, identity)

    device = choose_device(config.device)
    precision = found.state["precision"] if found else choose_precision(config.precision, device)
    micro = choose_micro_batch(
        config.micro_batch_size, config.sequence_length, device, compiled=config.compile
    )
    forward = Forward(
        model, device=device, precision=precision, sequence_length=config.sequence_length
    )
    optimizers = Optimizers(model, config, steps=plan.steps, precision=precision)
    # What rounding depends on: a run that goes on with the same is bit-equal to one never stopped.
    arithmetic = {
        "device": str(device),
        "threads": threads,
        "micro_batch_size": micro,
        "compile": config.compile,
        "torch": torch.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }

    step, seen, seconds = 0, 0, 0.0
    if found:
        _restore(found, model, optimizers, device)
        step, seen, seconds = found.step, found.state["tokens"], found.state["seconds"]
        progress.say(f"going on from update {step:,} of {plan.steps:,}")
        _say_what_changed(found.state["arithmetic"], arithmetic, progress.say)
    log = MetricsLog(out / "metrics.jsonl", step=step if found else -1)
    compiled = (
        config.compile
        and step < plan.steps
        and _compile(forward, _rows(tokens, plan, range(micro), device), progress.say)
    )
    model.train()

    def save() -> None:
        log.flush()
        checkpoints.save(
            {
                "step": step,
                "tokens": seen,
                "seconds": seconds,
                "identity": identity,
                "precision": precision,
                "arithmetic": arithmetic,
            },
            {
                "model": dict(model.named_parameters()),
                "optimizer": optimizers.state(),
                "random": _random_state(device),
            },
        )

    began = saved = time.monotonic()
    spent_before, update_seconds = seconds, 0.0
    if not found:
        bpb = held_out.bits_per_byte(forward, rows=micro)
        log.write(step=0, held_out_bpb=bpb)
        progress.say(f"update 0 of {plan.steps:,}: {_bpb(bpb)} on held-out documents")

    with progress.task("training", total=plan.steps, done=step) as advance:
        while step < plan.steps:
            started = time.perf_counter()
            blocks = plan.batch(step)
            # Known before the first gradient: every token of the batch weighs the same, whichever
            # micro-batch it is in.
            targets = sum(plan.targets(block) for block in blocks)
            loss = torch.zeros((), device=device)
            for first in range(0, len(blocks), micro):
                nll = forward.nll(_rows(tokens, plan, blocks[first : first + micro], device))
                share = nll / targets
                torch.autograd.backward(share)
                loss += share.detach()

            lr = optimizers.set_learning_rate(step)
            norm = torch.nn.utils.clip_grad_norm_(
                model.parameters(), config.grad_clip or math.inf, foreach=True
            )
            loss_value, norm_value = torch.stack([loss, norm.to(device)]).tolist()
            if not (math.isfinite(loss_value) and math.isfinite(norm_value)):
                raise _diverged(
                    f"update {step + 1:,} of {plan.steps:,}, at learning rate {lr:.3g}",
                    loss_value,
                    norm_value,
                    checkpoints,
                )
            optimizers.step()

            step += 1
            read = len(blocks) * config.sequence_length
            seen += read
            took = time.perf_counter() - started
            update_seconds += (took - update_seconds) * (_NEWEST if update_seconds else 1.0)
            seconds = spent_before + time.monotonic() - began

            last = step == plan.steps
            measured: dict[str, float | None] = {}
            if last or (config.eval_every and step % config.eval_every == 0):
                bpb = held_out.bits_per_byte(forward, rows=micro)
                measured = {"held_out_bpb": bpb}
                progress.say(
                    f"update {step:,} of {plan.steps:,}: loss {loss_value:.4f}, {_bpb(bpb)} on"
                    f" held-out documents, {read / took:,.0f} tokens/s"
                )
            if last or measured or step % config.log_every == 0:
                log.write(
                    step=step,
                    loss=loss_value,
                    lr=lr,
                    grad_norm=norm_value,
                    tokens=seen,
                    tokens_per_second=round(read / took, 1),
                    seconds=round(seconds, 3),
                    seconds_left=round(update_seconds * (plan.steps - step), 1),
                    **measured,
                )
            if last or _is_due(config, step, time.monotonic() - saved):
                save()
                saved = time.monotonic()
            advance(1)

    return Trained(precision, str(device), micro, compiled, seen, seconds)


def _rows(tokens: TokenSplit, plan: PackingPlan, blocks: range, device: torch.device) -> Rows:
    return stack([plan.read(tokens, block) for block in blocks], device)


def _is_due(config: PretrainConfig, step: int, seconds: float) -> bool:
    by_time, by_steps = config.checkpoint_every_seconds, config.checkpoint_every_steps
    return bool((by_time and seconds >= by_time) or (by_steps and step % by_steps == 0))


def _compile(forward: Forward, example: Rows, say: Callable[[str], None]) -> bool:
    began = time.monotonic()
    try:
        forward.compile(example)
    except RuntimeError as error:
        first_line = str(error).strip().partition("\n")[0]
        say(f"torch.compile failed ({first_line}); training goes on without it")
        return False
    say(f"compiled in {time.monotonic() - began:.0f} s")
    return True


def _refuse_other_run(found: Checkpoint, identity: dict[str, Any]) -> None:
    recorded = found.state["identity"]
    differing = sorted(key for key in identity if recorded.get(key) != identity[key])
    if differing:
        raise MowaError(
            f"checkpoint {found.name} belongs to another run: its {', '.join(differing)} differ",
            where="checkpoints",
            fix="remove this step's unfinished artifact and run again, which trains from the start",
        )


def _say_what_changed(
    before: dict[str, Any], now: dict[str, Any], say: Callable[[str], None]
) -> None:
    changed = [
        f"{key} {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]
    ]
    if changed:
        say(
            f"not as before: {', '.join(changed)}; the result will equal that of an uninterrupted"
            " run up to rounding, not bit by bit"
        )


def _restore(found: Checkpoint, model: Any, optimizers: Optimizers, device: torch.device) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(found.tensors["model"][name])
    optimizers.load_state(found.tensors["optimizer"])
    torch.set_rng_state(found.tensors["random"]["cpu"])
    if device.type == "cuda" and "cuda" in found.tensors["random"]:
        torch.cuda.set_rng_state(found.tensors["random"]["cuda"], device)


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _diverged(when: str, loss: float, norm: float, checkpoints: Checkpoints) -> MowaError:
    what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {norm}"
    names = checkpoints.names()
    last = f"the last good checkpoint is {names[-1]}" if names else "there is no checkpoint yet"
    return MowaError(
        f"training diverged: {what} in {when}; the update was not made, and {last}",
        where=str(checkpoints.folder),
        fix="lower learning_rate (and muon_learning_rate), raise warmup_steps, or set"
        ' precision = "fp32"; each makes a new run from the start',
    )


def _bpb(value: float | None) -> str:
    return "no measure" if value is None else f"{value:.3f} bits per byte"
