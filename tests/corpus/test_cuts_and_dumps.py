"""Lines that C4's rules cut from kept texts, and documents that are dumps of personal data."""

import json
import random
import sys
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent / "personal"))
from made import VALUES, made

from mowa import languages
from mowa.corpus import SignalsConfig, decided_documents, kept_documents, shard_names, why
from mowa.corpus.quality import composition, fineweb, gopher
from mowa.errors import DataError, UsageError
from mowa.languages import PersonalDataDensity

PROSE = "Nad rzeką numer {} stoi dom, w którym mieszka stary rybak, a obok rośnie wierzba."
POLISH = PersonalDataDensity(findings=10, density=2.0, origin="tests")


def kept_texts(corpus):
    return {
        row[0]: row[1]
        for shard in shard_names(corpus.path)
        for split in ("train", "held_out")
        for row in kept_documents(corpus.path, shard, split, ("locator", "text")).rows()
    }


def reasons(corpus):
    return dict(decided_documents(corpus.path, ("title",)).select("title", "reason").rows())


@pytest.fixture
def pages(world):
    bodies = {
        f"good{n}": f"Menu\n\n{PROSE.format(n)}\n\nKup\n{PROSE.format(n + 500)}[1]\nTo jest..."
        for n in range(20)
    }
    bodies["furniture"] = "Strona główna nad rzeką i w lesie jest\nNie ma tu zdania, a jest menu"
    bodies["notice"] = f"Włącz JavaScript, aby to zobaczyć.\n{PROSE.format(99)}"
    rows = [{"id": name, "text": text, "title": name} for name, text in bodies.items()]
    world.jsonl("teksty/a.jsonl", rows)
    world.pack = world.pack.model_copy(
        update={"terminal_punctuation": (".", "?"), "policy_phrases": ("plików cookies",)}
    )
    documents = world.documents([world.inventory()])
    return world, documents, world.signals([documents])


def test_lines_that_c4_cuts_are_cut_from_kept_texts_only_where_the_recipe_says_so(pages):
    world, documents, signals = pages
    corpus = world.corpus([documents], signals, held_out=0.3, cut_lines=["c4"])
    texts = {name.rpartition("#")[2]: text for name, text in kept_texts(corpus).items()}
    whole = decided_documents(corpus.path, ("title", "text", "locator"))
    assert f"{PROSE.format(3)}\n\n{PROSE.format(503)}" in texts.values()
    assert PROSE.format(99) in texts.values()
    assert not [text for text in texts.values() if "Menu" in text or "JavaScript" in text]
    assert all("Menu" in t for t in whole.filter(whole["title"].str.starts_with("good"))["text"])
    assert reasons(corpus)["furniture"] == "empty"
    furniture = decided_documents(corpus.path, ("title", "doc_id")).filter(title="furniture")
    [rule] = [r for r in why(corpus.path, furniture["doc_id"][0]).rules if not r.passed][:1]
    assert (rule.name, rule.value, rule.minimum) == ("empty", 0, 1)
    manifest = json.loads((corpus.path / "manifest.json").read_text("utf-8"))
    assert manifest["cut_lines"] == ["c4"]
    assert manifest["edits"]["line"] >= 3 * 20
    plain = world.corpus([documents], signals, step="plain", held_out=0.3)
    assert reasons(plain)["furniture"] is None
    assert all("Menu" in t for n, t in kept_texts(plain).items() if "good" in n)
    assert world.corpus([documents], signals, "none", held_out=0.3, cut_lines=[])


def test_lines_that_were_not_measured_cannot_be_cut(pages):
    world, documents, _ = pages
    few = world.signals([documents], "few", measure=["counts", "language", "duplicates"])
    for name in ("c4", "boilerplate"):
        with pytest.raises(UsageError, match=f"'{name}' was not measured"):
            world.corpus([documents], few, "x", held_out=0.3, cut_lines=[name])
    assert world.corpus([documents], few, "y", held_out=0.3)


def test_filters_look_at_the_text_without_what_its_host_repeats(world):
    """Else a short article amid long menus would be judged by the menus."""
    menu = "Kultura\nSport\nReklama\nWideo\nMapa serwisu\nKontakt"
    rows = [
        {
            "id": f"{n}",
            "url": f"https://gazeta.example/{n}",
            "text": f"{menu}\n\n{PROSE.format(n)}\n{PROSE.format(n + 300)}\n\n{menu}",
        }
        for n in range(20)
    ]
    world.jsonl("siec/a.jsonl", rows)
    documents = world.documents([world.inventory("siec", "siec")])
    with_hosts = world.signals([documents], "with")
    without = world.signals(
        [documents], "without", measure=[n for n in SignalsConfig().measure if n != "boilerplate"]
    )
    texts = pl.Series([f"{PROSE.format(n)}\n{PROSE.format(n + 300)}" for n in range(20)])
    pack = world.pack
    expected = {
        "gopher@2": gopher(texts, pack.stop_words),
        "fineweb@2": fineweb(texts, terminal=pack.terminal_punctuation),
        "composition@2": composition(texts, pack.letters),
    }
    for folder, frame in expected.items():
        [path] = (with_hosts.path / "signals" / folder).glob("*.parquet")
        found = pl.read_parquet(path)
        assert sorted(map(str, found.rows())) == sorted(map(str, frame.rows())), folder
        [path] = (without.path / "signals" / folder).glob("*.parquet")
        assert pl.read_parquet(path).rows() != found.rows()
    for folder in ("counts@1", "c4@1", "language@4", "personal_data@2"):
        same = [
            pl.read_parquet(next((one.path / "signals" / folder).glob("*.parquet"))).rows()
            for one in (with_hosts, without)
        ]
        assert same[0] == same[1]


