"""The steps `signals` and `corpus`: decisions in a fixed order, counts that add up."""

import json
import random
import re
from dataclasses import replace

import polars as pl
import pytest
from pydantic import ValidationError

from mowa.corpus import Bounds, CorpusConfig, HoldOut, kept_documents, shard_names
from mowa.corpus import _decide as decide_step
from mowa.corpus._policy import Policy, policy
from mowa.corpus._rules import is_held_out, number
from mowa.corpus._schema import read_frame
from mowa.corpus._table import SIGNALS
from mowa.errors import DataError, UsageError
from mowa.languages import Threshold
from mowa.workspace import Inputs

POLISH = "Nad rzeką stoi dom, w którym mieszka stary rybak, a obok rośnie wierzba numer {}."
ENGLISH = "There is an old house by the river, and the fisherman who lives in it is named {}."
SILESIAN = "Ślōnsko gŏdka je gŏdkōm, kerōm gŏdajōm ludzie na Ślōnsku, a to je zdanie numer {}."


@pytest.fixture
def mixed(world):
    """Forty Polish texts and one of every kind that is not kept."""
    rows = [{"id": f"pl{n}", "text": POLISH.format(n)} for n in range(40)]
    rows += [
        {"id": "empty", "text": " \u200b "},
        {"id": "again", "text": POLISH.format(7).upper().replace(" ", "\n")},
        {"id": "english", "text": ENGLISH.format("John"), "language": "pl"},
        {"id": "silesian", "text": SILESIAN.format(1), "language": "szl"},
        {"id": "kashubian", "text": POLISH.format("x"), "language": "csb"},
        {"id": "short", "text": "Rzeka płynie przez las."},
        {"id": "refrain", "text": "Hej, hej, ułani, malowane dzieci!\n" * 4},
        {"id": "empty too", "text": ""},
    ]
    world.jsonl("teksty/a.jsonl", rows)
    return world


def table_of(corpus):
    frames = []
    for shard in shard_names(corpus.path):
        documents = pl.read_parquet(corpus.path / "documents" / f"{shard}.parquet")
        decided = pl.read_parquet(corpus.path / "decisions" / f"{shard}.parquet")
        assert documents["doc_id"].equals(decided["doc_id"])
        frames.append(documents.hstack(decided.drop("doc_id")))
    return pl.concat(frames)


def test_every_kind_of_document_gets_its_decision_reason_and_detail(mixed):
    table = table_of(mixed.whole([mixed.inventory()], held_out=0.3)).tail(8)
    first = table_of(mixed.whole([mixed.inventory()], held_out=0.3))["doc_id"][7]
    found = table.select("decision", "reason", "detail").rows()
    assert found[0] == ("reject", "empty", None)
    assert found[1] == ("duplicate", "exact-duplicate", f"of {first}")
    assert found[2][:2] == ("reject", "language")
    assert re.fullmatch(r"eng 0\.\d+|eng 1\.0", found[2][2])
    assert found[3] == ("quarantine", "protected-variety", "declared szl")
    assert found[4] == ("quarantine", "protected-variety", "declared csb")
    assert found[5] == ("reject", "characters", "characters 23 < 40")
    assert found[6] == ("reject", "duplicate_line_share", "duplicate_line_share 0.75 > 0.5")
    assert found[7] == ("reject", "empty", None)
    assert table["split"].to_list() == [None] * 8


