"""How good a classifier is, by texts it did not see: confusion, F1 by class, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mowa.corpus.classifiers._features import Floats
from mowa.corpus.classifiers._learn import Classes

_BINS = 10


def evaluate(chances: Floats, target: Classes, classes: Sequence[str]) -> dict[str, Any]:
    """Figures of cross-fitted probabilities.

    Args:
        chances: Probability of every class, one row a text.
        target: The class that people gave.
        classes: Their names.

    Returns:
        `texts`, `accuracy`, `macro_f1`, `largest_class` (accuracy of always saying it), `ece`,
        `log_loss`, `confusion` (rows: what people said; columns: what the classifier said),
        `classes` (`precision`, `recall`, `f1`, `texts` by class) and `calibration`: of each tenth
        of the confidence that holds texts, `confidence` and `accuracy` on average, and `texts`.
    """
    size = len(classes)
    said = chances.argmax(axis=1)
    confusion = np.bincount(target * size + said, minlength=size * size).reshape(size, size)
    by_class = {name: _figures(confusion, index) for index, name in enumerate(classes)}
    curve = _curve(chances.max(axis=1), said == target)
    texts = len(target)
    error = sum(bin_["texts"] * abs(bin_["confidence"] - bin_["accuracy"]) for bin_ in curve)
    right = chances[np.arange(texts), target]
    return {
        "texts": texts,
        "accuracy": float((said == target).mean()),
        "macro_f1": sum(own["f1"] for own in by_class.values()) / size,
        "largest_class": float(np.bincount(target).max() / texts),
        "ece": error / texts,
        "log_loss": float(-np.log(np.maximum(right, 1e-12)).mean()),
        "confusion": confusion.tolist(),
        "classes": by_class,
        "calibration": curve,
    }


def _figures(confusion: Classes, index: int) -> dict[str, float]:
    hits = int(confusion[index, index])
    said, texts = int(confusion[:, index].sum()), int(confusion[index].sum())
    return {
        "precision": hits / said if said else 0.0,
        "recall": hits / texts if texts else 0.0,
        "f1": 2 * hits / (said + texts) if said + texts else 0.0,
        "texts": texts,
    }


def _curve(confidence: Floats, right: Any) -> list[dict[str, Any]]:
    """Expected calibration error goes over equal bins (Naeini et al. 2015; Guo et al. 2017)."""
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return [
        {
            "confidence": float(confidence[place == index].mean()),
            "accuracy": float(right[place == index].mean()),
            "texts": int((place == index).sum()),
        }
        for index in range(_BINS)
        if (place == index).any()
    ]


def worst(chances: Floats, target: Classes, most: int) -> list[int]:
    """Rows where the classifier was surest of a wrong class, the surest first."""
    said = chances.argmax(axis=1)
    confidence = chances.max(axis=1)
    wrong = np.flatnonzero(said != target)
    found: list[int] = wrong[np.argsort(-confidence[wrong], kind="stable")][:most].tolist()
    return found


def confusions(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> list[list[Any]]:
    """What people said, what the classifier said, and how often; the most frequent first."""
    found = [
        [classes[row], classes[column], count]
        for row, line in enumerate(confusion)
        for column, count in enumerate(line)
        if count and row != column
    ]
    return sorted(found, key=lambda item: (-item[2], item[0], item[1]))
