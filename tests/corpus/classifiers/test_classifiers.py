"""Training and scoring: against scikit-learn's own answers, copies, determinism, bad input."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from mowa.corpus.classifiers import (
    ClassifierConfig,
    Model,
    load,
    schema,
    score,
    signal_frame,
    train,
)
from mowa.corpus.classifiers import _learn as learn
from mowa.corpus.classifiers import _step as classifier_step
from mowa.corpus.classifiers._features import signal_columns, signal_matrix, term_counts
from mowa.corpus.classifiers._score import calibrated
from mowa.corpus.labels import Label, LabelWriter
from mowa.errors import DataError, UsageError

WORDS = {
    "sport": ["mecz", "bramka", "piłkarz", "drużyna", "sędzia", "liga", "napastnik", "trener"],
    "kino": ["film", "aktor", "reżyser", "scena", "kamera", "premiera", "rola", "scenariusz"],
    "jedzenie": ["zupa", "przepis", "mąka", "piekarnik", "ciasto", "pieróg", "cebula", "smak"],
}
FILLER = [
    "w",
    "na",
    "się",
    "i",
    "nie",
    "to",
    "jest",
    "że",
    "do",
    "z",
    "był",
    "która",
    "przez",
    "dla",
    "po",
    "tym",
    "jak",
    "ale",
]


def texts(count, seed=0):
    random = np.random.default_rng(seed)
    names = list(WORDS)
    rows = []
    for number in range(count):
        topic = names[number % 3]
        other = names[int(random.integers(3))]
        words = [*random.choice(FILLER, 14), *random.choice(WORDS[topic], 3)]
        words += [*random.choice(WORDS[other], 2), str(number)]
        rows.append((topic, " ".join(random.permutation(words)) + "."))
    return rows


def quality_texts(count):
    """Good ones are prose; bad ones shout, repeat lines or are strewn with signs."""
    random = np.random.default_rng(1)
    rows = []
    for number in range(count):
        prose = " ".join(random.choice(FILLER + WORDS["kino"], int(random.integers(15, 60))))
        said = ("HIGH", "MEDIUM", "LOW")[number % 3]
        if said == "LOW":
            prose = f"{prose.upper()} ★★★ 100% 200%\nKLIKNIJ TU\nKLIKNIJ TU\nKLIKNIJ TU"
        elif said == "MEDIUM":
            prose = f"{prose}\n12 34 56 78 90 {number}"
        rows.append((said, f"{prose} {number}."))
    return rows


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(limits=1):
        yield


@pytest.fixture
def labelled(world, tmp_path):
    """A corpus of `rows` (class, text) and a file of labels for it."""

    def make(rows, *, annotators=("ewa",), step="corpus"):
        records = [{"id": str(n), "text": text} for n, (_, text) in enumerate(rows)]
        world.jsonl("teksty/a.jsonl", records)
        corpus = world.whole([world.inventory()], step=step, held_out=0.3)
        said = {text: name for name, text in rows}
        path = tmp_path / "labels.jsonl"
        with LabelWriter(path) as writer:
            for row in documents(corpus.path).iter_rows(named=True):
                for who in annotators:
                    writer.add(
                        Label(row["doc_id"], row["content_hash"], said[row["text"]], who, "t", "c")
                    )
        return corpus, path

    return make


def documents(corpus):
    return pl.read_parquet(corpus / "documents" / "*.parquet")


def shard_of(corpus):
    return next((corpus / "documents").glob("*.parquet")).stem


def signals(corpus):
    columns = signal_columns(corpus, shard_of(corpus))
    return signal_frame(corpus / "signals", shard_of(corpus), columns)


def test_topic_scores_are_those_of_scikit_learn(labelled, tmp_path):
    corpus, labels = labelled(texts(150))
    metrics = train(corpus.path, [labels], tmp_path / "m", kind="topic")
    model = load(tmp_path / "m")
    asked = pl.DataFrame({"text": [text for _, text in texts(60, seed=7)] + ["", "nic takiego"]})
    ours = score(tmp_path / "m", asked)
    assert ours.to_arrow().cast(schema(model.classes)).schema == schema(model.classes)

    def terms(text):
        frame = term_counts(pl.Series([text]))
        return [term for term, count in frame.select("term", "count").rows() for _ in range(count)]

    rows = documents(corpus.path).sort("content_hash")
    of = {text: name for name, text in texts(150)}
    target = np.array([model.classes.index(of[text]) for text in rows["text"]])
    tfidf = TfidfVectorizer(analyzer=terms, sublinear_tf=True, min_df=2, max_features=15_000)
    theirs = CalibratedClassifierCV(
        make_pipeline(tfidf, LinearSVC(**learn.LINES)), cv=learn.folds(target), ensemble=False
    ).fit(rows["text"].to_list(), target)
    expected = theirs.predict_proba(asked["text"].to_list())
    got = ours.select(f"p_{name}" for name in model.classes).to_numpy()
    assert got == pytest.approx(expected, abs=1e-6)
    assert ours["confidence"].to_numpy() == pytest.approx(got.max(axis=1))
    assert metrics["accuracy"] > 0.8
    assert set(WORDS["sport"]) & {term for term, _ in metrics["top_features"]["sport"]}


@pytest.mark.parametrize("classes", [3, 2])
def test_quality_scores_are_those_of_scikit_learn(labelled, tmp_path, classes):
    rows = [row for row in quality_texts(150) if classes == 3 or row[0] != "MEDIUM"]
    corpus, labels = labelled(rows)
    metrics = train(corpus.path, [labels], tmp_path / "m")
    model = load(tmp_path / "m")
    assert model.classes == (("HIGH", "MEDIUM", "LOW") if classes == 3 else ("HIGH", "LOW"))
    assert {"counts@1", "language@4", "gopher@2"} <= set(model.signals)
    frame = signals(corpus.path)
    order = documents(corpus.path).with_row_index()
    said = {text: name for name, text in rows}
    order = order.sort("content_hash")
    matrix = signal_matrix(frame, model.features)[order["index"].to_numpy()]
    target = np.array([model.classes.index(said[text]) for text in order["text"]])
    # scikit-learn 1.9 cannot bin a column without a value, or with the same one in a whole fold.
    trees = make_pipeline(VarianceThreshold(), HistGradientBoostingClassifier(**learn.TREES))
    theirs = CalibratedClassifierCV(trees, cv=learn.folds(target), ensemble=False).fit(
        matrix, target
    )
    ours = score(tmp_path / "m", frame)[order["index"].to_list()]
    got = ours.select(f"p_{name}" for name in model.classes).to_numpy()
    assert got == pytest.approx(theirs.predict_proba(matrix), abs=1e-6)
    assert metrics["accuracy"] > 0.8
    assert metrics["top_features"]["all"][0][1] > 0


def test_trees_send_missing_values_as_scikit_learn_does():
    random = np.random.default_rng(0)
    matrix = random.normal(size=(400, 4))
    matrix[random.random(matrix.shape) < 0.2] = np.nan
    target = (np.nan_to_num(matrix[:, 0], nan=2.0) > 0.5).astype(int) + np.isnan(matrix[:, 1])
    model = HistGradientBoostingClassifier(**learn.TREES).fit(matrix, target)
    fitted = learn.grow(matrix, target, "abcd")
    trees = Model("quality", tuple("xyz"), fitted.features, "sigmoid", fitted.arrays, {})
    got = learn.tree_decisions(trees, matrix)
    assert got == pytest.approx(model.decision_function(matrix), abs=1e-9)


def test_isotonic_calibration_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    values = random.normal(size=(1200, 3))
    target = (values + random.normal(size=values.shape)).argmax(axis=1)
    method, arrays = learn.calibration(values, target, "quality")
    assert method == "isotonic"
    from sklearn.isotonic import IsotonicRegression

    asked = np.concatenate([values * 1.5, [[-99.0] * 3]])
    raw = np.column_stack(
        [
            IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            .fit(values[:, index], target == index)
            .predict(asked[:, index])
            for index in range(3)
        ]
    )
    total = raw.sum(axis=1, keepdims=True)
    expected = np.where(total > 0, raw / np.where(total > 0, total, 1), 1 / 3)
    assert calibrated(asked, method, arrays) == pytest.approx(expected, abs=1e-9)


def test_the_same_labels_give_the_same_bytes_in_any_order_of_lines(labelled, tmp_path):
    corpus, labels = labelled(texts(60))
    train(corpus.path, [labels], tmp_path / "a", kind="topic")
    train(corpus.path, [labels], tmp_path / "b", kind="topic")
    for name in ("model.json", "model.npz", "metrics.json", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    turned = tmp_path / "turned.jsonl"
    turned.write_text("".join(reversed(labels.read_text("utf-8").splitlines(keepends=True))))
    train(corpus.path, [turned], tmp_path / "c", kind="topic")
    assert (tmp_path / "a/model.npz").read_bytes() == (tmp_path / "c/model.npz").read_bytes()


def test_copies_of_a_text_are_one_example_and_people_of_two_minds_teach_nothing(labelled, tmp_path):
    rows = texts(60)
    corpus, labels = labelled([*rows, *rows[:20], rows[0]], annotators=("ewa", "jan"))
    first = json.loads(labels.read_text("utf-8").splitlines()[0])
    with LabelWriter(labels) as writer:
        same = pl.col("content_hash") == first["content_hash"]
        other = next(name for name in WORDS if name != first["label"])
        for doc_id in documents(corpus.path).filter(same)["doc_id"]:
            writer.add(Label(doc_id, first["content_hash"], other, "jan", "t", "c"))
    metrics = train(corpus.path, [labels], tmp_path / "m", kind="topic")
    assert (metrics["texts"], metrics["disputed"]) == (59, 1)
    assert sum(map(sum, metrics["confusion"])) == 59
    assert metrics["agreement"]["shared"] == 60
    assert 0.9 < metrics["agreement"]["alpha_nominal"] < 1


def test_a_model_of_another_revision_of_a_signal_is_refused(labelled, tmp_path):
    corpus, labels = labelled(quality_texts(60))
    train(corpus.path, [labels], tmp_path / "m")
    frame = signals(corpus.path)
    newer = frame.rename({name: name.replace("counts@1", "counts@2") for name in frame.columns})
    with pytest.raises(DataError, match="trained on counts@1, and there is counts@2"):
        score(tmp_path / "m", newer)
    without = frame.select(name for name in frame.columns if not name.startswith("counts"))
    with pytest.raises(DataError, match="trained on counts@1, and there is no such signal"):
        score(tmp_path / "m", without)
    with pytest.raises(DataError, match="no column of numbers counts@1/words"):
        score(tmp_path / "m", frame.drop("counts@1/words"))
    (corpus.path / "signals" / "counts@1").rename(corpus.path / "signals" / "counts@2")
    with pytest.raises(DataError, match="trained on counts@1, and there is counts@2"):
        signal_frame(corpus.path / "signals", shard_of(corpus.path), load(tmp_path / "m").features)
    topic = pl.DataFrame({"inne": ["a"]})
    train(corpus.path, [labels], tmp_path / "t", kind="topic")
    with pytest.raises(DataError, match="reads the column text"):
        score(tmp_path / "t", topic)


def rewrite(folder, **changes):
    """The model with other arrays, its digest put right."""
    from mowa.workspace import digest

    with np.load(folder / "model.npz") as file:
        arrays = {**file, **changes}
    np.savez(folder / "model.npz", **arrays)
    record = json.loads((folder / "model.json").read_text("utf-8"))
    record["arrays"] = digest(folder / "model.npz")
    (folder / "model.json").write_text(json.dumps(record), "utf-8")


def test_a_damaged_model_is_refused_whatever_is_wrong(labelled, tmp_path):
    corpus, labels = labelled(quality_texts(60))
    train(corpus.path, [labels], tmp_path / "m")
    nodes = load(tmp_path / "m").arrays["left"]
    count = len(nodes)
    feature = np.full(count, 999, "<i4")
    bad = [
        {"left": np.zeros_like(nodes)},
        {"value": np.zeros(3)},
        {"value": np.full(count, np.nan)},
        {"feature": feature},
        {"value": np.zeros(count, "<f4")},
        {"more": np.zeros(1)},
        {"roots": np.array([], "<i4")},
        {"value": np.array([{"a": 1}] * count, dtype=object)},
    ]
    for number, changes in enumerate(bad):
        copy = tmp_path / f"bad-{number}"
        shutil.copytree(tmp_path / "m", copy)
        rewrite(copy, **changes)
        with pytest.raises(DataError, match="damaged or not ours"):
            load(copy)
    damaged = tmp_path / "m" / "model.npz"
    damaged.write_bytes(damaged.read_bytes()[:-5] + b"x" * 5)
    with pytest.raises(DataError, match=r"not the file that model\.json names"):
        load(tmp_path / "m")
    with pytest.raises(UsageError, match="no classifier here"):
        load(tmp_path / "absent")


@given(st.binary(max_size=200))
def test_any_bytes_as_a_model_are_a_clear_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.json").write_bytes(data)
    with pytest.raises(DataError):
        load(folder)


def test_too_few_texts_unknown_classes_and_single_classes_are_refused(labelled, tmp_path):
    corpus, labels = labelled(texts(60)[:10])
    with pytest.raises(DataError, match=r"'\w+' has 3 labelled texts; it needs 5"):
        train(corpus.path, [labels], tmp_path / "m", kind="topic")
    with pytest.raises(DataError, match="line 1: unknown class"):
        train(corpus.path, [labels], tmp_path / "m", kind="quality")
    labels.write_text("", "utf-8")
    with pytest.raises(UsageError, match="two classes or more"):
        train(corpus.path, [labels], tmp_path / "m", kind="topic")
    assert not (tmp_path / "m").exists()


def test_a_hundred_and_twenty_topics_train_and_the_report_names_the_confused(labelled, tmp_path):
    rows = [
        (f"temat {topic}", f"słowo{topic} wyraz{topic} w na się i nie to jest że numer {n} proba")
        for topic in range(120)
        for n in range(5)
    ]
    corpus, labels = labelled(rows)
    metrics = train(corpus.path, [labels], tmp_path / "m", kind="topic", name="proba")
    assert len(metrics["classes"]) == 120
    assert metrics["accuracy"] > 0.9
    page = (tmp_path / "m" / "report.html").read_text("utf-8")
    assert "temat 119" in page
    assert "confused most often" in page


def test_the_step_takes_labels_as_identity_by_their_hash(labelled, world, tmp_path):
    corpus, labels = labelled(texts(60))
    from mowa.workspace import Inputs, digest, identity_of

    world.file("etykiety.jsonl", labels.read_text("utf-8"))
    config = ClassifierConfig(labels=["etykiety.jsonl"], kind="topic")
    assert "labels" not in identity_of(config)
    assert classifier_step.observe(config, world.context("c"), None) == {"labels": [digest(labels)]}
    out = tmp_path / "classifier"
    metrics = classifier_step.run(config, Inputs((corpus,)), out, world.context("c"))
    assert metrics["texts"] == 60
    assert sorted(path.name for path in out.iterdir()) == [
        "metrics.json", "model.json", "model.npz", "report.html",
    ]  # fmt: skip
    absent = ClassifierConfig(labels=["nie-ma.jsonl"])
    with pytest.raises(UsageError, match="no such file of labels"):
        classifier_step.observe(absent, world.context("c"), None)
