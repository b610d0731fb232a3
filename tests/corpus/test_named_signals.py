"""Signals that a recipe names: lists of words, and classifiers that the next corpus obeys."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "road"))
from little_world import make_project, text

from mowa.corpus import decided_documents, why
from mowa.corpus._config import SignalsConfig
from mowa.corpus._table import SIGNALS, found_in, signal_at
from mowa.corpus.catalogue import replay
from mowa.corpus.classifiers import load, score, signal_frame, train
from mowa.corpus.labels import Label, LabelWriter
from mowa.errors import DataError, MowaError, UsageError
from mowa.languages import load as language_pack
from mowa.recipe import Recipe, run
from mowa.workspace import Inputs

CLASSES = """
[steps.quality]
does = "classifier"
reads = "corpus"
labels = ["labels.jsonl"]
kind = "quality"

[steps.judged]
does = "signals"
reads = ["text-documents", "web-documents", "signals", "quality"]
measure = []
word_lists = {{ crafts = "lists/crafts.txt" }}

[steps.chosen]
does = "corpus"
reads = ["text-documents", "web-documents", "signals", "judged"]
held_out = 0.2
{more}
"""

CRAFTS = "piekarz\nogrodnic*\nnaprawia most\n"


def shout(number):
    return f"{text(number)} KLIKNIJ ★ TU ★ 100% 200% 300% {number} {number + 1} {number + 2}"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A small project some of whose texts are advertisements, and labels that say so."""
    folder = make_project(tmp_path_factory.mktemp("project"), texts=30)
    loud = [{"id": f"loud{n}", "text": shout(3000 + n)} for n in range(30)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in loud)
    (folder / "data" / "texts" / "loud.jsonl").write_text(lines, "utf-8")
    (folder / "data" / "lists").mkdir()
    (folder / "data" / "lists" / "crafts.txt").write_text(CRAFTS, "utf-8")
    tiny = (folder / "recipes" / "tiny.toml").read_text("utf-8")
    front = tiny[: tiny.index("[steps.tokenizer]")].replace(
        "held_out = 0.1", "held_out = 0.1\nnear_duplicates = false\nfilters = []"
    )
    front += CLASSES.format(more="near_duplicates = false\nfilters = []")
    (folder / "recipes" / "own.toml").write_text(front, "utf-8")
    corpus = made(folder, to="corpus")["corpus"]
    label(folder, corpus)
    return folder


def label(folder, corpus):
    rows = decided_documents(corpus.path, ("doc_id", "content_hash", "text", "locator"))
    with LabelWriter(folder / "data" / "labels.jsonl") as writer:
        for row in rows.filter(decision="keep").iter_rows(named=True):
            said = "LOW" if "★" in row["text"] else "HIGH"
            writer.add(Label(row["doc_id"], row["content_hash"], said, "ewa", "t", "c"))


def made(folder, to=None, settings=()):
    recipe = Recipe.load(folder / "recipes" / "own.toml", settings)
    results = run(recipe, folder / "workspace", to=to, workers=1)
    return {result.artifact.name.partition("/")[2]: result.artifact for result in results}


def manifest_of(artifact):
    return json.loads((artifact.path / "manifest.json").read_text("utf-8"))


