"""A model filters the documents of the next corpus; a corpus is searched for a task's items."""

import json
import math

import polars as pl
import pytest
from little_world import make_project, text

import mowa.evaluation._score_documents as scoring
from mowa.errors import UsageError
from mowa.evaluation.contamination import against, contaminated, corpora_of
from mowa.execution import Context, Ledger
from mowa.inference import TorchEngine
from mowa.languages import load
from mowa.recipe import Recipe, run
from mowa.workspace import Artifact, Workspace

NEXT = """
name = "next"

[steps.by-base]
does = "score-documents"
reads = ["tiny/base", "tiny/text-documents", "tiny/web-documents"]

[steps.corpus]
does = "corpus"
reads = ["tiny/text-documents", "tiny/web-documents", "tiny/signals", "by-base"]
held_out = 0.1
thresholds.model_base_bits_per_byte.maximum = {maximum}

[steps.index]
does = "contamination-index"
reads = "corpus"
lemmas = "prefix"
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The little project, then the next recipe, whose corpus keeps the better half."""
    folder = make_project(tmp_path_factory.mktemp("next"))
    workspace = folder / "workspace"
    run(Recipe.load(folder / "recipes" / "tiny.toml"), workspace, to="base", workers=1)
    path = folder / "recipes" / "next.toml"
    path.write_text(NEXT.format(maximum=99.0), "utf-8")
    scored = run(Recipe.load(path), workspace, to="by-base", workers=1)[-1].artifact
    median = signal_of(scored.path)["model_base_bits_per_byte"].median()
    path.write_text(NEXT.format(maximum=median), "utf-8")
    made = {r.artifact.name: r.artifact for r in run(Recipe.load(path), workspace, workers=1)}
    return folder, Workspace.open(workspace), made, median


def signal_of(artifact):
    return pl.concat(
        pl.read_parquet(path)
        for path in sorted((artifact / "signals" / "model_base@1").glob("*.parquet"))
    )


def documents_of(workspace):
    paths = [
        path
        for step in ("text-documents", "web-documents")
        for path in workspace.get(f"tiny/{step}").path.glob("documents/*.parquet")
    ]
    return pl.concat(pl.read_parquet(p) for p in sorted(paths, key=lambda path: path.name))


def test_the_next_corpus_drops_documents_above_a_threshold_of_the_model(world):
    _, _, made, median = world
    corpus = made["next/corpus"].path
    bits = signal_of(corpus)["model_base_bits_per_byte"]
    decisions = pl.concat(
        pl.read_parquet(path) for path in sorted((corpus / "decisions").glob("*.parquet"))
    )
    kept = decisions["decision"] == "keep"
    by_model = decisions["reason"] == "model_base_bits_per_byte"
    assert by_model.sum() > 20
    assert kept.sum() > 20
    assert bits.filter(by_model).min() > median
    assert bits.filter(kept).max() <= median
    # Nothing else than the threshold parts the two corpora, copies of what was dropped aside.
    before = documents_kept(world[1].get("tiny/corpus").path)
    assert documents_kept(corpus) <= before
    assert "model_base_bits_per_byte" in (corpus / "manifest.json").read_text("utf-8")


def documents_kept(corpus):
    frames = [pl.read_parquet(path) for path in (corpus / "decisions").glob("*.parquet")]
    return set(pl.concat(frames).filter(decision="keep")["doc_id"])


def test_bits_per_byte_are_those_of_the_model_one_document_at_a_time(world):
    _, workspace, made, _ = world
    engine = TorchEngine.load(workspace.get("tiny/base").path, device="cpu")
    config = json.loads((workspace.get("tiny/base").path / "config.json").read_text("utf-8"))
    documents = documents_of(workspace)
    signal = signal_of(made["next/by-base"].path)
    assert signal.height == documents.height
    full = (documents["text"] != "").arg_true().to_list()
    for row in (full[0], full[7], full[-1]):
        body = documents["text"][row]
        ids = [config["bos_token_id"], *engine.tokenize(body), config["eos_token_id"]]
        [likelihood] = engine.loglikelihood([ids], stride=16)
        expected = -likelihood / math.log(2) / len(body.encode())
        assert signal["model_base_bits_per_byte"][row] == pytest.approx(expected, abs=1e-3)
        assert signal["model_base_tokens"][row] == len(ids) - 2


def test_an_empty_document_has_no_bits_per_byte_and_is_counted(world):
    _, workspace, made, _ = world
    empty = documents_of(workspace)["text"] == ""
    signal = signal_of(made["next/by-base"].path)
    assert empty.sum() == 1
    assert (signal["model_base_bits_per_byte"].is_null() == empty).all()
    assert made["next/by-base"].metrics["empty"] == 1


def test_only_the_head_of_each_document_is_scored_where_the_recipe_says_so(world):
    folder, workspace, made, _ = world
    path = folder / "recipes" / "heads.toml"
    step = NEXT.partition("[steps.corpus]")[0].replace('"next"', '"heads"')
    path.write_text(f"{step}characters = 40\n", "utf-8")
    heads = run(Recipe.load(path), workspace.root, workers=1)[-1].artifact
    tokens = signal_of(heads.path)["model_base_tokens"]
    assert tokens.max() <= 40
    assert (tokens <= signal_of(made["next/by-base"].path)["model_base_tokens"]).all()


