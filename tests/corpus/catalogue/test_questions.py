"""Replay, statistics, search, samples and differences against independent ways to count."""

import json
import unicodedata

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import mowa
from mowa.cli._corpus import corpus_app
from mowa.corpus import decided_documents
from mowa.corpus.catalogue import diff, distribution, draw, replay, search
from mowa.corpus.catalogue._replay import _policy, changed_policy, decided_again
from mowa.corpus.catalogue._search import folded
from mowa.errors import UsageError

SENTENCE = "Dnia {} maja zebrała się rada gminy i nie doszła do zgody w sprawie drogi. "


def text(number):
    return SENTENCE.format(number) * (1 + number % 7) + f"Żółw nr {number} z Krakowa."


@pytest.fixture
def inventories(world):
    world.jsonl("a/a.jsonl", [{"text": text(n), "id": f"a{n}"} for n in range(50)])
    world.jsonl(
        "b/b.jsonl",
        [{"text": text(n), "id": f"b{n}", "title": f"Łódź {n}"} for n in range(40, 70)]
        + [{"text": "Dnia 3 maja nie było rady.", "id": "short"}, {"text": "", "id": "none"}],
    )
    return [world.inventory(n, n, name=n) for n in ("a", "b")]


@pytest.fixture
def corpus(world, inventories):
    return world.whole(inventories, held_out=0.2).path


def decided(path):
    files = sorted((path / "decisions").glob("*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files])


@pytest.mark.parametrize(
    ("given_settings", "thresholds"),
    [
        (["thresholds.words.minimum=40"], {"words": {"minimum": 40}}),
        (["thresholds.characters=off"], {"characters": {}}),
        (
            ["thresholds.characters.minimum=100", "thresholds.characters.maximum=400"],
            {"characters": {"minimum": 100, "maximum": 400}},
        ),
        (["digit_share.maximum=0.02", "thresholds.lines.maximum=0.5"],
         {"digit_share": {"maximum": 0.02}, "lines": {"maximum": 0.5}}),
    ],
)  # fmt: skip
def test_a_replay_equals_a_rebuild(world, inventories, corpus, given_settings, thresholds):
    """Every decision, reason and detail, unless nothing would be kept to be built."""
    old = _policy(json.loads((corpus / "manifest.json").read_text("utf-8")))
    new, _ = changed_policy(corpus, old, given_settings, world.pack)
    played = pl.concat(decided_again(corpus, new)).sort("shard", "row")
    before = decided(corpus)
    documents = world.documents(inventories)
    signals = world.signals([documents])
    if not (played["decision"] == "keep").any():
        return
    rebuilt = world.corpus(
        [documents], signals, step="other", held_out=0.2, thresholds=thresholds
    ).path
    after = decided(rebuilt)
    verdict = ("doc_id", "decision", "reason", "detail")
    assert played.select(verdict).equals(after.select(verdict))
    assert played.select("was", "was_for").rows() == before.select("decision", "reason").rows()
    found = replay(corpus, given_settings, world.pack)
    kept = before.select("doc_id", was=pl.col("decision") == "keep").join(
        after.select("doc_id", now=pl.col("decision") == "keep"), on="doc_id"
    )
    assert found.gained == kept.filter(pl.col("now") & ~pl.col("was")).height
    assert found.lost == kept.filter(pl.col("was") & ~pl.col("now")).height
    manifest = json.loads((rebuilt / "manifest.json").read_text("utf-8"))
    for name, counts in found.sources.items():
        assert counts["documents_after"] == manifest["sources"][name]["keep"]
    reasons = {name: entry["documents"] for name, entry in manifest["reasons"].items()}
    assert {name: n["after"] for name, n in found.reasons.items() if n["after"]} == reasons


@pytest.mark.parametrize(
    "config",
    [
        {"near_duplicates": True},
        {"host_documents": 3},
        {"near_duplicates": True, "host_documents": 2, "priority": ["b"]},
    ],
)
@pytest.mark.parametrize("bound", [{"minimum": 60}, {"maximum": 100}, {}])
def test_a_replay_weighs_copies_and_hosts_again_as_a_rebuild_does(world, config, bound):
    """A copy that stays goes by the new bound, and another takes its place."""
    near = [SENTENCE.format(n) * 6 for n in range(12)]
    for name, tail in (("a", "Koniec dnia."), ("b", "Koniec."), ("c", "")):
        records = [
            {"text": f"{near[n % 12]} {tail} {'Nowe zdanie stoi tutaj. ' * (n // 12)}",
             "id": f"{name}{n}", "url": f"https://{'abcde'[n % 5]}.pl/{name}/{n}"}
            for n in range(24)
        ]  # fmt: skip
        world.jsonl(f"{name}/x.jsonl", records)
    documents = world.documents([world.inventory(n, n, name=n) for n in "abc"])
    signals = world.signals([documents])
    world.pack = world.pack.model_copy(update={"thresholds": {}})
    first = {"thresholds": {"words": {"minimum": 20, "maximum": 95}}}
    before = world.corpus([documents], signals, step="before", held_out=0.5, **first, **config)
    after = world.corpus(
        [documents], signals, step="after", held_out=0.5, thresholds={"words": bound}, **config
    )
    changes = [f"words.{end}={bound.get(end, 'off')}" for end in ("minimum", "maximum")]
    old = _policy(json.loads((before.path / "manifest.json").read_text("utf-8")))
    new, _ = changed_policy(before.path, old, changes, world.pack)
    verdict = ("doc_id", "decision", "reason", "detail")
    played = pl.concat(decided_again(before.path, new)).sort("shard", "row").select(verdict)
    assert played.equals(decided(after.path).select(verdict))
    assert not played.equals(decided(before.path).select(verdict))


def test_a_replay_reads_neither_texts_nor_what_no_rule_looks_at(corpus):
    settings = ["thresholds.words.minimum=40"]
    expected = replay(corpus, settings)
    for folder, gone in (("documents", "text"), ("signals/counts@1", "uppercase_share")):
        for file in sorted((corpus / folder).glob("*.parquet")):
            frame = pl.read_parquet(file).drop(gone)
            file.unlink()  # it may be a second name of another artifact's file
            frame.write_parquet(file)
    assert replay(corpus, settings) == expected
    assert expected.lost > 0


def test_a_replay_without_a_change_changes_nothing(corpus):
    found = replay(corpus, ["thresholds.characters.minimum=40"])
    assert (found.gained, found.lost, found.examples) == (0, 0, ())


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("thresholds.wrods.minimum=4", "did you mean 'words'"),
        ("words", "is no setting"),
        ("words=4", "which bound"),
        ("words.minimum=many", "is no number"),
        ("words.minimum=nan", "is no number"),
        ("minimum_language_confidence=7", "between 0 and 1"),
    ],
)
def test_a_wrong_setting_is_explained(corpus, setting, says):
    with pytest.raises(UsageError) as caught:
        replay(corpus, [setting])
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_percentiles_are_values_that_occur_and_those_of_numpy(corpus):
    found = distribution(corpus, "words", "source")
    words = pl.concat(
        [pl.read_parquet(f) for f in sorted((corpus / "signals/counts@1").glob("*.parquet"))]
    )["words"]
    sources = decided_documents(corpus, ("source",))["source"]
    assert sum(found.counts) == words.len()
    for row in found.rows:
        mine = words.filter(sources == row["group"]).to_numpy()
        assert row["documents"] == mine.size
        assert row["p50"] in mine
        assert row["p0"] == mine.min()
        assert row["p100"] == mine.max()
        assert row["mean"] == pytest.approx(np.mean(mine))
    languages = distribution(corpus, "language", "decision")
    assert sum(row["documents"] for row in languages.rows) == words.len()
    for wrong in (("wrods", "source"), ("words", "sauce")):
        with pytest.raises(UsageError, match="is called"):
            distribution(corpus, *wrong)


