"""What a run would do: every step with its fingerprint, and whether it is there already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from mowa import languages
from mowa.errors import UsageError
from mowa.execution import Context, Ledger, Progress
from mowa.recipe._recipe import Recipe, explain
from mowa.recipe._steps import StepType, step_type
from mowa.workspace import (
    DEV,
    Artifact,
    InputRef,
    StepConfig,
    Workspace,
    canonical,
    fingerprint,
    identity_of,
    reference_to,
    runtime_of,
)

State = Literal["up to date", "recover", "resume", "build", "rebuild"]

# What each extra of the package brings that the steps import.
_MODULES = {
    "train": ("torch", "transformers", "tokenizers", "safetensors"),
    "label": ("sklearn", "threadpoolctl"),
}


@dataclass(frozen=True)
class Planned:
    """One step of a recipe, ready to run.

    Attributes:
        name: ``recipe/step``.
        identity: What goes into the fingerprint besides kind, revision and inputs.
        inputs: What it reads: a step of the same recipe, or an artifact of the workspace.
        state: ``up to date``; ``recover`` (finished before, only to be put in its place);
            ``resume`` (begun before); ``build``; ``rebuild`` (another build is in its place).
        why: For ``rebuild``, which fields differ.
        current: The artifact that is in its place now.
    """

    step: str
    name: str
    version: str
    type: StepType
    config: StepConfig
    identity: dict[str, Any]
    inputs: tuple[Planned | Artifact, ...]
    fingerprint: str
    state: State
    why: str
    current: Artifact | None

    @property
    def id(self) -> str:
        """``recipe/step@version``."""
        return f"{self.name}@{self.version}"

    @property
    def kind(self) -> str:
        """The kind of artifact that the step makes."""
        return self.type.kind

    def reference(self) -> InputRef:
        """How the record of a later step refers to this one."""
        return InputRef(self.name, self.version, self.fingerprint, self.kind)


def make_plan(
    recipe: Recipe,
    workspace: Workspace,
    *,
    to: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    keep_cache: bool = True,
) -> list[Planned]:
    """Every step needed for `to` (all of them without it), inputs before what reads them.

    Looks at sources' files (hashing those that are new or touched) and at the workspace; makes
    nothing but, with `keep_cache`, the cache of those hashes.

    Raises:
        UsageError: For anything wrong in the recipe, and where a fixed version has drifted.
    """
    recipe.check()
    wanted = recipe.needed_for(to) if to else set(recipe.steps)
    planned: dict[str, Planned] = {}
    for step in recipe.order():
        if step in wanted:
            planned[step] = _plan_step(
                recipe,
                workspace,
                step,
                planned,
                workers=workers,
                progress=progress,
                keep_cache=keep_cache,
            )
    return list(planned.values())


def step_config(recipe: Recipe, step: str) -> StepConfig:
    """The configuration of one step, checked; looks at no file and at no workspace.

    Raises:
        UsageError: For anything wrong in it.
    """
    spec = recipe.steps[step]
    where = f"{recipe.file}: steps.{step}"
    return _config(step_type(spec.does, where=where), spec.config, where)


def context_for(
    recipe: Recipe, *, ledger: Ledger, workers: int, progress: Progress | None, cache: Path | None
) -> Context:
    """The context that steps of `recipe` run in."""
    context = Context(
        language=languages.load(recipe.language),
        data=recipe.data_folder,
        sources=recipe.sources_folder,
        workers=workers,
        ledger=ledger,
        cache=cache,
    )
    if progress is not None:
        context.progress = progress
    return context


def missing_packages(plan: list[Planned]) -> dict[str, list[str]]:
    """By extra, the packages that steps still to be made need and that are not installed."""
    extras = {item.type.extra for item in plan if item.state not in ("up to date", "recover")}
    found = {
        extra: [name for name in _MODULES[extra] if find_spec(name) is None]
        for extra in extras
        if extra is not None
    }
    return {extra: names for extra, names in found.items() if names}


def _plan_step(
    recipe: Recipe,
    workspace: Workspace,
    step: str,
    planned: dict[str, Planned],
    *,
    workers: int,
    progress: Progress | None,
    keep_cache: bool,
) -> Planned:
    spec = recipe.steps[step]
    where = f"{recipe.file}: steps.{step}"
    kind = step_type(spec.does, where=where)
    name, version = f"{recipe.name}/{step}", spec.version or recipe.version
    config = _config(kind, spec.config, where)
    inputs = _inputs(spec.reads, planned, workspace, version, where)
    _check_inputs(kind, inputs, version, spec.does, where)
    try:
        config.check_reads([item.kind for item in inputs])
    except ValueError as error:
        raise UsageError(str(error), where=where) from error
    identity = identity_of(config)
    observe = kind.observe()
    if observe is not None:
        cache = workspace.cache(f"{recipe.name}/{step}.json") if keep_cache else None
        context = context_for(
            recipe,
            ledger=Ledger(Path("/nonexistent")),
            workers=workers,
            progress=progress,
            cache=cache,
        )
        observed = _at(where, partial(observe, config, context, cache))
        if observed:
            identity["observed"] = observed
            identity["step"] = step  # shards of documents are named after their inventory
    if kind.speaks:
        pack = languages.load(recipe.language)
        text = canonical(pack.model_dump(mode="json"))
        identity["language_pack"] = {
            "code": pack.code,
            "digest": hashlib.blake2b(text.encode(), digest_size=16).hexdigest(),
        }
    by_kind: dict[str, list[str]] = {}
    for item in inputs:
        by_kind.setdefault(item.kind, []).append(item.fingerprint)
    mark = fingerprint(kind.kind, kind.revision, identity, by_kind)
    current = workspace.find(name, version)
    state = _state(workspace, name, version, mark, current)
    why = ", ".join(_drift(current, kind, identity, inputs)) if current else ""
    if state != "up to date" and current is not None and version != DEV:
        raise UsageError(
            f"{name}@{version} is fixed, but what the recipe asks for now is something else: {why}",
            where=where,
            fix="take the change back, or give the step another version (or 'dev')",
        )
    return Planned(step, name, version, kind, config, identity, inputs, mark, state, why, current)


def _config(kind: StepType, values: dict[str, Any], where: str) -> StepConfig:
    model = kind.config_class()
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise explain(error, model, where) from error


def _inputs(
    reads: list[str],
    planned: dict[str, Planned],
    workspace: Workspace,
    version: str,
    where: str,
) -> tuple[Planned | Artifact, ...]:
    """A step of another recipe, named without its version, is read in the reader's own if it is."""

    def found(read: str) -> Planned | Artifact:
        if "/" not in read:
            return planned[read]
        same = None if "@" in read else workspace.find(read, version)
        return same or _at(where, partial(workspace.get, read))

    return tuple(found(read) for read in reads)


