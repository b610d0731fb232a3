"""What a run would be on: one machine, or so many of some accelerator."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mowa.errors import UsageError
from mowa.execution._energy import WATTS_PER_CORE
from mowa.training._config import PretrainConfig
from mowa.training._devices import (
    Accelerator,
    accelerator,
    accelerator_called,
    measured_peak,
)

_COUNTED = re.compile(r"\s*(?:(\d[\d_]*)\s*[x×*]\s*)?([A-Za-z0-9][\w .+-]*)\s*")

AVERAGE_PUE = 1.54
"""Of data centres: weighted mean of the Uptime Institute's Global Data Center Survey 2025."""


@dataclass(frozen=True)
class Machine:
    """Where a run would be.

    Attributes:
        name: For people.
        count: Devices: GPUs, or 1 for a processor.
        accelerator: In the table of peaks, if it is there.
        measured_flops: Speed of matrix products that was measured here, where no maker states it.
        measured_precision: Of that measurement.
        bytes: Memory of one device, if known.
        watts: Nominal power of one device, if known.
        watts_are: Where that is from.
        here: Whether it is this machine.
        on_gpu: Whether a GPU computes.
    """

    name: str
    count: int
    accelerator: Accelerator | None
    measured_flops: float | None
    measured_precision: str | None
    bytes: float | None
    watts: float | None
    watts_are: str
    here: bool
    on_gpu: bool

    @property
    def per_node(self) -> int:
        """Devices with fast links between them."""
        return self.accelerator.per_node if self.accelerator else 1

    @property
    def preferred_precision(self) -> str:
        """What ``precision = "auto"`` means there."""
        if self.accelerator is not None:
            return "bf16" if "bf16" in self.accelerator.tflops else "fp32"
        return self.measured_precision or "fp32"

    def peak(self, precision: str) -> float | None:
        """Of one device, in operations a second; None where it is not known."""
        if self.accelerator is not None:
            return self.accelerator.peak(precision)
        return self.measured_flops if precision == self.measured_precision else None

    def micro_rows(self, config: PretrainConfig) -> int | None:
        """Rows at once that the trainer takes here; None: as many as fit."""
        if self.on_gpu:
            return None
        import torch

        from mowa.training._runtime import choose_micro_batch

        return choose_micro_batch(
            None, config.sequence_length, torch.device("cpu"), compiled=config.compile
        )


def parse_gpus(text: str) -> Machine:
    """The machine that ``256xGH200`` means.

    Raises:
        UsageError: Where it is not of that form, or the device is not in the table.

    Example:
        >>> parse_gpus("256xGH200").count
        256
    """
    found = _COUNTED.fullmatch(text)
    if not found or (found[1] and int(found[1]) == 0):
        raise UsageError(f"--gpus {text!r} is not of the form 8xH100", fix="write 256xGH200")
    count = int(found[1]) if found[1] else 1
    return _of(accelerator(found[2]), count, here=False)


def this_machine(config: PretrainConfig, *, measure: bool) -> Machine:
    """The machine that this is: its GPU if torch sees one and the step wants one.

    Args:
        config: Of the step: `device`, `precision`, `threads`.
        measure: Time matrix products where the device is not in the table of peaks.

    Raises:
        UsageError: Where torch is not there to ask.
    """
    if find_spec("torch") is None:
        raise UsageError(
            "what this machine can do is measured with torch, which is not installed",
            fix="pip install 'mowa[train]', or name devices: --gpus 8xH100",
        )
    import torch

    from mowa.training._runtime import choose_device, choose_precision, numerics

    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        known = accelerator_called(name)
        if known is not None:
            return _of(known, 1, here=True)
        memory: float | None = float(torch.cuda.get_device_properties(device).total_memory)
    else:
        name = _processor()
        memory = _memory()
    flops = None
    if measure:
        with numerics(threads=config.threads, seed=0):
            flops = measured_peak(str(device), precision)
    cores = os.cpu_count() or 1
    return Machine(
        name=name,
        count=1,
        accelerator=None,
        measured_flops=flops,
        measured_precision=precision,
        bytes=memory,
        watts=None if device.type == "cuda" else WATTS_PER_CORE * cores,
        watts_are=f"{WATTS_PER_CORE:g} W a core, Green Algorithms' default",
        here=True,
        on_gpu=device.type == "cuda",
    )


def _of(known: Accelerator, count: int, *, here: bool) -> Machine:
    return Machine(
        name=known.name,
        count=count,
        accelerator=known,
        measured_flops=None,
        measured_precision=None,
        bytes=known.memory_gib * 2**30,
        watts=known.watts,
        watts_are=known.source,
        here=here,
        on_gpu=True,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(named, 'processor')}, {os.cpu_count()} cores"


def _memory() -> float | None:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError):
        return None
