import json
from datetime import UTC, datetime

import polars as pl
import pytest
import zstandard
from typer.testing import CliRunner

from mowa.cli import _corpus as corpus_commands
from mowa.collect import ReaderOptions, Skipped, read_file
from mowa.corpus import SignalsConfig, _export, export, kept_documents, shard_names
from mowa.corpus._schema import write_frame
from mowa.corpus._table import named_signal
from mowa.corpus.classifiers import schema
from mowa.corpus.quality import speakleash
from mowa.errors import UsageError
from mowa.languages import load
from mowa.workspace import Workspace

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def text(number):
    return (
        f"Dnia {number} maja zebrała się rada gminy i nie doszła do zgody w sprawie drogi.\n"
        f"Wójt powiedział, że to jest sprawa na {number} lat i że nie ma na to pieniędzy."
    )


@pytest.fixture
def corpus(world):
    world.jsonl(
        "otwarte/a.jsonl",
        [
            {"text": text(n), "id": f"o{n}", "title": f"Uchwała {n}", "author": "Rada"}
            | ({"licence": "CC0-1.0", "url": f"https://gmina.example/{n}"} if n % 2 else {})
            for n in range(40)
        ],
    )
    world.jsonl("badania/b.jsonl", [{"text": text(n), "id": f"b{n}"} for n in range(100, 110)])
    inventories = [
        world.inventory("otwarte", "otwarte", name="otwarte"),
        world.inventory("badania", "badania", name="badania", release="research"),
    ]
    return world.whole(inventories, held_out=0.3)


@pytest.fixture
def open_corpus(world):
    world.jsonl("a/a.jsonl", [{"text": text(n), "id": f"o{n}"} for n in range(40)])
    return world.whole([world.inventory("a", "a", name="otwarte")], held_out=0.3)


def kept(corpus, *splits, columns=("doc_id", "text")):
    return {
        row[0]: row[1:]
        for shard in shard_names(corpus)
        for split in splits
        for row in kept_documents(corpus, shard, split, columns).iter_rows()
    }


def back(out, name, **options):
    found = []
    for path in sorted(out.iterdir()):
        found += read_file(path, path.name, ReaderOptions(**options))
    return [item for item in found if not isinstance(item, Skipped)], [
        item.reason for item in found if isinstance(item, Skipped)
    ]


@pytest.mark.parametrize("split", ["train", "held_out", "all"])
def test_what_is_written_is_read_again(corpus, tmp_path, split):
    out = tmp_path / "out"
    written = export(corpus.path, out, "gmina", split=split, release="research")
    splits = ("train", "held_out") if split == "all" else (split,)
    columns = ("doc_id", "text", "title", "author", "url", "licence")
    expected = kept(corpus.path, *splits, columns=columns)
    records, others = back(out, "gmina", format="speakleash")
    assert others == ["manifest", "sample"]
    assert {
        record.key: (record.text, record.title, record.author, record.url, record.licence)
        for record in records
    } == expected
    assert written.documents == len(expected) == len(records)
    assert written.characters == sum(len(row[0]) for row in expected.values())
    assert sum(written.licences.values()) == written.documents