def plain(word):
    """Another way to fold: sign by sign."""
    signs = unicodedata.normalize("NFD", word.lower())
    bare = "".join(sign for sign in signs if unicodedata.category(sign)[0] != "M")
    return bare.replace("ł", "l")


@given(st.text("aąAĄłŁzżŻ xX", max_size=12))
def test_folding_takes_case_and_diacritics_away(word):
    assert pl.DataFrame({"t": [word]}).select(folded(pl.col("t")))["t"][0] == plain(word)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15,
          deadline=None)  # fmt: skip
@given(st.sampled_from(["Krakowa.", "[x]", "maja ze", "nr 41", "(", "zółw", "ŻÓŁW", "rada"]))
def test_search_finds_what_python_finds(corpus, words):
    whole = decided_documents(corpus, ("doc_id", "text"))
    expected = [i for i, t in whole.select("doc_id", "text").rows() if words in t]
    found = list(search(corpus, words, kept=False, fields=("text",), limit=1_000))
    assert [hit.doc_id for hit in found] == expected
    assert all(" ".join(words.split()) in hit.snippet for hit in found)
    folding = search(corpus, words, fold=True, kept=False, fields=("text",), limit=1_000)
    loose = [i for i, t in whole.select("doc_id", "text").rows() if plain(words) in plain(t)]
    assert [hit.doc_id for hit in folding] == loose


def test_search_takes_patterns_and_stops_at_its_limit(corpus):
    hits = list(search(corpus, r"nr (41|42) z", regex=True))
    assert len(hits) == 2
    assert all(hit.decision == "keep" for hit in hits)
    assert len(list(search(corpus, "lodz", fold=True, limit=3))) == 3
    assert next(search(corpus, "lodz", fold=True)).field == "title"
    for pattern, options in (("(", {"regex": True}), ("(?=a)", {"regex": True}), ("", {})):
        with pytest.raises(UsageError):
            list(search(corpus, pattern, **options))
    with pytest.raises(UsageError, match="did you mean 'title'"):
        list(search(corpus, "a", fields=("titel",)))


