"""`mowa instruct …` and the steps of a recipe: killed, stopped, gone on with; keys stay secret."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from mowa.errors import StoppedEarly
from mowa.execution import Journal
from mowa.instructions import read_dialogues, to_row, write_dialogues
from mowa.recipe import Recipe, run
from tests.inference.scripted_server import Reply, serving, turn
from tests.instructions.made_teachers import good, make_corpus, question_of, talk, translator


@pytest.fixture
def corpus(tmp_path):
    return make_corpus(tmp_path / "corpus", count=30)


def generate(corpus, server, out, *more):
    return (
        "instruct", "generate", corpus, "-m", f"{server.url}#mowa-1", "-o", out,
        "--passages", 30, "--characters", "100,400", "--prompts", "summary,topic", *more,
    )  # fmt: skip


def lines_in(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_generate(corpus, server, out):
    return generate(corpus, server, out), 30, (5, 15)


def kill_translate(corpus, server, out):
    talks = [talk(f"t{n}", f"What is number {n}?", f"It is {n}.") for n in range(10)]
    write_dialogues(out.parent / "set", talks)
    command = ("instruct", "translate", out.parent / "set", "-m", f"{server.url}#m", "-o", out)
    return command, 20, (4, 12)


def kill_pairs(corpus, server, out):
    """Two models answer, then one judge scores each answer twice; the second kill is within."""
    write_dialogues(out.parent / "set", [talk(f"t{n}", f"Co to {n}?", "To.") for n in range(5)])
    at = f"{server.url}#"
    command = (
        "instruct", "pairs", out.parent / "set", "-m", f"{at}pierwsza", "-m", f"{at}druga",
        "--judge", f"{at}sędzia", "-o", out,
    )  # fmt: skip
    return command, 30, (4, 16)


def answer_all(path, body, number):
    asked = question_of(body)
    if "Dokument " in asked:
        return good(path, body, number)
    return translator(path, body, number) if "Wypowiedź (" in asked else judged(body)


def judged(body):
    """Models that sign what they say, and a judge who likes the one called ``druga``."""
    asked = question_of(body)
    if "\nOcena:" not in asked:
        return turn(f"To jest {body['model']} odpowiedź na pytanie: {asked}")
    label = "Błędy" if "\nBłędy:" in asked else "Uzasadnienie"
    return turn(f"{label}: tak\nOcena: {9 if 'druga' in asked else 4}")


@pytest.mark.parametrize("prepare", [kill_generate, kill_translate, kill_pairs])
def test_a_killed_command_asks_nothing_twice_and_loses_nothing(prepare, corpus, tmp_path):
    """What was under way when it was killed is asked again, and nothing else."""
    answered, gate = 0, threading.Event()

    def held(path, body, number):
        """Answers so many, and holds the rest until the process is no more."""
        reply = answer_all(path, body, number)
        reply.until = gate if lines_in(answers) >= answered else None
        return reply

    out = tmp_path / "out"
    answers = out / "made.answers.jsonl"
    with serving(held) as server:
        arguments, total, kills = prepare(corpus, server, out)
        command = [sys.executable, "-m", "mowa"]
        command += list(map(str, [*arguments, "--concurrency", 2]))
        for answered in kills:
            gate.clear()
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            while process.poll() is None and (server.at_once < 2 or lines_in(answers) < answered):
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            gate.set()
        journal = Journal(answers)
        done = len(journal)
        journal.close()
        with answers.open("ab") as file:
            file.write(b'{"id": "torn')  # what a kill within a write leaves
        before, answered = len(server.asked), total + 1
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0
        assert len(server.asked) - before == total - done
        asked = Counter(map(question_and_model, server.asked))
    assert len(asked) == total
    assert kills[1] <= done < total
    assert sum(count - 1 for count in asked.values()) == before - done
    assert before - done <= 2 * 2  # two kills, two under way at each
    statistics = json.loads((out / "statistics.json").read_text("utf-8"))
    items = {kill_generate: 30, kill_translate: 10, kill_pairs: 5}[prepare]
    assert statistics["parts"] == statistics["dialogues"] + statistics["rejected"] == items
    assert sum(used["answers"] for used in statistics["models"].values()) == total
    assert not (out / "made.unfinished").exists()


def test_a_budget_ends_a_command_with_75_and_the_next_one_goes_on(corpus, tmp_path, mowa):
    out = tmp_path / "out"
    with serving(good) as server:
        command = generate(corpus, server, out, "--max-requests", 12)
        for asked in (12, 24):
            code, said = mowa(*command)
            assert (code, len(server.asked)) == (75, asked)
            assert f"{asked} of 30 are finished, {30 - asked} are left" in said.err
            assert f"what is finished so far lies in {out}/made.unfinished" in said.err
            assert not (out / "statistics.json").exists()
            assert not (out / "dialogues").exists()
            unfinished = list(read_dialogues(out / "made.unfinished"))
            statistics = json.loads((out / "made.unfinished" / "statistics.json").read_text())
            assert statistics["items"] == asked == len(unfinished) + statistics["rejected"]
            assert mowa("instruct", "show", out / "made.unfinished", "-n", 1)[0] == 0
        code, said = mowa(*command)
        assert (code, len(server.asked)) == (0, 30)
    assert "rejected.parquet" in said.out
    assert list(read_dialogues(out))[: len(unfinished)] == unfinished
    assert not (out / "made.unfinished").exists()


def test_what_was_finished_is_there_when_the_money_ends_and_an_older_set_is_not_lost(
    corpus, tmp_path, mowa
):
    """An endpoint that asks for money in the middle; some dialogues are half translated then."""
    talks = [talk(f"t{n}", f"What is number {n}?", f"It is {n}.") for n in range(6)]
    write_dialogues(tmp_path / "set", talks)

    def script(path, body, number):
        if number > 5:
            return Reply(402, {"error": "no money"})
        return translator(path, body, number)

    out = tmp_path / "out"
    command = ("instruct", "translate", "-o", out, "--concurrency", 1)
    with serving(translator) as server:
        command = (*command, "-m", f"{server.url}#m", tmp_path / "set")
        assert mowa(*command, "--limit", 1)[0] == 0
        older = (out / "dialogues" / "00000.parquet").read_bytes()
        server.script = lambda path, body, number: script(path, body, number - 2)
        code, said = mowa(*command)
        assert code == 1
        assert "402" in said.err
        assert "made.unfinished" in said.err
        ids = [one.id for one in read_dialogues(out / "made.unfinished")]
        assert ids == ["t0-pol", "t1-pol", "t2-pol"]  # of t3 one turn is missing
        assert (out / "dialogues" / "00000.parquet").read_bytes() == older
        server.script = translator
        assert mowa(*command)[0] == 0
        answered = len(set(map(question_and_model, server.asked)))
    assert len(list(read_dialogues(out))) == 6
    assert answered == 12
    assert not (out / "made.unfinished").exists()


def question_and_model(asked):
    _, body, *_ = asked
    return question_of(body), body["model"]


def test_the_key_reaches_the_endpoint_and_nothing_on_disk(corpus, tmp_path, mowa, monkeypatch):
    monkeypatch.setenv("MOWA_TEST_KEY", "sk-tajny-klucz")
    with serving(good) as server:
        code, said = mowa(
            *generate(corpus, server, tmp_path / "out", "--key-from", "MOWA_TEST_KEY")
        )
        assert code == 0
        assert {sent["Authorization"] for *_, sent, _ in server.asked} == {"Bearer sk-tajny-klucz"}
        code, refused = mowa(
            "instruct", "generate", corpus, "-o", tmp_path / "x",
            "-m", server.url.replace("http://", "http://me:tajne@") + "#mowa-1",
        )  # fmt: skip
    assert code == 2
    assert "key_from" in refused.err
    assert "tajne" not in refused.err
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"tajny" not in path.read_bytes()
    assert "tajny" not in said.out + said.err


def test_sets_are_translated_judged_and_paired_from_a_file(tmp_path, mowa):
    rows = [{**to_row(talk("x", f"What is number {n}?", f"It is {n}."))} for n in range(3)]
    for row in rows:
        del row["id"]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "set.jsonl").write_text(lines, "utf-8")

    def script(path, body, number):
        asked = question_of(body)
        if "\nOcena:" in asked:
            label = "Błędy" if "\nBłędy:" in asked else "Uzasadnienie"
            return turn(f"{label}: tak\nOcena: {9 if 'druga' in asked else 4}")
        if "Wypowiedź (" in asked:
            number = asked.strip().rstrip("?.")[-1]
            return turn(f"Co to jest {number}?" if asked.endswith("?") else f"To {number}.")
        return turn(f"To jest {body['model']} odpowiedź.")

    with serving(script) as server:
        at = f"{server.url}#"
        for command in (
            ["translate", tmp_path / "set.jsonl", "-m", f"{at}m", "-o", tmp_path / "pol"],
            ["pairs", tmp_path / "pol", "-m", f"{at}pierwsza", "-m", f"{at}druga",
             "--judge", f"{at}sędzia", "-o", tmp_path / "pairs"],
            ["judge", tmp_path / "pol", "--judge", f"{at}sędzia", "--least", "4",
             "-o", tmp_path / "judged"],
        ):  # fmt: skip
            code, said = mowa("instruct", *command)
            assert code == 0, said.err
    translated = list(read_dialogues(tmp_path / "pol"))
    assert len({one.id for one in translated}) == 3
    assert all(one.id.endswith("-pol") for one in translated)
    assert translated[2].messages[1].content == "To 2."
    made = list(read_dialogues(tmp_path / "pairs"))
    assert [one.chosen for one in made] == ["To jest druga odpowiedź."] * 3
    assert len(list(read_dialogues(tmp_path / "judged"))) == 3


def test_nothing_is_made_where_it_would_be_written_over_what_is_read(tmp_path, mowa):
    write_dialogues(tmp_path / "set", [talk("x", "Co?", "To.")])
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*.parquet")}
    code, said = mowa(
        "instruct", "judge", tmp_path / "set", "--judge", "http://127.0.0.1:9/v1#m",
        "-o", tmp_path / "x/../set",
    )  # fmt: skip
    assert code == 2
    assert "written over what is there" in said.err
    assert {path: path.read_bytes() for path in before} == before


def test_what_is_not_there_is_refused_with_what_to_do(tmp_path, mowa, corpus):
    out = ["-o", tmp_path / "out"]
    for arguments, why in (
        (["generate", tmp_path / "none", "-m", "http://127.0.0.1:9/v1#m"], "workspace"),
        (["generate", corpus, "-m", "http://127.0.0.1:9/v1"], "names no model"),
        (["generate", corpus, "-m", "http://127.0.0.1:9/v1#m", "--characters", "5"], "two numbers"),
        (["generate", corpus, "-m", "http://127.0.0.1:9/v1#m", "--prompts", "x"], "no prompt"),
    ):
        code, said = mowa("instruct", *arguments, *out, "-w", tmp_path / "workspace")
        assert code == 2
        assert why in said.err


RECIPE = """
name = "r"

