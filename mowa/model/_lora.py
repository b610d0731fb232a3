"""LoRA: small matrices beside frozen linear layers, trained in their place and merged into them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mowa.errors import UsageError
from mowa.model._config import LoraConfig

_LOOKED_AT = 4096
"""Numbers of each parameter that tell one base model from another: training moves them all."""


@dataclass(frozen=True)
class Adapted:
    """What a model with adapters says of them, as its attribute ``lora``.

    Attributes:
        config: As it was asked for; of an adapter that was read, its targets are whole names.
        base: Fingerprint of the weights that the adapters stand beside.
    """

    config: LoraConfig
    base: str


class LoraLinear(nn.Linear):
    """A linear layer that keeps its weights and learns a change of low rank.

    Its weights have the name that they had; `lora_a` (rank, in) and `lora_b` (out, rank) are in
    float32.
    """

    def __init__(self, base: nn.Linear, config: LoraConfig) -> None:
        super().__init__(base.in_features, base.out_features, bias=False, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.scale = config.scale
        self.dropout = nn.Dropout(config.dropout)
        self.lora_a, self.lora_b = (
            nn.Parameter(torch.zeros(shape, dtype=torch.float32, device=base.weight.device))
            for shape in ((config.rank, base.in_features), (base.out_features, config.rank))
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as nn.Linear names it
        """W x + b + scale B A dropout(x)."""
        kept = super().forward(input)
        taken = self.dropout(input).to(self.lora_a.dtype)
        change = functional.linear(functional.linear(taken, self.lora_a), self.lora_b)
        return kept + (change * self.scale).to(kept.dtype)

    def merged(self) -> nn.Linear:
        """A plain layer with W + scale B A, added in float32 and rounded once."""
        plain = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        with torch.no_grad():
            self.weight.copy_(_sum(self.weight, self.lora_a, self.lora_b, self.scale))
        plain.weight, plain.bias = self.weight, self.bias
        return plain.train(self.training)


def with_lora(model: Any, config: LoraConfig, seed: int) -> None:
    """Put adapters into `model` and freeze all else; until they are trained they change nothing.

    A is uniform between ±1/sqrt(inputs), as `peft` draws it, from a generator of its own in the
    order of the layers; B is zero.

    Raises:
        UsageError: Where a target matches no linear layer, or one that shares its weights; or where
            the model has adapters already.
    """
    refuse_adapted(model)
    adapt(model, config, target_names(model, config.targets))
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in lora_layers(model).values():
            bound = 1 / math.sqrt(layer.in_features)
            values = torch.empty(layer.lora_a.shape).uniform_(-bound, bound, generator=draw)
            layer.lora_a.copy_(values)


def merge_lora(model: Any) -> None:
    """Add the adapters to the weights beside which they stand; the model is then a plain one.

    Raises:
        UsageError: Where it has none.
    """
    layers = lora_layers(model)
    if not layers:
        raise UsageError("the model has no adapters to merge")
    for name, layer in layers.items():
        _put(model, name, layer.merged())
    del model.lora
    model.requires_grad_(requires_grad=True)


def merged_weights(model: Any, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the plain model that `merge_lora` would make.

    Args:
        model: One with adapters; it stays as it is.
        state: All its weights by name, gathered where it is divided among processes.
    """
    weights = dict(state)
    for name, layer in lora_layers(model).items():
        a, b = weights.pop(f"{name}.lora_a"), weights.pop(f"{name}.lora_b")
        weight = weights[f"{name}.weight"]
        weights[f"{name}.weight"] = _sum(weight, a, b, layer.scale).to(weight.dtype)
    return weights


def lora_layers(model: Any) -> dict[str, LoraLinear]:
    """Layers with adapters, by name, in the order of the model."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, LoraLinear)}


def refuse_adapted(model: Any) -> None:
    """Raise a `UsageError` where `model` has adapters already."""
    if lora_layers(model):
        raise UsageError("the model has adapters already", fix="merge them first: merge_lora")


def adapt(model: Any, config: LoraConfig, names: Iterable[str]) -> None:
    """Put adapters that are all zero into the layers `names`, and freeze all else."""
    modules = dict(model.named_modules())
    model.lora = Adapted(config, base_fingerprint(model))
    model.requires_grad_(requires_grad=False)
    for name in names:
        layer = LoraLinear(modules[name], config)
        _put(model, name, layer.train(modules[name].training))


def target_names(model: Any, targets: list[str]) -> list[str]:
    """The linear layers that `targets` name, in the order of the model."""
    linear = linear_layers(model)
    output = model.get_output_embeddings()
    if not targets:
        found = [name for name, layer in linear.items() if layer is not output]
        if not found:
            raise UsageError(
                f"a {model.config.model_type} model has no plain linear layers to put adapters into"
            )
        return found
    for pattern in targets:
        if not any(_matches(name, pattern) for name in linear):
            kinds = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
            raise UsageError(
                f"targets: no linear layer is named like {pattern!r}",
                fix=f"the layers are called {kinds}",
            )
    found = [name for name in linear if any(_matches(name, pattern) for pattern in targets)]
    if shared := embeddings_among(model, found):
        raise UsageError(
            f"targets: {shared} shares its weights with the input embeddings, which a merged"
            " adapter would change too",
            fix="leave it out",
        )
    return found


def embeddings_among(model: Any, names: Iterable[str]) -> str | None:
    """The layer that has the weights of the input embeddings, where it is among `names`."""
    embeddings, layers = model.get_input_embeddings().weight, linear_layers(model)
    return next((name for name in names if layers[name].weight is embeddings), None)


def linear_layers(model: Any) -> dict[str, nn.Linear]:
    """Layers that adapters can stand beside: what a family has made of them is not known to be."""
    return {name: layer for name, layer in model.named_modules() if type(layer) is nn.Linear}


def base_fingerprint(model: Any) -> str:
    """Of all weights but the adapters': shapes, and some numbers of each, evenly spread.

    The same for one model in bfloat16 and read from there into float32; names do not enter it.
    """
    digests = []
    for name, parameter in model.named_parameters():
        if name.endswith((".lora_a", ".lora_b")):
            continue
        flat = parameter.detach().flatten()
        some = flat[:: max(-(-len(flat) // _LOOKED_AT), 1)].float().cpu()
        state = hashlib.blake2b(str(tuple(parameter.shape)).encode(), digest_size=16)
        state.update(some.numpy().astype("<f4").tobytes())
        digests.append(state.digest())
    return hashlib.blake2b(b"".join(sorted(digests)), digest_size=16).hexdigest()


def _sum(weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    return weight.float() + (b @ a) * scale


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")


def _put(model: Any, name: str, layer: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer)
