"""`mowa eval` and the step `evaluate` over the model of the little project."""

import json
import math
import re
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM

from mowa.errors import DataError, UsageError
from mowa.evaluation._answers import read_answers
from mowa.evaluation._models import about_model, find_model, open_model, place_of
from mowa.evaluation._results import find_results, read_result
from mowa.inference import TorchEngine
from mowa.recipe import Recipe, run
from tests.evaluation.made_tasks import CHOICE, HEAD, write_jsonl

PAIRS = (
    HEAD + '\nkind = "pairs"\nmetric = "accuracy"\nbaseline = 0.5\n[data]\ntest = "test.jsonl"\n'
)


def make_tasks(folder):
    """Six pairs and six questions that a window of 32 tokens holds, one that it does not."""
    for name, toml in (("pary", PAIRS), ("wybor", CHOICE)):
        (folder / name).mkdir(parents=True)
        (folder / name / "task.toml").write_text(toml.format(name=name), "utf-8")
    write_jsonl(
        folder / "pary/test.jsonl",
        [{"id": str(n), "good": f"Kot ma {n}.", "bad": f"Kota ma {n}."} for n in range(6)],
    )
    rows = [
        {
            "id": f"q{n}",
            "topic": "x",
            "question": f"{n}?",
            "choices": ["tak", "nie"],
            "answer": n % 2,
        }
        for n in range(6)
    ]
    rows.append({**rows[0], "id": "long", "question": "bardzo długie pytanie " * 20})
    write_jsonl(folder / "wybor/test.jsonl", rows)
    write_jsonl(folder / "wybor/train.jsonl", [{**rows[1], "id": "shot", "question": "7?"}])
    return [folder / "pary", folder / "wybor"]


@pytest.fixture
def asking(built, mowa, tmp_path):
    """Run `mowa eval` in the built project's workspace."""
    pairs, choice = make_tasks(tmp_path / "tasks")

    def call(*models, tasks=f"{pairs},{choice}", **options):
        more = [text for name, value in options.items() for text in (f"--{name}", value)]
        return mowa(
            "eval", *models, "-w", built / "workspace", "--tasks", tasks,
            "--out", tmp_path / "results", "--device", "cpu", *more,
        )  # fmt: skip

    return call


def test_a_model_is_asked_beside_a_random_and_an_untrained_one(asking, tmp_path):
    result = asking("tiny/base", "random:tiny/base", "untrained:tiny/base")
    assert result.code == 0, result.err
    assert "tiny/base · wybor · 0 shots: " in result.out
    assert "6 items, 1 too long" in result.out
    found = [read_result(folder) for folder in find_results([tmp_path / "results"])]
    assert len(found) == 6
    kinds = {item["model"]["kind"]: item["model"] for item in found}
    assert set(kinds) == {"artifact", "random", "untrained"}
    assert len({model["fingerprint"] for model in kinds.values()}) == 3
    trained = kinds["artifact"]
    assert trained["licence"] == "CC0-1.0"
    assert trained["architecture"] == "LlamaForCausalLM"
    assert trained["trained_tokens"] == 6 * 128
    assert trained["kwh"] > 0
    assert {"tiny/corpus@dev", "tiny/texts@dev"} <= {item["name"] for item in trained["lineage"]}
    assert trained["parameters"] == kinds["random"]["parameters"]
    assert kinds["random"]["lineage"] is None


def test_an_untrained_model_is_the_trained_one_as_it_began(built):
    with open_model("untrained:tiny/base", built / "workspace", device="cpu") as (engine, _):
        before = dict(engine.model.named_parameters())
    with open_model("tiny/base", built / "workspace", device="cpu") as (engine, _):
        after = dict(engine.model.named_parameters())
    assert before.keys() == after.keys()
    assert not all(torch.equal(before[name], after[name]) for name in before)
    norm = "model.norm.weight"
    assert torch.equal(before[norm], torch.ones_like(before[norm]))


def test_logged_likelihoods_are_those_of_transformers(asking, built, tmp_path):
    assert asking("tiny/base").code == 0
    folder, _ = find_model("tiny/base", built / "workspace")
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    engine = TorchEngine.load(folder, device="cpu")
    checked = 0
    for result in find_results([tmp_path / "results"]):
        for answer in read_answers(result):
            if answer.cut:
                continue
            for choice, logged, count in zip(
                answer.choices, answer.logprobs, answer.tokens, strict=True
            ):
                ids = [0, *engine.tokenize(answer.prompt + choice)]
                context = len(engine.tokenize(answer.prompt))
                with torch.no_grad():
                    logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
                told = [float(logits[at - 1, ids[at]]) for at in range(1 + context, len(ids))]
                assert logged == pytest.approx(math.fsum(told), abs=1e-4)
                assert count == len(told)
                checked += 1
    assert checked == 24


