"""The step `dialogues`: every row is taken, or rejected with its reason; nothing is lost."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mowa.errors import DataError, UsageError
from mowa.inference import Message
from mowa.instructions import Dialogue, DialoguesConfig, _drafts, _import, to_row
from mowa.recipe import Recipe, run
from mowa.workspace import Inputs, Workspace, digest

TOWNS = "Warszawa Kraków Łódź Wrocław Poznań Gdańsk Szczecin Lublin Katowice Toruń".split()  # noqa: SIM905


def talk(*contents, roles=("user", "assistant"), **more):
    turns = [
        {"role": roles[number % len(roles)], "content": content}
        for number, content in enumerate(contents)
    ]
    return {"messages": turns, **more}


def about(town, **more):
    return talk(
        f"Nad jaką rzeką leży miasto {town} i kto o tym pisał w dawnych kronikach?",
        f"O mieście {town} i jego rzece pisał między innymi kronikarz Jan z miasta {town}.",
        **more,
    )


GOOD = [about(town) for town in TOWNS]


def test_rows_become_dialogues_with_what_the_recipe_and_the_source_say(world):
    world.jsonl("zbior/a.jsonl", [{**GOOD[0], "id": "moje"}, {**GOOD[1], "licence": "CC0-1.0"}])
    made = world.dialogues(origin="generated", model="m-7b", author="Ania")
    first, second = made.taken
    assert first.id == "moje"
    assert (first.origin, first.model, first.author) == ("generated", "m-7b", "Ania")
    assert (first.source, first.licence, first.language) == ("rozmowy", "CC-BY-4.0", "pol")
    assert (second.licence, len(second.id)) == ("CC0-1.0", 32)
    assert made.metrics["licences"] == {"CC-BY-4.0": 1, "CC0-1.0": 1}
    assert made.metrics["forms"] == {"messages": 2}
    assert "<svg" in (made.path / "report.html").read_text("utf-8")


def test_a_rows_id_is_that_of_its_place_whatever_else_is_imported(world):
    world.jsonl("zbior/b.jsonl", GOOD[:2])
    [first, second] = world.dialogues().taken
    world.jsonl("zbior/a.jsonl.gz", GOOD[2:4])
    again = world.dialogues(step="drugi").taken
    assert [one.id for one in again[2:]] == [first.id, second.id]


BAD = [
    (talk("a", "b", "c", roles=("user", "assistant", "assistant")), "two turns in a row"),
    (talk("Kto?", "  \n"), "empty turn"),
    (talk("Kto?", None), "empty turn"),
    (talk("Kto?", "Ja.", roles=("user", "bot")), "unknown role"),
    (talk("Kto?", "a" * 100_001), "turn too long"),
    (talk("Kto?", "Ja.", weight=-1), "weight is negative or no number"),
    (talk("Kto?", "Ja.", weight="1"), "weight is negative or no number"),
    (talk("Kto?"), "no answer"),
    (talk("Ja.", "Kto?", roles=("assistant", "user")), "the assistant begins"),
    ({"messages": []}, "no turns"),
    ({"messages": "tekst"}, "messages are no list"),
    ({"inne": 1}, "a field is missing"),
    (["lista"], "the row is no object"),
    (talk("Kto?", "To \ud83d"), "half of a surrogate pair"),
    (talk(*["x"] * 2_000), "too many turns"),
]


def test_every_bad_row_is_rejected_with_its_number_reason_and_beginning(world):
    rows = [GOOD[0], *(row for row, _ in BAD), GOOD[1]]
    lines = [json.dumps(row).encode() for row in rows]
    lines.insert(1, b'{"messages": [')
    world.file("zbior/a.jsonl", b"\n".join(lines))
    made = world.dialogues()
    assert made.reasons == [
        (2, "invalid-json"),
        *((number, reason) for number, (_, reason) in enumerate(BAD, 3)),
    ]
    assert all(row["beginning"] and len(row["beginning"]) <= 300 for row in made.rejected)
    assert {row["file"] for row in made.rejected} == {"a.jsonl"}
    assert made.metrics["rows"] == len(rows) + 1 == len(made.taken) + len(made.rejected)
    assert made.metrics["candidates"] + made.metrics["broken"] == made.metrics["rows"]
    assert sum(made.metrics["rejected"].values()) == len(made.rejected)


def test_rows_without_a_licence_are_rejected_where_one_is_demanded(world):
    world.jsonl("zbior/a.jsonl", [{**GOOD[0], "licence": "CC0-1.0"}, GOOD[1]])
    inventory = world.inventory(licence="NOASSERTION")
    made = world.dialogues(inventory, require_licence=True)
    assert made.reasons == [(2, "no licence")]
    made = world.dialogues(inventory, step="drugi")
    assert [one.licence for one in made.taken] == ["CC0-1.0", None]
    assert made.metrics["licences"] == {"CC0-1.0": 1, "NOASSERTION": 1}
    made = world.dialogues(inventory, step="trzeci", licence="cc-by-4.0", require_licence=True)
    assert [one.licence for one in made.taken] == ["CC0-1.0", "CC-BY-4.0"]


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"licence": "wolna"}, "SPDX"),
        ({"language": "polski"}, "ISO 639-3"),
        ({"languages": ["pl"]}, "ISO 639-3"),
        ({"origin": "found"}, "human"),
        ({"format": "alpaca", "converter": "poquad"}, "leave format or converter out"),
    ],
)
def test_mistakes_in_the_recipe_are_named(config, fault):
    with pytest.raises(ValueError, match=fault):
        DialoguesConfig(**config)


def test_nobody_says_who_made_the_answers(world):
    world.jsonl("zbior/a.jsonl", GOOD)
    with pytest.raises(UsageError, match="who made the answers"):
        world.dialogues(origin=None)
    world.jsonl("zbior/a.jsonl", [to_row(Dialogue("a", TURNS, "translated"))])
    assert world.dialogues(origin=None, step="drugi").taken[0].origin == "translated"


TURNS = (Message("user", "Kto napisał „Lalkę”?"), Message("assistant", "Bolesław Prus."))


def test_fields_of_no_known_form_are_named(world):
    world.jsonl("zbior/a.jsonl", [{"pytanie": "a", "odpowiedź": "b"}])
    with pytest.raises(UsageError, match="odpowiedź, pytanie"):
        world.dialogues()


def test_not_one_dialogue_is_an_error_that_counts_the_reasons(world):
    world.jsonl("zbior/a.jsonl", [talk("Kto?")])
    with pytest.raises(DataError, match="not one dialogue") as caught:
        world.dialogues()
    assert "1 no answer" in str(caught.value)


def test_each_file_is_read_in_its_own_form_and_the_report_says_which(world):
    world.jsonl("zbior/a.jsonl", GOOD[:1])
    world.file("zbior/b.json", json.dumps([{"instruction": "Kto?", "output": "Ja."}]))
    rows = [{"conversations": [{"from": "human", "value": "A?"}, {"from": "gpt", "value": "B"}]}]
    pq.write_table(pa.Table.from_pylist(rows), world.file("zbior/c.parquet", b""))
    world.file("zbior/d.jsonl", "")
    made = world.dialogues()
    forms = {file["file"]: file["form"] for file in made.statistics["files"]}
    assert forms == {
        "a.jsonl": "messages",
        "b.json": "alpaca",
        "c.parquet": "sharegpt",
        "d.jsonl": "none",
    }
    assert len(made.taken) == 3
    page = (made.path / "report.html").read_text("utf-8")
    assert all(form in page for form in forms.values())


def test_exact_duplicates_go_up_to_case_and_space(world):
    loud = [f" {one['content'].upper()} ".replace(" ", "  ") for one in GOOD[0]["messages"]]
    rows = [GOOD[0], talk(*loud)]
    world.jsonl("zbior/a.jsonl", [*rows, {**GOOD[0], "id": "x"}, GOOD[1]])
    made = world.dialogues(near_duplicates=False)
    assert made.reasons == [(2, "exact duplicate"), (3, "exact duplicate")]
    assert {row["detail"] for row in made.rejected} == {f"of {made.taken[0].id}"}


LONG = (
    "Rzeka płynie przez dolinę, mija stare młyny i wiklinowe zagajniki, potem skręca na północ,"
    " gdzie czekają na nią łąki, szuwary, mosty z drewna i miasteczka o czerwonych dachach."
)


def test_near_duplicates_are_near_in_question_and_in_answer(world):
    answer = f"Tekst opowiada o rzece. {LONG}"
    rows = [
        talk(f"{LONG} O czym jest ten tekst?", answer),
        talk(f"{LONG} O czym jest więc ten tekst?", f"{answer} Tyle."),
        talk(f"{LONG} O czym jest ten tekst?", "O rzece i o tym, co mija po drodze na północ."),
        talk("Streść opis rzeki, który znajduje się w książce, jednym akapitem.", answer),
    ]
    world.jsonl("zbior/a.jsonl", rows)
    made = world.dialogues()
    assert made.reasons == [(2, "near duplicate")]
    assert made.rejected[0]["detail"] == f"of {made.taken[0].id}"
    assert world.dialogues(step="drugi", near_duplicates=False).rejected == []


def test_questions_on_one_long_text_are_no_near_duplicates(world):
    asked = ["Dokąd skręca?", "Co mija rzeka?", "Czy mija młyny?", "Czy mosty są z drewna?"]
    answers = ["Na północ.", "Młyny i zagajniki.", "Tak.", "Tak."]
    world.jsonl(
        "zbior/a.jsonl",
        [talk(f"{LONG} {LONG} {a}", b) for a, b in zip(asked, answers, strict=True)],
    )
    assert len(world.dialogues().taken) == 4


def test_ids_that_stand_twice_are_told_apart_for_good(world):
    world.jsonl("zbior/a.jsonl", [{**row, "id": 1} for row in GOOD[:2]])
    world.jsonl("zbior/b.jsonl", [{**GOOD[2], "id": 1}])
    made = world.dialogues()
    ids = [one.id for one in made.taken]
    assert ids[0] == "1"
    assert len(set(ids)) == 3
    assert all(id_.startswith("1#") for id_ in ids[1:])
    assert made.metrics["renamed"] == 2
    assert [one.id for one in world.dialogues(step="drugi").taken] == ids


def test_dialogues_in_other_languages_are_rejected_where_languages_are_named(world):
    english = talk(
        "What is the capital of Poland, and why is it so well known?",
        "The capital of Poland is Warsaw, which lies on the river Vistula in the middle of the"
        " country and has been rebuilt after the war.",
    )
    world.jsonl("zbior/a.jsonl", [GOOD[0], english, talk("2 + 2 = ?", "4"), talk("OK?", "OK")])
    made = world.dialogues(languages=["pol"])
    assert made.reasons == [(2, "other language")]
    assert made.rejected[0]["detail"].startswith("eng ")
    assert made.taken[0].language == "pol"
    made = world.dialogues(languages=["pol", "eng"], step="drugi")
    assert made.taken[1].language == "eng"


PERSONAL = talk(
    "Mój adres to jan.kowalski@poczta.example, a PESEL 44051401359. Napisz podanie.",
    "Oczywiście, napiszę na adres jan.kowalski@poczta.example zaraz po śniadaniu.",
    author_mail="ktos@poczta.example",
)


def test_personal_data_are_masked_rejected_or_kept_and_always_counted(world):
    world.jsonl("zbior/a.jsonl", [GOOD[0], PERSONAL])
    masked = world.dialogues()
    texts = [turn.content for turn in masked.taken[1].messages]
    assert texts == [
        "Mój adres to [EMAIL], a PESEL [PESEL]. Napisz podanie.",
        "Oczywiście, napiszę na adres [EMAIL] zaraz po śniadaniu.",
    ]
    assert json.loads(masked.taken[1].details) == {"author_mail": "[EMAIL]"}
    kept = world.dialogues(step="drugi", personal_data="keep")
    assert "44051401359" in kept.taken[1].messages[0].content
    gone = world.dialogues(step="trzeci", personal_data="reject")
    assert gone.reasons == [(2, "personal data")]
    assert gone.rejected[0]["detail"] == "email, pesel"
    assert "kowalski" not in gone.rejected[0]["beginning"]
    for made in (masked, kept, gone):
        assert made.metrics["personal_data"] == {"email": 3, "pesel": 1}


def test_trees_make_several_dialogues_of_one_row_and_counts_add_up(world):
    def node(key, role, text, rank, *replies):
        return {"message_id": key, "role": role, "text": text, "rank": rank, "replies": replies}

    answers = [node(f"a{n}", "assistant", f"Odpowiedź numer {n}.", n) for n in range(3)]
    tree = {"message_tree_id": "t", "prompt": node("p", "prompter", "Pytanie?", None, *answers)}
    empty = {"message_tree_id": "u", "prompt": node("q", "prompter", "Nikt nie odpowie?", None)}
    world.jsonl("zbior/a.jsonl", [tree, empty])
    made = world.dialogues(origin=None)
    assert [one.id for one in made.taken] == ["a0", "a0>a1", "a0>a2"]
    assert (made.metrics["preferences"], made.metrics["candidates"]) == (2, 3)
    assert made.reasons == [(2, "no answer")]


def test_flat_messages_of_a_table_are_put_together(world):
    rows = [
        {"message_id": "p", "parent_id": None, "role": "prompter", "text": "Kto?", "rank": None},
        {"message_id": "a", "parent_id": "p", "role": "assistant", "text": "Ja.", "rank": 0.0},
        {"message_id": "x", "parent_id": "z", "role": "assistant", "text": "Sam.", "rank": 0.0},
    ]
    pq.write_table(pa.Table.from_pylist(rows), world.file("zbior/a.parquet", b""))
    made = world.dialogues(origin=None)
    assert [one.id for one in made.taken] == ["a"]
    assert made.reasons == [(3, "its parent is not in the file")]
    assert (made.metrics["rows"], made.metrics["joined"]) == (3, 1)


def files_of(made):
    return {
        path.relative_to(made.path).as_posix(): digest(path)
        for path in made.path.rglob("*")
        if path.is_file()
    }


def many(world):
    for name in "abcd":
        rows = [about(f"{town}-{name}-{n}") for n in range(5) for town in TOWNS]
        world.jsonl(f"zbior/{name}.jsonl", [*rows, rows[0], talk("Kto?"), GOOD[0], PERSONAL])


def test_bytes_do_not_depend_on_workers_and_nothing_else_is_left(world, monkeypatch):
    monkeypatch.setattr(_import, "_UNIT_BYTES", 1_000)
    many(world)
    one = files_of(world.dialogues())
    world.workers = 2
    assert files_of(world.dialogues(step="drugi")) == one
    names = ["dialogues/00000.parquet", "rejected.parquet", "report.html", "statistics.json"]
    assert sorted(one) == names


def test_parts_are_cut_by_rows_and_change_nothing(world, monkeypatch):
    many(world)
    whole = world.dialogues()
    monkeypatch.setattr(_drafts, "_PART_ROWS", 60)
    monkeypatch.setattr(_import, "ROWS", 50)
    parted = world.dialogues(step="drugi")
    assert parted.taken == whole.taken
    assert parted.rejected == whole.rejected


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import World
from mowa.instructions import _import

left = int(sys.argv[2])
replace = Path.replace

def counted(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

Path.replace = counted
_import._UNIT_BYTES = 1_000
world = World(Path(sys.argv[1]))
world.dialogues()
print(left)
"""


