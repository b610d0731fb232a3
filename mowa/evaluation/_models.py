"""Models to evaluate, by what a person calls them: artifacts, folders, URLs, and floors."""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mowa.errors import DataError, UsageError
from mowa.evaluation._results import ModelAbout
from mowa.inference import Engine
from mowa.workspace import RECORD, Artifact, Workspace, lineage, reference_to

_RANDOM, _UNTRAINED = "random:", "untrained:"
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
_MOST_HEADER = 100 << 20  # bytes; what safetensors itself allows


@contextmanager
def open_model(
    reference: str,
    workspace: Path,
    *,
    device: str = "auto",
    key_from: str | None = None,
) -> Iterator[tuple[Engine, ModelAbout]]:
    """The engine that a person means, and what results say of it.

    Args:
        reference: ``recipe/step``, a folder, ``https://host/v1#model``; ``random:`` before one of
            the first two for the same shape with fresh weights, ``untrained:`` before an artifact
            for the model as its training began.
        workspace: Where artifacts are.
        device: auto, cpu or cuda.
        key_from: Environment variable with the key of an endpoint.

    Raises:
        UsageError: Where there is no such model, or its beginning is not known.
    """
    if is_url(reference):
        yield _endpoint(reference, key_from)
        return
    kind, name = _parted(reference)
    folder, artifact = find_model(name, workspace)
    if not kind:
        engine = _loaded(folder, device)
        yield engine, about_model(folder, artifact, engine.fingerprint)
        return
    with tempfile.TemporaryDirectory(prefix="mowa-model-") as made:
        fresh = Path(made) / "model"
        if kind == _RANDOM:
            _write_random(folder, fresh)
        else:
            _write_untrained(folder, artifact, fresh)
        engine = _loaded(fresh, device)
        about = about_model(folder, artifact, engine.fingerprint)
        yield (
            engine,
            replace(
                about,
                name=f"{kind}{about.name}",
                kind=kind.rstrip(":"),
                licence=None,
                lineage=None,
                kwh=None,
                kwh_how=None,
                trained_tokens=0,
            ),
        )


def is_url(reference: str) -> bool:
    """Is it an address?"""
    return reference.startswith(("http://", "https://"))


def find_model(name: str, workspace: Path) -> tuple[Path, Artifact | None]:
    """Folder of a model, and its artifact where it is one.

    Raises:
        UsageError: Where there is none.
    """
    folder = Path(name)
    if (folder / "config.json").exists():
        has_record = (folder / RECORD).exists()
        return folder, Artifact.load(folder.resolve()) if has_record else None
    artifact = Workspace.open(workspace).get(name)
    if artifact.kind != "model":
        raise UsageError(f"{artifact.id} is of kind {artifact.kind}, not a model")
    return artifact.path, artifact


def about_model(folder: Path, artifact: Artifact | None, fingerprint: str) -> ModelAbout:
    """What a folder and its artifact say of a model."""
    config = _config(folder)
    about = ModelAbout(
        name=artifact.name if artifact else folder.resolve().name,
        fingerprint=fingerprint,
        kind="artifact" if artifact else "folder",
        parameters=_parameters(folder),
        architecture=next(iter(config.get("architectures") or []), None),
    )
    if artifact is None:
        return about
    trained = _trained(artifact)
    return replace(
        about,
        licence=" AND ".join(artifact.rights.get("licences", [])) or None,
        lineage=_lineage(artifact),
        kwh=_total(trained, "kwh"),
        kwh_how=artifact.metrics.get("kwh_how"),
        trained_tokens=_total(trained, "tokens_seen"),
    )


def without_kind(reference: str) -> str:
    """The model that a floor has the shape of.

    Example:
        >>> without_kind("random:tiny/base")
        'tiny/base'
    """
    return _parted(reference)[1]


