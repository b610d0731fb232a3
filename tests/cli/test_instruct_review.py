"""`mowa instruct review`: decisions of people are written into a new set."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from mowa.cli import app
from mowa.errors import DataError, UsageError
from mowa.inference import Message
from mowa.instructions import Dialogue, read_dialogues, to_row, write_dialogues
from mowa.training import OriginWeights

TURNS = (Message("user", "Kto napisał „Lalkę”?"), Message("assistant", "Adam Mickiewicz."))
SET = [Dialogue(name, TURNS, origin="generated", model="m", licence="CC0-1.0") for name in "abcd"]
PAIR = Dialogue("para", TURNS[:1], origin="generated", chosen="Prus.", rejected="Mickiewicz.")


@pytest.fixture
def folder(tmp_path):
    write_dialogues(tmp_path / "made", [*SET, PAIR])
    return tmp_path


def review(*args):
    return CliRunner().invoke(app, ["instruct", "review", *map(str, args)])


def listed(path, text):
    path.write_text(text, "utf-8")
    return path


def found_in(path):
    return {dialogue.id: dialogue for dialogue in read_dialogues(path)}


def test_accepted_and_rejected_ids_are_marked_and_the_rest_stays_as_it_is(folder):
    good = listed(folder / "good.tsv", "id\tuwagi\na\tdobre\n\nobcy\t\n")
    bad = listed(folder / "bad.jsonl", '"b"\n{"id": "para", "dlaczego": "obie złe"}\n')
    out = folder / "reviewed"
    done = review(folder / "made", "--accept", good, "--reject", bad, "-o", out)
    assert done.exit_code == 0, done.exception
    said = " ".join(done.stdout.split())
    assert "5 dialogues" in said
    for counted in ("2 not looked at", "2 rejected", "1 accepted"):
        assert counted in said
    assert "1 ids are of no dialogue here: obcy" in said
    new = found_in(out)
    states = {"a": "accepted", "b": "rejected", "c": "none", "d": "none", "para": "rejected"}
    assert {name: one.review for name, one in new.items()} == states
    for old in (*SET, PAIR):
        assert replace(new[old.id], review="none") == old
    assert OriginWeights().of(new["a"]) == 0.7
    assert OriginWeights().of(new["c"]) == 0.5


def test_corrections_bring_their_texts_and_keep_what_stood_there(folder):
    answers = listed(folder / "new.tsv", 'a\t"Bolesław Prus.\nW 1890 roku."\n')
    turns = [{"role": "user", "content": "Kto?"}, {"role": "assistant", "content": "Prus."}]
    rows = [{**to_row(SET[1]), "messages": turns}, {"id": "para", "rejected": "Reymont."}]
    edited = listed(folder / "new.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    out = folder / "reviewed.jsonl"
    done = review(folder / "made", "--correct", answers, "--correct", edited, "-o", out)
    assert done.exit_code == 0, done.exception
    # The file is what the other commands of `mowa instruct` read, this one too.
    again = review(out, "--accept", listed(folder / "c.tsv", "c\n"), "-o", folder / "again")
    assert again.exit_code == 0, again.exception
    new = found_in(folder / "again")
    assert new["a"].messages[-1].content == "Bolesław Prus.\nW 1890 roku."
    assert [turn.content for turn in new["b"].messages] == ["Kto?", "Prus."]
    assert (new["para"].chosen, new["para"].rejected) == ("Prus.", "Reymont.")
    assert {new[name].review for name in ("a", "b", "para")} == {"corrected"}
    step = json.loads(new["a"].details)["made"][-1]
    assert step["before"]["messages"][-1] == ["assistant", "Adam Mickiewicz."]


@pytest.mark.parametrize(
    ("files", "error", "said"),
    [
        ({"--correct": "a\n"}, UsageError, "nothing says to what"),
        ({"--accept": "a\n", "--reject": "a\n"}, UsageError, "accepted and rejected at once"),
        ({"--correct": "para\tPrus.\n"}, DataError, "two answers"),
        ({"--correct": 'a\t"Tak" to mało.\nb\tNie.\n'}, UsageError, "write JSON Lines"),
        ({"--correct": 'a\t"Tak, prawda\nb\tNie.\n'}, UsageError, "write JSON Lines"),
        ({}, UsageError, "nothing is decided"),
    ],
)
def test_what_cannot_be_meant_is_refused(folder, files, error, said):
    more = [
        part
        for option, text in files.items()
        for part in (option, listed(folder / f"{option[2:]}.tsv", text))
    ]
    failed = review(folder / "made", *more, "-o", folder / "out")
    assert isinstance(failed.exception, error)
    assert said in str(failed.exception)
    assert not (folder / "out").exists()


def test_nothing_is_written_over_and_a_row_without_an_id_is_named(folder):
    ids = listed(folder / "ids.jsonl", '"a"\n{"nr": 1}\n')
    over = review(folder / "made", "--accept", ids, "-o", folder / "made")
    assert isinstance(over.exception, UsageError)
    failed = review(folder / "made", "--accept", ids, "-o", folder / "out")
    assert "line 2" in str(failed.exception.where)
    assert not (folder / "out").exists()
