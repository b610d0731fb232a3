"""Running a recipe: each step that is not up to date, under its lock, into its place."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import mowa
from mowa.errors import DataError, MowaError, UsageError
from mowa.execution import Context, Executor, Ledger, PlainProgress, Progress
from mowa.recipe._plan import (
    Planned,
    State,
    context_for,
    current_runtime,
    make_plan,
    missing_packages,
    references,
)
from mowa.recipe._recipe import Recipe
from mowa.workspace import (
    DEV,
    Artifact,
    Inputs,
    Metrics,
    Workspace,
    clear_partial_files,
    disk_error,
    runtime_of,
    write_text,
)

ASK_ABOVE_SECONDS = 600.0  # redoing more work than this needs a yes

Confirm = Callable[[str], bool]


@dataclass(frozen=True)
class StepResult:
    """What became of one step of a run; `seconds` is what this run spent on it."""

    artifact: Artifact
    state: State
    seconds: float


def run(
    recipe: Recipe,
    workspace: Path | Workspace,
    *,
    to: str | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    confirm: Confirm | None = None,
    wait: bool = True,
) -> list[StepResult]:
    """Make every artifact of `recipe` that is not there yet, up to step `to`.

    A run that was killed goes on where its ledger and checkpoints say. From Python and from the
    command line a recipe gives the same fingerprints and the same bytes.

    Args:
        recipe: What to make.
        workspace: Where; a folder that does not exist is made.
        to: The last step; all steps without it.
        workers: Processes for corpus work; the number of usable cores without it (of the cluster,
            on Ray).
        executor: What corpus work runs on; local processes without it.
        progress: Where progress is shown.
        confirm: Asked before more than ten minutes of earlier work are redone; without it nobody
            is asked.
        wait: Wait for another run that makes the same artifact; otherwise refuse.

    Raises:
        UsageError: For a mistake in the recipe, a drifted fixed version, a `confirm` that says no.
        MowaError: Where a step fails; what is finished is kept.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UsageError(
            "a worker process imports the script that called run()",
            fix='call it under `if __name__ == "__main__":`',
        )
    if not isinstance(workspace, Workspace):
        workspace = Workspace.open(workspace, create=True)
    executor = executor or Executor()
    executor.check()
    workers = workers or (0 if executor.address else usable_cores())
    progress = progress or PlainProgress()
    plan = make_plan(recipe, workspace, to=to, workers=workers, progress=progress)
    _refuse_missing(plan)
    _ask(plan, confirm)
    made: dict[str, Artifact] = {}
    results = []
    with closing(executor):
        for item in plan:
            if item.state == "up to date" and item.current is not None:
                result = StepResult(item.current, "up to date", 0.0)
            else:
                result = _make(
                    item,
                    recipe,
                    workspace,
                    made,
                    workers=workers,
                    executor=executor,
                    progress=progress,
                    wait=wait,
                )
            made[item.id] = result.artifact
            results.append(result)
    return results