def test_the_manifest_counts_every_document_once_in_every_way(mixed):
    mixed.warc("siec/a.warc.gz", [("p1", "https://a.pl/", f"<p>{ENGLISH} {POLISH}".encode())])
    inventories = [
        mixed.inventory(),
        mixed.inventory("siec", "siec", name="siec", release="research"),
    ]
    corpus = mixed.whole(inventories, held_out=0.3)
    manifest = json.loads((corpus.path / "manifest.json").read_text("utf-8"))
    assert manifest["records"] == 50
    assert manifest["skipped"] == {"not-a-response": 1}
    assert manifest["documents"] == 49
    table = table_of(corpus)
    for column, plural in (
        ("decision", "decisions"),
        ("reason", "reasons"),
        ("split", "splits"),
        ("source", "sources"),
        ("licence", "licences"),
        ("release", "releases"),
    ):
        counted = dict(table[column].drop_nulls().value_counts().rows())
        assert {name: entry["documents"] for name, entry in manifest[plural].items()} == counted
    of_source = manifest["sources"]["klasyka"]
    assert of_source["documents"] == sum(
        of_source[verdict] for verdict in ("keep", "reject", "duplicate", "quarantine")
    )
    assert [shard["name"] for shard in manifest["shards"]] == ["siec-00000-000", "teksty-00000-000"]
    assert corpus.metrics["decisions"] == manifest["decisions"]
    assert manifest["thresholds"]["characters"]["minimum"] == 40


def test_kept_documents_come_in_order_by_split(mixed):
    corpus = mixed.whole([mixed.inventory()], held_out=0.3)
    [shard] = shard_names(corpus.path)
    train = kept_documents(corpus.path, shard, "train")
    held_out = kept_documents(corpus.path, shard, "held_out", ("doc_id", "source", "text"))
    assert train.columns == ["doc_id", "text"]
    assert train.height + held_out.height == 40
    assert held_out.columns == ["doc_id", "source", "text"]
    table = table_of(corpus)
    assert train["doc_id"].to_list() == table.filter(split="train")["doc_id"].to_list()


def test_documents_and_signals_are_linked_not_copied(mixed):
    documents = mixed.documents([mixed.inventory()])
    corpus = mixed.corpus([documents], mixed.signals([documents]), held_out=0.3)
    name = "documents/teksty-00000-000.parquet"
    assert (corpus.path / name).samefile(documents.path / name)
    assert {path.name for path in (corpus.path / "signals").iterdir()} == {
        signal.folder for signal in SIGNALS.values() if signal.name != "speakleash"
    }


def test_the_report_shows_reasons_and_escapes_examples(world):
    rows = [{"text": POLISH.format(n)} for n in range(40)] + [
        {"text": "<script>Krótkie zdanie po polsku."}
    ]
    world.jsonl("teksty/a.jsonl", rows)
    corpus = world.whole([world.inventory()], held_out=0.3)
    page = (corpus.path / "report.html").read_text("utf-8")
    assert "Not kept: characters" in page
    assert "&lt;script&gt;Krótkie zdanie po polsku." in page
    assert "<script" not in page


def test_a_language_that_is_not_sure_enough_says_how_sure_it_was(mixed):
    with pytest.raises(DataError, match="no document is left") as caught:
        mixed.whole([mixed.inventory()], minimum_language_confidence=1.0, held_out=0.3)
    assert "minimum_language_confidence (now 1)" in str(caught.value)


def test_thresholds_of_the_recipe_stand_in_the_place_of_the_packs(mixed):
    inventory = mixed.inventory()
    loose = mixed.whole(
        [inventory], held_out=0.3, thresholds={"characters": Bounds(), "words": Bounds(minimum=4)}
    )
    assert table_of(loose)["decision"].to_list()[-3] == "keep"
    manifest = json.loads((loose.path / "manifest.json").read_text("utf-8"))
    assert list(manifest["thresholds"]) == ["duplicate_line_share", "words"]
    assert manifest["thresholds"]["words"]["origin"] == "the recipe"
    with pytest.raises(DataError, match="train and held_out") as caught:
        mixed.whole([inventory], "strict", thresholds={"words": Bounds(minimum=1000)})
    assert "loosen thresholds.words" in str(caught.value)


def test_a_threshold_for_no_signal_names_the_nearest(mixed):
    with pytest.raises(UsageError, match="'charcters'") as caught:
        mixed.whole([mixed.inventory()], thresholds={"charcters": Bounds(minimum=1)})
    assert "did you mean 'characters'?" in str(caught.value)
    with pytest.raises(UsageError) as caught:
        policy(CorpusConfig(thresholds={"zzz": Bounds()}), mixed.pack)
    assert "choose one of: characters" in str(caught.value)


