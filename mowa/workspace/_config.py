"""The configuration of a step, in two parts: what changes the result, and what does not."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_RUNTIME = "mowa_runtime"


class StepConfig(BaseModel):
    """Base of every step's configuration: strict types, no unknown keys.

    A field made with `runtime` is left out of the fingerprint; every other field is identity.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)

    def check_reads(self, kinds: Sequence[str]) -> None:
        """Raise a `ValueError` where the step cannot read artifacts of these kinds together."""


def runtime(default: Any, description: str, **limits: Any) -> Any:
    """A field that says how the work is done (device, workers, logging), not what comes out.

    Args:
        default: The value when the recipe is silent.
        description: One line for the reference page and for error messages.
        **limits: Passed to `pydantic.Field` (``ge``, ``le`` …).
    """
    return Field(default, description=description, json_schema_extra={_RUNTIME: True}, **limits)


def identity_of(config: BaseModel) -> dict[str, Any]:
    """The part of `config` that changes the result, defaults included, as plain values."""
    return _part(config, want_runtime=False)


def runtime_of(config: BaseModel) -> dict[str, Any]:
    """The part of `config` that does not change the result."""
    return _part(config, want_runtime=True)


def _part(config: BaseModel, *, want_runtime: bool) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for name, field in type(config).model_fields.items():
        extra = field.json_schema_extra
        is_runtime = isinstance(extra, dict) and bool(extra.get(_RUNTIME))
        value = getattr(config, name)
        if isinstance(value, BaseModel) and not is_runtime:
            inner = _part(value, want_runtime=want_runtime)
            if inner or not want_runtime:
                part[name] = inner
        elif _is_list_of_models(value) and not is_runtime:
            parts = [_part(item, want_runtime=want_runtime) for item in value]
            if any(parts) or not want_runtime:
                part[name] = parts
        elif is_runtime == want_runtime:
            part[name] = _plain(value)
    return part


def _is_list_of_models(value: Any) -> bool:
    return bool(value) and isinstance(value, list | tuple) and isinstance(value[0], BaseModel)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="python")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def canonical(value: Any) -> str:
    """The one JSON text of `value`: keys sorted, no spaces, shortest floats, UTF-8 kept.

    Raises:
        TypeError: For anything that has no one canonical form (a set, a path, a date, bytes,
            a key that is not text) and
        ValueError: for floats that are not finite.
    """
    _refuse_ambiguous(value, "$")
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _refuse_ambiguous(value: Any, where: str) -> None:
    if value is None or type(value) in (bool, int, str):
        return
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{where}: {value} has no canonical form")
        return
    if type(value) in (list, tuple):
        for index, item in enumerate(value):
            _refuse_ambiguous(item, f"{where}[{index}]")
        return
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise TypeError(f"{where}: the key {key!r} is not text")
            _refuse_ambiguous(item, f"{where}.{key}")
        return
    raise TypeError(f"{where}: a {type(value).__name__} has no canonical form")


def fingerprint(
    kind: str, revision: int, identity: dict[str, Any], inputs: dict[str, list[str]]
) -> str:
    """Hash of all that decides what a step makes: 32 hexadecimal digits of BLAKE2b.

    Args:
        kind: The kind of artifact the step makes.
        revision: The step's revision number, raised whenever its output bytes change.
        identity: The identity part of its configuration.
        inputs: Fingerprints of what it reads, by kind, in the order of the recipe.
    """
    text = canonical({"kind": kind, "revision": revision, "identity": identity, "inputs": inputs})
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def first_problem(error: ValidationError) -> tuple[str, str]:
    """The key of pydantic's first problem, empty where it is the whole, and what is wrong."""
    first = error.errors(include_url=False)[0]
    return ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