def usable_cores() -> int:
    """Cores that this process may use; a container's limit counts where the system tells it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _refuse_missing(plan: list[Planned]) -> None:
    for extra, packages in missing_packages(plan).items():
        steps = ", ".join(item.step for item in plan if item.type.extra == extra)
        raise UsageError(
            f"these steps need packages that are not installed ({', '.join(packages)}): {steps}",
            fix=f"pip install 'mowa[{extra}]', or stop earlier with --to",
        )


def _ask(plan: list[Planned], confirm: Confirm | None) -> None:
    redone = [item for item in plan if item.state in ("rebuild", "resume") and item.current]
    seconds = sum(item.current.seconds for item in redone if item.current)
    if confirm is None or seconds <= ASK_ABOVE_SECONDS:
        return
    lines = "\n".join(f"  {item.id}: {item.why}" for item in redone)
    if not confirm(f"This would redo {seconds / 60:,.0f} minutes of work:\n{lines}\nGo on?"):
        raise UsageError("nothing was done", fix="run with --yes to redo the work")


def _make(
    item: Planned,
    recipe: Recipe,
    workspace: Workspace,
    made: dict[str, Artifact],
    *,
    workers: int,
    executor: Executor,
    progress: Progress,
    wait: bool,
) -> StepResult:
    with workspace.lock(item.name, item.version, wait=wait, say=progress.say):
        found = workspace.find(item.name, item.version)
        if found is not None and found.fingerprint == item.fingerprint:
            return StepResult(found, "up to date", 0.0)
        if found is not None and item.version != DEV:
            raise UsageError(
                "another run has fixed it as another build meanwhile",
                where=item.id,
                fix="choose another version, or run that recipe",
            )
        recovered = workspace.recover(item.name, item.version, item.fingerprint)
        if recovered is not None:
            return StepResult(recovered, "recover", 0.0)
        partial = workspace.partial(item.name, item.version, item.fingerprint)
        out = partial / "out"
        with _explained(item.id, partial), _stopwatch(partial) as elapsed:
            out.mkdir(parents=True, exist_ok=True)
            clear_partial_files(out)
            ledger = Ledger(partial / "ledger.jsonl")
            context = context_for(
                recipe,
                ledger=ledger,
                workers=workers,
                progress=progress,
                cache=workspace.cache(f"{item.name}.json"),
            )
            context.executor = executor
            inputs = _load_inputs(item, made)
            with _reading(workspace, inputs):
                metrics = item.type.load()(item.config, inputs, out, context)
            _check_unchanged(item, context, partial)
            if ledger.path.exists():
                ledger.write_sorted(out / "ledger.jsonl")
            artifact = Artifact(
                path=out,
                kind=item.kind,
                name=item.name,
                version=item.version,
                fingerprint=item.fingerprint,
                revision=item.type.revision,
                config=item.identity,
                runtime=runtime_of(item.config),
                inputs=references(item.inputs),
                code=code_version(),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                # A killed run could note nothing; a step that counts its own time knows better.
                seconds=round(max(elapsed(total=True), metrics.get("seconds", 0.0)), 1),
                files=(),
                metrics=metrics,
                rights=_rights(item, inputs, metrics),
            )
            artifact = workspace.publish(artifact, ledger.digests(), progress.say)
        return StepResult(artifact, item.state, elapsed())


def _load_inputs(item: Planned, made: dict[str, Artifact]) -> Inputs:
    artifacts = []
    for source in item.inputs:
        artifact = source if isinstance(source, Artifact) else made[source.id]
        artifacts.append(replace(artifact, runtime=current_runtime(source)))
    return Inputs(tuple(artifacts))


@contextmanager
def _reading(workspace: Workspace, inputs: Inputs) -> Iterator[None]:
    """Keep every input in its place; another run that would replace one waits."""
    with ExitStack() as stack:
        for artifact in inputs.artifacts:
            stack.enter_context(workspace.reading(artifact))
        yield


def _check_unchanged(item: Planned, context: Context, partial: Path) -> None:
    """What a step observed for its fingerprint must still be so when it has read it."""
    observe = item.type.observe()
    if observe is None:
        return
    if observe(item.config, context, context.cache) != item.identity.get("observed", {}):
        shutil.rmtree(partial)
        raise DataError(
            "the files of the source changed while the run went on",
            fix="run again: the inventory is taken anew",
        )


def _rights(item: Planned, inputs: Inputs, metrics: Metrics) -> dict[str, Any]:
    """Every licence, and basis and tier of every source, that went into an artifact."""
    observed = item.identity.get("observed", {}).get("source")
    sources: dict[str, Any] = {}
    licences: set[str] = set()
    if observed is not None:
        keys = ("holder", "licence", "legal_basis", "agreement", "release", "attribution")
        sources = {observed["name"]: {key: observed.get(key) for key in keys}}
        licences = {observed["licence"]}
    for artifact in inputs.artifacts:
        sources.update(artifact.rights.get("sources", {}))
        licences.update(artifact.rights.get("licences", []))
    # A record may carry a licence of its own: the step that reads or keeps it has counted them. Of
    # models that wrote or judged no record tells.
    of_models = sorted(set().union(*map(_of_models, inputs.artifacts)))
    licences = set(metrics.get("licences", licences)).union(of_models)
    tiers = {source["release"] for source in sources.values()}
    return {
        "release": "research" if "research" in tiers else "open",
        "licences": sorted(licences),
        **({"licences_of_models": of_models} if of_models else {}),
        "sources": dict(sorted(sources.items())),
    }


def _of_models(artifact: Artifact) -> set[str]:
    """Licences of a model, or of the models that wrote or judged what is in an artifact."""
    name = "licences" if artifact.kind == "model" else "licences_of_models"
    return set(artifact.rights.get(name, []))


@contextmanager
def _explained(step: str, folder: Path) -> Iterator[None]:
    """Say of an error in which step it happened; put what people can read for what they cannot."""
    try:
        yield
    except MowaError as error:
        error.where = f"{step}: {error.where}" if error.where else step
        raise
    except OSError as error:
        explained = disk_error(error, folder)
        if isinstance(explained, MowaError):
            explained.where = f"{step}: {explained.where}"
            raise explained from error
        raise MowaError(
            error.strerror or str(error), where=f"{step}: {error.filename or folder}"
        ) from error
    except MemoryError as error:
        raise MowaError(
            "memory ran out",
            where=step,
            fix="run again with fewer --workers; what is finished is kept",
        ) from error


@contextmanager
def _stopwatch(partial: Path) -> Iterator[Callable[..., float]]:
    """Seconds of this run or, with ``total=True``, with those that earlier, failed runs noted."""
    note = partial / "seconds.json"
    before = json.loads(note.read_text("utf-8")) if note.exists() else 0.0
    start = time.monotonic()

    def elapsed(*, total: bool = False) -> float:
        return time.monotonic() - start + (before if total else 0.0)

    try:
        yield elapsed
    except BaseException:
        # The disk may be what failed; the time spent is not worth a second error.
        with suppress(OSError, MowaError):
            write_text(note, json.dumps(elapsed(total=True)))
        raise


@cache
def code_version() -> dict[str, str]:
    """Version of Mowa and, in a git checkout, its commit."""
    package = Path(mowa.__file__).resolve().parent
    commit = ""
    if (package.parent / ".git").exists():
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command on our own folder
                ["git", "-C", str(package.parent), "rev-parse", "HEAD"],  # noqa: S607 - git of the user's PATH
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
            commit = done.stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            commit = ""
    return {"mowa": mowa.__version__, "commit": commit}