def test_bounds_in_the_wrong_order_are_refused():
    with pytest.raises(ValidationError, match="above maximum"):
        Bounds(minimum=2.0, maximum=1.0)


def test_the_order_of_keys_in_a_recipe_changes_nothing(mixed):
    words, lines = {"words": Bounds(minimum=3)}, {"lines": Bounds(maximum=9)}
    configs = [CorpusConfig(thresholds=given) for given in (words | lines, lines | words)]
    assert policy(configs[0], mixed.pack) == policy(configs[1], mixed.pack)


def test_a_policy_reads_back_what_it_wrote(mixed):
    rules = policy(CorpusConfig(seed=7), mixed.pack)
    assert Policy.from_json(json.loads(json.dumps(rules.to_json()))) == rules


def test_a_language_unknown_to_the_identifier_is_not_judged(world):
    world.pack = world.pack.model_copy(update={"code": "szl", "protected": ("csb", "szl")})
    world.jsonl("teksty/a.jsonl", [{"text": SILESIAN.format(n)} for n in range(30)])
    corpus = world.whole([world.inventory(language="szl")], held_out=0.3)
    assert set(table_of(corpus)["decision"]) == {"keep"}


def test_the_held_out_share_is_kept_and_follows_the_text(mixed):
    rules = policy(CorpusConfig(held_out=0.05), mixed.pack)
    sides = [is_held_out(f"{n:032x}", rules) for n in range(20_000)]
    assert 0.045 < sum(sides) / len(sides) < 0.055
    other = policy(CorpusConfig(held_out=0.05, seed=1), mixed.pack)
    assert sides != [is_held_out(f"{n:032x}", other) for n in range(20_000)]


@pytest.fixture
def library(world):
    """Thirty texts of three authors and three decades."""
    names = ("Bolesław Prus", "Orzeszkowa, Eliza (1841-1910)", "Henryk Sienkiewicz")
    world.jsonl(
        "teksty/a.jsonl",
        [
            {"text": POLISH.format(n), "author": names[n % 3], "date": f"{1880 + n}-05-01"}
            for n in range(30)
        ],
    )
    world.jsonl("inne/b.jsonl", [{"text": POLISH.format(n)} for n in range(40, 50)])
    return world


def held_out(corpus):
    table = table_of(corpus)
    return table.filter(pl.col("split") == "held_out")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"author": "eliza ORZESZKOWA"}], {1, 4, 7, 10, 13, 16, 19, 22, 25, 28}),
        ([{"years": [1900, 1903]}], {20, 21, 22, 23}),
        ([{"author": "Prus", "years": [1880, 1883]}], {0, 3}),
        ([{"author": "Prus", "years": [1880, 1881]}, {"source": "obca"}], {0, *range(40, 50)}),
    ],
)
def test_an_author_years_or_a_source_are_held_out_whole(library, entries, expected):
    inventories = [library.inventory(), library.inventory("obce", "inne", name="obca")]
    entries = [HoldOut.model_validate(entry) for entry in entries]
    corpus = library.whole(inventories, held_out=0.0, hold_out=entries)
    texts = {POLISH.format(n) for n in expected}
    assert set(held_out(corpus)["text"]) == texts
    manifest = json.loads((corpus.path / "manifest.json").read_text("utf-8"))
    assert sum(entry["documents"] for entry in manifest["hold_out"]) == len(expected)
    assert "Set aside by the recipe" in (corpus.path / "report.html").read_text("utf-8")


def test_a_copy_without_an_author_is_held_out_with_the_original(library):
    library.jsonl("inne/b.jsonl", [{"text": POLISH.format(1).upper()}])
    inventories = [library.inventory("obce", "inne", name="obca"), library.inventory()]
    corpus = library.whole(inventories, held_out=0.0, hold_out=[HoldOut(author="Orzeszkowa")])
    table = table_of(corpus)
    assert table.filter(pl.col("source") == "obca")["split"].to_list() == ["held_out"]
    first = table.filter((pl.col("source") == "klasyka") & (pl.col("text") == POLISH.format(1)))
    assert first["decision"].to_list() == ["duplicate"]