def _check_inputs(
    kind: StepType, inputs: tuple[Planned | Artifact, ...], version: str, does: str, where: str
) -> None:
    wants = ", ".join(f"{arity} {name}" for name, arity in kind.reads.items()) or "nothing"
    for item in inputs:
        if item.kind not in kind.reads:
            raise UsageError(
                f"reads {item.id}, which is of kind {item.kind}; {does!r} reads {wants}",
                where=where,
            )
        if version != DEV and item.version == DEV:
            raise UsageError(
                f"has the fixed version {version}, but reads {item.id}, which may still change",
                where=where,
                fix=f"fix that one first: mowa promote {item.name} {version}",
            )
    for name, arity in kind.reads.items():
        count = sum(item.kind == name for item in inputs)
        if (count == 0 and arity != "any") or (arity == "one" and count > 1):
            raise UsageError(
                f"{does!r} reads {wants}; found {count} of kind {name}",
                where=where,
                fix="name the steps to read in `reads`",
            )


def _state(
    workspace: Workspace, name: str, version: str, mark: str, current: Artifact | None
) -> State:
    if current is not None and current.fingerprint == mark:
        return "up to date"
    if workspace.can_recover(name, version, mark):
        return "recover"
    if workspace.partial(name, version, mark).exists():
        return "resume"
    return "rebuild" if current else "build"


def _drift(
    current: Artifact,
    kind: StepType,
    identity: dict[str, Any],
    inputs: tuple[Planned | Artifact, ...],
) -> list[str]:
    changes = list(_differences(current.config, identity, ""))
    if current.revision != kind.revision:
        changes.append(f"the step's revision: {current.revision} -> {kind.revision}")
    before = [(item.kind, item.fingerprint) for item in current.inputs]
    now = [(item.kind, item.fingerprint) for item in inputs]
    if before != now:
        changed = [item.id for item in inputs if (item.kind, item.fingerprint) not in before]
        changes.append(f"its input {', '.join(changed) or 'order'} changed")
    return changes


def _differences(before: Any, now: Any, key: str) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        found: list[str] = []
        for name in sorted({*before, *now}):
            inner = f"{key}.{name}" if key else name
            found += _differences(before.get(name), now.get(name), inner)
        return found
    return [] if before == now else [f"{key}: {_short(before)} -> {_short(now)}"]


def _short(value: Any) -> str:
    text = "unset" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _at(where: str, call: Callable[[], Any]) -> Any:
    """Call, and say of a usage error without a place that it happened in step `where`."""
    try:
        return call()
    except UsageError as error:
        if error.where is None:
            error.where = where
        raise


def references(inputs: tuple[Planned | Artifact, ...]) -> tuple[InputRef, ...]:
    """How the record of a step refers to its inputs."""
    return tuple(
        reference_to(item) if isinstance(item, Artifact) else item.reference() for item in inputs
    )


def current_runtime(item: Planned | Artifact) -> dict[str, Any]:
    """The runtime configuration that counts now: the recipe's, or else the recorded one."""
    return item.runtime if isinstance(item, Artifact) else runtime_of(item.config)
