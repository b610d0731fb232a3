"""What a model's folder says of itself: its fingerprint and its chat template."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mowa.errors import DataError
from mowa.model import MODEL_FILES
from mowa.workspace import RECORD, Artifact, digest


def fingerprint(folder: Path) -> str:
    """A hash over weights, tokenizer and chat template: what makes a model answer as it does.

    The hashes of an artifact are taken as its record has them; the same files outside an artifact
    have the same fingerprint.
    """
    hashes = _recorded(folder)
    state = hashlib.blake2b(digest_size=16)
    files = [folder / name for name in MODEL_FILES if (folder / name).is_file()]
    for path in sorted([*files, *folder.glob("*.safetensors")], key=lambda path: path.name):
        value = hashes.get(path.name)
        if value is None:
            about = path.stat()
            value = _hashed(path.resolve(), about.st_size, about.st_mtime_ns)
        state.update(f"{path.name}\0{value}\n".encode())
    return state.hexdigest()


def _recorded(folder: Path) -> Mapping[str, str]:
    if not (folder / RECORD).is_file():
        return {}
    return {file.path: file.blake2b for file in Artifact.load(folder).files}


@lru_cache(maxsize=256)
def _hashed(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - a changed file is another
    return digest(path)


def chat_template(folder: Path) -> tuple[str | None, dict[str, str]]:
    """The chat template, and the special tokens that it may name.

    Raises:
        DataError: Where ``tokenizer_config.json`` is not JSON.
    """
    settings: dict[str, Any] = {}
    path = folder / "tokenizer_config.json"
    if path.is_file():
        try:
            settings = dict(json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise DataError(f"this is not JSON ({error})", where=str(path)) from error
    tokens = {
        name: token["content"] if isinstance(token, dict) else token
        for name, token in settings.items()
        if name.endswith("_token") and isinstance(token, (str, dict))
    }
    alone = folder / "chat_template.jinja"
    if alone.is_file():
        return alone.read_text("utf-8"), tokens
    template = settings.get("chat_template")
    if isinstance(template, list):  # several by name
        named = {item["name"]: item["template"] for item in template}
        template = named.get("default")
    return template, tokens