def test_the_share_is_held_out_besides_what_the_recipe_names(library):
    inventories = [library.inventory()]
    by_share = library.whole(inventories, held_out=0.3)
    both = library.whole(inventories, "both", held_out=0.3, hold_out=[HoldOut(author="Prus")])
    prus = {POLISH.format(n) for n in range(0, 30, 3)}
    assert set(held_out(both)["text"]) == set(held_out(by_share)["text"]) | prus


def test_an_entry_that_matches_nothing_is_refused(library):
    with pytest.raises(DataError, match=r"hold_out\[1\] matches no document") as caught:
        library.whole(
            [library.inventory()], hold_out=[HoldOut(author="Prus"), HoldOut(author="Reymont")]
        )
    assert "Reymont" in str(caught.value)


@pytest.mark.parametrize(
    "entry", [{}, {"author": "–"}, {"years": [1900, 1899]}, {"years": [1900]}, {"autor": "Prus"}]
)
def test_an_entry_that_says_nothing_sensible_is_refused(entry):
    with pytest.raises(ValidationError):
        HoldOut.model_validate(entry)
    with pytest.raises(ValidationError, match="leaves nothing"):
        CorpusConfig(held_out=0.0)


def test_nothing_held_out_says_what_to_turn(world):
    world.jsonl("teksty/a.jsonl", [{"text": POLISH.format(n)} for n in range(3)])
    with pytest.raises(DataError, match="left for held_out") as caught:
        world.whole([world.inventory()], held_out=0.0001)
    assert "raise held_out (now 0.0001)" in str(caught.value)
    with pytest.raises(DataError, match="left for train") as caught:
        world.whole([world.inventory()], "other", held_out=0.9999)
    assert "lower held_out" in str(caught.value)


def test_only_empty_texts_say_where_to_look(world):
    world.jsonl("teksty/a.jsonl", [{"text": ""}, {"text": " "}])
    with pytest.raises(DataError, match="no document is left") as caught:
        world.whole([world.inventory()])
    assert "text_field" in str(caught.value)


def test_two_records_with_one_id_are_refused_with_both_places(world):
    world.jsonl("a/a.jsonl", [{"id": "7", "text": POLISH.format(1)}])
    world.jsonl("b/b.jsonl", [{"id": "7", "text": POLISH.format(2)}])
    inventories = [world.inventory("a", "a"), world.inventory("b", "b")]
    with pytest.raises(DataError, match="same key") as caught:
        world.whole(inventories)
    assert "a.jsonl#line=1" in str(caught.value)
    assert "b.jsonl#line=1" in str(caught.value)


def test_signals_of_other_documents_are_refused(world):
    world.jsonl("a/a.jsonl", [{"text": POLISH.format(1)}])
    world.jsonl("b/b.jsonl", [{"text": POLISH.format(2)}])
    first = world.documents([world.inventory("a", "a")], step="pierwsze")
    second = world.documents([world.inventory("b", "b", name="b")], step="drugie")
    signals = world.signals([first])
    with pytest.raises(DataError, match="other shards"):
        world.corpus([first, second], signals)
    world.jsonl("a/a.jsonl", [{"text": POLISH.format(n)} for n in range(2)])
    longer = world.documents([world.inventory("a", "a")], step="trzecie")
    with pytest.raises(DataError, match="1 rows, the documents 2"):
        world.corpus([longer], signals)


def test_shards_of_one_name_in_two_inputs_are_refused(world):
    world.jsonl("a/a.jsonl", [{"text": POLISH.format(1)}])
    documents = world.documents([world.inventory("a", "a")])
    with pytest.raises(DataError, match="both have a shard"):
        world.signals([documents, replace(documents, name="proba/inne")])
    with pytest.raises(UsageError, match="no documents"):
        world.signals([])