def test_a_sample_is_even_and_the_same_for_its_seed(corpus):
    found = draw(corpus, 10, seed=1)
    assert found["source"].value_counts().sort("source").rows() == [("a", 5), ("b", 5)]
    assert found.equals(draw(corpus, 10, seed=1))
    assert not found.equals(draw(corpus, 10, seed=2))
    assert found["doc_id"].to_list() == draw(corpus, 99, seed=1)["doc_id"].to_list()[:10]
    rejects = draw(corpus, 9, decision="reject", reason="characters")
    assert rejects["text"].to_list() == ["Dnia 3 maja nie było rady."]
    with pytest.raises(UsageError, match="no reason is called"):
        draw(corpus, 1, decision=None, reason="caracters")


def test_a_difference_names_each_change(world, inventories, corpus):
    documents = world.documents(inventories)
    signals = world.signals([documents])
    other = world.corpus([documents], signals, step="b", thresholds={"words": {"minimum": 40}})
    found = diff(corpus, other.path)
    assert found.added.documents == found.gone.documents == found.text_changed.documents == 0
    lost = replay(corpus, ["words.minimum=40"]).lost
    assert found.decisions["keep -> reject (words)"].documents == lost
    same = diff(corpus, corpus)
    assert not same.decisions
    assert not same.sources


def test_added_gone_and_changed_documents_are_told(world, corpus, another_world):
    other = another_world(world)
    other.jsonl("a/a.jsonl", [{"text": text(n) + "!", "id": f"a{n}"} for n in range(10, 60)])
    later = other.whole([other.inventory("a", "a", name="a")], held_out=0.2)
    found = diff(corpus, later.path)
    before = set(decided(corpus)["doc_id"])
    after = set(decided(later.path)["doc_id"])
    assert found.added.documents == len(after - before)
    assert found.gone.documents == len(before - after)
    assert found.documents["both"] == len(before & after) == found.text_changed.documents


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"shards": [{"name": "../x"}]}', "[" * 100_000, "\x00"],
)
def test_a_damaged_manifest_is_a_clear_error(corpus, content):
    (corpus / "manifest.json").write_text(content)
    with pytest.raises(UsageError, match="damaged") as caught:
        mowa.open_corpus(corpus)
    assert caught.value.exit_code == 2


def test_a_parquet_file_of_another_schema_is_a_clear_error(corpus):
    for folder in ("documents", "decisions", "signals/counts@1"):
        file = min((corpus / folder).glob("*.parquet"))
        whole = file.read_bytes()
        file.unlink()  # it may be a second name of another artifact's file
        pl.DataFrame({"x": [1]}).write_parquet(file)
        with pytest.raises(UsageError):
            [*list(search(corpus, "a", kept=False)), replay(corpus, ["words.minimum=1"])]
        file.write_bytes(b"PAR1")
        with pytest.raises(UsageError, match="no Parquet file of a corpus"):
            [*list(search(corpus, "a", kept=False)), replay(corpus, ["words.minimum=1"])]
        file.write_bytes(whole)


def test_python_opens_filters_and_explains(corpus):
    found = mowa.open_corpus(corpus)
    documents = list(found)
    kept = decided(corpus).filter(pl.col("decision") == "keep")["doc_id"].to_list()
    assert [document.doc_id for document in documents] == kept
    assert len(found) == len(kept) == found.to_polars().height
    every = mowa.open_corpus(corpus, decision=None)
    assert len(every) == decided(corpus).height
    assert every.to_polars()["doc_id"].to_list() == decided(corpus)["doc_id"].to_list()
    some = found.filter(source="b", min_characters=300)
    assert {d.doc_id for d in some} == {
        d.doc_id for d in documents if d.source == "b" and len(d.text) >= 300
    }
    assert len(some) == len(list(some))
    assert found.why(kept[0]).decision == "keep"
    assert found.to_dataset()["doc_id"][:3] == kept[:3]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show"], "source"),
        (["show", "--json"], '"decisions"'),
        (["stats", "words"], "p50"),
        (["stats", "language", "--by", "decision"], "value"),
        (["stats", "words", "--json"], '"edges"'),
        (["sample", "-n", "2"], "──"),
        (["sample", "--reason", "characters", "--json"], "Dnia 3 maja nie było rady."),
        (["search", "krakowa", "--fold", "--limit", "2"], "Krakowa"),
        (["search", "nr 4[12]", "--regex", "--json"], '"snippet"'),
        (["replay", "--set", "words.minimum=40"], "no longer"),
        (["replay", "--set", "words.minimum=40", "--json"], '"lost"'),
    ],
)
def test_the_commands_print(corpus, arguments, says):
    name, *rest = arguments
    done = CliRunner().invoke(corpus_app, [name, str(corpus), *rest])
    assert done.exit_code == 0, done.output
    assert says in done.output


def test_the_command_diff_prints(corpus):
    for extra in ([], ["--json"]):
        done = CliRunner().invoke(corpus_app, ["diff", str(corpus), str(corpus), *extra])
        assert done.exit_code == 0, done.output
        assert "added" in done.output