def signals_of(artifact, name):
    files = sorted((artifact.path / "signals" / name).glob("*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files])


def test_a_recipe_goes_from_documents_to_a_corpus_bounded_by_its_own_classifier(project):
    free = made(project)
    judged, quality = free["judged"], free["quality"]
    assert judged.metrics["signals"] == ["word_lists@1", "classifier_quality@1"]
    said = signals_of(judged, "classifier_quality@1")
    assert said.columns == [
        "classifier_quality_label",
        "classifier_quality_confidence",
        "classifier_quality_p_HIGH",
        "classifier_quality_p_LOW",
    ]
    about = signal_at(judged.path / "signals" / "classifier_quality@1").about
    assert about["fingerprint"] == quality.fingerprint
    # The second path: the model asked by hand, shard by shard, in the order of the documents.
    model = load(quality.path)
    for shard in ("texts-00000-000", "web-00000-000"):
        frame = signal_frame(free["signals"].path / "signals", shard, model.features)
        by_hand = score(model, frame)
        path = judged.path / "signals" / "classifier_quality@1" / f"{shard}.parquet"
        assert pl.read_parquet(path).rows() == by_hand.rows()
    whole = manifest_of(free["chosen"])
    assert whole["made_with"]["classifier_quality@1"]["classifier"] == "tiny/quality"
    counted = dict(said["classifier_quality_label"].value_counts().rows())
    told = whole["classes"]["classifier_quality@1"]
    assert {name: entry["documents"] for name, entry in told.items()} == counted
    kept = whole["decisions"]["keep"]["documents"]
    assert sum(entry["keep"] for entry in told.values()) == kept
    assert whole["quality"]["signal"] == "classifier_quality@1"
    assert whole["quality"]["shares"]["LOW"] == pytest.approx(told["LOW"]["keep"] / kept, abs=1e-4)
    assert told["LOW"]["keep"] >= 25
    page = (free["chosen"].path / "report.html").read_text("utf-8")
    assert "<h2>Classes: classifier_quality</h2>" in page

    bounded = made(
        project, settings=["steps.chosen.thresholds.classifier_quality_p_HIGH.minimum=0.5"]
    )["chosen"]
    rows = decided_documents(bounded.path, ("doc_id", "text"))
    reasons = set(rows.filter(pl.col("text").str.contains("★"))["reason"])
    assert reasons == {"classifier_quality_p_HIGH"}
    assert bounded.fingerprint != free["chosen"].fingerprint
    told = manifest_of(bounded)["classes"]["classifier_quality@1"]
    assert told["LOW"] == {"documents": counted["LOW"], "keep": 0, "characters": 0}
    assert "classifier_quality@1" in {p.name for p in (bounded.path / "signals").iterdir()}
    # What a replay says of it is what the build did.
    pack = language_pack("pol")
    setting = ["thresholds.classifier_quality_p_HIGH.minimum=0.5"]
    replayed = replay(made(project)["chosen"].path, setting, pack)
    assert replayed.lost == whole["decisions"]["keep"]["documents"] - sum(
        entry["keep"] for entry in told.values()
    )
    assert replayed.gained == 0

    chosen = made(project, settings=["steps.chosen.keep_classes.classifier_quality=['HIGH']"])
    found = decided_documents(chosen["chosen"].path, ("doc_id", "text"))
    loud = found.filter(pl.col("text").str.contains("★"))
    assert set(loud["reason"]) == {"classifier_quality_label"}
    assert set(loud["detail"]) == {"classifier_quality_label LOW"}
    assert set(found.filter(decision="keep")["doc_id"]) == set(
        rows.filter(decision="keep")["doc_id"]
    )
    explained = why(chosen["chosen"].path, loud["doc_id"][0])
    rule = next(rule for rule in explained.rules if rule.name == "classifier_quality_label")
    assert (rule.value, rule.passed) == ("LOW", False)


def test_what_a_word_list_holds_is_in_the_fingerprint_and_where_it_lies_is_not(project):
    first = made(project, to="judged")["judged"]
    hits = signals_of(first, "word_lists@1")
    assert hits.columns == ["word_lists_crafts_hits", "word_lists_crafts_by_1000_words"]
    texts = decided_documents(made(project, to="corpus")["corpus"].path)["text"]
    expected = [
        sum(t.lower().count(word) for word in ("piekarz", "ogrodnic", "naprawia most"))
        for t in texts
    ]
    assert hits["word_lists_crafts_hits"].to_list() == expected
    assert sum(expected) > 40
    other = project / "data" / "lists" / "other.txt"
    other.write_text(CRAFTS, "utf-8")
    setting = ["steps.judged.word_lists={ crafts = 'lists/other.txt' }"]
    assert made(project, "judged", setting)["judged"].fingerprint == first.fingerprint
    other.write_text(CRAFTS + "szewc\n", "utf-8")
    assert made(project, "judged", setting)["judged"].fingerprint != first.fingerprint
    made(project, to="judged")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("steps.chosen.thresholds.classifier_quality_p_GREAT.minimum=0.5", "classifier_quality_p_"),
        ("steps.chosen.keep_classes.classifier_quality=['HIHG']", "did you mean 'HIGH'"),
        ("steps.chosen.keep_classes.classifier_topic=['HIGH']", "there are: classifier_quality"),
        ("steps.chosen.reads=['text-documents','web-documents','signals']", None),
        ("steps.judged.reads=['text-documents','web-documents','quality']", "signals step"),
        ("steps.judged.word_lists={ x = 'absent.txt' }", "no such list of words"),
        ("steps.judged.word_lists={ 'X y' = 'lists/crafts.txt' }", "no name for a list"),
        ("steps.judged.measure=['word_lists']", "name lists in `word_lists`"),
        ("steps.judged.measure=['counts']", "both measured counts"),
    ],
)
def test_what_does_not_fit_is_a_clear_error(project, setting, says):
    if says is None:
        bound = "steps.chosen.thresholds.classifier_quality_p_HIGH.minimum=0.5"
        setting, says = [setting, bound], "let the corpus step read a signals step that reads"
    else:
        setting = [setting]
    with pytest.raises(MowaError) as raised:
        made(project, settings=setting)
    assert says in str(raised.value)


