"""Looking after a workspace: verifying, promoting, and removing what is no longer needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mowa.errors import UsageError
from mowa.workspace._artifact import RECORD, Artifact
from mowa.workspace._files import digest, link_or_copy, write_text
from mowa.workspace._lineage import lineage
from mowa.workspace._store import DEV, Workspace, check_version


@dataclass(frozen=True)
class Fault:
    """Something wrong with a file of an artifact: ``missing``, ``changed`` or ``unknown``."""

    artifact: str
    path: str
    what: str


def verify(artifact: Artifact) -> Iterator[Fault]:
    """Hash every file of `artifact` again and yield what differs from its record."""
    recorded = {file.path: file for file in artifact.files}
    for path, file in recorded.items():
        on_disk = artifact.path / path
        if not on_disk.is_file():
            yield Fault(artifact.id, path, "missing")
        elif on_disk.stat().st_size != file.bytes or digest(on_disk) != file.blake2b:
            yield Fault(artifact.id, path, "changed")
    for on_disk in sorted(artifact.path.rglob("*")):
        relative = on_disk.relative_to(artifact.path).as_posix()
        if on_disk.is_file() and relative != RECORD and relative not in recorded:
            yield Fault(artifact.id, relative, "unknown")


def promote(workspace: Workspace, artifact: Artifact, version: str) -> list[Artifact]:
    """Fix `artifact` and all that it stands on as `version`, without building anything again.

    Files get a second name (hard links) where the file system can. An artifact that is fixed under
    `version` already, with the same fingerprint, is left as it is; fixed artifacts of another
    version that it stands on stay what they are. Returns what was fixed.

    Raises:
        UsageError: Where an input is gone, or `version` holds something else.
    """
    check_version(version)
    if version == DEV:
        raise UsageError(f"{DEV!r} is the version that is not fixed", fix="choose one like 1.0")
    nodes = lineage(workspace, artifact).walk()
    for node in nodes:
        if node.artifact is None:
            raise UsageError(
                f"its input {node.reference.name}@{node.reference.version} is gone",
                where=artifact.id,
                fix="run the recipe again, then promote",
            )
    stands_on = [node.artifact for node in nodes if node.artifact]
    moving = [item for item in stands_on if item.version == DEV or item is stands_on[0]]
    for item in moving:
        other = workspace.find(item.name, version)
        if other is not None and other.fingerprint != item.fingerprint:
            raise UsageError(
                f"{other.id} exists and is another build ({other.fingerprint[:12]}, not"
                f" {item.fingerprint[:12]})",
                where=artifact.id,
                fix="choose a version that is not taken",
            )
    moved = {item.fingerprint for item in moving}
    return [
        _fix(workspace, item, version, moved)
        for item in reversed(moving)
        if workspace.find(item.name, version) is None
    ]


def garbage(workspace: Workspace) -> list[tuple[Path, int]]:
    """Folders that `collect_garbage` would remove, with their sizes in bytes.

    These are superseded artifacts that no artifact in its place was made from (or that lie in
    their place under another version too), and unfinished builds that no living process works on.
    """
    in_place = workspace.all()
    needed: set[str] = set()
    for artifact in in_place:
        needed.update(node.reference.fingerprint for node in lineage(workspace, artifact).walk())
    needed -= {artifact.fingerprint for artifact in in_place}
    old = [item.path for item in workspace.superseded() if item.fingerprint not in needed]
    return [(folder, _size(folder)) for folder in [*old, *workspace.leftovers()]]


def collect_garbage(workspace: Workspace) -> int:
    """Remove what `garbage` lists; returns the number of bytes."""
    found = garbage(workspace)
    for folder, _ in found:
        shutil.rmtree(folder)
    return sum(size for _, size in found)


def _fix(workspace: Workspace, item: Artifact, version: str, moved: set[str]) -> Artifact:
    inputs = tuple(
        replace(used, version=version) if used.fingerprint in moved else used
        for used in item.inputs
    )
    target = workspace.folder(item.name, version)
    partial = workspace.partial(item.name, version, item.fingerprint) / "out"
    shutil.rmtree(partial, ignore_errors=True)
    for file in item.files:
        link_or_copy(item.path / file.path, partial / file.path)
    fixed = replace(item, version=version, inputs=inputs, path=partial)
    write_text(partial / RECORD, fixed.to_json())
    partial.rename(target)
    shutil.rmtree(partial.parent, ignore_errors=True)
    return replace(fixed, path=target)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
