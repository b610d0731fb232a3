"""What a trained classifier says of documents; NumPy only, the same bits on any number of cores."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus._trees import raw_scores
from mowa.corpus.classifiers._features import (
    Floats,
    signal_matrix,
    term_counts,
    texts_of,
    weighted,
)
from mowa.corpus.classifiers._model import Arrays, Model, forest, load

_BATCH = 4_096
# The last digits of an exponential go by the processor; what is stored must not.
_DECIMALS = 9


def schema(classes: tuple[str, ...]) -> pa.Schema:
    """Columns of `score` for a model of these classes."""
    return pa.schema(
        [
            pa.field("label", pa.string()),
            pa.field("confidence", pa.float64()),
            *(pa.field(f"p_{name}", pa.float64()) for name in classes),
        ]
    )


def score(model: Path | Model, frame: pl.DataFrame) -> pl.DataFrame:
    """The class of each document, how sure that is, and the probability of every class.

    Args:
        model: The folder of a classifier, or a model that `load` read.
        frame: One row a document: the signals' columns as `signal_frame` names them for a
            classifier of quality, `text` for one of topic.

    Returns:
        `label`, `confidence` (the probability of that class) and `p_CLASS` for each class, as
        `schema` says; probabilities are rounded to nine decimals.

    Raises:
        UsageError, DataError: Where the model cannot be read.
        DataError: Where a signal is absent or of another revision than the model was trained on.
    """
    if isinstance(model, Path):
        model = load(model)
    parts = [
        calibrated(decisions(model, frame.slice(start, _BATCH)), model.method, model.arrays)
        for start in range(0, max(frame.height, 1), _BATCH)
    ]
    chances = np.concatenate(parts).round(_DECIMALS)
    best = chances.argmax(axis=1)
    names = np.array(model.classes, dtype=object)
    return pl.DataFrame(
        {
            "label": pl.Series(names[best].tolist(), dtype=pl.String),
            "confidence": chances[np.arange(len(best)), best],
            **{f"p_{name}": chances[:, index] for index, name in enumerate(model.classes)},
        }
    )


def decisions(model: Model, frame: pl.DataFrame) -> Floats:
    """Decision values, one row a document; before calibration."""
    if model.kind == "quality":
        return tree_decisions(model, signal_matrix(frame, model.features))
    counts = term_counts(texts_of(frame))
    row, column, value = weighted(counts, model.features, model.arrays["weights"], frame.height)
    columns = [
        # Sums in the order of the terms, one after another.
        np.bincount(row, weights=value * line[column], minlength=frame.height) + intercept
        for line, intercept in zip(
            model.arrays["coefficients"], model.arrays["intercepts"].tolist(), strict=True
        )
    ]
    return np.column_stack(columns)


def tree_decisions(model: Model, matrix: Floats) -> Floats:
    """Sums of trees, one column an output."""
    return raw_scores(forest(model.arrays, model.features, model.classes), matrix)


def calibrated(values: Floats, method: str, arrays: Arrays) -> Floats:
    """Probabilities of all classes; each class by itself, then made to sum to 1."""
    if method == "sigmoid":
        exponent = values * arrays["slope"] + arrays["offset"]
        chances = _logistic(-exponent)
    else:
        steps = arrays["steps"].tolist()
        chances = np.empty_like(values)
        for index, (start, stop) in enumerate(pairwise(steps)):
            inputs, outputs = arrays["inputs"][start:stop], arrays["outputs"][start:stop]
            chances[:, index] = np.interp(values[:, index], inputs, outputs)
    if values.shape[1] == 1:
        return np.column_stack([1 - chances[:, 0], chances[:, 0]])
    # Column by column: the order of a sum over a row is NumPy's own affair.
    total = np.zeros(len(values))
    for index in range(values.shape[1]):
        total += chances[:, index]
    even = np.full_like(chances, 1 / values.shape[1])
    return np.divide(chances, total[:, None], out=even, where=total[:, None] > 0)


def _logistic(values: Floats) -> Floats:
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1 / (1 + small), small / (1 + small))
