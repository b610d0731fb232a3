"""The step `classifier`: a corpus and files of labels become a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mowa.corpus.classifiers._config import ClassifierConfig
from mowa.corpus.classifiers._train import train
from mowa.errors import UsageError
from mowa.execution import Context
from mowa.workspace import Inputs, Metrics, digest


def observe(config: ClassifierConfig, context: Context, cache: Path | None) -> dict[str, Any]:
    """What the outer world adds to the fingerprint: the hash of every file of labels."""
    del cache  # files of labels are small
    return {"labels": [digest(path) for path in _files(config, context)]}


def run(config: ClassifierConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `model.json`, `model.npz`, `metrics.json` and `report.html`.

    Raises:
        UsageError: Where a file of labels is absent, or scikit-learn is.
        DataError: Where a line is no label of this corpus, or a class has too few texts.
    """
    corpus = inputs.one("corpus")
    metrics = train(
        corpus.path,
        _files(config, context),
        out,
        kind=config.kind,
        classes=config.classes,
        name=corpus.id,
    )
    shown = ("kind", "texts", "accuracy", "macro_f1", "ece", "disputed")
    return {name: metrics[name] for name in shown}


def _files(config: ClassifierConfig, context: Context) -> list[Path]:
    if not config.labels:
        raise UsageError("no file of labels is named", fix='write labels = ["FILE.jsonl"]')
    files = [context.data / name for name in config.labels]
    for path in files:
        if not path.is_file():
            raise UsageError(
                "there is no such file of labels",
                where=str(path),
                fix="`mowa corpus label` makes one",
            )
    return files