def test_a_killed_scoring_does_not_score_a_group_twice(world, monkeypatch, tmp_path):
    _, workspace, made, _ = world
    calls, real = [], scoring.score_group

    def dying(work, out):
        calls.append(work.file)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(work, out)

    model = workspace.get("tiny/base")
    inputs = [model, workspace.get("tiny/text-documents"), workspace.get("tiny/web-documents")]

    def score():
        context = Context(
            language=load("pol"),
            data=tmp_path,
            sources=tmp_path,
            workers=1,
            ledger=Ledger(tmp_path / "ledger.jsonl"),
        )
        config = scoring.ScoreDocumentsConfig(device="cpu")
        return scoring.run(config, scoring.Inputs(tuple(inputs)), tmp_path / "out", context)

    monkeypatch.setattr(scoring, "score_group", dying)
    with pytest.raises(KeyboardInterrupt):
        score()
    score()
    assert len(calls) == 3
    assert calls[1] == calls[2]
    assert calls[0] != calls[1]
    assert signal_of(tmp_path / "out").equals(signal_of(made["next/by-base"].path))


def test_a_stride_longer_than_the_window_is_refused(world):
    folder, workspace, _, _ = world
    path = folder / "recipes" / "stride.toml"
    step = NEXT.partition("[steps.corpus]")[0].replace('"next"', '"stride"')
    path.write_text(f"{step}stride = 33\n", "utf-8")
    with pytest.raises(UsageError, match="longer than the model's window"):
        run(Recipe.load(path), workspace.root, workers=1)


def test_a_threshold_of_a_model_that_was_not_read_names_what_there_is(world):
    folder, workspace, _, _ = world
    path = folder / "recipes" / "wrong.toml"
    text_ = NEXT.format(maximum=3.0).replace("model_base_bits", "model_bas_bits")
    path.write_text(text_.replace('"next"', '"wrong"'), "utf-8")
    with pytest.raises(UsageError, match="no signal is called") as raised:
        run(Recipe.load(path), workspace.root, to="corpus", workers=1)
    assert "model_base_bits_per_byte" in str(raised.value)


def test_the_corpora_of_a_model_are_found_by_its_lineage_and_indexed_once(world, tmp_path):
    _, workspace, made, _ = world
    model = workspace.get("tiny/base")
    found = corpora_of(workspace, model)
    assert [corpus.id for corpus in found.found] == ["tiny/corpus@dev"]
    assert found.gone == ()
    context = Context(
        language=load("pol"),
        data=tmp_path,
        sources=tmp_path,
        workers=1,
        ledger=Ledger(tmp_path / "unused.jsonl"),
    )
    first = against(workspace, found.found[0], context)
    assert first.index.is_relative_to(workspace.root / ".mowa" / "cache")
    before = (first.index / "index.json").stat().st_mtime_ns
    assert against(workspace, found.found[0], context) == first
    assert (first.index / "index.json").stat().st_mtime_ns == before
    assert not context.ledger.path.exists()
    # What a recipe indexed is taken as it is.
    by_recipe = against(workspace, made["next/corpus"], context)
    assert by_recipe.index == made["next/index"].path

    results = tmp_path / "results"
    write_results(results)
    rows = pl.read_parquet(results / "items.parquet")
    block = contaminated(
        results,
        [first],
        texts={row["id"]: [row["prompt"]] for row in rows.iter_rows(named=True)},
        score=lambda part: {"value": part["value"].mean()},
    )
    assert (block["hits"], block["items"], block["too_short"]) == (1, 3, 1)
    items = pl.read_parquet(results / "items.parquet")
    assert items["contaminated"].to_list() == [True, False, None]
    [hit] = items["hits"][0]
    documents = documents_of(workspace)
    assert hit["document"] in documents.filter(pl.col("text").str.contains("numer 11"))["doc_id"]


def write_results(folder):
    folder.mkdir()
    other = "Ile lat miała najstarsza z trzech sióstr, kiedy ich brat wrócił nareszcie do domu?"
    pl.DataFrame(
        {
            "id": ["1", "2", "3"],
            "prompt": [" ".join(text(11).split()[:30]), other, "Kto to?"],
            "choices": [[], [], []],
            "target": ["tak", "dwadzieścia", "Jan"],
            "value": [1.0, 0.0, 0.0],
        },
        schema_overrides={"choices": pl.List(pl.String)},
    ).write_parquet(folder / "items.parquet")
    (folder / "result.json").write_text(json.dumps({"schema": 1, "contamination": None}))


def test_what_is_gone_from_the_lineage_is_told_since_a_corpus_may_lie_behind_it(world, tmp_path):
    _, workspace, _, _ = world
    other = Workspace.open(tmp_path / "other", create=True)
    found = corpora_of(other, Artifact.load(workspace.get("tiny/base").path))
    assert found.found == ()
    assert {gone.name for gone in found.gone} == {"tiny/tokens", "tiny/tokenizer"}
