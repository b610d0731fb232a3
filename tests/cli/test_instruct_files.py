"""Others' files, translated, judged and paired as they come; what is no dialogue is counted."""

import json

import pytest

from mowa.instructions import read_dialogues
from tests.inference.scripted_server import serving, turn
from tests.instructions.made_teachers import question_of, rejects_in, translator

FOREIGN = {
    "alpaca": {"instruction": "What is number {}?", "input": "", "output": "It is {}."},
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": "What is number {}?"},
            {"from": "gpt", "value": "It is {}."},
        ]
    },
    "messages": {
        "messages": [
            {"role": "user", "content": "What is number {}?"},
            {"role": "assistant", "content": "It is {}."},
        ]
    },
    "preferences": {"prompt": "What is number {}?", "chosen": "It is {}.", "rejected": "No {}."},
}
BROKEN = ["{", "[]", '"text"', '{"instruction": 3, "output": [1]}', '{"messages": 1}']


@pytest.mark.parametrize("form", FOREIGN)
def test_a_foreign_set_is_translated_as_it_came_and_its_broken_lines_are_counted(
    form, tmp_path, mowa
):
    lines = [json.dumps(FOREIGN[form]).replace("{}", str(number)) for number in range(4)]
    lines[2:2] = BROKEN
    (tmp_path / "foreign.jsonl").write_text("\n".join(lines), "utf-8")
    with serving(translator) as server:
        command = (
            "instruct", "translate", tmp_path / "foreign.jsonl", "-m", f"{server.url}#m",
            "-o", tmp_path / "out", "--origin", "human", "--licence", "CC0-1.0",
            "--source-language", "eng",
        )  # fmt: skip
        code, said = mowa(*command)
        assert code == 0, said.err
        asked = len(server.asked)
        assert mowa(*command)[0] == 0
        assert len(server.asked) == asked
    assert "5 rows are no dialogues: foreign.jsonl:3, foreign.jsonl:4" in said.out
    found = list(read_dialogues(tmp_path / "out"))
    assert [one.messages[0].content[-2:] for one in found] == ["0?", "1?", "2?", "3?"]
    for one in found:
        assert (one.origin, one.licence, one.source) == ("translated", "CC0-1.0", "foreign")
        original = json.loads(one.details)["original"]
        assert (original["origin"], original["language"]) == ("human", "eng")
    rows = rejects_in(tmp_path / "out")
    assert [row["item"] for row in rows] == [f"foreign.jsonl:{number}" for number in range(3, 8)]
    assert [row["text"] for row in rows] == BROKEN
    assert all(row["reason"] and row["final"] for row in rows)
    statistics = json.loads((tmp_path / "out" / "statistics.json").read_text("utf-8"))
    assert (statistics["items"], statistics["dialogues"], statistics["rejected"]) == (9, 4, 5)
    assert sum(statistics["reasons"].values()) == 5


@pytest.mark.parametrize("command", [["judge", "--judge"], ["pairs", "--judge"]])
def test_others_rows_are_judged_and_paired_as_well(command, tmp_path, mowa):
    lines = [json.dumps(FOREIGN["alpaca"]).replace("{}", str(number)) for number in range(2)]
    (tmp_path / "set.jsonl").write_text("\n".join([lines[0], "{", lines[1]]), "utf-8")

    def script(path, body, number):
        asked = question_of(body)
        if "\nOcena:" not in asked:
            return turn(f"To jest {body['model']} odpowiedź.")
        label = "Błędy" if "\nBłędy:" in asked else "Uzasadnienie"
        return turn(f"{label}: tak\nOcena: {6 if 'pierwsza' in asked else 9}")

    with serving(script) as server:
        at = f"{server.url}#"
        more = ["-m", f"{at}pierwsza", "-m", f"{at}druga"] if command[0] == "pairs" else []
        code, said = mowa(
            "instruct", command[0], tmp_path / "set.jsonl", command[1], f"{at}sędzia", *more,
            "-o", tmp_path / "out", "--origin", "generated",
        )  # fmt: skip
    assert code == 0, said.err
    assert [one.origin for one in read_dialogues(tmp_path / "out")] == ["generated"] * 2
    assert [row["item"] for row in rejects_in(tmp_path / "out")] == ["set.jsonl:2"]


def test_a_row_says_itself_who_made_it_and_one_that_nobody_vouches_for_is_a_reject(tmp_path, mowa):
    rows = [{**FOREIGN["messages"], "origin": "human"}, FOREIGN["messages"]]
    (tmp_path / "set.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    with serving(lambda *_: turn("Uzasadnienie: tak\nOcena: 9")) as server:
        script = server.script
        server.script = lambda path, body, number: (
            turn("Błędy: brak\nOcena: 9")
            if "\nBłędy:" in question_of(body)
            else script(path, body, number)
        )
        command = ("instruct", "judge", "--judge", f"{server.url}#m", "-o", tmp_path / "out")
        code, said = mowa(*command, tmp_path / "set.jsonl")
        assert code == 0, said.err
        assert [one.origin for one in read_dialogues(tmp_path / "out")] == ["human"]
        (row,) = rejects_in(tmp_path / "out")
        assert (row["item"], row["reason"]) == ("set.jsonl:2", "unknown origin")
        asked = len(server.asked)
        (tmp_path / "nobody.jsonl").write_text(json.dumps(rows[1]), "utf-8")
        folder = (tmp_path / "out").rename(tmp_path / "set.json")
        (tmp_path / "odd.jsonl").write_text('{"pytanie": "a"}', "utf-8")
        for arguments, status, why in (
            ([tmp_path / "nobody.jsonl"], 1, "--origin human"),
            ([tmp_path / "odd.jsonl", "--origin", "human"], 2, "by a converter"),
            ([tmp_path / "none.jsonl"], 2, "no such file"),
            ([tmp_path / "set.jsonl", "--origin", "me"], 2, "origin"),
            ([tmp_path / "set.jsonl", "--source-language", "english"], 2, "ISO 639-3"),
            ([tmp_path / "out", "--origin", "human"], 2, "rows of a file"),
            ([folder, "--origin", "human"], 2, "rows of a file"),
        ):
            code, said = mowa(*command[:-1], tmp_path / "other", *arguments)
            assert (code, why in said.err) == (status, True), said.err
        assert len(server.asked) == asked