def test_shots_and_exports_and_what_is_there_already(asking, tmp_path):
    first = asking("tiny/base", **{"shots": "0,1", "lm-eval-json": tmp_path / "export"})
    assert first.code == 0, first.err
    found = [read_result(folder) for folder in find_results([tmp_path / "results"])]
    assert len(found) == 3  # pairs know no shots
    (too_long,) = (result for result in found if result["settings"]["shots"] == 1)
    assert (too_long["status"], too_long["left_out"]) == ("not-comparable", {"too_long": 7})
    exported = json.loads((tmp_path / "export/tiny__base/results.json").read_text("utf-8"))
    assert {"pary", "wybor"} == set(exported["results"])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").glob("[0-9a-f]*/*")}
    assert asking("tiny/base", shots="0,1").code == 0
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").glob("[0-9a-f]*/*")}
    assert before == after


def test_results_are_shown_compared_and_scored_again(asking, mowa, tmp_path):
    assert asking("tiny/base", "random:tiny/base", tasks=tmp_path / "tasks/pary").code == 0
    one, two = find_results([tmp_path / "results"])
    listed = mowa("results", "list", tmp_path / "results")
    assert listed.out.count("pary") == 2
    shown = mowa("results", "show", one, "-n", 2)
    assert shown.out.count("right:  Kot ma") == 2
    diff = mowa("results", "diff", one, two)
    assert diff.code == 0, diff.err
    assert "6 items" in diff.out
    again = mowa("results", "rescore", one)
    assert again.code == 0
    assert str(one) in again.out


def test_items_that_stand_in_a_models_corpus_are_told_with_their_documents(asking, built, tmp_path):
    read = (built / "data/texts/t007.txt").read_text("utf-8").split(". ")[0]
    rows = [{"id": str(n), "good": f"{n} {n} gęsi gęgają gęsto", "bad": "x"} for n in range(3)]
    rows.append({"id": "read", "good": f"{read}.", "bad": "x"})
    write_jsonl(tmp_path / "tasks/pary/test.jsonl", rows)
    result = asking("tiny/base", tasks=tmp_path / "tasks/pary", against="lineage")
    assert result.code == 0, result.err
    (folder,) = find_results([tmp_path / "results"])
    found = read_result(folder)["contamination"]
    assert (found["hits"], found["items"]) == (1, 4)
    assert found["corpora"][0]["name"] == "tiny/corpus@dev"
    answers = read_answers(folder)
    assert [answer.contaminated for answer in answers if answer.id == "read"] == [True]
    (hit, *_) = answers[-1].hits
    assert read.split(" ", 1)[1].split(" i ma", 1)[0].casefold() in hit["text"].casefold()
    values = [answer.value for answer in answers[:3]]
    assert found["clean"]["value"] == pytest.approx(sum(values) / 3)
    assert found["dirty"]["value"] == answers[-1].value
    assert asking("tiny/base", against="tiny/tokens").code == 2


def test_a_floor_has_read_nothing_so_nothing_is_looked_for(asking, tmp_path):
    result = asking(
        "tiny/base", "random:tiny/base", tasks=tmp_path / "tasks/pary", against="tiny/corpus"
    )
    assert result.code == 0, result.err
    results = {
        read["model"]["kind"]: read
        for read in map(read_result, find_results([tmp_path / "results"]))
    }
    assert results["artifact"]["contamination"] is not None
    assert results["random"]["contamination"] is None
    assert results["random"]["model"]["licence"] is None


def test_a_task_without_a_training_split_refuses_shots_before_a_model_is_read(asking, tmp_path):
    (tmp_path / "tasks/wybor/task.toml").write_text(
        CHOICE.format(name="wybor").replace('train = "train.jsonl"\n', ""), "utf-8"
    )
    result = asking("no/such-model", shots="5")
    assert result.code == 2
    assert "no training split" in result.err


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("tiny/bass", "did you mean"),
        ("tiny/corpus", "not a model"),
        ("untrained:{folder}", "nothing says how the training of this model began"),
        ("https://me:secret@host/v1", "names no model"),
    ],
)
def test_a_model_that_is_none_is_refused_in_one_message(asking, built, tmp_path, model, said):
    folder, _ = find_model("tiny/base", built / "workspace")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "artifact.json").unlink()
    result = asking(model.format(folder=copy))
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err
    assert "secret" not in result.err


