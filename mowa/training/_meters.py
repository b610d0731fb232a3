"""What is read while a model trains besides its loss: use of the hardware, and energy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from mowa.execution._energy import WATTS_PER_CORE, EnergyMeter
from mowa.training._devices import accelerator_called
from mowa.training._flops import (
    DecoderSizes,
    Trained,
    model_flops_utilisation,
    training_flops_per_token,
)


@dataclass(frozen=True)
class Meters:
    """The meters of one process.

    Attributes:
        sizes: Of the model; None where its settings do not say them.
        trained: What of it is trained; None where all is.
        sequence_length: Of a row.
        peak: Dense operations a second of all devices together; None where it is in no table.
        energy: Counts where this process counts for its node; others count nothing.
    """

    sizes: DecoderSizes | None
    trained: Trained | None
    sequence_length: int
    peak: float | None
    energy: EnergyMeter | None

    def joules(self) -> float:
        """Of this process's node since the meters began."""
        return self.energy.read().joules if self.energy else 0.0

    def measured_how(self) -> list[str]:
        """How the energy was found, read from counters or estimated; empty where none counts."""
        if self.energy is None:
            return []
        counted = self.energy.read()
        return [f"{counted.how}: {counted.of}"]

    def line(self, tokens_per_second: float) -> dict[str, float]:
        """``mfu_palm`` and ``mfu_causal``, where sizes and peak are known; else operations."""
        if self.sizes is None:
            return {}
        flops = {
            name: training_flops_per_token(self.sizes, self.sequence_length, name, self.trained)
            for name in ("palm", "causal")
        }
        if self.peak is None:
            return {"flops_per_second": round(tokens_per_second * flops["palm"])}
        return {
            f"mfu_{name}": round(model_flops_utilisation(tokens_per_second, each, self.peak), 4)
            for name, each in flops.items()
        }


@contextmanager
def meters(
    model: Any, *, device: torch.device, precision: str, world: int, sequence_length: int
) -> Iterator[Meters]:
    """The meters of this process, running."""
    settings = model.config.to_dict()
    sizes = None
    if {"hidden_size", "num_attention_heads", "num_hidden_layers"} <= settings.keys():
        sizes = DecoderSizes.of_settings(settings, int(settings["vocab_size"]))
    trained = Trained.of(model, sizes) if sizes else None
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    known = None
    if device.type == "cuda":
        known = accelerator_called(torch.cuda.get_device_name(device))
        watts = (known.watts if known else 300.0) * local
        watts_are = known.source if known else "a guess: the device is in no table"
    else:
        watts = WATTS_PER_CORE * torch.get_num_threads() * local
        watts_are = f"{WATTS_PER_CORE:g} W a core, Green Algorithms' default"
    peak = known.peak(precision) if known else None
    counts = int(os.environ.get("LOCAL_RANK", "0")) == 0
    if not counts:
        yield Meters(sizes, trained, sequence_length, peak and peak * world, None)
        return
    with EnergyMeter(
        gpus=_gpus(local) if device.type == "cuda" else [], watts=watts, watts_are=watts_are
    ) as energy:
        yield Meters(sizes, trained, sequence_length, peak and peak * world, energy)


def _gpus(count: int) -> list[str]:
    """NVML's names of torch's first GPUs: it counts others where CUDA_VISIBLE_DEVICES is set."""
    return [f"GPU-{torch.cuda.get_device_properties(n).uuid}" for n in range(count)]