@pytest.fixture
def topics(world, tmp_path):
    """A corpus of two topics, a classifier of them, and the documents that it judges."""
    words = {"kino": "film aktor reżyser scena", "sport": "mecz bramka piłkarz sędzia"}
    rows = [
        {"id": f"{name}{n}", "text": f"To jest {said} nr {n}, a w nim jest {said[::-1]} i się nie."}
        for name, said in words.items()
        for n in range(20)
    ]
    world.jsonl("teksty/a.jsonl", [*rows, {"id": "empty", "text": ""}])
    documents = world.documents([world.inventory()])
    signals = world.signals([documents])
    corpus = world.corpus([documents], signals, held_out=0.3)
    path = tmp_path / "labels.jsonl"
    with LabelWriter(path) as writer:
        for row in decided_documents(corpus.path, ("doc_id", "content_hash", "text")).rows():
            said = "Kino i teatr" if "film" in row[2] else "Sport"
            writer.add(Label(row[0], row[1], said, "ewa", "t", "c")) if row[2] else None
    out = world._out("tematy-ogólne")
    train(corpus.path, [path], out, kind="topic")
    model = world._artifact("classifier", "tematy-ogolne", out)
    return world, documents, signals, model


def test_topics_need_no_other_signals_and_give_shares_of_topics(topics):
    world, documents, signals, model = topics
    judged = world.signals([documents, model], step="judged", measure=[])
    assert judged.metrics["signals"] == ["classifier_tematy_ogolne@1"]
    out = world._out("chosen")
    from mowa.corpus import CorpusConfig
    from mowa.corpus import _decide as decide_step

    config = CorpusConfig(
        near_duplicates=False,
        held_out=0.3,
        thresholds={"classifier_tematy_ogolne_p_Kino i teatr": {"minimum": 0.5}},
    )
    inputs = Inputs((documents, signals, judged))
    decide_step.run(config, inputs, out, world.context("chosen"))
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert {n: e["keep"] for n, e in manifest["classes"]["classifier_tematy_ogolne@1"].items()} == {
        "Kino i teatr": 20,
        "Sport": 0,
    }
    assert manifest["quality"] == {}
    setting = "thresholds.classifier_tematy_ogolne_p_Kino i teatr=off"
    assert replay(out, [setting], world.pack).gained == 20


