"""Training: labelled documents in, a model, its figures and its report out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mowa.corpus.classifiers import _learn as learn
from mowa.corpus.classifiers._config import Kind
from mowa.corpus.classifiers._evaluate import evaluate
from mowa.corpus.classifiers._examples import Examples, examples
from mowa.corpus.classifiers._features import Floats, signal_matrix, term_counts, top_terms
from mowa.corpus.classifiers._model import Model, outputs_of, save
from mowa.corpus.classifiers._report import classifier_report
from mowa.corpus.classifiers._score import calibrated, decisions
from mowa.corpus.labels import agreement
from mowa.corpus.labels._agreement import as_rows
from mowa.errors import UsageError
from mowa.workspace import digest, write_text

_TOP = 20
_TOP_BY_CLASS = 8


def train(
    corpus: Path,
    files: Sequence[Path],
    out: Path,
    *,
    kind: Kind = "quality",
    classes: Sequence[str] = (),
    name: str = "",
) -> dict[str, Any]:
    """Write `model.json`, `model.npz`, `metrics.json` and `report.html`.

    The figures are of five folds over texts (copies are one text), the calibration of each fold
    learned on the others; the model that is written learns from all texts.

    Args:
        corpus: The folder of the corpus.
        files: Files of labels.
        out: The folder to write into.
        kind: ``quality`` (boosted trees over signals) or ``topic`` (lines over words).
        classes: The classes in their order; empty for those of the labels (for quality: HIGH,
            MEDIUM, LOW).
        name: How the corpus is called in the report.

    Returns:
        What `metrics.json` holds.

    Raises:
        UsageError: Where scikit-learn is not installed, or there are no two classes.
        DataError: Where a line is no label of this corpus, or a class has too few texts.
    """
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has none
    except ModuleNotFoundError as error:
        raise UsageError(
            "training a classifier needs the package scikit-learn", fix="pip install 'mowa[label]'"
        ) from error
    found = examples(corpus, files, kind, classes)
    # With one thread the sums have one order, and the same labels give the same bytes.
    with threadpool_limits(limits=1):
        model, chances, top = _fit(found, kind)
    target = found.frame["class"].to_numpy()
    training = {
        "texts": found.frame.height,
        "disputed": found.disputed,
        "label_files": [digest(path) for path in files],
        "labels": found.digest,
        "versions": {name: version(name) for name in ("mowa", "numpy", "polars", "scikit-learn")},
    }
    model = Model(model.kind, model.classes, model.features, model.method, model.arrays, training)
    save(model, out)
    ordered = kind == "quality"
    metrics = {
        "kind": kind,
        **evaluate(chances, target, found.classes),
        "method": model.method,
        "features": len(model.features),
        "disputed": found.disputed,
        "top_features": top,
        "agreement": as_rows(
            agreement(found.labels, found.classes + _unused(found), ordered=ordered)
        ),
    }
    text = json.dumps(metrics, ensure_ascii=False, indent=1)
    write_text(out / "metrics.json", text + "\n")
    classifier_report(metrics, found.frame, chances, name or "a corpus", out / "report.html")
    return metrics


def _unused(found: Examples) -> tuple[str, ...]:
    """Classes that only disputed texts have."""
    said = {label.label for label in found.labels if label.label is not None}
    return tuple(sorted(said - set(found.classes)))


def _fit(found: Examples, kind: Kind) -> tuple[Model, Floats, dict[str, list[list[Any]]]]:
    """The model of all texts, cross-fitted probabilities of each, and the top features."""
    frame, target = found.frame, found.frame["class"].to_numpy()
    splits = learn.folds(target)
    values = np.empty((frame.height, outputs_of(found.classes)))
    counts = term_counts(frame["text"]) if kind == "topic" else pl.DataFrame()
    matrix = signal_matrix(frame, found.features)

    def fit(rows: learn.Classes) -> Model:
        if kind == "topic":
            fitted = learn.draw_lines(counts, rows, target[rows])
        else:
            fitted = learn.grow(matrix[rows], target[rows], found.features)
        return Model(kind, found.classes, fitted.features, "sigmoid", fitted.arrays, {})

    falls = np.zeros(len(found.features))
    for rows, asked in splits:
        model = fit(rows)
        values[asked] = decisions(model, frame[asked])
        if kind == "quality":
            falls += learn.importance(model, matrix[asked], target[asked]) / len(splits)
    chances = np.empty((frame.height, len(found.classes)))
    for rows, asked in splits:
        method, arrays = learn.calibration(values[rows], target[rows], kind)
        chances[asked] = calibrated(values[asked], method, arrays)
    whole = fit(np.arange(frame.height))
    method, arrays = learn.calibration(values, target, kind)
    model = Model(kind, found.classes, whole.features, method, whole.arrays | arrays, {})
    return model, chances, _top(model, falls)


def _top(model: Model, falls: Floats) -> dict[str, list[list[Any]]]:
    if model.kind == "quality":
        return {"all": top_terms(model.features, falls, _TOP)}
    lines = model.arrays["coefficients"]
    if len(model.classes) == 2:
        lines = np.stack([-lines[0], lines[0]])
    return {
        name: top_terms(model.features, line, _TOP_BY_CLASS)
        for name, line in zip(model.classes, lines, strict=True)
    }