def leak(seed, count, between):
    """Records of made-up persons: sentences with values, or with some prose between them."""
    persons = [kind for kind in VALUES if kind not in ("nip", "regon", "krs")]
    rng = random.Random(seed)
    rows = [row for row in made(seed=seed, count=20 * len(VALUES)) if row[0] in persons]
    return f"\n{between}\n".join(sentence for _, sentence, _ in rng.sample(rows, count))


@pytest.fixture
def dumps(world):
    prose = " ".join(PROSE.format(n) for n in range(60, 80))
    rows = {f"good{n}": PROSE.format(n) * 2 for n in range(20)}
    rows |= {f"leak{n}": leak(n, 30, "") for n in range(5)}
    rows |= {"few": leak(8, 4, PROSE.format(3)), "rare": leak(9, 14, prose)}
    world.jsonl("teksty/a.jsonl", [{"id": k, "text": v, "title": k} for k, v in rows.items()])
    world.pack = world.pack.model_copy(update={"personal_data_density": POLISH})
    documents = world.documents([world.inventory()])
    return world, documents, world.signals([documents])


def test_a_dump_of_personal_data_goes_and_a_text_with_some_stays(dumps):
    world, documents, signals = dumps
    corpus = world.corpus(
        [documents], signals, held_out=0.3, thresholds={"duplicate_line_share": {}}
    )
    found = reasons(corpus)
    assert {found[f"leak{n}"] for n in range(5)} == {"personal-data-density"}
    assert found["few"] is None
    assert found["rare"] is None
    assert not [name for name, reason in found.items() if name.startswith("good") and reason]
    manifest = json.loads((corpus.path / "manifest.json").read_text("utf-8"))
    assert manifest["personal_data_density"] == POLISH.model_dump()
    row = decided_documents(corpus.path, ("title", "doc_id")).filter(title="leak0")
    [rule] = [r for r in why(corpus.path, row["doc_id"][0]).rules if "density" in r.name]
    assert not rule.passed
    assert rule.value == row["detail"][0]
    assert "findings" in (corpus.path / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "gone"),
    [
        ({}, set()),
        ({"findings": 4, "density": 2.0}, {"few", *(f"leak{n}" for n in range(5))}),
        ({"findings": 10, "density": 0.1}, {"rare", *(f"leak{n}" for n in range(5))}),
    ],
)
def test_a_recipe_sets_the_density_or_switches_it_off(dumps, given, gone):
    world, documents, signals = dumps
    corpus = world.corpus([documents], signals, held_out=0.3, personal_data_density=given)
    found = reasons(corpus)
    assert {name for name, reason in found.items() if reason == "personal-data-density"} == gone


def test_a_density_without_the_signal_is_refused_and_the_packs_is_left_out(dumps):
    world, documents, _ = dumps
    few = world.signals([documents], "few", measure=["counts", "language", "duplicates"])
    assert reasons(world.corpus([documents], few, "x", held_out=0.3))["leak0"] is None
    with pytest.raises(UsageError, match="personal data were not measured"):
        world.corpus(
            [documents], few, "y", held_out=0.3,
            personal_data_density={"findings": 3, "density": 1.0},
        )  # fmt: skip
    with pytest.raises(ValueError, match="both findings and density"):
        world.corpus([documents], few, "z", held_out=0.3, personal_data_density={"findings": 3})


def test_where_every_document_is_a_dump_the_error_says_which_rule(dumps):
    world, _, __ = dumps
    rows = [{"id": str(n), "text": leak(n, 30, "")} for n in range(10)]
    world.jsonl("inne/a.jsonl", rows)
    documents = world.documents([world.inventory("inne", "inne", name="inne")], "d")
    with pytest.raises(DataError, match="raise personal_data_density"):
        world.corpus([documents], world.signals([documents], "s"), "c", held_out=0.3)


def test_the_polish_pack_has_the_rule_of_the_documentation():
    rule = languages.load("pol").personal_data_density
    assert (rule.findings, rule.density) == (10, 2.0)