def test_a_damaged_shard_is_named(world):
    world.jsonl("a/a.jsonl", [{"text": POLISH.format(1)}])
    documents = world.documents([world.inventory("a", "a")])
    signals = world.signals([documents])
    path = documents.path / "documents" / "a-00000-000.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    for step in (
        lambda: world.signals([documents], "s2"),
        lambda: world.corpus([documents], signals),
    ):
        with pytest.raises(DataError, match="not a readable Parquet file"):
            step()


def test_damaged_signals_are_named(world):
    world.jsonl("a/a.jsonl", [{"text": POLISH.format(1)}])
    documents = world.documents([world.inventory("a", "a")])
    signals = world.signals([documents])
    path = signals.path / "signals" / "counts@1" / "a-00000-000.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a readable Parquet file") as caught:
        world.corpus([documents], signals)
    assert "counts@1" in str(caught.value)


def test_a_shard_without_a_column_that_is_asked_for_is_named(tmp_path):
    path = tmp_path / "part.parquet"
    pl.DataFrame({"doc_id": ["a"]}).write_parquet(path)
    assert read_frame(path, ("doc_id",)).columns == ["doc_id"]
    with pytest.raises(DataError, match="no column text"):
        read_frame(path, ("doc_id", "text"))


def test_the_copy_that_stays_is_the_first_over_shards_and_inputs(world):
    text = POLISH.format(1)
    world.jsonl("b/b.jsonl", [{"id": "1", "text": "  " + text}, {"id": "2", "text": ""}])
    world.jsonl("a/a.jsonl", [{"id": "3", "text": text.upper()}, *FILLING["b"][1:]])
    first = world.documents([world.inventory("b", "b")], step="pierwsze")
    second = world.documents([world.inventory("a", "a")], step="drugie")
    signals = world.signals([first, second])
    corpus = world.corpus([first, second], signals, held_out=0.3)
    original, later = (
        pl.read_parquet(corpus.path / "decisions" / f"{name}-00000-000.parquet") for name in "ba"
    )
    assert original["decision"].to_list() == ["keep", "reject"]
    assert later["detail"][0] == f"of {original['doc_id'][0]}"
    assert signals.metrics["exact_copies"] == signals.metrics["exact_clusters"] == 1
    assert not (signals.path / ".sketches").exists()


VOCABULARY = """
rzeka dom stary rybak wierzba las droga most młyn wieś kościół jezioro łódka ptak wiosna zima lato
jesień ogród płot studnia kamień pole żyto koń wóz targ miasto ulica sąsiad dziadek babcia dziecko
szkoła książka list okno drzwi stół chleb ser miód jabłko śliwka
"""
WORDS = VOCABULARY.split()


def prose(seed, sentences=12):
    """Polish words in a random order, so that two such texts share no five words in a row."""
    chance = random.Random(seed)
    lines = []
    for _ in range(sentences):
        one, two = chance.sample(WORDS, 3), chance.sample(WORDS, 3)
        lines.append(f"Nad {' i '.join(one)} jest także {' oraz '.join(two)}.")
    return " ".join(lines)


def test_of_near_copies_one_stays_and_the_others_say_of_which(world):
    rows = [{"id": f"copy{n}", "text": f"{prose(0)} Wersja {n}."} for n in range(3)]
    rows += [{"id": str(n), "text": prose(n)} for n in range(1, 9)]
    world.jsonl("a/a.jsonl", rows)
    documents = world.documents([world.inventory("a", "a")])
    signals = world.signals([documents])
    table = table_of(world.corpus([documents], signals, near_duplicates=True, held_out=0.5))
    assert table["reason"].to_list()[:3].count("near-duplicate") == 2
    assert table["decision"].to_list()[3:] == ["keep"] * 8
    stays = table.head(3).filter(decision="keep")["doc_id"].item()
    assert set(table.head(3).filter(decision="duplicate")["detail"]) == {f"of {stays}"}
    apart = table_of(world.corpus([documents], signals, step="apart", held_out=0.5))
    assert apart["decision"].to_list() == ["keep"] * 11


