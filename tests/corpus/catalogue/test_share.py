"""Datasets out and in again, and the catalogue that others mirror."""

import json
import tomllib

import polars as pl
import pytest
import zstandard
from typer.testing import CliRunner

from mowa.cli._corpus import corpus_app
from mowa.corpus import export
from mowa.corpus.catalogue import bring_in, check_mirror, open_corpus, write_mirror
from mowa.errors import UsageError
from mowa.rights import load_source


def text(number):
    return (
        f"Dnia {number} maja zebrała się rada gminy i nie doszła do zgody w sprawie drogi.\n"
        f"Wójt powiedział, że to jest sprawa na {number} lat i że nie ma na to pieniędzy."
    )


@pytest.fixture
def corpus(world):
    records = [
        {"text": text(n), "id": f"o{n}", "title": f"Uchwała {n}", "author": "Rada",
         "url": f"https://gmina.example/{n}", "date": "1999-01-02"}
        for n in range(40)
    ]  # fmt: skip
    world.jsonl("a/a.jsonl", records)
    return world.whole([world.inventory("a", "a", name="gmina")], held_out=0.3)


def lines(path):
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_speakleash_out_in_and_out_again_is_equal(world, corpus, tmp_path):
    export(corpus.path, tmp_path / "out", "gmina", split="all")
    found = bring_in(
        tmp_path / "out/gmina.manifest", "gmina",
        data=world.root / "data", sources=tmp_path / "sources", day="2026-02-03",
    )  # fmt: skip
    for file in found.folder.iterdir():
        assert file.read_bytes() == (tmp_path / "out" / file.name).read_bytes()
    first = lines(tmp_path / "out/gmina.jsonl.zst")
    assert found.documents == len(first) == 40
    source = load_source(tmp_path / "sources", "gmina")
    assert (source.licence, source.release) == ("CC-BY-SA-4.0", "research")
    recipe = tomllib.loads(found.recipe)
    assert recipe["steps"]["gmina"]["path"] == "gmina"
    inventory = world.inventory("back", "gmina", name="gmina")
    documents = world.documents([inventory], "back-documents", reader={"format": "speakleash"})
    signals = world.signals([documents], "back-signals")
    again = world.corpus([documents], signals, step="back-corpus", held_out=0.3)
    export(again.path, tmp_path / "again", "gmina", split="all")

    def without_ids(found):
        return [(r["text"], {k: v for k, v in r["meta"].items() if k != "doc_id"}) for r in found]

    second = lines(tmp_path / "again/gmina.jsonl.zst")
    assert sorted(without_ids(first), key=str) == sorted(without_ids(second), key=str)
    one, two = (
        json.loads((tmp_path / n / "gmina.manifest").read_text("utf-8")) for n in ("out", "again")
    )
    assert one["stats"] == two["stats"]
    assert one["license"] == two["license"]