def test_each_field_is_the_forms(corpus, tmp_path):
    register = tmp_path / "sources"
    register.mkdir()
    (register / "otwarte.toml").write_text(
        'title = "Uchwały"\nholder = "Gmina"\nurl = "https://gmina.example"\n'
        'licence = "CC-BY-SA-4.0"\nlegal_basis = "open_licence"\nrelease = "open"\n'
        'attribution = "Uchwały, Gmina"\ncollected_at = 2026-01-31\ncollected_how = "ręcznie"\n',
        "utf-8",
    )
    export(
        corpus.path,
        tmp_path / "out",
        "gmina",
        split="all",
        release="open",
        register=register,
        description="Uchwały gminy",
        now=NOW,
    )
    packed = tmp_path / "out/gmina.jsonl.zst"
    with zstandard.open(packed, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    expected = kept(corpus.path, "train", "held_out", columns=("doc_id", "text", "release"))
    count = sum(release == "open" for _, release in expected.values())
    assert json.loads((tmp_path / "out/gmina.manifest").read_text("utf-8")) == {
        "project": "SpeakLeash",
        "name": "gmina",
        "description": "Uchwały gminy",
        "license": "CC-BY-SA-4.0 AND CC0-1.0",
        "category": "Other",
        "language": "pl",
        "file_size": packed.stat().st_size,
        "sources": [
            {
                "name": "otwarte",
                "url": "https://gmina.example",
                "license": "CC-BY-SA-4.0 AND CC0-1.0",
            }
        ],
        "stats": {
            "documents": count,
            "characters": sum(len(line["text"]) for line in lines),
        },
        "creation_date": "2026-03-04 05:06:07",
        "updated_date": "2026-03-04 05:06:07",
        "disclaimer": "Uchwały, Gmina",
    }
    assert json.loads((tmp_path / "out/gmina.sample").read_text("utf-8")) == lines[:5]
    for line in lines:
        assert list(line) == ["text", "meta"]
        meta = line["meta"]
        assert meta["characters"] == len(line["text"])
        assert meta["language"]["lang"] == "pl"
        assert 0.5 <= meta["language"]["score"] <= 1
        assert meta["name"] == meta["title"]
        assert meta["source"] == "otwarte"
        assert meta["licence"] == ("CC0-1.0" if "url" in meta else "CC-BY-SA-4.0")
        assert (expected[meta["doc_id"]]) == (line["text"], "open")


def test_summing_every_number_of_meta_gives_the_stats(corpus, tmp_path):
    """What SpeakLeash's postprocessor does: any other number would end up in stats."""
    export(corpus.path, tmp_path / "out", "gmina", split="all", release="research")
    sums = {"documents": 0}
    with zstandard.open(tmp_path / "out/gmina.jsonl.zst", "rt", encoding="utf-8") as file:
        for line in file:
            sums["documents"] += 1
            for key, value in json.loads(line)["meta"].items():
                if isinstance(value, int | float):
                    sums[key] = sums.get(key, 0) + value
    assert json.loads((tmp_path / "out/gmina.manifest").read_text("utf-8"))["stats"] == sums


STATS = (
    "documents characters sentences words verbs nouns adverbs adjectives punctuations symbols"
    " stopwords oovs pos_x pos_num camel_case capitalized_words avg_word_length"
    " avg_sentence_length noun_ratio verb_ratio adj_ratio lexical_density gunning_fog quality"
)


def measured_corpus(world, more):
    world.pack = load("pol").model_copy(update={"thresholds": {}, "filters": {}})
    rows = [{"text": f"{text(n)}{more(n)}", "id": f"o{n}"} for n in range(40)]
    world.jsonl("a/a.jsonl", rows)
    documents = world.documents([world.inventory("a", "a", name="otwarte")])
    measure = [*SignalsConfig().measure, "speakleash"]
    signals = world.signals([documents], measure=measure)
    return world.corpus([documents], signals, held_out=0.3)


def lines_of(path):
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_metrics_and_quality_stand_under_speakleashs_names_and_are_of_the_text_written(
    world, tmp_path
):
    corpus = measured_corpus(world, lambda n: f" Pisz: nikt{n}@poczta.example." if n % 2 else "")
    out = tmp_path / "out"
    export(corpus.path, out, "gmina", split="all")
    lines = lines_of(out / "gmina.jsonl.zst")
    assert sum("[EMAIL]" in line["text"] for line in lines) == 20
    texts = pl.Series([line["text"] for line in lines])
    expected = speakleash(texts, load("pol").stop_words)
    numbers = [name for name in expected.columns if name != "quality"]
    for line, row in zip(lines, expected.rows(named=True), strict=True):
        meta = line["meta"]
        assert {name: meta[name] for name in expected.columns} == row
        found = {name for name, value in meta.items() if isinstance(value, int | float)}
        assert found == set(numbers)
    stats = json.loads((out / "gmina.manifest").read_text("utf-8"))["stats"]
    assert sorted(stats) == sorted(STATS.split())
    for name in numbers:
        whole = expected[name].mean() if expected[name].dtype.is_float() else expected[name].sum()
        assert stats[name] == pytest.approx(whole, abs=1e-4), name
    counts = {name: (expected["quality"] == name).sum() / 40 for name in ("HIGH", "MEDIUM", "LOW")}
    assert stats["quality"] == {name: round(share, 2) for name, share in counts.items()}
    records, others = back(out, "gmina", format="speakleash")
    assert others == ["manifest", "sample"]
    assert {record.text for record in records} == set(texts)


def test_what_classifiers_say_is_the_quality_and_the_category(world, tmp_path):
    corpus = measured_corpus(world, lambda _: "")
    path = corpus.path / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    for name, kind, classes in (
        ("classifier_good", "quality", ("HIGH", "MEDIUM", "LOW")),
        ("classifier_about", "topic", ("Gmina", "Sport")),
    ):
        signal = named_signal(name, schema(classes), {"kind": kind, "classes": list(classes)})
        manifest["made_with"][signal.folder] = dict(signal.about)
        for shard in shard_names(corpus.path):
            rows = pl.read_parquet(corpus.path / "documents" / f"{shard}.parquet").height
            frame = pl.DataFrame(
                {
                    f"{name}_label": [classes[n % 2] for n in range(rows)],
                    f"{name}_confidence": [0.9 + (n % 4) / 40 for n in range(rows)],
                    **{f"{name}_p_{one}": [0.5] * rows for one in classes},
                }
            )
            folder = corpus.path / "signals" / signal.folder
            write_frame(folder / f"{shard}.parquet", frame, signal.columns)
    path.write_text(json.dumps(manifest), "utf-8")
    out = tmp_path / "out"
    export(corpus.path, out, "gmina", split="all")
    metas = [line["meta"] for line in lines_of(out / "gmina.jsonl.zst")]
    assert [meta["quality"] for meta in metas] == ["HIGH", "MEDIUM"] * 20
    assert [meta["category"] for meta in metas[:4]] == [
        {"Gmina": 90.0}, {"Sport": 92.5}, {"Gmina": 95.0}, {"Sport": 97.5}
    ]  # fmt: skip
    told = json.loads((out / "gmina.manifest").read_text("utf-8"))
    assert told["stats"]["quality"] == {"HIGH": 0.5, "MEDIUM": 0.5, "LOW": 0.0}
    assert told["category=95%"] == {"Gmina": 10, "Sport": 10}
    assert back(out, "gmina", format="speakleash")[1] == ["manifest", "sample"]


def test_documents_for_research_never_go_out_without_a_word(corpus, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="may be used for research only") as caught:
        export(corpus.path, out, "gmina")
    assert "--release open" in str(caught.value)
    assert not out.exists()
    left = export(corpus.path, out, "open", split="all", release="open")
    assert left.left_out > 0
    every = export(corpus.path, out, "all", split="all", release="research")
    assert every.documents == left.documents + left.left_out
    manifest = json.loads((out / "all.manifest").read_text("utf-8"))
    assert "research only" in manifest["disclaimer"]
    assert [source["name"] for source in manifest["sources"]] == ["badania", "otwarte"]
    assert "disclaimer" not in json.loads((out / "open.manifest").read_text("utf-8"))


def test_nothing_is_written_over_without_being_told(open_corpus, tmp_path):
    assert export(open_corpus.path, tmp_path, "gmina").left_out == 0
    before = (tmp_path / "gmina.jsonl.zst").read_bytes()
    with pytest.raises(UsageError, match="there already"):
        export(open_corpus.path, tmp_path, "gmina", split="all")
    assert (tmp_path / "gmina.jsonl.zst").read_bytes() == before
    export(open_corpus.path, tmp_path, "gmina", split="all", force=True)
    assert json.loads((tmp_path / "gmina.manifest").read_text("utf-8"))["stats"]["documents"] == 40
    assert (tmp_path / "gmina.jsonl.zst").read_bytes() != before


def test_an_export_that_is_interrupted_leaves_no_whole_dataset(open_corpus, tmp_path, monkeypatch):
    out = tmp_path / "out"
    export(open_corpus.path, out, "gmina")
    before = (out / "gmina.jsonl.zst").read_bytes()

    def stop(row):
        raise KeyboardInterrupt

    monkeypatch.setattr(_export, "record", stop)
    with pytest.raises(KeyboardInterrupt):
        export(open_corpus.path, out, "gmina", force=True)
    assert [path.name for path in out.iterdir()] == ["gmina.jsonl.zst"]
    assert (out / "gmina.jsonl.zst").read_bytes() == before


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "a" * 101, "żółw"])
def test_a_name_that_leads_elsewhere_is_refused(open_corpus, tmp_path, name):
    with pytest.raises(UsageError, match="no name for a dataset"):
        export(open_corpus.path, tmp_path, name)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_lines_and_parquet_are_read_again_without_options(corpus, tmp_path, form):
    out = tmp_path / "out"
    written = export(corpus.path, out, "gmina", form=form, split="all", release="research")
    assert [path.name for path in out.iterdir()] == [written.files[0].name]
    columns = ("doc_id", "text", "title", "author", "url", "licence")
    expected = kept(corpus.path, "train", "held_out", columns=columns)
    records, _ = back(out, "gmina")
    assert {
        record.key: (record.text, record.title, record.author, record.url, record.licence)
        for record in records
    } == expected
    assert written.documents == len(expected)


def test_the_command_says_what_it_wrote(corpus, tmp_path, monkeypatch):
    class Store:
        def get(self, reference):
            assert reference == "proba/corpus"
            return corpus

    monkeypatch.setattr(Workspace, "open", lambda _: Store())
    runner = CliRunner()
    arguments = ["export", "proba/corpus", str(tmp_path / "out"), "--name", "gmina"]
    refused = runner.invoke(corpus_commands.corpus_app, arguments)
    assert isinstance(refused.exception, UsageError)
    done = runner.invoke(corpus_commands.corpus_app, [*arguments, "--release", "open"])
    assert done.exit_code == 0, done.output
    assert "CC0-1.0: " in done.output
    assert "left out, for research only: " in done.output
    assert str(tmp_path / "out" / "gmina.manifest") in done.output.replace("\n", "")