def test_lines_that_a_host_repeats_are_cut_and_copies_in_other_furniture_found(world):
    def page(n, menu, text):
        return f"<p>{menu}</p><p>{text}</p><p>Stopka serwisu, wszelkie prawa ({menu}).</p>".encode()

    pages = [(f"a{n}", f"https://a.pl/{n}", page(n, "Menu pierwsze", prose(n))) for n in range(12)]
    pages += [
        (f"b{n}", f"https://b.pl/{n}", page(n, "Dział drugi", prose(90 + n))) for n in range(11)
    ]
    pages.append(("b99", "https://b.pl/99", page(99, "Dział drugi", prose(3))))
    world.warc("w/a.warc.gz", pages)
    documents = world.documents([world.inventory("w", "w")], main_content=False)
    corpus = world.corpus([documents], world.signals([documents]), held_out=0.3)
    table = table_of(corpus)
    assert table.filter(reason="exact-duplicate")["url"].to_list() == ["https://b.pl/99"]
    [shard] = shard_names(corpus.path)
    texts = pl.concat(
        [kept_documents(corpus.path, shard, split) for split in ("train", "held_out")]
    )
    assert len(texts) == 23
    assert not any("Menu" in text or "Stopka" in text for text in texts["text"])


def test_personal_data_go_out_of_kept_texts_and_stay_out_of_the_signals(world):
    text = f"{POLISH.format(1)} Pisz na adres jan.kowalski@poczta.example, tel. 601 234 567."
    world.jsonl("a/a.jsonl", [{"id": "1", "text": text}, *FILLING["a"]])
    documents = world.documents([world.inventory("a", "a")])
    signals = world.signals([documents])

    def kept(step, **config):
        corpus = world.corpus([documents], signals, step=step, held_out=0.5, **config)
        [shard] = shard_names(corpus.path)
        parts = [kept_documents(corpus.path, shard, split) for split in ("train", "held_out")]
        return corpus, next(t for t in pl.concat(parts)["text"] if "Pisz" in t)

    corpus, redacted = kept("corpus")
    assert redacted.endswith("Pisz na adres [EMAIL], tel. [TELEFON].")
    manifest = json.loads((corpus.path / "manifest.json").read_text("utf-8"))
    assert manifest["edits"] == {"documents": 1, "email": 1, "phone": 1}
    _, masked = kept("masked", personal_data={"phone": "mask", "email": "keep"})
    assert masked.endswith("jan.kowalski@poczta.example, tel. ### ### ###.")
    for path in (signals.path / "signals").rglob("*.parquet"):
        assert "kowalski" not in str(pl.read_parquet(path).to_dicts())
    with pytest.raises(UsageError, match="no kind of personal data 'fone'"):
        kept("typo", personal_data={"fone": "mask"})


def test_thresholds_of_a_pack_without_a_signal_are_found(mixed):
    pack = mixed.pack.model_copy(update={"thresholds": {"word": Threshold(minimum=1, origin="x")}})
    with pytest.raises(UsageError, match="'word'"):
        policy(CorpusConfig(), pack)


def test_bounds_are_written_as_people_write_them():
    assert (number(200.0), number(0.05), number(1_000_000.0)) == ("200", "0.05", "1000000")


