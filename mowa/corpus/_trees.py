"""Boosted decision trees, evaluated in numpy from plain arrays: no pickle, no training library."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mowa.errors import DataError

# A forest of 500 trees of 63 nodes for each of 100 classes has 3 million nodes; ours are smaller.
_MAX_NODES = 4_000_000
_MAX_BYTES = 256 << 20
_MAX_DEPTH = 64
# Rows x trees looked at in one go: three such arrays of 8 bytes fit the caches of a core.
_BLOCK = 65_536

_ARRAYS = {
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "right": np.int32,
    "missing_left": np.bool_,
    "value": np.float64,
    "roots": np.int32,
    "baseline": np.float64,
}
_NAMES = ("features", "classes")


@dataclass(frozen=True, eq=False)
class Trees:
    """A boosted forest as arrays; all trees' nodes lie one after another.

    Attributes:
        feature: Column that a node asks for; -1 in a leaf.
        threshold: A row goes left where its value is at most this.
        left: Where to go then; a greater number than the node's own.
        right: Where to go otherwise.
        missing_left: Whether a row without a value (NaN) goes left.
        value: What a leaf adds to the raw score; the learning rate is in it.
        roots: First node of each tree, rising. Tree `t` adds to output `t % outputs`.
        baseline: Raw score before the first tree, one for each output: one for two classes, else
            one a class.
        features: Names of the columns, in their order.
        classes: Names of the classes, in the order of `predict_proba`'s columns.
        depth: Steps from a root to the farthest leaf.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    roots: NDArray[np.int32]
    baseline: NDArray[np.float64]
    features: tuple[str, ...]
    classes: tuple[str, ...]
    depth: int