def test_a_step_killed_anywhere_goes_on_and_ends_with_the_same_bytes(world, tmp_path):
    many(world)
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(tests=str(Path(__file__).parent)), "utf-8")

    def step(root, count):
        (root / "data").parent.mkdir(exist_ok=True)
        command = [sys.executable, str(script), str(root), str(count)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=ENV)

    whole = step(world.root, 10_000)
    assert whole.returncode == 0, whole.stderr
    operations = 10_000 - int(whole.stdout)
    killed = tmp_path / "inny"
    killed.mkdir()
    (killed / "data").symlink_to(world.root / "data")
    for share in (0.1, 0.5, 0.97):
        result = step(killed, int(share * operations))
        assert result.returncode in (-signal.SIGKILL, 0), result.stderr
    assert step(killed, 10_000).returncode == 0
    made = [replace_root(root / "made/dialogi") for root in (world.root, killed)]
    assert made[0] == made[1]


ENV = {key: value for key, value in os.environ.items() if not key.startswith("COV")}


def replace_root(folder):
    return {
        path.relative_to(folder).as_posix(): digest(path)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_golden_bytes_of_a_small_set(world):
    """Raise the step's revision in `mowa/recipe/_steps.py` where this changes."""
    world.jsonl("zbior/a.jsonl", [*GOOD, PERSONAL, talk("Kto?"), GOOD[0]])
    made = world.dialogues()
    rows = [to_row(one) for one in made.taken] + made.rejected
    text = json.dumps([rows, made.statistics], ensure_ascii=False, sort_keys=True)
    assert hashlib.blake2b(text.encode(), digest_size=16).hexdigest() == GOLDEN


GOLDEN = "d2f8d0e664f18c37c7c1f874ab90d5c2"

RECIPE = """
name = "mala"
language = "pol"
data = "data"
sources = "sources"

[steps.pliki]
does = "inventory"
source = "rozmowy"
path = "zbior"

[steps.dialogi]
does = "dialogues"
reads = "pliki"
converter = "moj.toml"
"""
CONVERTER = 'name = "moj"\n[[cases]]\nprompts = ["{pytanie}"]\nanswers = ["{odpowiedź|sentence}"]\n'
REGISTER = """
title = "Rozmowy"
holder = "Ktoś"
licence = "CC-BY-SA-4.0"
legal_basis = "open_licence"
release = "research"
collected_at = 2026-01-31
collected_how = "tests"
"""


def test_a_recipe_makes_dialogues_and_rebuilds_them_when_the_converter_changes(world):
    world.jsonl("zbior/a.jsonl", [{"pytanie": "Kto?", "odpowiedź": "ja"}])
    world.file("moj.toml", CONVERTER)
    (world.root / "sources").mkdir()
    (world.root / "sources/rozmowy.toml").write_text(REGISTER, "utf-8")
    (world.root / "r.toml").write_text(RECIPE, "utf-8")

    def made(*settings):
        recipe = Recipe.load(world.root / "r.toml", settings)
        return run(recipe, world.root / "ws", workers=1)[-1]

    first = made()
    assert (first.state, first.artifact.kind) == ("build", "dialogues")
    assert first.artifact.rights["release"] == "research"
    assert first.artifact.rights["licences"] == ["CC-BY-SA-4.0"]
    assert made().state == "up to date"
    world.file("inny/moj.toml", CONVERTER)
    assert made('steps.dialogi.converter="inny/moj.toml"').state == "up to date"
    world.file("moj.toml", CONVERTER.replace("{pytanie}", "Powiedz: {pytanie}"))
    assert made().state == "rebuild"
    with pytest.raises(UsageError, match="no source 'nie-ma'"):
        made('steps.dialogi.source="nie-ma"')
    assert Workspace.open(world.root / "ws").get("mala/dialogi").metrics["dialogues"] == 1


def test_inventories_that_cannot_be_told_apart_are_a_mistake_of_the_recipe(world):
    world.jsonl("zbior/a.jsonl", GOOD)
    inventory = world.inventory()
    with pytest.raises(UsageError, match="same name"):
        world.dialogues(inventory, replace(inventory))
    assert Inputs((inventory,)).one("inventory") is inventory
