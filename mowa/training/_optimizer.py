"""AdamW, or Muon with AdamW, under one schedule."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor

from mowa.errors import UsageError
from mowa.model import with_lora
from mowa.training._muon import Muon
from mowa.training._schedule import schedule
from mowa.training._trainer_config import MUON_LEARNING_RATE, TrainerConfig


def trained_part(model: Any, config: TrainerConfig, say: Callable[[str], None]) -> Any:
    """`model` as it is trained: adapters, what is frozen, what is computed again for its gradient.

    Before the optimizers are made: they get what wants a gradient then.

    Raises:
        UsageError: As `freeze` and `with_lora`.
    """
    if config.lora is not None:
        with_lora(model, config.lora, config.seed)
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        say(f"{trained:,} weights of adapters are trained, all others are frozen")
    if frozen := freeze(model, config.freeze):
        say(f"{frozen:,} weights are frozen")
    if config.activation_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


def freeze(model: torch.nn.Module, patterns: list[str]) -> int:
    """Take every parameter whose name matches a pattern out of training; how many weights.

    Raises:
        UsageError: Where a pattern matches nothing, or nothing is left to train.
    """
    named = dict(model.named_parameters())
    for pattern in patterns:
        matched = [name for name in named if fnmatchcase(name, pattern)]
        if not matched:
            examples = ", ".join(list(named)[:3])
            raise UsageError(
                f"freeze: no parameter is named like {pattern!r}",
                fix=f'names are such as {examples}; "*" stands for any characters',
            )
        for name in matched:
            named[name].requires_grad_(False)  # noqa: FBT003 - torch takes it by position
    if not any(parameter.requires_grad for parameter in named.values()):
        raise UsageError("freeze leaves no parameter to train", fix="name fewer of them")
    return sum(p.numel() for p in named.values() if not p.requires_grad)


def parameter_groups(model: Any, optimizer: str) -> dict[str, list[str]]:
    """Names of the trained parameters by how they are trained: ``muon``, ``decay``, ``no_decay``.

    The matrices of the layers go to Muon, or to AdamW with weight decay; an output layer that is
    not tied to the embeddings, adapters, and stacked matrices of experts, have AdamW with weight
    decay; embeddings and norms AdamW without.
    """
    embeddings = model.get_input_embeddings().weight
    groups: dict[str, list[str]] = {"muon": [], "decay": [], "no_decay": []}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.endswith((".lora_a", ".lora_b")):
            # Their product is what counts: neither is a matrix of the layer that Muon could turn.
            groups["decay"].append(name)
        elif parameter.ndim < 2 or parameter is embeddings:
            groups["no_decay"].append(name)
        elif optimizer == "muon" and ".layers." in name and parameter.ndim == 2:
            groups["muon"].append(name)
        else:
            groups["decay"].append(name)
    return groups


class Optimizers:
    """What moves the weights; its state is plain tensors, named after the parameters."""

    def __init__(
        self,
        model: Any,
        config: TrainerConfig,
        *,
        steps: int,
        precision: str,
        optimizer: str | None = None,
    ) -> None:
        self._steps, self._config = steps, config
        self._parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        groups = {
            name: [self._parameters[key] for key in keys]
            for name, keys in parameter_groups(model, optimizer or config.optimizer).items()
        }
        self._optimizers: dict[str, torch.optim.Optimizer] = {}
        self._peaks = {"adamw": config.learning_rate}
        adamw = [
            {"params": groups["decay"], "weight_decay": config.weight_decay},
            {"params": groups["no_decay"], "weight_decay": 0.0},
        ]
        if any(group["params"] for group in adamw):
            self._optimizers["adamw"] = torch.optim.AdamW(
                [group for group in adamw if group["params"]],
                lr=config.learning_rate,
                betas=(config.betas[0], config.betas[1]),
                eps=config.eps,
                fused=True,
            )
        if groups["muon"]:
            self._peaks["muon"] = config.muon_learning_rate or MUON_LEARNING_RATE
            self._optimizers["muon"] = Muon(
                groups["muon"],
                lr=self._peaks["muon"],
                weight_decay=config.weight_decay,
                dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
            )
        self._owner = {
            id(parameter): each
            for each in self._optimizers.values()
            for group in each.param_groups
            for parameter in group["params"]
        }

    def set_learning_rate(self, step: int, rate: float = 1.0) -> float:
        """Set every learning rate for update `step`, `rate` times the schedule's; gives AdamW's."""
        share = schedule(
            step,
            steps=self._steps,
            warmup=self._config.warmup_steps,
            floor=self._config.min_lr_ratio,
            name=self._config.schedule,
            decay_share=self._config.decay_share,
        )
        for name, optimizer in self._optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self._peaks[name] * share * rate
        return self._peaks["adamw"] * share * rate

    def step(self) -> None:
        """Move the weights by their gradients, and drop the gradients."""
        for optimizer in self._optimizers.values():
            optimizer.step()
        self.drop_gradients()

    def drop_gradients(self) -> None:
        """Forget the gradients: the update is not made."""
        for optimizer in self._optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Moments and counts as ``<parameter>/<name>``."""
        return {
            f"{name}/{key}": value
            for name, parameter in self._parameters.items()
            for key, value in self._state_of(parameter).items()
        }

    def prepare(self) -> None:
        """Make the state that the first update would make: what a checkpoint is read into."""
        for parameter in self._parameters.values():
            state = self._state_of(parameter)
            if state:
                continue
            if isinstance(self._owner[id(parameter)], Muon):
                state["momentum_buffer"] = torch.zeros_like(parameter, requires_grad=False)
                continue
            state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
            for key in ("exp_avg", "exp_avg_sq"):
                state[key] = torch.zeros_like(parameter, requires_grad=False)

    def _state_of(self, parameter: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self._owner[id(parameter)].state[parameter]
        return state
