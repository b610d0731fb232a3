"""Boosted trees from plain arrays: what scikit-learn says, and nothing from a file made to hurt."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus._trees import from_sklearn, load, predict_proba, save, trees_of
from mowa.errors import DataError

ensemble = pytest.importorskip("sklearn.ensemble")


def fitted(classes, *, gaps=True, seed=0):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(800, 6))
    if gaps:
        rows[random.random(rows.shape) < 0.1] = np.nan
    score = np.nan_to_num(rows[:, 0] * rows[:, 1]) + np.nan_to_num(rows[:, 2])
    score += random.normal(size=800) / 10
    labels = np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))
    model = ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0)
    model.fit(rows[:500], labels[:500])
    names = tuple(f"f{i}" for i in range(6)), tuple(f"c{i}" for i in range(classes))
    return model, from_sklearn(model, *names), rows


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("gaps", [False, True])
def test_probabilities_are_those_of_scikit_learn(classes, gaps, tmp_path):
    model, trees, rows = fitted(classes, gaps=gaps)
    expected = model.predict_proba(rows)
    np.testing.assert_allclose(predict_proba(trees, rows), expected, rtol=1e-9, atol=1e-12)
    save(trees, tmp_path / "trees.npz")
    again = load(tmp_path / "trees.npz")
    assert (again.features, again.classes, again.depth) == (
        trees.features,
        trees.classes,
        trees.depth,
    )
    assert (predict_proba(again, rows) == predict_proba(trees, rows)).all()


def test_the_same_forest_is_the_same_bytes_and_a_row_does_not_depend_on_its_neighbours(tmp_path):
    _, trees, rows = fitted(3)
    for name in "ab":
        save(trees, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    alone = np.concatenate([predict_proba(trees, row[None]) for row in rows[:20]])
    assert (alone == predict_proba(trees, rows)[:20]).all()


def test_no_rows_give_no_probabilities_and_wrong_columns_an_error():
    _, trees, _ = fitted(2)
    assert predict_proba(trees, np.empty((0, 6))).shape == (0, 2)
    with pytest.raises(ValueError, match="rows x 6"):
        predict_proba(trees, np.empty((3, 5)))


STUMP = {
    "feature": [0, -1, -1],
    "threshold": [0.5, 0.0, 0.0],
    "left": [1, 1, 2],
    "right": [2, 1, 2],
    "missing_left": [True, False, False],
    "value": [0.0, -1.0, 1.0],
    "roots": [0],
    "baseline": [0.0],
}


def stump(**changes):
    arrays = {name: np.array(value) for name, value in (STUMP | changes).items()}
    return trees_of(arrays, ("x",), ("no", "yes"))


def test_a_stump_says_what_a_stump_says():
    rows = [[0.5], [0.6], [np.nan]]
    yes = 1 / (1 + np.exp([1.0, -1.0, 1.0]))
    np.testing.assert_allclose(predict_proba(stump(), rows)[:, 1], yes)


@pytest.mark.parametrize(
    "changes",
    [
        {"left": [0, 1, 2]},
        {"left": [3, 1, 2]},
        {"right": [-1, 1, 2]},
        {"left": [1, 0, 2]},
        {"feature": [1, -1, -1]},
        {"feature": [-2, -1, -1]},
        {"threshold": [np.nan, 0.0, 0.0]},
        {"value": [0.0, np.inf, 0.0]},
        {"value": [0.0, 1.0]},
        {"roots": [1]},
        {"roots": [0, 0]},
        {"roots": [0, 7]},
        {"roots": np.array([], dtype=np.int32)},
        {"baseline": [0.0, 0.0]},
        {"left": [[1, 1, 2]]},
        {"left": ["a", "b", "c"]},
    ],
)
def test_what_is_no_forest_is_refused(changes):
    with pytest.raises(ValueError, match=r"."):
        stump(**changes)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_still_a_forest_that_ends(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("trees") / "trees.npz"
    save(stump(), path)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))]))
    try:
        trees = load(path)
    except DataError:
        return
    predict_proba(trees, np.zeros((2, len(trees.features))))


def test_a_pickle_or_a_header_that_promises_terabytes_is_refused(tmp_path):
    for bad in (np.array([{}], dtype=object), None):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            stream = io.BytesIO()
            if bad is None:
                header = {"descr": "<i4", "fortran_order": False, "shape": (10**12,)}
                np.lib.format.write_array_header_1_0(stream, header)
            else:
                np.lib.format.write_array(stream, bad, allow_pickle=True)
            archive.writestr("feature.npy", stream.getvalue())
        (tmp_path / "bad.npz").write_bytes(buffer.getvalue())
        with pytest.raises(DataError, match="not a forest"):
            load(tmp_path / "bad.npz")
