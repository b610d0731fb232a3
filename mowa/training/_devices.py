"""What accelerators can do at most: dense peak FLOP/s, memory and power, from their makers.

Data sheets print figures for 2:4 structured sparsity beside or instead of the dense ones; training
is dense, so those are halved here. ``fp32`` is without TF32, which torch leaves off by default.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mowa.errors import UsageError

_TERA = 1e12


@dataclass(frozen=True)
class Accelerator:
    """One device, as its maker describes it.

    Attributes:
        name: How `--gpus` calls it.
        tflops: Dense peak in 10^12 operations a second, by precision: ``bf16`` (products in bf16,
            sums in float32), ``tf32``, ``fp32``, and ``fp8`` where the device has it.
        memory_gib: Memory; what makers call GB is GiB here.
        watts: Thermal design power or total board power.
        source: Where the figures are from.
        torch_names: What `torch.cuda.get_device_name` calls it, as a regular expression.
        per_node: Devices of the usual node, over the fast links of which weights can be sharded.
    """

    name: str
    tflops: Mapping[str, float]
    memory_gib: float
    watts: float
    source: str
    torch_names: str
    per_node: int = 8

    def peak(self, precision: str) -> float | None:
        """Dense peak in operations a second, or None where the device lacks the precision."""
        found = self.tflops.get(precision)
        return None if found is None else found * _TERA


_HOPPER = {"bf16": 989.4, "tf32": 494.7, "fp32": 66.9, "fp8": 1978.9}
_HOPPER_NVL = {"bf16": 835.5, "tf32": 417.5, "fp32": 60.0, "fp8": 1670.5}
_AMPERE = {"bf16": 312.0, "tf32": 156.0, "fp32": 19.5}

ACCELERATORS = (
    Accelerator("H100", _HOPPER, 80, 700, "NVIDIA H100 data sheet, SXM column", r"H100 80GB HBM3"),
    Accelerator(
        "H100-PCIe",
        {"bf16": 756.0, "tf32": 378.0, "fp32": 51.0, "fp8": 1513.0},
        80,
        350,
        "NVIDIA H100 data sheet, PCIe column",
        r"H100 PCIe",
    ),
    Accelerator(
        "H100-NVL", _HOPPER_NVL, 94, 400, "NVIDIA H100 data sheet, NVL column", r"H100 NVL"
    ),
    Accelerator("H200", _HOPPER, 141, 700, "NVIDIA H200 data sheet, SXM column", r"H200"),
    Accelerator(
        "H200-NVL", _HOPPER_NVL, 141, 600, "NVIDIA H200 data sheet, NVL column", r"H200 NVL"
    ),
    # The power is that of the whole superchip, processor and its memory included.
    Accelerator(
        "GH200",
        _HOPPER,
        96,
        1000,
        "NVIDIA GH200 data sheet: 450 to 1,000 W for processor, GPU and memory",
        r"GH200 480GB",
        per_node=4,
    ),
    Accelerator(
        "B200",
        {"bf16": 2250.0, "tf32": 1125.0, "fp32": 75.0, "fp8": 4500.0},
        180,
        1000,
        "NVIDIA HGX B200 data sheet, an eighth of the board",
        r"B200",
    ),
    Accelerator(
        "GB200",
        {"bf16": 2500.0, "tf32": 1250.0, "fp32": 80.0, "fp8": 5000.0},
        186,
        1200,
        "NVIDIA GB200 NVL72 data sheet, a 72nd of the rack",
        r"GB200",
        per_node=4,
    ),
    Accelerator(
        "A100", _AMPERE, 80, 400, "NVIDIA A100 data sheet, SXM 80 GB column", r"A100-SXM4-80GB"
    ),
    Accelerator(
        "A100-40GB", _AMPERE, 40, 400, "NVIDIA A100 data sheet, SXM 40 GB column", r"A100-SXM4-40GB"
    ),
    Accelerator(
        "A100-PCIe", _AMPERE, 80, 300, "NVIDIA A100 data sheet, PCIe column", r"A100 80GB PCIe"
    ),
    Accelerator(
        "V100",
        {"fp32": 15.7},
        32,
        300,
        "NVIDIA V100 data sheet, SXM2 column; it has no bf16",
        r"V100-SXM2-32GB(-LS)?",
    ),
    Accelerator(
        "L40S",
        {"bf16": 362.05, "tf32": 183.0, "fp32": 91.6, "fp8": 733.0},
        48,
        350,
        "NVIDIA L40S data sheet",
        r"L40S",
    ),
    Accelerator(
        "A40",
        {"bf16": 149.7, "tf32": 74.8, "fp32": 37.4},
        48,
        300,
        "NVIDIA A40 data sheet",
        r"A40",
    ),
    Accelerator(
        "RTX5090",
        {"bf16": 209.5, "tf32": 104.8, "fp32": 104.8, "fp8": 419.0},
        32,
        575,
        "NVIDIA RTX Blackwell architecture paper, sums in float32",
        r"GeForce RTX 5090",
        per_node=1,
    ),
    Accelerator(
        "RTX4090",
        {"bf16": 165.2, "tf32": 82.6, "fp32": 82.6, "fp8": 330.3},
        24,
        450,
        "NVIDIA Ada architecture paper, appendix A, sums in float32",
        r"GeForce RTX 4090",
        per_node=1,
    ),
    Accelerator(
        "RTX3090",
        {"bf16": 71.0, "tf32": 35.6, "fp32": 35.6},
        24,
        350,
        "NVIDIA GA102 architecture paper, appendix A, sums in float32",
        r"GeForce RTX 3090",
        per_node=1,
    ),
    Accelerator(
        "RTX-A6000",
        {"bf16": 154.8, "tf32": 77.4, "fp32": 38.7},
        48,
        300,
        "NVIDIA RTX A6000 data sheet",
        r"RTX A6000",
        per_node=1,
    ),
    Accelerator(
        "MI300X",
        {"bf16": 1307.4, "tf32": 653.7, "fp32": 163.4, "fp8": 2614.9},
        192,
        750,
        "AMD Instinct MI300X data sheet",
        r"Instinct MI300X",
    ),
    # Two dies, each of which torch sees as a device of its own: half of the module's figures.
    Accelerator(
        "MI250X-GCD",
        {"bf16": 191.5, "fp32": 23.9},
        64,
        280,
        "AMD Instinct MI250X data sheet, one of its two dies",
        r"Instinct MI250X",
    ),
)


def accelerator(name: str) -> Accelerator:
    """The device called `name`, whatever the case, spaces and hyphens in it.

    Raises:
        UsageError: Where the table does not have it.

    Example:
        >>> accelerator("rtx 4090").memory_gib
        24
    """
    for found in ACCELERATORS:
        if _plain(name) in (_plain(found.name), _plain(found.name.removeprefix("RTX"))):
            return found
    raise UsageError(
        f"there is no device {name!r} in the table of peaks",
        fix=f"choose one of: {', '.join(found.name for found in ACCELERATORS)}",
    )


def accelerator_called(torch_name: str) -> Accelerator | None:
    """The device that torch calls `torch_name`, or None where the table does not have it.

    Example:
        >>> accelerator_called("NVIDIA H100 80GB HBM3").name
        'H100'
    """
    for found in ACCELERATORS:
        if re.fullmatch(rf"(NVIDIA |AMD |Tesla )*{found.torch_names}", torch_name):
            return found
    return None


def measured_peak(
    device: str, dtype: str = "fp32", *, size: int = 2048, seconds: float = 1.0
) -> float:
    """The best speed of square matrix products here, in operations a second.

    A processor has no peak that its maker states for bf16 or float32 products, so this stands in
    its place: an upper bound that was reached, not a theoretical one.

    Args:
        device: As torch calls it: ``cpu``, ``cuda``, ``cuda:1``.
        dtype: ``bf16`` or ``fp32``.
        size: Rows and columns.
        seconds: How long to try; at least three products are timed.
    """
    import torch

    kind = {"bf16": torch.bfloat16, "fp32": torch.float32}[dtype]
    left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    result = left @ right
    best, spent, rounds = float("inf"), 0.0, 0
    while spent < seconds or rounds < 3:
        _finish(torch, device)
        began = time.perf_counter()
        torch.mm(left, right, out=result)
        _finish(torch, device)
        took = time.perf_counter() - began
        best, spent, rounds = min(best, took), spent + took, rounds + 1
    return 2 * size**3 / best


def _finish(torch: Any, device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
