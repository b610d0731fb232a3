"""The step `merge-models`: the weighted mean of models that were trained from one beginning."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mowa.errors import DataError
from mowa.execution import Context, Unit
from mowa.model._config import MergeModelsConfig, TokenizerFacts
from mowa.model._import import INDEX, SETTINGS, WHOLE, family_of, parts_of
from mowa.workspace import Artifact, Inputs, Metrics, disk_error, writing

# Numbers of a tensor that are added at once: 300 MB with all copies, however large the tensor is.
_AT_ONCE = 4 << 20

# What config.json says of who wrote it and how it is run, not of what the weights mean.
_ASIDE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache")

# Of tokenizer.json, what text becomes which ids by.
_OF_TOKENIZER = ("normalizer", "pre_tokenizer", "model", "decoder")


@dataclass(frozen=True)
class _Entry:
    """One tensor of a file of weights: type as safetensors names it, shape, place in bytes."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class _Work:
    """One file of the result.

    Attributes:
        name: Of the file, in the first model and in the result.
        folders: Of the models.
        files: Of each model, in which file a tensor is.
        weights: Of the models, which add up to 1.
    """

    name: str
    folders: tuple[Path, ...]
    files: tuple[dict[str, str], ...]
    weights: tuple[float, ...]


def run(config: MergeModelsConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write the mean of the models into `out`, with settings and tokenizer of the first.

    Tensors are added in float64, part by part, and rounded to the first model's precision; no
    model is ever in memory as a whole.

    Raises:
        DataError: Where the models are not of one architecture, or not of one tokenizer, or files
            are damaged.
    """
    models = inputs.all("model")
    first, folders = models[0], tuple(model.path for model in models)
    family = family_of(first.path / "config.json")
    for other in models[1:]:
        _check_settings(first, other)
        _check_tokenizer(first, other)
    entries = [_entries(folder) for folder in folders]
    for other, found in zip(models[1:], entries[1:], strict=True):
        _check_tensors(first, entries[0], other, found)
    files = tuple({name: file for name, (file, _) in found.items()} for found in entries)
    for name in SETTINGS:
        is_stale = name == INDEX and WHOLE in files[0].values()
        if (first.path / name).is_file() and not is_stale:
            _copy(first.path / name, out / name)
    wanted = config.weights or [1.0] * len(models)
    weights = tuple(weight / sum(wanted) for weight in wanted)
    context.map(
        _merge_file,
        [
            Unit(name, _Work(name, folders, files, weights))
            for name in sorted(set(files[0].values()))
        ],
        out,
        label="merging",
    )
    return {
        "models": [model.id for model in models],
        "weights": list(weights),
        "parameters": sum(prod(entry.shape) for _, entry in entries[0].values()),
        "family": family,
        "vocab_size": TokenizerFacts.read(out).vocab_size,
    }


def _check_settings(first: Artifact, other: Artifact) -> None:
    one, two = (_json(model.path / "config.json") for model in (first, other))
    family_of(other.path / "config.json")
    for key in sorted(one.keys() | two.keys()):
        if key not in _ASIDE and one.get(key) != two.get(key):
            raise DataError(
                f"the models are not of one architecture: {key} is {one.get(key)!r} in {first.id}"
                f" and {two.get(key)!r} here",
                where=str(other.path / "config.json"),
                fix="merge models that were trained from one model",
            )


def _check_tokenizer(first: Artifact, other: Artifact) -> None:
    one, two = (_json(model.path / "tokenizer.json") for model in (first, other))
    added = [{t["content"]: t["id"] for t in each.get("added_tokens", [])} for each in (one, two)]
    differs = [key for key in _OF_TOKENIZER if one.get(key) != two.get(key)]
    if added[0] != added[1]:
        differs.append("added_tokens")
    if differs:
        raise DataError(
            f"this is not the tokenizer of {first.id}: {differs[0]} is another",
            where=str(other.path / "tokenizer.json"),
            fix="merge models of one tokenizer: to another, the same weights mean other tokens",
        )


def _check_tensors(
    first: Artifact,
    one: Mapping[str, tuple[str, _Entry]],
    other: Artifact,
    two: Mapping[str, tuple[str, _Entry]],
) -> None:
    for name in sorted(one.keys() ^ two.keys()):
        lacks = other if name in one else first
        raise DataError(f"there is no tensor {name}, as in the other models", where=lacks.id)
    for name, (_, entry) in one.items():
        if entry.shape != two[name][1].shape:
            raise DataError(
                f"{name} has the shape {two[name][1].shape}, and {entry.shape} in {first.id}",
                where=other.id,
            )


def _entries(folder: Path) -> dict[str, tuple[str, _Entry]]:
    """File and place of each tensor of a model."""
    there = sorted(path.name for path in folder.glob("*.safetensors"))
    if not there:
        raise DataError("there are no weights in safetensors", where=str(folder))
    names = [WHOLE] if WHOLE in there else parts_of(folder / INDEX, there)
    found: dict[str, tuple[str, _Entry]] = {}
    for name in names:
        found |= {key: (name, entry) for key, entry in _header(folder / name)[1].items()}
    return found


def _header(path: Path) -> tuple[bytes, dict[str, _Entry]]:
    """The first bytes of a file of weights, up to the data, and its tensors by their place.

    Eight bytes say how long the JSON after them is (safetensors' README).
    """
    try:
        with safe_open(path, framework="pt"):
            pass  # it checks that the tensors lie side by side in the file, and nowhere else
        with path.open("rb") as file:
            length = file.read(8)
            text = file.read(*struct.unpack("<Q", length))
        entries = {
            name: _Entry(about["dtype"], tuple(about["shape"]), *about["data_offsets"])
            for name, about in json.loads(text).items()
            if name != "__metadata__"
        }
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"these weights cannot be read ({error})", where=str(path)) from error
    return length + text, dict(sorted(entries.items(), key=lambda item: item[1].begin))


def _merge_file(work: _Work, out: Path) -> dict[str, Any]:
    """Write one file, whose tensors lie where they do in the first model's."""
    header, entries = _header(work.folders[0] / work.name)
    try:
        with writing(out / work.name) as partial, partial.open("wb") as file:
            file.write(header)
            for name in entries:
                for merged in _merged(name, work):
                    file.write(merged.view(torch.uint8).numpy().data)
    except SafetensorError as error:
        raise DataError(f"these weights cannot be read ({error})", where=work.name) from error
    return {"files": [work.name]}


def _merged(name: str, work: _Work) -> Iterator[Tensor]:
    """Yield a tensor part by part, flat."""
    with ExitStack() as stack:
        readers = [
            stack.enter_context(safe_open(folder / files[name], framework="pt"))
            for folder, files in zip(work.folders, work.files, strict=True)
        ]
        slices = [reader.get_slice(name) for reader in readers]
        shape = slices[0].get_shape()
        if not shape:
            yield _mean([reader.get_tensor(name) for reader in readers], work.weights, name)
            return
        rows = max(_AT_ONCE // max(prod(shape[1:]), 1), 1)
        for begin in range(0, shape[0], rows):
            yield _mean([each[begin : begin + rows] for each in slices], work.weights, name)


def _mean(parts: Sequence[Tensor], weights: Sequence[float], name: str) -> Tensor:
    first = parts[0]
    if not all(part.is_floating_point() for part in parts):
        if any(not torch.equal(first, part) for part in parts[1:]):
            raise DataError(f"{name} holds whole numbers that differ from model to model")
        return first.flatten()
    total = torch.zeros(first.shape, dtype=torch.float64)
    for part, weight in zip(parts, weights, strict=True):
        total += part.double() * weight
    return total.to(first.dtype).flatten()


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"this cannot be read ({error})", where=str(path)) from error


def _copy(path: Path, target: Path) -> None:
    try:
        shutil.copyfile(path, target)
    except OSError as error:
        raise disk_error(error, target) from error
