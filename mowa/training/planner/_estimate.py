"""What a pretraining run would take: operations, memory, hours, energy and money."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mowa.errors import UsageError
from mowa.training._config import PretrainConfig
from mowa.training._flops import DecoderSizes, training_flops_per_token, with_defaults
from mowa.training.planner._calibration import Calibration, Probe
from mowa.training.planner._machine import Machine
from mowa.training.planner._memory import Memory, memory_per_device

Sharding = Literal["none", "hybrid", "full"]

GENERAL_PURPOSE_FLOPS = 1e23
"""From here on a model that generates language is taken for one of general purpose: the European
Commission's guidelines on the obligations of providers of such models, C(2025) 5045, 18 July 2025.
"""

SYSTEMIC_RISK_FLOPS = 1e25
"""Above this a model is presumed to have capabilities of high impact, and with them systemic risk:
AI Act, Regulation (EU) 2024/1689, article 51 (2).
"""

# The trainer's own choice on a GPU; more at once are hardly faster.
_TOKENS_AT_ONCE = 16_384

# What CUDA, the libraries of communication and fragmentation take on top of the formula: a margin
# of our own, not a measurement.
_USABLE = 0.9

_JOULES = 3.6e6


@dataclass(frozen=True)
class Choice:
    """How the run is put on the devices, and what each of them then needs.

    Attributes:
        sharding: ``none`` (every device has a whole copy), ``hybrid`` (HSDP: sharded within a node,
            or as `shard_processes` says, and copied), ``full`` (FSDP over all devices).
        shards: Devices that share one copy.
        checkpointing: Activations of a layer are made again in the backward pass.
        micro_rows: Rows at once on each device.
        memory: Of each device, by formula.
        fits: Whether it fits with a margin; None where the memory of the device is not known.
    """

    sharding: Sharding
    shards: int
    checkpointing: bool
    micro_rows: int
    memory: Memory
    fits: bool | None


@dataclass(frozen=True)
class RunPlan:
    """A plan, ready to be shown or written.

    Attributes:
        sizes: Of the model.
        sequence_length: Tokens of a row.
        tokens: That the run reads.
        updates: Of the weights.
        precision: Of the arithmetic.
        optimizer: ``adamw`` or ``muon``.
        machine: What it would run on.
        choice: Sharding, micro-batch, memory.
        peak_bytes: Of each device: calibrated by a probe, else by formula.
        flops_palm: Of the whole run, the whole square of attention counted.
        flops_causal: Of the whole run, half of that square counted.
        mfu: Share of the peak by the convention of PaLM, assumed or probed; None where a probe
            measured a machine whose peak is not known.
        probed: Whether speed and memory rest on a probe.
        seconds: Wall time, without measurements on held-out documents, checkpoints and stops.
        joules: Of the devices and, by `pue`, of the cooling; None without a nominal power.
        pue: Power of the whole centre by that of its computers.
        price: Of a device for an hour, as the user gave it.
    """

    sizes: DecoderSizes
    sequence_length: int
    tokens: int
    updates: int
    precision: str
    optimizer: str
    machine: Machine
    choice: Choice
    peak_bytes: float
    flops_palm: float
    flops_causal: float
    mfu: float | None
    probed: bool
    seconds: float
    joules: float | None
    pue: float
    price: float | None

    @property
    def hours(self) -> float:
        """Wall time in hours."""
        return self.seconds / 3600

    @property
    def device_hours(self) -> float:
        """Hours of all devices together."""
        return self.hours * self.machine.count

    @property
    def kwh(self) -> float | None:
        """Energy in kilowatt-hours."""
        return None if self.joules is None else self.joules / _JOULES

    @property
    def cost(self) -> float | None:
        """Device hours times their price, in whatever currency the price is in."""
        return None if self.price is None else self.device_hours * self.price

    @property
    def tokens_per_second(self) -> float:
        """Of all devices together."""
        return self.tokens / self.seconds

    def record(self) -> dict[str, Any]:
        """Plain values for JSON, the derived ones too."""
        derived = ("hours", "device_hours", "kwh", "cost", "tokens_per_second")
        return asdict(self) | {
            "parameters": self.sizes.parameters,
            "active_matrices": self.sizes.active_matrices,
            "memory_total": self.choice.memory.total,
            **{name: getattr(self, name) for name in derived},
            "thresholds": {
                "general_purpose": GENERAL_PURPOSE_FLOPS,
                "systemic_risk": SYSTEMIC_RISK_FLOPS,
                "share_of_general_purpose": self.flops_palm / GENERAL_PURPOSE_FLOPS,
            },
        }


def plan_run(
    config: PretrainConfig,
    *,
    vocabulary: int,
    sizes: DecoderSizes | None = None,
    epoch_tokens: int | None,
    done: int = 0,
    machine: Machine,
    mfu: float = 0.4,
    probed: Probe | None = None,
    sharding: Sharding | None = None,
    checkpointing: bool | None = None,
    price: float | None = None,
    pue: float = 1.0,
) -> RunPlan:
    """Plan the step `pretrain` with `config` on `machine`.

    Args:
        config: Of the step.
        vocabulary: Tokens of its tokenizer.
        sizes: Of the model, where the step reads one.
        epoch_tokens: Training tokens of one epoch; needed where `config` counts in epochs.
        done: Updates of the checkpoint that the step goes on from, which `steps` counts too.
        machine: Where.
        mfu: Share of the peak by the convention of PaLM, taken where there is no probe.
        probed: Of this very model and device.
        sharding: As wished; None: as `shard_processes` says, else the least that fits.
        checkpointing: As wished; None: where `activation_checkpointing` says so, else only where
            nothing else fits.
        price: Of one device for one hour.
        pue: Power of the whole centre by that of its computers.

    Raises:
        UsageError: Where the tokens are not known, no update is left, the device lacks the
            precision, or the devices are more than the rows of an update or cannot be divided so.
    """
    sizes = sizes or sizes_of(config, vocabulary)
    length = config.sequence_length
    rows, updates = _rows_and_updates(config, epoch_tokens, done)
    if machine.count > config.blocks_per_batch:
        raise UsageError(
            f"an update has {config.blocks_per_batch:,} rows of {length:,} tokens, fewer than"
            f" {machine.count:,} devices",
            fix="raise global_batch_size, or plan for fewer devices (--gpus)",
        )
    precision = probed.precision if probed else _precision(config, machine)
    choice = _choose(
        config,
        sizes,
        machine,
        precision,
        micro_rows=probed.micro_batch_size if probed else None,
        sharding=sharding,
        checkpointing=checkpointing,
    )
    tokens = rows * length
    palm, causal = (
        tokens * training_flops_per_token(sizes, length, convention)
        for convention in ("palm", "causal")
    )
    peak = machine.peak(precision)
    if probed:
        calibrated = Calibration([probed]).predict(
            sizes,
            sequence_length=length,
            rows_per_update=math.ceil(config.blocks_per_batch / machine.count),
            micro_rows=choice.micro_rows,
        )
        seconds = updates * calibrated.update_seconds
        # The last update may be smaller than the others.
        seconds *= rows / (updates * config.blocks_per_batch)
        reached = None if peak is None else calibrated.flops_per_second / peak
        peak_bytes = calibrated.peak_bytes if machine.count == 1 else choice.memory.total
    else:
        if peak is None:
            raise UsageError(
                f"{machine.name} has no known peak for {precision}",
                fix="measure with --probe, or name a device with --gpus",
            )
        seconds = palm / (machine.count * peak * mfu)
        reached, peak_bytes = mfu, choice.memory.total
    watts = machine.watts
    return RunPlan(
        sizes=sizes,
        sequence_length=length,
        tokens=tokens,
        updates=updates,
        precision=precision,
        optimizer=optimizer_of(config),
        machine=machine,
        choice=choice,
        peak_bytes=peak_bytes,
        flops_palm=palm,
        flops_causal=causal,
        mfu=reached,
        probed=probed is not None,
        seconds=seconds,
        joules=None if watts is None else seconds * machine.count * watts * pue,
        pue=pue,
        price=price,
    )


def optimizer_of(config: PretrainConfig) -> str:
    """``adamw`` or ``muon``."""
    new = config.architecture is not None or config.family is not None
    return config.optimizer_for(new=new)


def sizes_of(config: PretrainConfig, vocabulary: int) -> DecoderSizes:
    """The sizes of the new model that a step trains.

    Raises:
        UsageError: Where it reads one.
    """
    if config.architecture is not None:
        return DecoderSizes.of(config.architecture, vocabulary)
    if config.family is not None:
        settings = config.family.settings | {"model_type": config.family.name}
        return DecoderSizes.of_settings(with_defaults(settings), vocabulary)
    raise UsageError(
        "the step goes on from a model that is not built yet, and its sizes are not known",
        fix="plan the step that makes that model, or run it first",
    )


def going_on(config: PretrainConfig, model: Path) -> tuple[PretrainConfig, int]:
    """The step with what it takes from the checkpoint of the model in this folder, if from any.

    Returns:
        The step with the checkpoint's optimizer and, where none is asked for, its precision; and
        the updates that were made before it begins.

    Raises:
        UsageError: Where it goes on from a checkpoint, and there is none.
    """
    if config.start != "checkpoint":
        return config, 0
    steps = {
        int(path.name.removeprefix("step-")): path for path in model.glob("checkpoints/step-*")
    }
    if not steps:
        raise UsageError(
            'start = "checkpoint", but the model has no checkpoint',
            where=str(model),
            fix="read a model that was trained with keep_optimizer = true",
        )
    done = max(steps)
    state = json.loads((steps[done] / "state.json").read_text("utf-8"))
    taken = {"optimizer": state["optimizer"]}
    if config.precision == "auto":
        taken["precision"] = state["precision"]
    return config.model_copy(update=taken), done


def _rows_and_updates(
    config: PretrainConfig, epoch_tokens: int | None, done: int
) -> tuple[int, int]:
    """As the packing plan counts them."""
    if config.steps is not None:
        if config.steps <= done:
            raise UsageError(
                f"steps {config.steps} is not above the {done:,} updates of the checkpoint",
                fix="steps counts all updates, those before the checkpoint too",
            )
        left = config.steps - done
        return left * config.blocks_per_batch, left
    assert config.epochs is not None
    if not epoch_tokens:
        raise UsageError(
            f"the step counts in epochs ({config.epochs:g}), and its tokens are not built yet",
            fix="say how many they will be (--tokens 60B), or build them: mowa run … --to tokens",
        )
    rows = max(round(config.epochs * math.ceil(epoch_tokens / config.sequence_length)), 1)
    return rows, math.ceil(rows / config.blocks_per_batch)


def _precision(config: PretrainConfig, machine: Machine) -> str:
    if config.precision != "auto":
        return config.precision
    return machine.preferred_precision


def _choose(
    config: PretrainConfig,
    sizes: DecoderSizes,
    machine: Machine,
    precision: str,
    *,
    micro_rows: int | None,
    sharding: Sharding | None,
    checkpointing: bool | None,
) -> Choice:
    """The first way that fits: the least sharding, no checkpointing, the most rows at once."""
    wished = micro_rows or config.micro_batch_size or machine.micro_rows(config)
    if checkpointing is None and config.activation_checkpointing:
        checkpointing = True
    rows_of_update = math.ceil(config.blocks_per_batch / machine.count)
    tried: Choice | None = None
    for again in (False, True) if checkpointing is None else (checkpointing,):
        for way, shards in _ways(config, machine, sharding):
            for rows in _micro_rows(config, machine, wished):
                memory = memory_per_device(
                    sizes,
                    optimizer=optimizer_of(config),
                    precision=precision,
                    micro_tokens=rows * config.sequence_length,
                    row_tokens=None if machine.on_gpu else config.sequence_length,
                    shards=shards,
                    passes=math.ceil(rows_of_update / rows),
                    checkpointing=again,
                )
                fits = None if machine.bytes is None else memory.total <= _USABLE * machine.bytes
                tried = Choice(way, shards, again, rows, memory, fits)
                if fits is not False:
                    return tried
    assert tried is not None
    return tried


def _ways(
    config: PretrainConfig, machine: Machine, wished: Sharding | None
) -> list[tuple[Sharding, int]]:
    ways: list[tuple[Sharding, int]] = [("none", 1)]
    group = config.shard_processes
    if wished is None and group is not None and machine.count > 1:
        if machine.count % group:
            raise UsageError(
                f"shard_processes {group} does not divide the {machine.count:,} devices",
                fix="change it (--set), or say another --sharding or --gpus",
            )
        return [("full" if group == machine.count else "hybrid" if group > 1 else "none", group)]
    if machine.count > 1:
        if machine.count > machine.per_node:
            ways.append(("hybrid", machine.per_node))
        ways.append(("full", machine.count))
    chosen = [way for way in ways if wished in (None, way[0])]
    if not chosen:
        raise UsageError(
            f"{machine.count} devices cannot be sharded {wished!r}",
            fix=f"choose one of: {', '.join(name for name, _ in ways)}",
        )
    return chosen


def _micro_rows(config: PretrainConfig, machine: Machine, wished: int | None) -> Iterator[int]:
    """Rows at once to try, most first: halves of what the trainer would take, or as wished."""
    most = math.ceil(config.blocks_per_batch / machine.count)
    if wished:
        yield min(wished, most)
        return
    rows = min(max(_TOKENS_AT_ONCE // config.sequence_length, 1), most)
    while rows:
        yield rows
        rows //= 2
