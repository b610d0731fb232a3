import hashlib
import json
import re

import polars as pl
import pytest
from little_world import text

from mowa.corpus import document_id
from mowa.recipe import Recipe, run
from mowa.workspace import Workspace, write_text


def test_the_road_ends_in_a_model_that_transformers_loads(built):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = Workspace.open(built / "workspace").get("tiny/base").path
    model = AutoModelForCausalLM.from_pretrained(path)
    tokenizer = AutoTokenizer.from_pretrained(path)
    ids = tokenizer("Zażółć gęślą jaźń", return_tensors="pt").input_ids
    assert model(ids).logits.shape == (1, ids.shape[1], 400)
    assert tokenizer.decode(ids[0]) == "Zażółć gęślą jaźń"


def test_counts_add_up_to_the_last_record(built):
    corpus = Workspace.open(built / "workspace").get("tiny/corpus").metrics
    # 63 files, 20 notes; 22 pages of which one is a 404.
    assert corpus["records"] == 63 + 20 + 22
    assert corpus["documents"] == corpus["records"] - 1
    assert sum(item["documents"] for item in corpus["decisions"].values()) == corpus["documents"]
    reasons = {name: item["documents"] for name, item in corpus["reasons"].items()}
    assert reasons == {"empty": 1, "characters": 1, "language": 1, "exact-duplicate": 1}
    kept = corpus["decisions"]["keep"]["documents"]
    assert sum(item["documents"] for item in corpus["splits"].values()) == kept


def test_nothing_of_the_held_out_documents_is_trained_on(built):
    store = Workspace.open(built / "workspace")
    tokens = store.get("tiny/tokens").path
    found = {
        split: set(
            pl.concat(
                pl.read_parquet(path) for path in (tokens / split).glob("*.documents.parquet")
            )["doc_id"]
        )
        for split in ("train", "held_out")
    }
    assert found["train"]
    assert found["held_out"]
    assert not found["train"] & found["held_out"]


def test_a_second_run_does_nothing(built, mowa, monkeypatch):
    monkeypatch.chdir(built)
    result = mowa("run", "recipes/tiny.toml")
    assert result.code == 0, result.err
    assert "10 of 10 steps were up to date" in result.out


def test_every_artifact_has_a_report(built):
    for artifact in Workspace.open(built / "workspace").all():
        page = (artifact.path / "report.html").read_text("utf-8")
        assert page.startswith("<!doctype html>"), artifact.id
        assert "http-equiv" in page
        assert not re.search(r"""(src|href)=["']?https?:""", page), artifact.id


def test_a_model_is_followed_down_to_one_record_of_one_warc(built, mowa, monkeypatch):
    monkeypatch.chdir(built)
    store = Workspace.open(built / "workspace")
    documents = store.get("tiny/web-documents").path / "documents"
    rows = pl.concat(pl.read_parquet(path) for path in documents.glob("*.parquet"))
    row = rows.filter(pl.col("url") == "https://gmina.example/7").row(0, named=True)
    result = mowa("lineage", "tiny/base", "--document", row["doc_id"][:8], "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["doc_id"] == row["doc_id"]
    hops = {hop["kind"]: hop["facts"] for hop in found["hops"]}
    assert hops["corpus"]["decision"] == "keep"
    assert hops["inventory"]["file"] == "pages.warc.gz"
    assert found["record"]["licence"] == "CC0-1.0"
    offset = int(re.search(r"offset=(\d+)", found["record"]["locator"])[1])
    raw = (built / "data" / "web" / "pages.warc.gz").read_bytes()[offset:]
    import zlib

    record = zlib.decompressobj(31).decompress(raw).decode()
    assert "WARC-Target-URI: https://gmina.example/7\r\n" in record
    split, shard = hops["tokens"]["file"].removesuffix(".npy").split("/")
    import numpy as np

    from mowa.tokenizer import load_tokenizer

    ids = np.load(store.get("tiny/tokens").path / split / f"{shard}.npy")
    start = hops["tokens"]["offset"]
    ids = ids[start : start + hops["tokens"]["tokens"]][1:-1]
    decoded = load_tokenizer(store.get("tiny/tokenizer").path).decode(ids.tolist())
    assert decoded == row["text"]
    assert text(907) in decoded
    shown = mowa("lineage", "tiny/base", "-d", row["doc_id"])
    assert "WARC" not in shown.err
    assert row["doc_id"] in shown.out
    assert "pages.warc.gz#offset=" in shown.out


_TWO_FOLDERS = """
name = "two"
title = "Two folders of one source"
language = "pol"

[steps.old]
does = "inventory"
source = "two"
path = "old"

[steps.new]
does = "inventory"
source = "two"
path = "new"

[steps.documents]
does = "documents"
reads = ["old", "new"]

[steps.signals]
does = "signals"
reads = "documents"

[steps.corpus]
does = "corpus"
reads = ["documents", "signals"]
held_out = 0.5
"""

_TWO = """
title = "Two"
holder = "nobody"
licence = "CC0-1.0"
legal_basis = "public_domain"
release = "open"
collected_at = 2026-01-01
collected_how = "made for a test"
"""


def test_lineage_names_the_very_file_that_a_document_was_read_from(tmp_path, mowa, monkeypatch):
    """Not one of the same name in another folder, nor one whose name ends where a # stands."""
    monkeypatch.chdir(tmp_path)
    for folder, names in (("old", ("a.jsonl",)), ("new", ("a.jsonl", "a.jsonl#2.jsonl"))):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for name in names:
            lines = [json.dumps({"id": f"{folder}/{name}/{i}", "text": text(i)}) for i in range(20)]
            (tmp_path / "data" / folder / name).write_text("\n".join(lines), "utf-8")
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "two.toml").write_text(_TWO, "utf-8")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "two.toml").write_text(_TWO_FOLDERS, "utf-8")
    result = mowa("run", "recipes/two.toml", "--workers", 1)
    assert result.code == 0, result.err
    for step, name in (("old", "a.jsonl"), ("new", "a.jsonl"), ("new", "a.jsonl#2.jsonl")):
        doc_id = document_id("two", f"{step}/{name}/7")
        shown = mowa("lineage", "two/corpus", "--document", doc_id, "--json")
        assert shown.code == 0, shown.err
        hops = [hop for hop in json.loads(shown.out)["hops"] if hop["kind"] == "inventory"]
        content = (tmp_path / "data" / step / name).read_bytes()
        mark = hashlib.blake2b(content, digest_size=32).hexdigest()
        assert [(hop["artifact"], hop["facts"]) for hop in hops] == [
            (f"two/{step}@dev", {"file": name, "bytes": len(content), "blake2b": mark})
        ]


