"""A trained classifier on disk: `model.json` and plain arrays in `model.npz`, checked when read."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from mowa.corpus._trees import Trees, trees_of
from mowa.corpus.classifiers._config import Kind
from mowa.corpus.labels._file import check_classes
from mowa.errors import DataError, MowaError, UsageError
from mowa.workspace import digest, write_text, writing

FORMAT = 1
_MOST_BYTES = 1 << 29  # of all arrays together: 2,000 classes of 15,000 terms take 240 MB
_MOST_FEATURES = 100_000

Method = Literal["sigmoid", "isotonic"]
Arrays = dict[str, npt.NDArray[Any]]

# Type and dimensions of every array, by what has it.
_SHAPES: dict[str, dict[str, tuple[str, int]]] = {
    "quality": {
        "baseline": ("<f8", 1),
        "roots": ("<i4", 1),
        "feature": ("<i4", 1),
        "threshold": ("<f8", 1),
        "missing_left": ("|b1", 1),
        "left": ("<i4", 1),
        "right": ("<i4", 1),
        "value": ("<f8", 1),
    },
    "topic": {"weights": ("<f8", 1), "coefficients": ("<f8", 2), "intercepts": ("<f8", 1)},
    "sigmoid": {"slope": ("<f8", 1), "offset": ("<f8", 1)},
    "isotonic": {"steps": ("<i8", 1), "inputs": ("<f8", 1), "outputs": ("<f8", 1)},
}

TREE_ARRAYS = tuple(_SHAPES["quality"])


@dataclass(frozen=True)
class Model:
    """A classifier.

    Attributes:
        kind: ``quality`` or ``topic``.
        classes: The classes, in their order.
        features: Columns of signals (``counts@1/words``), or terms.
        method: How decision values become probabilities.
        arrays: The numbers; which ones, `docs/classifiers.md` says.
        training: What it was trained on: hashes of labels, texts, versions of libraries.
    """

    kind: Kind
    classes: tuple[str, ...]
    features: tuple[str, ...]
    method: Method
    arrays: Arrays
    training: dict[str, Any]

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that it needs, with their revisions."""
        if self.kind == "topic":
            return ()
        return tuple(sorted({name.partition("/")[0] for name in self.features}))


def save(model: Model, folder: Path) -> None:
    """Write `model.npz` and `model.json`; the same model gives the same bytes."""
    with writing(folder / "model.npz") as partial, partial.open("wb") as file:
        arrays = {name: np.ascontiguousarray(array) for name, array in model.arrays.items()}
        np.savez(file, **cast("Any", arrays))
    record = {
        "format": FORMAT,
        "kind": model.kind,
        "classes": model.classes,
        "signals": model.signals,
        "method": model.method,
        "arrays": digest(folder / "model.npz"),
        "training": model.training,
        "features": model.features,
    }
    write_text(folder / "model.json", json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def load(folder: Path) -> Model:
    """Read a model.

    Raises:
        UsageError: Where there is none.
        DataError: Where it is damaged, of another format, or its parts do not fit together.
    """
    path = folder / "model.json"
    if not path.is_file():
        raise UsageError("there is no classifier here", where=str(folder))
    try:
        record = json.loads(path.read_text("utf-8"))
        if record["format"] != FORMAT:
            raise _damaged(path, f"its format is {record['format']!r}, this version reads {FORMAT}")
        kind, method = record["kind"], record["method"]
        if kind not in {"quality", "topic"} or method not in {"sigmoid", "isotonic"}:
            raise _damaged(path, f"unknown kind {kind!r} or method {method!r}")
        features = tuple(record["features"])
        strings = all(isinstance(name, str) for name in (*features, *record["classes"]))
        if not strings or not 1 <= len(set(features)) == len(features) <= _MOST_FEATURES:
            raise _damaged(path, "its features are no list of different names")
        if digest(folder / "model.npz") != record["arrays"]:
            raise _damaged(folder / "model.npz", "it is not the file that model.json names")
        arrays = _arrays(folder / "model.npz", _SHAPES[kind] | _SHAPES[method])
        classes = check_classes(record["classes"], str(path))
        training = dict(record["training"])
    except MowaError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    model = Model(kind, classes, features, method, arrays, training)
    fault = _fault(model)
    if fault:
        raise _damaged(folder / "model.npz", fault)
    return model


def _arrays(path: Path, shapes: Mapping[str, tuple[str, int]]) -> Arrays:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise _damaged(path, f"its arrays take more than {_MOST_BYTES:,} bytes")
        with np.load(path, allow_pickle=False) as file:
            if set(file.files) != set(shapes):
                raise _damaged(path, f"its arrays are {', '.join(sorted(file.files)[:12])}")
            arrays = {name: file[name] for name in shapes}
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    for name, (kind, dimensions) in shapes.items():
        if arrays[name].dtype.str != kind or arrays[name].ndim != dimensions:
            raise _damaged(path, f"the array {name} is not of type {kind} in {dimensions} D")
        if kind == "<f8" and not np.isfinite(arrays[name]).all():
            raise _damaged(path, f"the array {name} has what is no number")
    return arrays


def outputs_of(classes: tuple[str, ...]) -> int:
    """Decision values a document: one for two classes, else one a class."""
    return 1 if len(classes) == 2 else len(classes)


def _fault(model: Model) -> str | None:
    """What does not fit together in the arrays, or None."""
    arrays, outputs, features = model.arrays, outputs_of(model.classes), len(model.features)
    if model.method == "sigmoid":
        fits = len(arrays["slope"]) == len(arrays["offset"]) == outputs
    else:
        steps, inputs = arrays["steps"], arrays["inputs"]
        fits = len(steps) == outputs + 1 and steps[0] == 0 and steps[-1] == len(inputs)
        fits = fits and bool((np.diff(steps) > 0).all()) and len(inputs) == len(arrays["outputs"])
    if not fits:
        return "the calibration does not fit the classes"
    if model.kind == "topic":
        shape = arrays["coefficients"].shape
        fits = shape == (outputs, features) and len(arrays["intercepts"]) == outputs
        fits = fits and len(arrays["weights"]) == features
        return None if fits else "the coefficients do not fit the classes and terms"
    try:
        forest(arrays, model.features, model.classes)
    except ValueError as error:
        return str(error)
    return None


def forest(arrays: Arrays, features: tuple[str, ...], classes: tuple[str, ...]) -> Trees:
    """The trees of a model of quality.

    Raises:
        ValueError: Where the arrays are none.
    """
    return trees_of({name: arrays[name] for name in _SHAPES["quality"]}, features, classes)


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        f"this classifier is damaged or not ours: {what}", where=str(path), fix="train it again"
    )
