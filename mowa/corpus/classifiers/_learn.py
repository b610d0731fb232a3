"""How a classifier learns: trees over signals or lines over words, and their calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mowa.corpus._trees import from_sklearn
from mowa.corpus.classifiers._config import Kind
from mowa.corpus.classifiers._features import Floats, vocabulary, weighted
from mowa.corpus.classifiers._model import TREE_ARRAYS, Arrays, Method, Model
from mowa.corpus.classifiers._score import tree_decisions

Classes = npt.NDArray[np.int64]

FOLDS = 5
# scikit-learn's documentation warns of isotonic calibration "when the sample is too small
# (<< 1000)": it then fits the noise.
_ENOUGH_FOR_ISOTONIC = 1_000

TREES: dict[str, Any] = {
    "max_iter": 100,
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 10,  # half of scikit-learn's: people label hundreds of texts, not thousands
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 0,
}
# The best of 0.1, 0.25, 0.5 and 1 over five folds of 8,000 sentences to learn from of 8TAGS (.615,
# .621, .616, .607), and of 3,000: benchmarks/topics.py.
LINES: dict[str, Any] = {"C": 0.25, "random_state": 0}


@dataclass(frozen=True)
class Fitted:
    """A model without calibration: its features and arrays."""

    features: tuple[str, ...]
    arrays: Arrays


def folds(target: Classes) -> list[tuple[Classes, Classes]]:
    """Rows to learn from and rows to be asked about, five times, each class spread evenly."""
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return list(splitter.split(np.zeros((len(target), 1)), target))


def grow(matrix: Floats, target: Classes, features: Sequence[str]) -> Fitted:
    """Gradient-boosted trees (Ke et al. 2017, as scikit-learn has them) as plain arrays."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    # scikit-learn 1.9 cannot bin a column that says the same of all.
    varies = np.flatnonzero([len(np.unique(line[np.isfinite(line)])) > 1 for line in matrix.T])
    model = HistGradientBoostingClassifier(**TREES).fit(matrix[:, varies], target)
    classes = tuple(map(str, model.classes_))
    trees = from_sklearn(model, tuple(features[int(at)] for at in varies), classes)
    arrays: Arrays = {name: getattr(trees, name) for name in TREE_ARRAYS}
    inner = arrays["feature"] >= 0
    shown = varies[np.where(inner, arrays["feature"], 0)]
    arrays["feature"] = np.where(inner, shown, -1).astype(np.int32)
    # A split of missing values from all others has the threshold infinity.
    limits = np.finfo(np.float64)
    arrays["threshold"] = np.clip(trees.threshold, limits.min, limits.max)
    return Fitted(tuple(features), arrays)


def draw_lines(counts: pl.DataFrame, rows: Classes, target: Classes) -> Fitted:
    """A linear support vector machine for each class against the others, over weighted terms.

    Args:
        counts: `row`, `term`, `count` of all texts.
        rows: The texts to learn from, and
        target: their classes.
    """
    from scipy.sparse import csr_matrix
    from sklearn.svm import LinearSVC

    place = pl.DataFrame({"row": rows, "new": np.arange(len(rows))})
    own = counts.join(place, on="row").select(pl.col("new").alias("row"), "term", "count")
    terms, weights = vocabulary(own, len(rows))
    row, column, value = weighted(own, terms, weights, len(rows))
    matrix = csr_matrix((value, (row, column)), shape=(len(rows), len(terms)))
    model = LinearSVC(**LINES).fit(matrix, target)
    arrays = {
        "weights": weights,
        "coefficients": model.coef_.astype(np.float64),
        "intercepts": model.intercept_.astype(np.float64),
    }
    return Fitted(tuple(terms), arrays)


def calibration(values: Floats, target: Classes, kind: Kind) -> tuple[Method, Arrays]:
    """How decision values of texts that the model did not see become probabilities.

    Platt's sigmoid (Platt 1999), and for quality from 1,000 texts on isotonic regression (Zadrozny
    and Elkan 2002); each class against the others. For topics the sigmoid stays the better one: on
    8TAGS its log loss is lower with 3,000 texts (1.375 and 1.430) and 8,000 (1.152 and 1.184).
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    method: Method = "sigmoid"
    if kind == "quality" and len(target) >= _ENOUGH_FOR_ISOTONIC:
        method = "isotonic"
    given = FrozenEstimator(_as_given()(np.unique(target)))
    # Nothing is fitted again, so that the folds it asks for change nothing.
    fitted = CalibratedClassifierCV(given, method=method, cv=2).fit(values, target)
    calibrators = fitted.calibrated_classifiers_[0].calibrators
    if method == "sigmoid":
        slopes, offsets = [one.a_ for one in calibrators], [one.b_ for one in calibrators]
        return method, {"slope": np.array(slopes, "<f8"), "offset": np.array(offsets, "<f8")}
    inputs = [np.asarray(one.X_thresholds_, "<f8") for one in calibrators]
    outputs = [np.asarray(one.y_thresholds_, "<f8") for one in calibrators]
    steps = np.cumsum([0, *map(len, inputs)]).astype("<i8")
    return method, {
        "steps": steps,
        "inputs": np.concatenate(inputs),
        "outputs": np.concatenate(outputs),
    }


def importance(model: Model, matrix: Floats, target: Classes) -> Floats:
    """How much accuracy falls when one signal's values are shuffled (Breiman 2001)."""
    random = np.random.default_rng(0)

    def accuracy(seen: Floats) -> float:
        values = tree_decisions(model, seen)
        said = values.argmax(axis=1) if values.shape[1] > 1 else (values[:, 0] > 0).astype(int)
        return float((said == target).mean())

    whole = accuracy(matrix)
    falls = []
    for index in range(matrix.shape[1]):
        shuffled = matrix.copy()
        shuffled[:, index] = random.permutation(shuffled[:, index])
        falls.append(whole - accuracy(shuffled))
    return np.array(falls)


def _as_given() -> type:
    """A classifier whose decision values are what it is asked about; scikit-learn is imported."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class AsGiven(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def __init__(self, classes: Classes) -> None:
            self.classes = classes
            self.classes_ = classes

        def fit(self, *_: Any) -> Any:
            return self

        def predict(self, values: Floats) -> Any:
            return self.classes_[values.argmax(axis=1)]

        def decision_function(self, values: Floats) -> Floats:
            return values[:, 0] if values.shape[1] == 1 else values

    return AsGiven