def place_of(url: str) -> str:
    """A URL without user, password, query and model: what may be shown.

    Example:
        >>> place_of("https://me:secret@host:8080/v1?key=secret#model")
        'https://host:8080/v1'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _endpoint(reference: str, key_from: str | None) -> tuple[Engine, ModelAbout]:
    import mowa.inference

    url, _, model = reference.partition("#")
    if not model:
        raise UsageError(
            "this address names no model", where=place_of(url), fix=f"{place_of(url)}#model"
        )
    engine = mowa.inference.OpenAIEngine(url, model, key_from=key_from)
    return engine, ModelAbout(name=model, fingerprint=engine.fingerprint, kind="endpoint")


def _parted(reference: str) -> tuple[str, str]:
    for kind in (_RANDOM, _UNTRAINED):
        if reference.startswith(kind):
            return kind, reference.removeprefix(kind)
    return "", reference


def _loaded(folder: Path, device: str) -> Engine:
    try:
        from mowa.inference import TorchEngine
    except ModuleNotFoundError as error:
        raise UsageError(
            f"evaluating a model needs the package {error.name}", fix="pip install 'mowa[train]'"
        ) from error
    return TorchEngine.load(folder, device=device)


def _write_random(folder: Path, fresh: Path) -> None:
    """The shape of a model with weights that `transformers` draws anew."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"this model's shape cannot be read ({error})", where=str(folder)
        ) from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _save(AutoModelForCausalLM.from_config(config), folder, fresh)


def _write_untrained(folder: Path, artifact: Artifact | None, fresh: Path) -> None:
    """The model as it was before its first update: its seed and shape say what that was."""
    if artifact is None or "seed" not in artifact.config:
        raise UsageError(
            "nothing says how the training of this model began",
            where=str(folder),
            fix="name a model that a `pretrain` step made, or take random: in its place",
        )
    began = next((used for used in artifact.inputs if used.kind == "model"), None)
    if began is not None:
        raise UsageError(
            f"its training went on from {began.name}", where=artifact.id, fix="evaluate that"
        )
    from mowa.model import ArchitectureConfig, FamilyConfig, TokenizerFacts, build, build_family

    facts, seed = TokenizerFacts.read(folder), int(artifact.config["seed"])
    family = artifact.config.get("family")
    model: Any = (
        build_family(FamilyConfig.model_validate(family), facts, seed)
        if family
        else build(ArchitectureConfig.model_validate(artifact.config["architecture"]), facts, seed)
    )
    _save(model, folder, fresh)


def _save(model: Any, folder: Path, fresh: Path) -> None:
    """Write a model without a bar of its own, with the tokenizer of `folder`."""
    from transformers.utils import logging

    showed_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model.save_pretrained(fresh)
    finally:
        if showed_bars:
            logging.enable_progress_bar()
    for name in _TOKENIZER_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, fresh / name)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"the model's shape cannot be read ({error})", where=str(path)) from error


def _parameters(folder: Path) -> int | None:
    """Numbers in all safetensors, by their headers; shared matrices are stored once."""
    files = sorted(folder.glob("*.safetensors"))
    return sum(map(_numbers, files)) if files else None


def _numbers(path: Path) -> int:
    """The header is JSON, its length in front of it in eight bytes (safetensors' README)."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, _MOST_HEADER)))
        return sum(prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise DataError(f"these weights cannot be read ({error})", where=str(path)) from error


def _ancestors(artifact: Artifact) -> list[Artifact | None]:
    """The artifact and what it was made from; None for what is gone from the workspace."""
    workspace = Workspace(artifact.path.parents[1])
    return [node.artifact for node in lineage(workspace, artifact).walk()]


def _lineage(artifact: Artifact) -> list[dict[str, str]]:
    workspace = Workspace(artifact.path.parents[1])
    own = reference_to(artifact)
    return [
        {
            "name": f"{node.reference.name}@{node.reference.version}",
            "kind": node.reference.kind,
            "fingerprint": node.reference.fingerprint,
        }
        for node in lineage(workspace, artifact).walk()
        if node.reference != own
    ]


def _trained(artifact: Artifact) -> list[Artifact]:
    """The model, and the models that its training went on from."""
    return [item for item in _ancestors(artifact) if item is not None and item.kind == "model"]


def _total(models: list[Artifact], name: str) -> Any:
    known = [model.metrics[name] for model in models if model.metrics.get(name) is not None]
    return sum(known) if known else None
