"""`mowa eval` over an endpoint: scores where it can, no number where it cannot, nothing twice."""

import sys

import pytest

from mowa.cli import main
from mowa.evaluation._answers import read_answers
from mowa.evaluation._results import find_results, read_result
from tests.evaluation.made_tasks import CHOICE, HEAD, write_jsonl
from tests.inference.scripted_server import Reply, serving, turn

WRITE = (
    HEAD
    + """
kind = "generate"
metric = "accepted"
[data]
test = "test.jsonl"
[prompt]
template = "{{question}}"
"""
)
JUDGED = HEAD + '\nkind = "judged"\nmetric = "judged"\n[data]\ntest = "test.jsonl"\n'
JUDGED += '[prompt]\ntemplate = "{{question}}"\n[judge]\ntemplate = "Oceń: {{answer}}"\n'


@pytest.fixture
def tasks(tmp_path):
    rows = [{"id": str(n), "question": f"pytanie {n}", "answer": "Wisła"} for n in range(4)]
    choices = [{**row, "topic": "x", "choices": ["Wisła", "Odra"]} for row in rows]
    for name, toml, items in (
        ("pisz", WRITE, rows),
        ("wybierz", CHOICE, choices),
        ("sad", JUDGED, rows),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "task.toml").write_text(toml.format(name=name), "utf-8")
        write_jsonl(tmp_path / name / "test.jsonl", items)
    return tmp_path


@pytest.fixture
def ask(tasks, monkeypatch, capsys):
    def call(url, *names, more=()):
        listed = ",".join(str(tasks / name) for name in names)
        monkeypatch.setattr(
            sys,
            "argv",
            ["mowa", "eval", f"{url}#mowa-1", "-t", listed, "--template", "-o", str(tasks / "out")]
            + [str(option) for option in more],
        )
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr()

    return call


def found_in(tasks):
    results = [read_result(folder) for folder in find_results([tasks / "out"])]
    return {result["task"]["name"]: result for result in results}


def knows_rivers(path, body, number):
    """A chat endpoint without completions, as many are."""
    if path != "/v1/chat/completions":
        return Reply(404, {"error": {"message": "no such path"}})
    return turn("Wisła" if "pytanie 3" not in body["messages"][-1]["content"] else "Odra")


def test_written_answers_are_scored_and_likelihoods_are_not_comparable(tasks, ask):
    with serving(knows_rivers) as server:
        code, said = ask(server.url, "pisz", "wybierz")
    assert code == 0, said.err
    found = found_in(tasks)
    assert found["pisz"]["score"]["value"] == 0.75
    assert found["pisz"]["model"]["kind"] == "endpoint"
    assert found["pisz"]["model"]["name"] == "mowa-1"
    assert (found["wybierz"]["status"], found["wybierz"]["score"]) == ("not-comparable", None)
    assert "not comparable" in said.out


def test_an_endpoint_that_gives_up_halfway_is_asked_for_the_rest_alone(tasks, ask):
    def gives_up(path, body, number):
        reply = knows_rivers(path, body, number)
        refused = Reply(401, {"error": {"message": "no more credit"}})
        return refused if "pytanie 2" in body["messages"][-1]["content"] else reply

    with serving(gives_up) as server:
        code, said = ask(server.url, "pisz")
        assert code == 1
        assert "pisz" in said.err
        assert not found_in(tasks)
        server.script = knows_rivers
        server.asked.clear()
        code, said = ask(server.url, "pisz")
        assert code == 0, said.err
        asked = [body["messages"][-1]["content"] for _, body, *_ in server.asked]
    assert asked == ["pytanie 2"]
    assert found_in(tasks)["pisz"]["items"] == 4


def test_a_judge_behind_a_url_is_part_of_the_result_and_its_secrets_are_not(tasks, ask):
    def script(path, body, number):
        asked = body["messages"][-1]["content"]
        return turn("[[10]]" if asked.startswith("Oceń: Wisła") else "Wisła")

    with serving(script) as server:
        judge = server.url.replace("http://", "http://me:tajne@") + "?key=tajne#sędzia"
        code, said = ask(server.url, "sad", more=["--judge", judge])
    assert code == 0, said.err
    result = found_in(tasks)["sad"]
    assert result["score"]["value"] == 1.0
    assert result["settings"]["judge"]["model"] == "sędzia"
    assert result["settings"]["judge"]["url"] == server.url
    (folder,) = find_results([tasks / "out"])
    assert "tajne" not in (folder / "result.json").read_text("utf-8")
    assert {answer.note for answer in read_answers(folder)} == {"[[10]]"}


def test_a_judged_task_without_a_judge_is_refused_before_anything_is_asked(tasks, ask):
    with serving(knows_rivers) as server:
        code, said = ask(server.url, "sad")
        assert code == 2
        assert not server.asked
    assert "needs a judge" in said.err