@pytest.mark.parametrize("split", ["train", "all"])
def test_the_layout_of_datasets_is_read_by_datasets_and_by_us(corpus, tmp_path, split):
    datasets = pytest.importorskip("datasets")
    written = export(corpus.path, tmp_path, "gmina", form="datasets", split=split)
    names = [path.relative_to(tmp_path / "gmina").as_posix() for path in written.files]
    assert names[0] == "data/train-00000-of-00001.parquet"
    assert names[-1] == "README.md"
    kept = open_corpus(corpus.path).to_polars()
    if split == "train":
        kept = kept.filter(pl.col("split") == "train")
    loaded = datasets.load_dataset(str(tmp_path / "gmina"), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == ({"train"} if split == "train" else {"train", "test"})
    found = {row["id"]: row["text"] for part in loaded.values() for row in part}
    assert found == dict(kept.select("doc_id", "text").rows())
    with pytest.raises(UsageError, match="there already"):
        export(corpus.path, tmp_path, "gmina", form="datasets")
    brought = bring_in(
        tmp_path / "gmina", "back",
        data=tmp_path / "d", sources=tmp_path / "s", day="2026-02-03",
    )  # fmt: skip
    assert brought.documents == len(found)
    assert brought.characters == written.characters


def test_a_damaged_archive_is_not_brought_in(corpus, tmp_path):
    export(corpus.path, tmp_path, "gmina")
    write_mirror(tmp_path)
    data = tmp_path / "gmina.jsonl.zst"
    whole = data.read_bytes()
    options = {"data": tmp_path / "d", "sources": tmp_path / "s", "day": "2026-02-03"}
    for damaged in (whole[:-20], whole[:50] + bytes(5) + whole[55:]):
        data.write_bytes(damaged)
        with pytest.raises(UsageError):
            bring_in(tmp_path / "gmina.manifest", "gmina", **options)
        assert not (tmp_path / "d").exists()
        assert not (tmp_path / "s").exists()
    data.write_bytes(whole)
    bring_in(tmp_path / "gmina.manifest", "gmina", **options)
    with pytest.raises(UsageError, match="there already"):
        bring_in(tmp_path / "gmina.manifest", "gmina", **options)
    for name in ("../x", "", "Duże"):
        with pytest.raises(UsageError, match="no name for a source"):
            bring_in(tmp_path / "gmina.manifest", name, **options)


def test_a_manifest_that_claims_other_counts_is_refused(corpus, tmp_path):
    export(corpus.path, tmp_path, "gmina")
    path = tmp_path / "gmina.manifest"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["stats"]["documents"] += 1
    path.write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(UsageError, match=r"stats\.documents"):
        bring_in(path, "g", data=tmp_path / "d", sources=tmp_path / "s", day="2026-02-03")


def test_a_parquet_file_without_text_is_refused(tmp_path):
    pl.DataFrame({"x": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / "c.doc").write_bytes(b"")
    for name in ("a.parquet", "b.parquet", "c.doc", "absent.jsonl"):
        with pytest.raises(UsageError):
            bring_in(
                tmp_path / name, "x", data=tmp_path / "d", sources=tmp_path / "s", day="2026-02-03"
            )


def test_a_mirror_is_checked_byte_by_byte(corpus, tmp_path):
    for name in ("jeden", "dwa"):
        export(corpus.path, tmp_path, name)
    entries = write_mirror(tmp_path)
    assert [entry.name for entry in entries] == ["dwa", "jeden"]
    assert check_mirror(tmp_path) == []
    data = tmp_path / "dwa.jsonl.zst"
    whole = data.read_bytes()
    data.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert check_mirror(tmp_path) == ["dwa.jsonl.zst has other bytes than catalogued"]
    data.unlink()
    (tmp_path / "jeden.manifest").write_text("{}")
    export(corpus.path, tmp_path, "trzy")
    assert check_mirror(tmp_path) == [
        "dwa.jsonl.zst is gone",
        "jeden.manifest says otherwise than the catalogue",
        "trzy.manifest is not catalogued",
    ]
    with pytest.raises(UsageError):
        write_mirror(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", '[{"name": "../x"}]', "[1]", "[" * 100_000])
def test_a_damaged_catalogue_is_a_clear_error(tmp_path, content):
    (tmp_path / "speakleash.json").write_text(content)
    with pytest.raises(UsageError):
        check_mirror(tmp_path)


def test_the_commands_import_and_catalogue(corpus, tmp_path):
    export(corpus.path, tmp_path, "gmina")
    runner = CliRunner()
    made = runner.invoke(corpus_app, ["catalogue", str(tmp_path)])
    assert made.exit_code == 0, made.output
    assert runner.invoke(corpus_app, ["catalogue", str(tmp_path), "--verify"]).exit_code == 0
    done = runner.invoke(
        corpus_app,
        ["import", str(tmp_path / "gmina.manifest"), "--name", "gmina",
         "--data", str(tmp_path / "d"), "--sources", str(tmp_path / "s")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert 'does = "inventory"' in done.output
    (tmp_path / "gmina.jsonl.zst").unlink()
    assert runner.invoke(corpus_app, ["catalogue", str(tmp_path), "--verify"]).exit_code == 1