def test_lineage_is_a_tree_up_and_down(built, mowa, monkeypatch):
    monkeypatch.chdir(built)
    up = mowa("lineage", "tiny/scores")
    assert "tiny/base@dev" in up.out
    assert "source web · CC0-1.0 · 1 files" in up.out
    down = mowa("lineage", "tiny/web", "--down")
    assert "tiny/scores@dev" in down.out
    tree = json.loads(mowa("lineage", "tiny/corpus", "--json").out)
    assert {child["name"] for child in tree["children"]} == {
        "tiny/text-documents", "tiny/web-documents", "tiny/signals",
    }  # fmt: skip
    missing = mowa("lineage", "tiny/tokenizer", "-d", "zzzzzzzz")
    assert missing.code == 2
    no_corpus = mowa("lineage", "tiny/web", "-d", "abcdef01")
    assert no_corpus.code == 2
    assert "no corpus is among" in no_corpus.err


def test_why_explains_every_kind_of_decision(built, mowa, monkeypatch):
    monkeypatch.chdir(built)
    store = Workspace.open(built / "workspace")
    decisions = pl.concat(
        pl.read_parquet(path)
        for path in sorted((store.get("tiny/corpus").path / "decisions").glob("*.parquet"))
    )
    for reason in ("empty", "characters", "language", "exact-duplicate"):
        doc_id = decisions.filter(pl.col("reason") == reason)["doc_id"][0]
        result = mowa("corpus", "why", doc_id)
        assert result.code == 0, result.err
        assert f": {reason}" in result.out
        assert "stop_word_share" in result.out
    kept = decisions.filter(pl.col("decision") == "keep")["doc_id"][0]
    assert "keep, " in mowa("corpus", "why", kept, "--corpus", "tiny/corpus").out
    assert mowa("corpus", "why", "000000").code == 2


def test_the_commands_that_look_say_what_there_is(built, mowa, monkeypatch):
    monkeypatch.chdir(built)
    status = mowa("status")
    assert status.out.count("@dev") == 10
    assert "up to date" in mowa("status", "recipes/tiny.toml").out
    shown = mowa("show", "tiny/corpus")
    assert "CC0-1.0" in shown.out
    assert "held_out = 0.1" in shown.out
    assert json.loads(mowa("show", "tiny/base", "--json").out)["kind"] == "model"
    folder = built / "workspace" / "tiny" / "base@dev"
    monkeypatch.chdir("/")
    assert "tiny/base@dev" in mowa("show", folder).out
    assert mowa("verify", folder).code == 0
    assert mowa("--version").out.startswith("mowa 0")
    assert mowa("status").code == 2


def test_a_model_speaks_and_the_seed_decides_what(built, mowa, monkeypatch):
    monkeypatch.chdir(built)
    one = mowa("generate", "tiny/base", "W Krakowie", "-n", 12, "--seed", 3)
    assert one.code == 0, one.err
    assert one.out.startswith("W Krakowie")
    assert one.out == mowa("generate", "tiny/base", "W Krakowie", "-n", 12, "--seed", 3).out
    folder = built / "workspace" / "tiny" / "base@dev"
    assert mowa("generate", folder, "W Krakowie", "-n", 12, "--seed", 3).out == one.out
    wrong = mowa("generate", "tiny/corpus", "W")
    assert wrong.code == 2
    assert "not a model" in wrong.err