def test_signals_that_lie_about_themselves_are_refused(topics):
    world, documents, signals, model = topics
    judged = world.signals([documents, model], step="judged", measure=[])
    folder = judged.path / "signals" / "classifier_tematy_ogolne@1"
    path = folder / "signal.json"
    good = json.loads(path.read_text("utf-8"))
    for wrong in (
        "",
        "[]",
        "{" * 50_000,
        json.dumps({**good, "columns": {"x": "list<int>"}}),
        json.dumps({**good, "signal": "classifier_other@1"}),
        json.dumps({**good, "about": {"classes": [1]}}),
        " " * (5 << 20),
    ):
        path.write_text(wrong, "utf-8")
        with pytest.raises(DataError, match="does not say what it is"):
            found_in([signals, judged])
    path.unlink()
    with pytest.raises(DataError, match="does not say what it is"):
        found_in([signals, judged])
    folder.rename(folder.with_name("classifier_tematy_ogolne@2"))
    with pytest.raises(DataError, match="this version reads classifier_tematy_ogolne@1"):
        found_in([signals, judged])


def test_two_classifiers_of_one_name_and_signals_of_other_documents_are_refused(topics):
    world, documents, _, model = topics
    with pytest.raises(UsageError, match="would both give the signal classifier_tematy_ogolne"):
        world.signals(
            [documents, model, replace(model, name="inny/tematy_ogolne")], "x", measure=[]
        )
    with pytest.raises(UsageError, match="reads no documents"):
        world.signals([model], "y", measure=[])


def test_a_quality_model_asks_for_the_very_revision_of_its_signals(world, tmp_path):
    rows = [{"id": str(n), "text": text(n) if n % 2 else shout(n)} for n in range(40)]
    world.jsonl("teksty/a.jsonl", rows)
    documents = world.documents([world.inventory()])
    signals = world.signals([documents])
    corpus = world.corpus([documents], signals, held_out=0.3)
    path = tmp_path / "labels.jsonl"
    with LabelWriter(path) as writer:
        for row in decided_documents(corpus.path, ("doc_id", "content_hash", "text")).rows():
            writer.add(Label(row[0], row[1], "LOW" if "★" in row[2] else "HIGH", "e", "t", "c"))
    out = world._out("q")
    train(corpus.path, [path], out)
    record = json.loads((out / "model.json").read_text("utf-8"))
    model = world._artifact("classifier", "q", out)
    for change, says in (
        (("gopher@2/", "gopher@7/"), "trained on gopher@7, and the step reads gopher@2"),
        (("gopher@2/", "smak@1/"), "trained on smak@1, and the step reads no such signal"),
        (("gopher_words", "gopher_wodrs"), "gopher@2 has no such column"),
    ):
        features = [name.replace(*change) for name in record["features"]]
        (out / "model.json").write_text(json.dumps({**record, "features": features}), "utf-8")
        with pytest.raises(DataError, match=says):
            world.signals([documents, signals, model], "judged", measure=[])


def test_the_classes_of_classifiers_teach_no_other_classifier(project):
    chosen = made(project)["chosen"]
    out = project / "again"
    train(chosen.path, [project / "data" / "labels.jsonl"], out)
    features = json.loads((out / "model.json").read_text("utf-8"))["features"]
    assert not [name for name in features if "classifier" in name]
    assert [name for name in features if "word_lists" in name]


def test_one_worker_and_three_write_the_same_bytes(project, tmp_path):
    one = made(project, to="judged")["judged"]
    recipe = Recipe.load(project / "recipes" / "own.toml")
    [other] = [
        r.artifact
        for r in run(recipe, tmp_path / "w", to="judged", workers=3)
        if r.artifact.name == "tiny/judged"
    ]
    for path in sorted((one.path / "signals").rglob("*.*")):
        same = other.path / path.relative_to(one.path)
        assert path.is_dir() or path.read_bytes() == same.read_bytes()


def test_the_table_knows_no_name_that_a_recipe_may_give():
    assert not [n for n in SIGNALS if n.startswith(("classifier_", "word_lists"))]
    assert SignalsConfig().word_lists == {}
