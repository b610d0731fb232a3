"""The table of what was planted against what was found, on a corpus that was really made."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import mowa.sample
from mowa.cli import app
from mowa.cli._run import copy_new
from mowa.corpus import document_id
from mowa.errors import DataError
from mowa.recipe import Recipe, run
from mowa.sample import Row, as_json, measure, read_truth, summary, write_sample
from mowa.workspace import Workspace

SIZE = 120


def without_papers(recipe: str) -> str:
    """The quickstart's recipe without its inventory of PDF files."""
    left = re.sub(r"\[steps\.papers\]\n(?:.+\n)+\n", "", recipe).replace(', "papers"', "")
    assert "papers" not in left
    return left


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    copy_new(Path(mowa.sample.__file__).parent / "project", folder)
    recipe = folder / "recipes" / "quickstart.toml"
    recipe.write_text(without_papers(recipe.read_text("utf-8")), "utf-8")
    write_sample(folder / "data" / "sample", size=SIZE)
    store = Workspace.open(folder / "workspace", create=True)
    run(Recipe.load(recipe, []), store, to="corpus", workers=1)
    return folder


@pytest.fixture(scope="module")
def truth(project):
    return read_truth(project / "data" / "sample")


@pytest.fixture(scope="module")
def paths(project):
    workspace = project / "workspace" / "quickstart"
    return workspace / "corpus@dev", workspace / "documents@dev"


@pytest.fixture(scope="module")
def rows(truth, paths):
    return measure(truth, *paths)


@pytest.fixture(scope="module")
def verdicts(paths):
    """Decision and text by id, read without the code that is tested."""
    folder, _ = paths
    found = {}
    for path in sorted((folder / "documents").glob("*.parquet")):
        decisions = pl.read_parquet(folder / "decisions" / path.name)
        texts = pl.read_parquet(path)
        for key, text, decision in zip(
            texts["doc_id"], texts["text"], decisions["decision"], strict=True
        ):
            found[key] = (decision, text)
    return found


def verdict(line, verdicts):
    return verdicts.get(document_id(f"sample-{line.path.split('/')[0]}", line.key), ("skip", ""))


def row(rows, group, label="all"):
    [found] = [item for item in rows if (item.group, item.label) == (group, label)]
    return found


def test_every_document_of_the_corpus_is_one_line_of_the_truth(truth, verdicts):
    joined = [line for line in truth if verdict(line, verdicts)[0] != "skip"]
    assert len(joined) == len(verdicts)


def test_planted_counts_are_those_of_the_truth(truth, rows):
    counts = Counter(line.kind for line in truth if not line.path.startswith("papers/"))
    by_group = {item.group: item for item in summary(rows)}
    assert by_group["exact duplicates"].planted == counts["duplicate"] + counts["mirror"]
    assert by_group["near duplicates"].planted == counts["near-duplicate"]
    assert by_group["other languages"].planted == counts["foreign"]
    assert by_group["machine garbage"].planted == counts["garbage"]
    assert by_group["broken records"].planted == counts["broken"]
    assert by_group["mojibake"].planted == counts["mojibake"]
    assert by_group["templated spam"].planted == counts["templated-spam"]


def test_garbage_and_broken_records_are_counted_as_they_were_decided(truth, rows, verdicts):
    for what in ("digits", "letters", "base64", "code"):
        lines = [line for line in truth if line.kind == "garbage" and line.what == what]
        found = sum(verdict(line, verdicts)[0] != "keep" for line in lines)
        assert (row(rows, "machine garbage", what).found, len(lines)) == (
            found,
            row(rows, "machine garbage", what).planted,
        )
    assert row(rows, "machine garbage", "digits").recall == 1
    for what in ("chunked", "member", "length"):
        assert row(rows, "broken records", what).recall == 1


def test_exact_copies_within_a_form_are_found_and_no_other_text_is_taken_for_one(rows):
    assert row(rows, "exact duplicates", "same-form").recall == 1
    assert row(rows, "exact duplicates", "same-page").recall == 1
    assert row(rows, "exact duplicates").false_alarms == 0
    # The original of a changed copy may be the one that goes.
    assert row(rows, "near duplicates").false_alarms == 0


