"""Looking after a workspace: verifying, promoting, and removing what is no longer needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mowa.errors import MowaError, UsageError
from mowa.workspace._artifact import RECORD, Artifact, InputRef
from mowa.workspace._files import digest, link_or_copy, write_text
from mowa.workspace._lineage import Node, lineage, reference_to
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
    version that it stands on stay what they are. Returns what was fixed, inputs first.

    Raises:
        UsageError: Where an input is gone, or `version` holds something else.
        MowaError: Where another run makes or replaces one of them at this moment.
    """
    check_version(version)
    if version == DEV:
        raise UsageError(f"{DEV!r} is the version that is not fixed", fix="choose one like 1.0")
    tree = lineage(workspace, artifact)
    moving: dict[InputRef, tuple[Artifact, list[InputRef]]] = {}
    _plan_promotion(tree, artifact, version, moving)
    for item, _ in moving.values():
        other = workspace.find(item.name, version)
        if other is not None and other.fingerprint != item.fingerprint:
            raise UsageError(
                f"{other.id} exists and is another build ({other.fingerprint[:12]}, not"
                f" {item.fingerprint[:12]})",
                where=artifact.id,
                fix="choose a version that is not taken",
            )
    return [
        _fix(workspace, item, version, inputs)
        for item, inputs in moving.values()
        if workspace.find(item.name, version) is None
    ]


def garbage(workspace: Workspace, *, unfinished: bool = False) -> list[tuple[Path, int]]:
    """Folders that `collect_garbage` would remove, with their sizes in bytes.

    These are superseded artifacts that no artifact in its place was made from (or that lie in
    their place under another version too). Unfinished builds that no living process works on, which
    a run could go on from, are among them only where `unfinished` asks for them.
    """
    return [(folder, _size(folder)) for folder, _, _ in _garbage(workspace, unfinished=unfinished)]


def collect_garbage(workspace: Workspace, *, unfinished: bool = False) -> int:
    """Remove what `garbage` lists, but what a run has taken up meanwhile; returns bytes."""
    freed = 0
    for folder, name, version in _garbage(workspace, unfinished=unfinished):
        with suppress(MowaError), workspace.lock(name, version, wait=False):
            size = _size(folder)
            shutil.rmtree(folder, ignore_errors=True)
            freed += size
    return freed


def _garbage(workspace: Workspace, *, unfinished: bool) -> list[tuple[Path, str, str]]:
    in_place = workspace.all()
    needed: set[str] = set()
    for artifact in in_place:
        needed.update(node.reference.fingerprint for node in lineage(workspace, artifact).walk())
    needed -= {artifact.fingerprint for artifact in in_place}
    old = [
        (item.path, item.name, item.version)
        for item in workspace.superseded()
        # Where nothing stands in its place, a run was killed between two renames.
        if item.fingerprint not in needed and workspace.find(item.name, item.version)
    ]
    return [*old, *(workspace.leftovers() if unfinished else [])]


def _plan_promotion(
    node: Node,
    top: Artifact,
    version: str,
    moving: dict[InputRef, tuple[Artifact, list[InputRef]]],
) -> InputRef:
    """Note `node` and what it stands on, inputs first; gives the reference that will be true."""
    item = node.artifact
    if item is None:
        raise UsageError(
            f"its input {node.reference.name}@{node.reference.version} is gone",
            where=top.id,
            fix="run the recipe again, then promote",
        )
    own = reference_to(item)
    if item.version != DEV and item is not top and own != reference_to(top):
        return own
    if own not in moving:
        inputs = [_plan_promotion(child, top, version, moving) for child in node.children]
        moving[own] = (item, inputs)
    return replace(own, version=version)


def _fix(workspace: Workspace, item: Artifact, version: str, inputs: list[InputRef]) -> Artifact:
    with workspace.lock(item.name, version, wait=False), workspace.reading(item):
        target = workspace.folder(item.name, version)
        partial = workspace.partial(item.name, version, item.fingerprint) / "promoted"
        shutil.rmtree(partial, ignore_errors=True)
        for file in item.files:
            link_or_copy(item.path / file.path, partial / file.path)
        fixed = replace(item, version=version, inputs=tuple(inputs), path=partial)
        write_text(partial / RECORD, fixed.to_json())
        partial.rename(target)
        shutil.rmtree(partial.parent, ignore_errors=True)
    return replace(fixed, path=target)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
