"""From what probes measured to what another size would take on the same machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mowa.errors import UsageError
from mowa.training._flops import DecoderSizes, training_flops_per_token
from mowa.training.planner._memory import memory_per_device


@dataclass(frozen=True)
class Probe:
    """What some updates of one size took.

    Attributes:
        sizes: Of the model.
        optimizer: ``adamw`` or ``muon``.
        precision: ``bf16`` or ``fp32``, as chosen on this machine.
        device: ``cpu``, or the GPU's name as torch says it.
        sequence_length: Tokens of a row.
        micro_batch_size: Rows that went through the model at once.
        compiled: Whether torch.compile succeeded.
        updates: How many were timed, after the first ones.
        micro_seconds: Median time of forward and backward of one micro-batch.
        optimizer_seconds: Median time of clipping and the optimizer, once an update.
        base_bytes: Memory before the model was made.
        peak_bytes: The most memory that was held.
    """

    sizes: DecoderSizes
    optimizer: str
    precision: str
    device: str
    sequence_length: int
    micro_batch_size: int
    compiled: bool
    updates: int
    micro_seconds: float
    optimizer_seconds: float
    base_bytes: float
    peak_bytes: float

    @property
    def micro_tokens(self) -> int:
        """Tokens of a micro-batch."""
        return self.micro_batch_size * self.sequence_length

    @property
    def flops_per_second(self) -> float:
        """Of the model, by the convention of PaLM, without the optimizer."""
        each = training_flops_per_token(self.sizes, self.sequence_length, "palm")
        return self.micro_tokens * each / self.micro_seconds


@dataclass(frozen=True)
class Prediction:
    """What training would take on the machine of the probes.

    Attributes:
        update_seconds: Of one update.
        tokens_per_second: Of the machine.
        flops_per_second: Of the model by the convention of PaLM, the optimizer's time included.
        peak_bytes: The most memory.
    """

    update_seconds: float
    tokens_per_second: float
    flops_per_second: float
    peak_bytes: float


class Calibration:
    """The speed and the memory of a machine, learned from one probe or more.

    Operations a second follow a power of the operations that a token needs, and the optimizer's
    time a power of its own work; with one probe both are constant a unit of work. Memory is the
    formula of `memory_per_device` times a factor on top of what the libraries hold; with two sizes
    both numbers are a straight line through the measured peaks.

    Raises:
        UsageError: Where the probes are not of one kind: device, precision, optimizer, compilation.
    """

    def __init__(self, probes: Sequence[Probe]) -> None:
        assert probes
        kinds = {(one.device, one.precision, one.optimizer, one.compiled) for one in probes}
        if len(kinds) > 1:
            raise UsageError("probes of different devices or settings cannot be put together")
        self._probe = probes[0]
        self._speed = _power_law(
            [
                (
                    training_flops_per_token(one.sizes, one.sequence_length, "palm"),
                    one.flops_per_second,
                )
                for one in probes
            ],
            exponent=0.0,
        )
        self._optimizer = _power_law(
            [(optimizer_work(one.sizes, one.optimizer), one.optimizer_seconds) for one in probes],
            exponent=1.0,
        )
        self._memory = _line(
            [
                (
                    _formula(one, one.sizes, one.sequence_length, one.micro_batch_size),
                    one.peak_bytes,
                )
                for one in probes
            ],
            self._probe.base_bytes,
        )

    def predict(
        self, sizes: DecoderSizes, *, sequence_length: int, rows_per_update: int, micro_rows: int
    ) -> Prediction:
        """One update of another size, with the probes' optimizer and precision.

        Args:
            sizes: Of the model.
            sequence_length: Tokens of a row.
            rows_per_update: Rows of one update.
            micro_rows: Rows at once; best as many tokens as in the probes.
        """
        per_token = training_flops_per_token(sizes, sequence_length, "palm")
        tokens = rows_per_update * sequence_length
        flops = tokens * per_token
        optimizer = self._optimizer(optimizer_work(sizes, self._probe.optimizer))
        seconds = flops / self._speed(per_token) + optimizer
        formula = _formula(self._probe, sizes, sequence_length, micro_rows)
        slope, base = self._memory
        return Prediction(seconds, tokens / seconds, flops / seconds, base + slope * formula)


def optimizer_work(sizes: DecoderSizes, optimizer: str) -> float:
    """Something that the optimizer's time grows with.

    For AdamW the parameters. For Muon the operations of its five Newton-Schulz steps, for a matrix
    of m rows and n columns, m the fewer, 5·(4·m²·n + 2·m³) (Jordan et al. 2024).
    """
    if optimizer != "muon":
        return float(sizes.parameters)
    shapes = [
        (sizes.hidden, sizes.attention_width, 2),
        (sizes.hidden, sizes.kv_width, 2),
        (sizes.hidden, sizes.feed_forward, (3 if sizes.gated else 2) * sizes.experts),
    ]
    layer = 0.0
    for rows, columns, count in shapes:
        m, n = sorted((rows, columns))
        layer += count * 5 * (4.0 * m * m * n + 2.0 * m**3)
    return sizes.layers * layer


def _formula(probe: Probe, sizes: DecoderSizes, row_tokens: int, rows: int) -> float:
    return memory_per_device(
        sizes,
        optimizer=probe.optimizer,
        precision=probe.precision,
        micro_tokens=rows * row_tokens,
        row_tokens=row_tokens if probe.device == "cpu" else None,
    ).total


def _power_law(
    points: Sequence[tuple[float, float]], *, exponent: float
) -> Callable[[float], float]:
    """A curve c · x^a through points; `exponent` is a where all points have one x."""
    logs = [(math.log(x), math.log(max(y, 1e-9))) for x, y in points]
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    if spread > 1e-6:
        exponent = sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread
    return lambda x: math.exp(mean_y + exponent * (math.log(x) - mean_x))


def _line(points: Sequence[tuple[float, float]], base: float) -> tuple[float, float]:
    """Slope and offset; through `base` where all points have one x."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread <= 1e-6 * mean_x**2:
        return max(mean_y - base, 0.0) / mean_x, min(base, mean_y)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    return slope, mean_y - slope * mean_x
