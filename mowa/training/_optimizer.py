"""AdamW, or Muon with AdamW, under one schedule."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from mowa.training._config import MUON_LEARNING_RATE, PretrainConfig
from mowa.training._muon import Float32Muon


def schedule(step: int, *, steps: int, warmup: int, floor: float) -> float:
    """The learning rate of update `step` (from 0) as a share of its peak.

    It rises linearly to the peak, which the update after the warm-up has, and falls along half a
    cosine to `floor` at the last update (Loshchilov & Hutter 2017, without restarts).
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    way = (step - warmup) / max(steps - 1 - warmup, 1)
    return floor + (1 - floor) * (1 + math.cos(math.pi * min(way, 1.0))) / 2


def parameter_groups(model: torch.nn.Module, optimizer: str) -> dict[str, list[str]]:
    """Names of the parameters by how they are trained: ``muon``, ``decay``, ``no_decay``.

    The matrices of the layers go to Muon, or to AdamW with weight decay; an output layer that is
    not tied to the embeddings has AdamW with weight decay; embeddings and norms AdamW without.
    """
    groups: dict[str, list[str]] = {"muon": [], "decay": [], "no_decay": []}
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2 or "embed_tokens" in name:
            groups["no_decay"].append(name)
        elif optimizer == "muon" and ".layers." in name:
            groups["muon"].append(name)
        else:
            groups["decay"].append(name)
    return groups


class Optimizers:
    """What moves the weights; its state is plain tensors, named after the parameters."""

    def __init__(
        self, model: torch.nn.Module, config: PretrainConfig, *, steps: int, precision: str
    ) -> None:
        self._steps, self._config = steps, config
        self._parameters = dict(model.named_parameters())
        groups = {
            name: [self._parameters[key] for key in keys]
            for name, keys in parameter_groups(model, config.optimizer).items()
        }
        adamw = [
            {"params": groups["decay"], "weight_decay": config.weight_decay},
            {"params": groups["no_decay"], "weight_decay": 0.0},
        ]
        self._optimizers: dict[str, torch.optim.Optimizer] = {
            "adamw": torch.optim.AdamW(
                [group for group in adamw if group["params"]],
                lr=config.learning_rate,
                betas=(config.betas[0], config.betas[1]),
                eps=config.eps,
                fused=True,
            )
        }
        self._peaks = {"adamw": config.learning_rate}
        if groups["muon"]:
            self._peaks["muon"] = config.muon_learning_rate or MUON_LEARNING_RATE
            muon = torch.optim.Muon if precision == "bf16" else Float32Muon
            self._optimizers["muon"] = muon(
                groups["muon"], lr=self._peaks["muon"], weight_decay=config.weight_decay
            )

    def set_learning_rate(self, step: int) -> float:
        """Set every learning rate for update `step`; gives AdamW's."""
        share = schedule(
            step,
            steps=self._steps,
            warmup=self._config.warmup_steps,
            floor=self._config.min_lr_ratio,
        )
        for name, optimizer in self._optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self._peaks[name] * share
        return self._peaks["adamw"] * share

    def step(self) -> None:
        """Move the weights by their gradients, and drop the gradients."""
        for optimizer in self._optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Moments and counts as ``<parameter>/<name>``."""
        return {
            f"{name}/{key}": value
            for name, parameter in self._parameters.items()
            for key, value in self._state_of(parameter).items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` gave."""
        for path, value in state.items():
            name, _, key = path.rpartition("/")
            self._state_of(self._parameters[name])[key] = value.to(self._parameters[name].device)

    def _state_of(self, parameter: Tensor) -> dict[str, Any]:
        owner = next(
            optimizer
            for optimizer in self._optimizers.values()
            for group in optimizer.param_groups
            if any(parameter is one for one in group["params"])
        )
        state: dict[str, Any] = owner.state[parameter]
        return state