def raw_scores(trees: Trees, rows: ArrayLike) -> NDArray[np.float64]:
    """Sums of the leaves, rows x outputs.

    Args:
        trees: The forest.
        rows: Values, rows x features; NaN where there is none.

    Raises:
        ValueError: Where the rows do not have as many columns as the forest has features.
    """
    values = np.ascontiguousarray(rows, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(trees.features):
        raise ValueError(f"rows x {len(trees.features)} values are wanted, not {values.shape}")
    outputs = len(trees.baseline)
    result = np.empty((len(values), outputs))
    step = max(1, _BLOCK // max(1, len(trees.roots)))
    for start in range(0, len(values), step):
        leaves = _leaves(trees, values[start : start + step])
        scores = trees.value[leaves].reshape(len(leaves), -1, outputs)
        result[start : start + step] = trees.baseline + scores.sum(axis=1)
    return result


def predict_proba(trees: Trees, rows: ArrayLike) -> NDArray[np.float64]:
    """Probabilities, rows x classes; each row sums to 1.

    Raises:
        ValueError: Where the rows do not have as many columns as the forest has features.
    """
    raw = raw_scores(trees, rows)
    if raw.shape[1] == 1:
        clipped = np.clip(raw[:, 0], -700, 700)
        positive = 1 / (1 + np.exp(-clipped))
        return np.stack([1 - positive, positive], axis=1)
    shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _leaves(trees: Trees, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Node in which each row ends, rows x trees: all rows go down all trees a level at a time."""
    rows, columns = values.shape
    flat = values.ravel()
    offsets = (np.arange(rows, dtype=np.int64) * columns)[:, None]
    node = np.empty((rows, len(trees.roots)), dtype=np.int64)
    node[:] = trees.roots
    # A leaf asks for column 0 and leads to itself.
    feature = np.maximum(trees.feature, 0).astype(np.int64)
    children = np.stack([trees.right, trees.left], axis=1).astype(np.int64).ravel()
    gaps = bool(np.isnan(flat).any())
    asked = np.empty_like(node)
    value = np.empty(node.shape)
    threshold = np.empty(node.shape)
    for _ in range(trees.depth):
        np.take(feature, node, out=asked, mode="clip")
        asked += offsets
        np.take(flat, asked, out=value, mode="clip")
        np.take(trees.threshold, node, out=threshold, mode="clip")
        goes_left = value <= threshold
        if gaps:
            goes_left |= np.isnan(value) & trees.missing_left.take(node)
        node *= 2
        node += goes_left
        np.take(children, node, out=asked, mode="clip")
        node, asked = asked, node
    return np.asarray(node, dtype=np.int64)


def from_sklearn(model: Any, features: tuple[str, ...], classes: tuple[str, ...]) -> Trees:
    """The forest of a fitted `HistGradientBoostingClassifier` without categorical features.

    Args:
        model: The fitted classifier.
        features: Names of its columns.
        classes: Names of its classes, in the order of `model.classes_`.

    Raises:
        ValueError: Where names are too few or too many, or a node splits by category.
    """
    if len(classes) != len(model.classes_) or len(features) != model.n_features_in_:
        raise ValueError("as many names are wanted as the model has features and classes")
    # There is no public way to a fitted forest; the test of equal probabilities guards this one.
    parts = [tree.nodes for stage in model._predictors for tree in stage]  # noqa: SLF001
    baseline = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()  # noqa: SLF001
    nodes = np.concatenate(parts)
    if nodes["is_categorical"].any():
        raise ValueError("splits by category are not known here")
    sizes = np.array([len(part) for part in parts])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    shift = np.repeat(roots, sizes)
    leaf = nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes))
    return trees_of(
        {
            "feature": np.where(leaf, -1, nodes["feature_idx"]),
            "threshold": np.where(leaf, 0.0, nodes["num_threshold"]),
            "left": np.where(leaf, own, nodes["left"].astype(np.int64) + shift),
            "right": np.where(leaf, own, nodes["right"].astype(np.int64) + shift),
            "missing_left": ~leaf & nodes["missing_go_to_left"].astype(bool),
            "value": np.where(leaf, nodes["value"], 0.0),
            "roots": roots,
            "baseline": baseline,
        },
        features,
        classes,
    )


def trees_of(
    arrays: dict[str, NDArray[Any]], features: tuple[str, ...], classes: tuple[str, ...]
) -> Trees:
    """A forest of these arrays, once they are found to be one.

    Raises:
        ValueError: Where an array is missing or of another size, a number is out of its range,
            nodes lead back or into another tree, or a tree is more than 64 levels deep.
    """
    if missing := sorted(set(_ARRAYS) - set(arrays)):
        raise ValueError(f"the forest lacks {', '.join(missing)}")
    for name, kind in _ARRAYS.items():
        if arrays[name].ndim != 1 or not np.can_cast(arrays[name].dtype, kind, "same_kind"):
            raise ValueError(f"{name} is no list of {np.dtype(kind).name}")
    taken: dict[str, NDArray[Any]] = {k: arrays[k].astype(kind) for k, kind in _ARRAYS.items()}
    depth = _checked_depth(taken, len(features), len(classes))
    return Trees(**taken, features=tuple(features), classes=tuple(classes), depth=depth)


def _checked_depth(arrays: dict[str, NDArray[Any]], features: int, classes: int) -> int:
    nodes, outputs = len(arrays["feature"]), len(arrays["baseline"])
    if not 0 < nodes <= _MAX_NODES:
        raise ValueError(f"a forest has 1 to {_MAX_NODES:,} nodes, not {nodes:,}")
    if any(len(arrays[name]) != nodes for name in _ARRAYS if name not in ("roots", "baseline")):
        raise ValueError("not every node has all its numbers")
    if classes < 2 or outputs != (1 if classes == 2 else classes):
        raise ValueError(f"{classes} classes cannot have {outputs} scores")
    if not all(np.isfinite(arrays[name]).all() for name in ("value", "baseline")):
        raise ValueError("a score is not a number")
    if np.isnan(arrays["threshold"]).any():
        raise ValueError("a threshold is not a number")
    _check_roots(arrays["roots"], nodes, outputs)
    return _walk(arrays, nodes, features)


def _check_roots(roots: NDArray[Any], nodes: int, outputs: int) -> None:
    if not len(roots) or roots[0] != 0 or (np.diff(roots) <= 0).any() or roots[-1] >= nodes:
        raise ValueError("the roots are in no order")
    if len(roots) % outputs:
        raise ValueError("not every class has as many trees")


def _walk(arrays: dict[str, NDArray[Any]], nodes: int, features: int) -> int:
    """Depth of the deepest tree.

    Each step must lead to a later node of the same tree, so that no path can come back.
    """
    feature, left, right, roots = (arrays[n] for n in ("feature", "left", "right", "roots"))
    if (feature < -1).any() or (feature >= features).any():
        raise ValueError("a node asks for a feature that there is not")
    own = np.arange(nodes)
    ends = np.repeat(np.append(roots[1:], nodes), np.diff(np.append(roots, nodes)))
    leaf = feature < 0
    for child in (left, right):
        if (child[leaf] != own[leaf]).any():
            raise ValueError("a leaf leads on")
        if (child[~leaf] <= own[~leaf]).any() or (child >= ends).any():
            raise ValueError("a node leads back or out of its tree")
    reached = roots
    for depth in range(_MAX_DEPTH + 1):
        inner = reached[~leaf[reached]]
        if not len(inner):
            return depth
        reached = np.unique(np.concatenate([left[inner], right[inner]]))
    raise ValueError(f"a tree is more than {_MAX_DEPTH} levels deep")


def save(trees: Trees, path: Path) -> None:
    """Write the forest as an `.npz` of plain arrays; same forest, same bytes."""
    arrays: dict[str, Any] = {name: getattr(trees, name) for name in _ARRAYS}
    arrays |= {name: np.array(getattr(trees, name), dtype=np.str_) for name in _NAMES}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.write_bytes(buffer.getvalue())


def load(path: Path) -> Trees:
    """Read what `save` wrote; the file may come from anyone.

    Raises:
        DataError: Where it is not a forest, is too large, or would not end.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _array(archive, name) for name in (*_ARRAYS, *_NAMES)}
    except (OSError, EOFError, KeyError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
        raise _broken(path, error) from error
    except Exception as error:
        # zlib, lzma and unknown compressions have exceptions of their own.
        if type(error).__module__ in {"zlib", "builtins", "_lzma"}:
            raise _broken(path, error) from error
        raise
    try:
        names = [tuple(str(name) for name in arrays.pop(key)) for key in _NAMES]
        return trees_of(arrays, names[0], names[1])
    except (ValueError, TypeError) as error:
        raise _broken(path, error) from error


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    entry = archive.getinfo(f"{name}.npy")
    if entry.file_size > _MAX_BYTES:
        raise ValueError(f"{name} has {entry.file_size:,} bytes")
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{name} is of another format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        kinds = "U" if name in _NAMES else "ifb"
        if len(shape) != 1 or dtype.kind not in kinds:
            raise ValueError(f"{name} is not a list of what it should be")
        # The header's word is not taken for how much to make room for.
        if shape[0] * dtype.itemsize > entry.file_size:
            raise ValueError(f"{name} is cut off")
        data = stream.read(shape[0] * dtype.itemsize)
    if len(data) != shape[0] * dtype.itemsize:
        raise ValueError(f"{name} is cut off")
    return np.frombuffer(data, dtype=dtype)


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"this is not a forest of boosted trees ({error})",
        where=str(path),
        fix="train or copy it again",
    )