def test_a_copied_model_is_the_same_model(built, tmp_path):
    folder, artifact = find_model("tiny/base", built / "workspace")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "artifact.json").unlink()
    engines = [TorchEngine.load(path, device="cpu") for path in (folder, copy)]
    assert engines[0].fingerprint == engines[1].fingerprint
    about = about_model(copy, None, engines[1].fingerprint)
    assert (about.kind, about.lineage) == ("folder", None)
    assert about.parameters == artifact.metrics["parameters"]


def test_damaged_weights_are_told(built, tmp_path):
    folder, _ = find_model("tiny/base", built / "workspace")
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy/artifact.json").unlink()
    next((tmp_path / "copy").glob("*.safetensors")).write_bytes(b"\xff" * 20)
    with pytest.raises(DataError, match="cannot be read"):
        about_model(tmp_path / "copy", None, "")


def test_addresses_are_shown_without_their_secrets():
    assert place_of("https://me:secret@host:1/v1?key=secret#model") == "https://host:1/v1"


def test_a_failing_task_leaves_the_others_and_ends_with_1(asking, tmp_path, monkeypatch):
    def fails(self, requests):
        if any(request.context for request in requests):
            raise DataError("the machine is tired")
        return whole(self, requests)

    whole = TorchEngine.choice_loglikelihoods
    monkeypatch.setattr(TorchEngine, "choice_loglikelihoods", fails)
    result = asking("tiny/base")
    assert result.code == 1
    assert "tiny/base, wybor: the machine is tired" in result.err
    assert re.search(r"tiny/base · pary · 0 shots: [01]\.", result.out)
    assert len(find_results([tmp_path / "results"])) == 1


@pytest.mark.parametrize("options", [{"tasks": ""}, {"shots": "x"}, {"shots": "-1"}])
def test_what_is_asked_for_wrongly_is_told(asking, options):
    assert asking("tiny/base", **options).code == 2


STEP = """
name = "asked"

[steps.scores]
does = "evaluate"
reads = ["tiny/base", "tiny/corpus"]
tasks = ["{tasks}/pary", "{tasks}/wybor"]
shots = [0, 1]
floors = ["random"]
device = "cpu"
"""


def test_the_step_evaluates_models_of_the_recipe_and_knows_when_tasks_change(built, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(built, project)
    tasks = tmp_path / "tasks"
    make_tasks(tasks)
    (project / "recipes/asked.toml").write_text(STEP.format(tasks=tasks), "utf-8")

    def build():
        recipe = Recipe.load(project / "recipes" / "asked.toml")
        (asked,) = run(recipe, project / "workspace", workers=1)
        return asked

    made = build()
    assert made.artifact.kind == "scores"
    folders = find_results([made.artifact.path])
    assert len(folders) == 6  # pairs once, choices with 0 and 1 shots, of two models
    assert {path.name for path in (made.artifact.path / "results").iterdir()} == {
        folder.name for folder in folders
    }
    rows = made.artifact.metrics["results"]
    assert {row["model"] for row in rows} == {"tiny/base", "random:tiny/base"}
    assert {row["status"] for row in rows} == {"scored", "not-comparable"}
    assert "no item fits" in (made.artifact.path / "report.html").read_text("utf-8")
    for result in map(read_result, folders):
        looked = result["contamination"]
        has_read = result["model"]["kind"] == "artifact"
        assert (looked is not None) == (has_read and result["status"] == "scored")
        assert looked is None or looked["corpora"][0]["name"] == "tiny/corpus@dev"
    assert build().state == "up to date"
    write_jsonl(tasks / "pary/test.jsonl", [{"id": "1", "good": "Ala.", "bad": "Ali."}])
    assert build().state == "rebuild"


def test_a_step_names_a_task_that_is_not_there(built, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(built, project)
    (project / "recipes/asked.toml").write_text(STEP.format(tasks=tmp_path / "none"), "utf-8")
    with pytest.raises(UsageError, match="there is no task"):
        run(Recipe.load(project / "recipes" / "asked.toml"), project / "workspace", workers=1)