def data_files(folder):
    """Path and hash of every file of every artifact but model and scores, which hold times."""
    return {
        f"{artifact.id}/{file.path}": file.blake2b
        for artifact in Workspace.open(folder / "workspace").all()
        if artifact.kind not in ("model", "scores")
        for file in artifact.files
    }


def test_the_same_bytes_come_out_with_two_workers_elsewhere(built, project):
    run(
        Recipe.load(project / "recipes" / "tiny.toml"),
        project / "workspace",
        workers=2,
        to="tokens",
    )
    assert data_files(project) == data_files(built)


def test_a_changed_file_rebuilds_only_what_depends_on_it(project):
    recipe = Recipe.load(project / "recipes" / "tiny.toml")
    run(recipe, project / "workspace", to="corpus", workers=1)
    write_text(project / "data" / "texts" / "t000.txt", text(4000))
    states = {
        result.artifact.name.partition("/")[2]: result.state
        for result in run(recipe, project / "workspace", to="corpus", workers=1)
    }
    assert states == {
        "texts": "rebuild", "text-documents": "rebuild", "signals": "rebuild", "corpus": "rebuild",
        "web": "up to date", "web-documents": "up to date",
    }  # fmt: skip
    again = run(recipe, project / "workspace", to="corpus", workers=1)
    assert {result.state for result in again} == {"up to date"}


def test_other_thresholds_rewrite_only_the_decisions(project):
    workspace = project / "workspace"
    first = run(Recipe.load(project / "recipes" / "tiny.toml"), workspace, to="corpus", workers=1)
    settings = ["steps.corpus.thresholds.characters.minimum=450"]
    other = Recipe.load(project / "recipes" / "tiny.toml", settings)
    second = run(other, workspace, to="corpus", workers=1)
    assert [result.state for result in second][-1] == "rebuild"
    assert {result.state for result in second[:-1]} == {"up to date"}
    old = Workspace.open(workspace).superseded()[0]
    inode = next((old.path / "documents").glob("*.parquet"))
    same = second[-1].artifact.path / "documents" / inode.name
    assert same.stat().st_ino == inode.stat().st_ino
    kept = [
        result.artifact.metrics["decisions"]["keep"]["documents"]
        for result in (first[-1], second[-1])
    ]
    assert kept[1] < kept[0]


def test_promote_and_gc_from_the_command_line(project, mowa):
    assert mowa("run", "recipes/tiny.toml", "--to", "corpus", "--workers", 1).code == 0
    fixed = mowa("promote", "tiny/corpus", "1.0")
    assert "6 artifacts are now fixed as 1.0" in fixed.out
    assert "tiny/corpus@1.0" in mowa("status").out
    settings = ("--set", "steps.corpus.seed=1", "--to", "corpus")
    assert mowa("run", "recipes/tiny.toml", *settings).code == 0
    drifted = mowa("run", "recipes/tiny.toml", "--set", "version='1.0'", *settings)
    assert drifted.code == 2
    assert "seed: 0 -> 1" in drifted.err
    dry = mowa("gc", "--dry-run")
    assert "would be freed" in dry.out
    assert "would be" not in mowa("gc").out
    assert mowa("gc").out.startswith("0 B")
    assert mowa("verify").code == 0
    spoilt = project / "workspace" / "tiny" / "corpus@1.0" / "manifest.json"
    spoilt.write_text("{}")
    result = mowa("verify")
    assert result.code == 1
    assert "manifest.json: changed" in result.out


def test_init_makes_a_project_that_runs(tmp_path, mowa, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = mowa("init", "mine")
    assert made.code == 0, made.err
    monkeypatch.chdir(tmp_path / "mine")
    empty = mowa("run", "recipes/first.toml", "--dry-run")
    assert empty.code == 2
    assert "my-texts" in empty.err
    for number in range(40):
        write_text(tmp_path / "mine" / "data" / "my-texts" / f"{number}.txt", text(number))
    plan = mowa("run", "recipes/first.toml", "--dry-run")
    assert plan.code == 0, plan.err
    assert "8 of 8 steps to do" in plan.out
    assert not (tmp_path / "mine" / "workspace").exists()
    assert mowa("run", "recipes/first.toml", "--to", "corpus").code == 0
    write_text(tmp_path / "mine" / "recipes" / "first.toml", "# mine now")
    mowa("init", ".")
    assert (tmp_path / "mine" / "recipes" / "first.toml").read_text() == "# mine now"


@pytest.mark.parametrize("name", ["README.md", "docs/recipes.md", "docs/inference.md"])
def test_the_python_in_the_documents_is_python(name):
    from pathlib import Path

    page = (Path(__file__).parents[2] / name).read_text("utf-8")
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        compile(code, name, "exec")