[steps.asked]
does = "generate-dialogues"
reads = "other/corpus"
prompts = ["summary"]
passages = {passages}
characters = [100, 400]

[steps.asked.model]
name = "mowa-1"
url = "{url}"

[steps.good]
does = "judge-dialogues"
reads = "asked"
judges = [{{ model = {{ name = "mowa-1", url = "{url}" }} }}]
"""


def test_the_steps_stand_in_a_recipe_and_their_answers_outlive_a_rebuild(corpus, tmp_path):
    from mowa.workspace import Workspace
    from tests.instructions.made_teachers import artifact

    def script(path, body, number):
        judged = "\nOcena:" in question_of(body)
        return turn("Uzasadnienie: Dobre.\nOcena: 8") if judged else good(path, body, number)

    workspace = Workspace.open(tmp_path / "workspace", create=True)
    place = workspace.folder("other/corpus", "dev")
    place.parent.mkdir(parents=True)
    corpus.rename(place)
    (place / "artifact.json").write_text(artifact(place, "corpus", "other/corpus").to_json())
    with serving(script) as server:
        for passages, asked in ((6, 12), (6, 12), (10, 20)):
            (tmp_path / "r.toml").write_text(RECIPE.format(url=server.url, passages=passages))
            results = run(Recipe.load(tmp_path / "r.toml"), workspace, workers=1)
            assert len(server.asked) == asked
    made, judged = (result.artifact for result in results)
    assert (made.kind, judged.kind) == ("dialogues", "dialogues")
    assert server.url not in json.dumps(made.config)
    assert made.runtime["model"]["url"] == server.url
    assert set(made.rights["licences"]) == {one.licence for one in read_dialogues(made.path)}
    assert [item.name for item in judged.inputs] == ["r/asked"]
    steps = [step["step"] for step in json.loads(next(read_dialogues(judged.path)).details)["made"]]
    assert steps == ["generate-dialogues", "judge-dialogues"]


def test_what_a_licence_forbids_is_translated_only_where_the_command_says_so(tmp_path, mowa):
    rows = [
        {"id": name, "origin": "human", "licence": licence, "messages": messages_of(name)}
        for name, licence in (
            ("wolny", "CC0-1.0"),
            ("zakazany", "CC-BY-NC-ND-4.0"),
            ("nieznany", None),
        )
    ]
    given = tmp_path / "in.jsonl"
    given.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    def script(path, body, number):
        names = [row["id"] for row in rows if row["id"] in question_of(body)]
        return turn(f"Czy jest tam stary młyn nad rzeką? {' '.join(names)}")

    def translate(server, out, *more):
        return mowa(
            "instruct", "translate", given, "-m", f"{server.url}#m", "-o", tmp_path / out,
            "--tries", 1, *more,
        )  # fmt: skip

    with serving(script) as server:
        code, said = translate(server, "strict", "--require-licence")
        assert code == 0
        assert {one.id for one in read_dialogues(tmp_path / "strict")} == {"wolny-pol"}
        assert "1 licence forbids derivatives" in " ".join(said.out.split())
        assert "1 no licence" in " ".join(said.out.split())
        code, said = translate(server, "all", "--take-no-derivatives")
    assert code == 0
    assert "1 under a licence that forbids derivatives" in said.out
    assert "1 under a licence for non-commercial use" in said.out


def messages_of(name):
    return [
        {"role": "user", "content": f"Is there an old mill by the river of {name}?"},
        {"role": "assistant", "content": "Yes, there is an old mill by the river."},
    ]


def test_what_a_recipe_finished_before_its_budget_ended_can_be_read(corpus, tmp_path):
    from mowa.workspace import Workspace
    from tests.instructions.made_teachers import artifact

    workspace = Workspace.open(tmp_path / "workspace", create=True)
    place = workspace.folder("other/corpus", "dev")
    place.parent.mkdir(parents=True)
    corpus.rename(place)
    (place / "artifact.json").write_text(artifact(place, "corpus", "other/corpus").to_json())
    unfinished = workspace.root / ".mowa" / "cache" / "r" / "asked.unfinished"
    with serving(good) as server:
        generating = RECIPE.format(url=server.url, passages=8).partition("[steps.good]")[0]
        for budget in ("[steps.asked.budget]\nmax_requests = 5\n", ""):
            (tmp_path / "r.toml").write_text(generating + budget)
            recipe = Recipe.load(tmp_path / "r.toml")
            if budget:
                with pytest.raises(StoppedEarly, match=r"(?s)5 of 8 .*asked\.unfinished"):
                    run(recipe, workspace, workers=1)
                assert len(list(read_dialogues(unfinished))) == 5
        (result,) = run(recipe, workspace, workers=1)
        assert len(server.asked) == 8
    assert len(list(read_dialogues(result.artifact.path))) == 8
    assert not unfinished.exists()
