"""`mowa instruct`: dialogues on the screen and in files."""

import json

import pytest
from typer.testing import CliRunner

from mowa.cli import app
from mowa.errors import DataError, UsageError
from mowa.inference import Message
from mowa.instructions import Dialogue, Span, write_dialogues

HOSTILE = "Zwykły \x1b]0;tytuł\x07 tekst\x1b[2J [bold]i nawiasy[/bold]"


@pytest.fixture
def folder(tmp_path):
    turns = (Message("user", "Kto napisał „Lalkę”?"), Message("assistant", "Bolesław Prus."))
    write_dialogues(
        tmp_path / "zbior",
        [
            Dialogue("a", turns, licence="CC0-1.0", source="x", documents=(Span("d", 3, 9),)),
            Dialogue("b", (turns[0],), chosen="Prus.", rejected=HOSTILE, source="y"),
            Dialogue("c", (turns[0], Message("assistant", "a" * 3_000))),
        ],
    )
    return tmp_path / "zbior"


def mowa(*args):
    return CliRunner().invoke(app, ["instruct", *map(str, args)])


def test_dialogues_are_shown_turn_by_turn(folder):
    shown = mowa("show", folder, "--limit", 1)
    assert shown.exit_code == 0
    assert "a · x · CC0-1.0 · human" in shown.stdout
    assert "user: Kto napisał „Lalkę”?" in shown.stdout
    assert "assistant: Bolesław Prus." in shown.stdout
    assert "stands on d [3:9]" in shown.stdout
    assert "──" not in shown.stdout.partition("a ·")[2]


def test_what_a_terminal_would_obey_is_shown_as_text(folder):
    shown = mowa("show", folder, "--source", "y").stdout
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold]i nawiasy[/bold]" in shown


def test_long_turns_are_cut_unless_they_are_asked_for(folder):
    assert "a" * 1_000 + "…" in mowa("show", folder).stdout
    assert "a" * 3_000 in mowa("show", folder, "--whole").stdout


def test_json_holds_everything(folder):
    lines = mowa("show", folder, "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a", "b", "c"]


def test_export_writes_lines_and_says_what_is_left_out(folder, tmp_path):
    out = tmp_path / "a.jsonl"
    done = mowa("export", folder, out, "--format", "messages", "--facts")
    assert done.exit_code == 0
    assert "2 rows" in done.stdout
    assert "1 left out" in done.stdout
    first = json.loads(out.read_text("utf-8").splitlines()[0])
    assert first["licence"] == "CC0-1.0"
    again = mowa("export", folder, out)
    assert isinstance(again.exception, UsageError)
    assert mowa("export", folder, out, "--force", "--format", "alpaca").exit_code == 0


def test_export_says_which_licences_ask_for_names_that_no_row_has(tmp_path):
    turns = (Message("user", "Kto?"), Message("assistant", "On."))
    licences = ["CC-BY-SA-4.0", "CC-BY-SA-4.0", "MIT", "CC0-1.0", None]
    write_dialogues(
        tmp_path / "set", [Dialogue(str(n), turns, licence=one) for n, one in enumerate(licences)]
    )
    said = " ".join(mowa("export", tmp_path / "set", tmp_path / "a.jsonl").stdout.split())
    assert "must be named for rows under CC-BY-SA-4.0 (2), MIT (1)" in said
    assert "--facts" in said
    for number, more in enumerate((["--facts"], ["--format", "mowa"])):
        done = mowa("export", tmp_path / "set", tmp_path / f"{number}.jsonl", *more)
        assert "must be named" not in done.stdout


def test_a_set_that_is_not_there_is_named(tmp_path):
    failed = mowa("show", "a/b", "--workspace", tmp_path / "nie-ma")
    assert isinstance(failed.exception, UsageError | DataError)
