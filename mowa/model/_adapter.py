"""Adapters as files, in the form of `peft`: adapter_config.json and adapter_model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mowa.errors import DataError, UsageError
from mowa.model._config import LoraConfig
from mowa.model._lora import (
    adapt,
    base_fingerprint,
    embeddings_among,
    linear_layers,
    lora_layers,
    refuse_adapted,
)
from mowa.workspace import write_text, writing

_SETTINGS, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
_A, _B = ".lora_A.weight", ".lora_B.weight"
_BASE, _NAME = "base_fingerprint", "base_model_name_or_path"
_MOST_BYTES = 1 << 20  # of the settings, which are a few kilobytes

# What does not change the meaning of the two matrices, or is read here. Whatever else an adapter
# has that is not off makes other numbers of them.
_UNDERSTOOD = frozenset({
    "peft_type", "peft_version", "task_type", "auto_mapping", "inference_mode", "revision", _NAME,
    "r", "lora_alpha", "lora_dropout", "use_rslora", "init_lora_weights",
    "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
    "megatron_core", "qalora_group_size",
})  # fmt: skip
_OFF: tuple[Any, ...] = (None, False, "none", [], {})

# Other ways to begin change the base model too, which would have to be changed again.
_BEGINNINGS = (None, True, False, "gaussian", "orthogonal", "eva")


def save_lora(
    model: Any, folder: Path, *, base: str, state: Mapping[str, Tensor] | None = None
) -> None:
    """Write the adapters of `model` into `folder`, where `peft` reads them.

    Args:
        model: One with adapters.
        folder: Made where it is not there.
        base: What the model is called that they were trained beside.
        state: All weights by name, where the model itself is divided among processes.

    Raises:
        UsageError: Where the model has no adapters.
    """
    layers = lora_layers(model)
    if not layers:
        raise UsageError("the model has no adapters to save")
    state = state or model.state_dict()
    tensors = {
        f"{_PREFIX}{name}{peft_name}": state[f"{name}.{ours}"].detach().cpu().contiguous()
        for name in layers
        for peft_name, ours in ((_A, "lora_a"), (_B, "lora_b"))
    }
    config: LoraConfig = model.lora.config
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        _NAME: base,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": int(config.alpha) if config.alpha.is_integer() else config.alpha,
        "lora_dropout": config.dropout,
        "r": config.rank,
        "target_modules": _short_names(list(layers), model),
        "use_dora": False,
        "use_rslora": config.rslora,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with writing(folder / _WEIGHTS) as partial:
        save_file(tensors, partial, metadata={_BASE: model.lora.base})
    write_text(folder / _SETTINGS, json.dumps(settings, indent=2) + "\n")


def load_lora(model: Any, folder: Path) -> None:
    """Put the adapters in `folder` into `model`, of ours or of `peft`, and freeze all else.

    Raises:
        DataError: Where the files are damaged, the adapter is of a kind that this does not know, or
            it was trained beside another model.
        UsageError: Where the model has adapters already.
    """
    refuse_adapted(model)
    settings = _settings(folder / _SETTINGS)
    tensors, base = _tensors(folder)
    if not tensors:
        raise DataError("the adapter is empty", where=str(folder))
    config = _config(settings, list(dict.fromkeys(name for name, _ in tensors)), folder)
    layers = linear_layers(model)
    misfit = _misfit(layers, tensors, config.rank)
    if misfit is None and (shared := embeddings_among(model, [name for name, _ in tensors])):
        misfit = f"{shared} shares its weights with the input embeddings here"
    if misfit is None and base is not None and base != base_fingerprint(model):
        misfit = "the weights of this model are not those that it was trained beside"
    if misfit is not None:
        raise DataError(
            f"the adapter belongs to another model: {misfit}",
            where=str(folder),
            fix=f"take the model that it was trained beside: {settings.get(_NAME) or 'unnamed'}",
        )
    adapt(model, config, [name for name in layers if (name, _A) in tensors])
    with torch.no_grad():
        for name, layer in lora_layers(model).items():
            layer.lora_a.copy_(tensors[name, _A])
            layer.lora_b.copy_(tensors[name, _B])


def _short_names(names: list[str], model: Any) -> list[str]:
    """Last parts of the names where no other module has them; `peft` looks for either."""
    short = sorted({name.rpartition(".")[2] for name in names})
    alike = [name for name, _ in model.named_modules() if name.rpartition(".")[2] in short]
    return short if sorted(alike) == sorted(names) else names


def _settings(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError("this is too large for the settings of an adapter", where=str(path))
        settings = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"there is no adapter here: no {_SETTINGS}", where=str(path.parent)
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"the settings of the adapter cannot be read ({error})", where=str(path)
        ) from error
    if not isinstance(settings, dict):
        raise DataError("the settings of the adapter are no table", where=str(path))
    if settings.get("peft_type") != "LORA":
        raise DataError(f"this is no LoRA: {settings.get('peft_type')!r}", where=str(path))
    unknown = {key: value for key, value in settings.items() if key not in _UNDERSTOOD}
    strange = [key for key, value in unknown.items() if value not in _OFF]
    if settings.get("init_lora_weights") not in _BEGINNINGS:
        strange.append("init_lora_weights")
    if strange:
        raise DataError(
            f"{strange[0]} = {settings[strange[0]]!r} makes an adapter of a kind that is not known"
            " here",
            where=str(path),
            fix="merge it with peft (merge_and_unload), and take the model that comes out",
        )
    return settings


def _config(settings: dict[str, Any], names: list[str], folder: Path) -> LoraConfig:
    try:
        return LoraConfig(
            rank=settings["r"],
            alpha=settings["lora_alpha"],
            dropout=settings.get("lora_dropout", 0.0),
            targets=names,
            rslora=settings.get("use_rslora") or False,
        )
    except (KeyError, ValidationError) as error:
        first_line = " ".join(str(error).split())[:300]
        raise DataError(
            f"the settings of the adapter are not complete: {first_line}",
            where=str(folder / _SETTINGS),
        ) from error


def _tensors(folder: Path) -> tuple[dict[tuple[str, str], Tensor], str | None]:
    """Matrices by name of the layer and by which of the two; and the base's fingerprint."""
    path = folder / _WEIGHTS
    if not path.is_file():
        pickled = (folder / "adapter_model.bin").exists()
        raise DataError(
            f"there is no {_WEIGHTS}, only a pickle, which may run code"
            if pickled
            else f"there is no {_WEIGHTS}",
            where=str(folder),
            fix="save it again with peft: save_pretrained(..., safe_serialization=True)"
            if pickled
            else "copy it into the folder",
        )
    found: dict[tuple[str, str], Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            base = (file.metadata() or {}).get(_BASE)
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                found[_parted(key, path)] = file.get_tensor(key)
    except (SafetensorError, OSError) as error:
        raise DataError(f"the adapter cannot be read ({error})", where=str(path)) from error
    for (name, part), tensor in found.items():
        if (name, _B if part == _A else _A) not in found:
            raise DataError(f"{name} has one matrix of two", where=str(path))
        if not (tensor.is_floating_point() and tensor.float().isfinite().all()):
            raise DataError(f"{name}{part} holds what is no finite number", where=str(path))
    return found, base


def _parted(key: str, path: Path) -> tuple[str, str]:
    part = _A if key.endswith(_A) else _B
    if not (key.startswith(_PREFIX) and key.endswith(part)):
        raise DataError(
            f"it holds more than the two matrices of linear layers: {key}",
            where=str(path),
            fix="merge it with peft (merge_and_unload), and take the model that comes out",
        )
    return key.removeprefix(_PREFIX).removesuffix(part), part


def _misfit(
    layers: Mapping[str, nn.Linear],
    tensors: Mapping[tuple[str, str], Tensor],
    rank: int,
) -> str | None:
    """Why the matrices do not fit the layers; None where they do."""
    for (name, part), tensor in tensors.items():
        if name not in layers:
            return f"this model has no linear layer {name}"
        layer = layers[name]
        shape = (rank, layer.in_features) if part == _A else (layer.out_features, rank)
        if tuple(tensor.shape) != shape:
            return f"{name}{part} has the shape {tuple(tensor.shape)}, and here {shape} fits"
    return None
