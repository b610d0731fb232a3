"""`mowa eval --lm-eval`: without lm-eval a message; with it, its tasks on our engines."""

import json
import sys

import pytest

from mowa.cli import main
from tests.evaluation.made_tasks import write_jsonl
from tests.inference.scripted_server import Reply, serving, turn
from tests.peers import need, without_environment


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["mowa", "eval", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr()

    return run


def test_without_lm_eval_it_is_said_what_to_install(call, monkeypatch):
    for name in ("lm_eval", "mowa.evaluation._lm_eval_tasks", "mowa.evaluation._lm_eval_adapter"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    code, shown = call("model", "--lm-eval", "hellaswag")
    assert code == 2
    assert "pip install 'mowa[lm-eval]'" in shown.err


def test_a_folder_of_tasks_alone_asks_nothing(call, tmp_path):
    code, shown = call("model", "--include", tmp_path)
    assert code == 2
    assert "--lm-eval" in shown.err


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A task of lm-eval that wants texts, and one that wants likelihoods."""
    need("lm_eval.evaluator")
    without_environment(monkeypatch)
    rows = [{"question": f"pytanie {n}", "choices": ["Wisła", "Odra"]} for n in range(4)]
    write_jsonl(tmp_path / "test.jsonl", rows)
    data = {
        "dataset_path": "json",
        "dataset_kwargs": {
            "data_files": {"test": str(tmp_path / "test.jsonl")},
            "cache_dir": str(tmp_path / "cache"),
        },
        "test_split": "test",
        "doc_to_text": "{{question}}",
    }
    write = {
        "output_type": "generate_until",
        "doc_to_target": "Wisła",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 20},
        "metric_list": [{"metric": "exact_match"}],
    }
    choose = {
        "output_type": "multiple_choice",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": 0,
        "metric_list": [{"metric": "acc"}],
    }
    for name, form in (("pisz", write), ("wybierz", choose)):
        (tmp_path / f"{name}.yaml").write_text(json.dumps({"task": name} | data | form), "utf-8")
    return tmp_path


def knows_rivers(path, body, number):
    """A chat endpoint without completions, as many are."""
    if path != "/v1/chat/completions":
        return Reply(404, {"error": {"message": "no such path"}})
    return turn("Wisła" if "pytanie 3" not in body["messages"][-1]["content"] else "Odra")


def test_likelihoods_that_an_endpoint_lacks_are_not_comparable(call, folder):
    with serving(knows_rivers) as server:
        code, shown = call(
            f"{server.url}#mowa-1", "--lm-eval", "pisz,wybierz", "--template",
            "--include", folder, "--out", folder / "out",
        )  # fmt: skip
    assert code == 0, shown.err
    assert "not comparable" in shown.out
    assert not list(folder.rglob("results_*.json"))


def test_what_lm_eval_finds_is_printed_and_written(call, folder):
    with serving(knows_rivers) as server:
        code, shown = call(
            f"{server.url}#mowa-1", "--lm-eval", "pisz", "--template",
            "--include", folder, "--out", folder / "out",
        )  # fmt: skip
    assert code == 0, shown.err
    assert "mowa-1 · pisz · 0 shots: exact_match 0.7500 ± 0.2500" in shown.out
    (path,) = (folder / "out/mowa-1").glob("results_*.json")
    found = json.loads(path.read_text("utf-8"))
    assert found["results"]["pisz"]["exact_match,none"] == 0.75
    assert found["config"]["model_args"] == "mowa-1"
