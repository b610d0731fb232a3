"""Which corpora and dialogues a model was made from, and the index of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mowa.evaluation.contamination._build import build_index
from mowa.evaluation.contamination._config import ContaminationIndexConfig
from mowa.evaluation.contamination._find import Against
from mowa.evaluation.contamination._lemmas import best_lemmatiser
from mowa.execution import Context, Ledger
from mowa.workspace import Artifact, InputRef, Node, Workspace, lineage, locked

INDEX_KIND = "ngram-index"


@dataclass(frozen=True)
class Corpora:
    """What a model was made from.

    Attributes:
        found: The corpora in its lineage, and the dialogues that it, or a model in its lineage,
            was trained on; nearest first.
        gone: What of its lineage is no longer in the workspace: texts in which nothing can be
            looked for, or something that may have been made from such.
    """

    found: tuple[Artifact, ...]
    gone: tuple[InputRef, ...]


def corpora_of(workspace: Workspace, model: Artifact) -> Corpora:
    """What a model has read, by its lineage; the model may lie outside the workspace.

    Dialogues that others were made from, by a translation or a choice, are not counted: what is
    trained on is. Of a model that was imported nobody knows what it read: nothing is found, and
    nothing is gone.
    """
    known = {item.fingerprint: item for item in [*workspace.superseded(), *workspace.all()]}
    nodes = [
        node
        for used in model.inputs
        for node in (
            lineage(workspace, known[used.fingerprint]).walk()
            if used.fingerprint in known
            else [Node(used, None, ())]
        )
    ]
    here = [node.artifact for node in nodes if node.artifact is not None]
    trained_on = {
        used.fingerprint
        for trained in [model, *here]
        if trained.kind == "model"
        for used in trained.inputs
    }
    found: dict[str, Artifact] = {}
    for one in here:
        if one.kind == "corpus" or (one.kind == "dialogues" and one.fingerprint in trained_on):
            found.setdefault(one.fingerprint, one)
    gone = dict.fromkeys(node.reference for node in nodes if node.artifact is None)
    return Corpora(tuple(found.values()), tuple(gone))


def against(workspace: Workspace, corpus: Artifact, context: Context) -> Against:
    """A corpus, or dialogues, with the index that a recipe made, or one made now and kept.

    What is made here lies under the workspace's cache; a build that was killed goes on.

    Args:
        workspace: Where to look for an index, and to keep one.
        corpus: An artifact of kind corpus or dialogues.
        context: Runs the units of the build; its ledger is not touched.
    """
    for artifact in workspace.all():
        inputs = [used.fingerprint for used in artifact.inputs]
        if artifact.kind == INDEX_KIND and corpus.fingerprint in inputs:
            return Against(corpus.id, corpus.fingerprint, corpus.path, artifact.path, corpus.kind)
    folder = workspace.cache(f"{INDEX_KIND}/{corpus.fingerprint}-{best_lemmatiser()}")
    with locked(folder.with_suffix(".lock"), wait=True):
        if not (folder / "index.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            build_index(
                corpus.path,
                folder,
                replace(context, ledger=Ledger(folder.with_suffix(".ledger"))),
                config=ContaminationIndexConfig(),
                about={"name": corpus.id, "fingerprint": corpus.fingerprint},
            )
    return Against(corpus.id, corpus.fingerprint, corpus.path, folder, corpus.kind)