def test_a_copy_that_was_kept_in_place_of_its_original_is_no_loss(truth, rows, verdicts):
    kept = {line.document for line in truth if verdict(line, verdicts)[0] == "keep"}
    fine = [
        line for line in truth if line.expected == "keep" and not line.path.startswith("papers/")
    ]
    lost = [
        line
        for line in fine
        if verdict(line, verdicts)[0] != "keep" and line.document not in kept - {None}
    ]
    assert row(rows, "documents to keep").missed == len(lost)


def test_words_of_the_main_text_are_counted_as_bags(truth, rows, verdicts):
    gold = common = extra = 0
    for line in truth:
        if line.kind == "good" and line.make:
            right, out = (
                Counter(re.findall(r"\w+", text.casefold()))
                for text in (line.text, verdict(line, verdicts)[1])
            )
            gold += sum(right.values())
            common += sum(min(count, out[word]) for word, count in right.items())
            extra += sum(max(0, count - right[word]) for word, count in out.items())
    found = [item for item in rows if item.group == "main text" and item.label.startswith("pages")]
    assert sum(item.planted for item in found) == gold
    assert sum(item.found for item in found) == common
    assert sum(item.false_alarms for item in found) == extra
    assert row(rows, "main text").recall > 0.9


def test_pages_whose_encoding_is_told_are_restored(rows):
    told = [
        item
        for item in rows
        if item.group == "encodings" and "header says windows-1250" in item.label
    ]
    assert told
    assert all(item.recall == 1 for item in told)


def test_a_page_that_was_decoded_wrong_counts_as_missed(truth, paths, monkeypatch):
    # All documents as if they had been decoded as ISO 8859-1: no telling letter survives.
    from mowa.sample import _measure

    real = _measure.decided_documents

    def spoilt(*args):
        return real(*args).with_columns(pl.col("text").str.replace_all("[ąśźĄŚŹ]", "¿"))

    monkeypatch.setattr(_measure, "decided_documents", spoilt)
    found = [item for item in measure(truth, *paths) if item.group == "encodings"]
    assert sum(item.found for item in found) == 0


def test_what_no_step_looks_for_is_planted_but_not_measured(rows):
    unseen = [item for item in rows if item.looked_for_by is None]
    assert {item.group for item in unseen} == {"reservations"}
    for item in unseen:
        assert item.planted > 0
        assert (item.found, item.missed, item.false_alarms) == (None, None, None)
        assert (item.precision, item.recall, item.f1) == (None, None, None)


def test_a_corpus_of_another_sample_is_refused(paths, tmp_path):
    write_sample(tmp_path, seed=8, size=40)
    with pytest.raises(DataError, match="this corpus was made of"):
        measure(read_truth(tmp_path), *paths)


def test_rows_derive_their_shares_and_sums_keep_what_is_unknown():
    one, other = Row("g", "a", 10, 8, 2, "corpus"), Row("g", "b", 10, 2, 0, "corpus")
    assert (one.missed, one.precision, one.recall) == (2, 0.8, 0.8)
    assert one.f1 == pytest.approx(0.8)
    assert summary([one, other]) == [Row("g", "all", 20, 10, 2, "corpus")]
    unknown = Row("g", "c", 5, None, None, None)
    [total] = summary([one, unknown])
    assert (total.planted, total.found, total.recall) == (15, None, None)
    nothing = Row("g", "d", 3, 0, 0, "corpus")
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, 0.0, None)


def test_the_json_holds_every_row_with_its_shares(rows):
    table = json.loads(as_json(rows))
    assert len(table) == len(rows)
    sorts = defaultdict(list)
    for item in table:
        sorts[item["group"]].append(item)
        assert item["missed"] == (
            None if item["found"] is None else item["planted"] - item["found"]
        )
    assert len(sorts) >= 15


def test_the_command_shows_the_table_and_says_what_nothing_looks_for(project, monkeypatch):
    monkeypatch.chdir(project)
    shown = CliRunner().invoke(app, ["sample", "measure", "data/sample", "quickstart/corpus"])
    assert shown.exit_code == 0, shown.output
    assert "exact duplicates: same-page" in shown.output
    assert "No step looks for these yet" in shown.output


def test_the_command_writes_a_sample_of_the_asked_size(tmp_path):
    made = CliRunner().invoke(
        app, ["sample", "write", str(tmp_path), "--seed", "2", "--size", "40"]
    )
    assert made.exit_code == 0, made.output
    assert "40 good documents" in made.output
    assert sum(line.kind == "good" for line in read_truth(tmp_path)) == 40
