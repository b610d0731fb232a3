"""The step `import-model`: a model from elsewhere, as an artifact with its licence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from mowa.collect import root_of
from mowa.errors import DataError, UsageError
from mowa.execution import Context
from mowa.model._config import MODEL_FILES, ImportModelConfig, TokenizerFacts
from mowa.workspace import Inputs, Metrics, digest, disk_error

# transformers reads the one file where it is there, else the parts that the index names.
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
SETTINGS = (*MODEL_FILES, INDEX)
_ATTENTION = ("attn_implementation", "_attn_implementation")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def run(_config: ImportModelConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Put the model of an inventory into `out`: settings, tokenizer, and weights in safetensors.

    Nothing that could run code is taken over: no pickles, no Python files.

    Raises:
        DataError: Where config.json, weights or tokenizer are absent or broken, or a file changed
            since the inventory.
        UsageError: Where the inventory lies in object storage.
    """
    inventory = inputs.one("inventory")
    root = root_of(inventory, context)
    if not isinstance(root, Path):
        raise UsageError(
            "a model is read from a local folder", where=inventory.id, fix="copy it there first"
        )
    record = json.loads((inventory.path / "inventory.json").read_text("utf-8"))
    # What lies in folders below is not of the model.
    hashes = {file["path"]: file["blake2b"] for file in record["files"] if "/" not in file["path"]}
    weights = sorted(name for name in hashes if name.endswith(".safetensors"))
    if "config.json" not in hashes:
        raise DataError("there is no config.json among the files", where=str(root))
    if not weights:
        pickles = [name for name in hashes if name.endswith(_PICKLES)]
        what = f", only {', '.join(pickles)}, which may run code" if pickles else ""
        raise DataError(
            f"there are no weights in safetensors{what}",
            where=str(root),
            fix="save the model with save_pretrained(..., safe_serialization=True)",
        )
    settings = [name for name in SETTINGS if name in hashes]
    if WHOLE in weights:
        weights = [WHOLE]
        settings = [name for name in settings if name != INDEX]
    for name in settings:
        _take(root / name, out / name, hashes[name])
    family = family_of(out / "config.json")
    if INDEX in settings:
        weights = parts_of(out / INDEX, weights)
    for name in weights:
        _take(root / name, out / name, hashes[name])
    parameters = sum(_parameters(out / name) for name in weights)
    facts = TokenizerFacts.read(out)
    return {
        "parameters": parameters,
        "family": family,
        "vocab_size": facts.vocab_size,
        "files": len(weights),
    }


def _take(path: Path, target: Path, wanted: str) -> None:
    _copy(path, target)
    if digest(target) != wanted:
        raise DataError("it changed since the inventory", where=str(path), fix="run again")


def _copy(path: Path, target: Path) -> None:
    try:
        shutil.copyfile(path, target)
    except FileNotFoundError:
        raise DataError(
            "it is gone since the inventory", where=str(path), fix="run again"
        ) from None
    except OSError as error:
        raise disk_error(error, target) from error


def _parameters(path: Path) -> int:
    try:
        with safe_open(path, framework="numpy") as file:
            total = 0
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                count = 1
                for size in file.get_slice(name).get_shape():
                    count *= size
                total += count
            return total
    except (SafetensorError, OSError) as error:
        raise DataError(f"these weights cannot be read ({error})", where=str(path)) from error


def parts_of(index: Path, weights: list[str]) -> list[str]:
    """The files that `index` names; others beside them, such as a copy in another form, are not."""
    try:
        wanted = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"the index cannot be read ({error})", where=str(index)) from error
    if missing := sorted(wanted - set(weights)):
        raise DataError(
            f"{len(missing)} parts of the weights are not there, {missing[0]} first",
            where=str(index),
            fix="copy all of them",
        )
    return sorted(wanted)


def family_of(path: Path) -> str:
    """What config.json says that the model is; refuses what would reach beyond the folder."""
    try:
        settings: dict[str, Any] = json.loads(path.read_text("utf-8"))
        family = str(settings["model_type"])
        ways = [str(settings.get(key, "")) for key in _ATTENTION]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"it does not say what model it is ({error!r})", where=str(path), fix="copy it anew"
        ) from error
    if settings.get("quantization_config"):
        raise DataError(
            "the weights are quantized, which cannot be trained further",
            where=str(path),
            fix="take the same model in bfloat16 or float32",
        )
    # A kernel's name there is that of a repository, from which transformers would fetch code.
    for key, way in zip(_ATTENTION, ways, strict=True):
        if "/" in way:
            raise DataError(
                f"{key} = {way!r} would fetch code from elsewhere", where=str(path), fix="remove it"
            )
    if settings.get("transformers_weights"):
        raise DataError(
            "transformers_weights names other files for the weights",
            where=str(path),
            fix="remove it",
        )
    return family
