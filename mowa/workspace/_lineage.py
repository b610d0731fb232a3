"""What an artifact was made from, and what was made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mowa.workspace._artifact import Artifact, InputRef
from mowa.workspace._store import Workspace

Direction = Literal["up", "down"]


@dataclass(frozen=True)
class Node:
    """One artifact in a lineage tree; `artifact` is None where it is gone from the workspace."""

    reference: InputRef
    artifact: Artifact | None
    children: tuple[Node, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.reference.name,
            "version": self.reference.version,
            "kind": self.reference.kind,
            "fingerprint": self.reference.fingerprint,
            "present": self.artifact is not None,
            "rights": self.artifact.rights if self.artifact else None,
            "children": [child.to_dict() for child in self.children],
        }

    def walk(self) -> list[Node]:
        """This node and all below it, each artifact once."""
        seen: dict[InputRef, Node] = {}
        waiting = [self]
        while waiting:
            node = waiting.pop(0)
            if node.reference not in seen:
                seen[node.reference] = node
                waiting.extend(node.children)
        return list(seen.values())


def lineage(workspace: Workspace, artifact: Artifact, direction: Direction = "up") -> Node:
    """The tree of what `artifact` was made from (up), or of what was made from it (down)."""
    if direction == "up":
        everything = [*workspace.superseded(), *workspace.all()]
        return _up(
            reference_to(artifact),
            {reference_to(item): item for item in everything},
            {item.fingerprint: item for item in everything},
        )
    users: dict[str, list[Artifact]] = {}
    for item in workspace.all():
        for used in item.inputs:
            users.setdefault(used.fingerprint, []).append(item)
    return _down(artifact, users)


def reference_to(artifact: Artifact) -> InputRef:
    """How another artifact's record refers to this one."""
    return InputRef(artifact.name, artifact.version, artifact.fingerprint, artifact.kind)


def _up(reference: InputRef, exact: dict[InputRef, Artifact], twins: dict[str, Artifact]) -> Node:
    """The same build under another name or version stands in for one that is gone."""
    artifact = exact.get(reference) or twins.get(reference.fingerprint)
    children = tuple(_up(item, exact, twins) for item in artifact.inputs) if artifact else ()
    return Node(reference, artifact, children)


def _down(artifact: Artifact, users: dict[str, list[Artifact]]) -> Node:
    children = tuple(_down(item, users) for item in users.get(artifact.fingerprint, []))
    return Node(reference_to(artifact), artifact, children)