def test_what_is_no_corpus_says_so(tmp_path):
    with pytest.raises(DataError, match="there is no corpus here"):
        shard_names(tmp_path)
    (tmp_path / "manifest.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="manifest is damaged"):
        shard_names(tmp_path)


def test_the_copy_that_stays_is_chosen_by_priority_then_release_licence_and_length(world):
    text = POLISH.format(1)
    for name, licence, release in (
        ("a", "CC-BY-SA-4.0", "open"),
        ("b", "CC0-1.0", "open"),
        ("c", "CC0-1.0", "research"),
    ):
        world.jsonl(f"{name}/{name}.jsonl", [{"id": "1", "text": text}, *FILLING[name]])
        world.made[name] = (licence, release)
    inventories = [
        world.inventory(name, name, name=name, licence=licence, release=release)
        for name, (licence, release) in world.made.items()
    ]

    documents = world.documents(inventories)
    signals = world.signals([documents])

    def stays(**config):
        step = f"corpus-{len(world.made)}"
        world.made[step] = step
        table = table_of(world.corpus([documents], signals, step=step, held_out=0.3, **config))
        copies = table.filter(pl.col("text") == text)
        assert copies["decision"].to_list().count("keep") == 1
        return copies.filter(decision="keep")["source"].item()

    assert stays() == "b"
    assert stays(priority=["c", "a"]) == "c"
    assert stays(priority=["a"]) == "a"


FILLING = {
    name: [{"id": str(n), "text": POLISH.format(f"{name}{n}")} for n in range(2, 9)]
    for name in "abc"
}


def test_a_copy_that_a_rule_rejects_does_not_take_the_good_one_with_it(world):
    text = POLISH.format(1)
    rows = [{"id": "bad", "text": text, "language": "szl"}, {"id": "good", "text": text}]
    world.jsonl("a/a.jsonl", [*rows, *FILLING["a"]])
    table = table_of(world.whole([world.inventory("a", "a")], held_out=0.5))
    assert table["decision"].to_list()[:2] == ["quarantine", "keep"]


def test_a_host_keeps_no_more_than_its_cap_whatever_the_shards(world):
    pages = [
        (f"p{n}", f"https://a.pl/{n}", f"<p>{POLISH.format(n)}</p>".encode()) for n in range(12)
    ]
    world.warc("w/a.warc.gz", [*pages, ("q", "https://b.pl/", f"<p>{POLISH}</p>".encode())])
    inventory = world.inventory("w", "w")
    table = table_of(world.whole([inventory], held_out=0.5, host_documents=4))
    kept = table.filter(decision="keep")["host"].to_list()
    assert (kept.count("a.pl"), kept.count("b.pl")) == (4, 1)
    over = table.filter(reason="host-cap")
    assert over["decision"].unique().to_list() == ["reject"]
    assert over["detail"].unique().to_list() == ["more than 4 of a.pl"]


def test_an_open_build_refuses_documents_for_research(mixed):
    mixed.jsonl("b/b.jsonl", [{"id": "1", "text": POLISH.format(1)}])
    closed = mixed.inventory("b", "b", name="zamkniete", release="research")
    with pytest.raises(DataError, match=r"research only: zamkniete \(1\)"):
        mixed.whole([mixed.inventory(), closed], release="open")
    assert mixed.whole([mixed.inventory(), closed], release="research", held_out=0.3)


def test_signals_may_come_from_several_steps(mixed):
    documents = mixed.documents([mixed.inventory()])
    first = mixed.signals([documents], "s1", measure=["counts", "duplicates"])
    second = mixed.signals([documents], "s2", measure=["language"])
    out = mixed._out("both")
    inputs = Inputs((documents, first, second))
    config = CorpusConfig(held_out=0.3, near_duplicates=False)
    decide_step.run(config, inputs, out, mixed.context("both"))
    whole = mixed.corpus([documents], mixed.signals([documents]), held_out=0.3)
    for path in sorted(whole.path.glob("decisions/*.parquet")):
        assert pl.read_parquet(out / "decisions" / path.name).equals(pl.read_parquet(path))
    again = Inputs((documents, first, mixed.signals([documents], "s3", measure=["counts"])))
    with pytest.raises(DataError, match="both measured counts"):
        decide_step.run(CorpusConfig(held_out=0.3), again, out, mixed.context("again"))
    with pytest.raises(DataError, match="nothing measured the signal 'language'"):
        decide_step.run(
            CorpusConfig(held_out=0.3), Inputs((documents, first)), out, mixed.context("less")
        )
    with pytest.raises(UsageError, match="did you mean 'counts'"):
        mixed.signals([documents], "s4", measure=["count"])


def test_a_signal_of_another_revision_is_refused(mixed):
    documents = mixed.documents([mixed.inventory()])
    signals = mixed.signals([documents])
    folder = signals.path / "signals" / "counts@1"
    folder.rename(folder.with_name("counts@99"))
    with pytest.raises(DataError, match="counts@99, this version reads counts@1"):
        mixed.corpus([documents], signals)
