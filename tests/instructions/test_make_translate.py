"""Dialogues in another language become Polish ones, turn by turn, or are rejected whole."""

import dataclasses
import json

import pytest

from mowa.inference import Message
from mowa.instructions import read_dialogues, write_dialogues
from mowa.instructions.making import ModelConfig, TranslateDialoguesConfig
from mowa.instructions.making._translate import run
from mowa.workspace import Inputs
from tests.inference.scripted_server import serving, turn
from tests.instructions.made_teachers import artifact, context_in, question_of, rejects_in, talk

POLISH = {
    "How do I list files with [[1]] on [[2]]?": "Jak wyświetlić pliki poleceniem [[1]] na [[2]]?",
    "Run this:\n\n[[1]]\n\n1. It shows 10 files.\n2. That is all.": (
        "Uruchom to:\n\n[[1]]\n\n1. Pokaże 10 plików.\n2. To wszystko."
    ),
    "You are a helpful assistant of the old mill.": "Jesteś pomocnym asystentem starego młyna.",
    "Thank you, and what does the second one do?": "Dziękuję, a co robi to drugie polecenie?",
    "It does nothing at all, so leave it out.": "Zupełnie nic nie robi, więc je pomiń.",
    "Yes.": "Tak.",
    "It is not known to anybody at all.": "Tego zupełnie nikt nie wie.",
}

CODE = "```sh\nls -l $HOME\n```"
TALK = talk(
    "en-1",
    "How do I list files with `ls` on {host}?",
    f"Run this:\n\n{CODE}\n\n1. It shows 10 files.\n2. That is all.",
    "Thank you, and what does the second one do?",
    "It does nothing at all, so leave it out.",
)
SYSTEM = dataclasses.replace(
    TALK,
    id="en-2",
    messages=(Message("system", "You are a helpful assistant of the old mill."), *TALK.messages),
    language="eng",
    weight=0.5,
    details='{"category": "x"}',
)
PAIR = dataclasses.replace(
    talk("en-3"),
    messages=(Message("user", "Thank you, and what does the second one do?"),),
    chosen="It does nothing at all, so leave it out.",
    rejected="Yes.",
)
CODE_ALONE = talk("en-4", "Thank you, and what does the second one do?", CODE)


def asked_text(body):
    return question_of(body).partition("Wypowiedź (")[2].partition("):\n")[2]


def knows(path, body, number):
    return turn(POLISH[asked_text(body)])


def translate(folder, dialogues, script=knows, **options):
    write_dialogues(folder / "in", dialogues)
    with serving(script) as server:
        config = TranslateDialoguesConfig(
            model=ModelConfig(name="mowa-1", url=server.url, retries=0, concurrency=2), **options
        )
        given = artifact(folder / "in", "dialogues")
        metrics = run(config, Inputs((given,)), folder / "out", context_in(folder))
    return metrics, list(read_dialogues(folder / "out")), server


def test_turns_are_translated_and_what_is_protected_stays(tmp_path):
    metrics, found, server = translate(tmp_path, [TALK, SYSTEM, PAIR, CODE_ALONE])
    assert (metrics["dialogues"], metrics["rejected"]) == (4, 0)
    first, second, third, fourth = found
    assert [turn.content for turn in first.messages] == [
        "Jak wyświetlić pliki poleceniem `ls` na {host}?",
        f"Uruchom to:\n\n{CODE}\n\n1. Pokaże 10 plików.\n2. To wszystko.",
        "Dziękuję, a co robi to drugie polecenie?",
        "Zupełnie nic nie robi, więc je pomiń.",
    ]
    assert (first.id, first.origin, first.model, first.language) == (
        "en-1-pol", "translated", "mowa-1", "pol",
    )  # fmt: skip
    assert (first.licence, first.source) == (TALK.licence, TALK.source)
    assert second.messages[0] == Message("system", "Jesteś pomocnym asystentem starego młyna.")
    assert second.weight == 0.5
    details = json.loads(second.details)
    assert details["category"] == "x"
    assert details["original"]["language"] == "eng"
    assert details["original"]["messages"] == [[t.role, t.content] for t in SYSTEM.messages]
    assert details["made"][0]["prompt"] == "translate"
    assert (third.chosen, third.rejected) == ("Zupełnie nic nie robi, więc je pomiń.", "Tak.")
    assert fourth.messages[1].content == CODE
    assert len(server.asked) == len(set(map(str, (body for _, body, *_ in server.asked))))


BAD = {
    "markers do not fit": "Jak wyświetlić pliki poleceniem [[1]] na moim komputerze?",
    "another language": "Como puedo ver los archivos con [[1]] en el servidor [[2]] de la empresa?",
    "not translated": "How do I list files with [[1]] on [[2]]?",
    "length does not fit": "[[1]] [[2]] " + "i tak dalej, i tym podobnie " * 10,
    "other lines": "Jak wyświetlić pliki\nprzez [[1]] na [[2]]?",
    "other numbers": "Jak wyświetlić 5 plików przez [[1]] na [[2]]?",
    "empty": " ",
    "copies the prompt": "Przetłumacz na język polski poniższą wypowiedź z rozmowy z asystentem."
    " [[1]] [[2]]",
}


@pytest.mark.parametrize(("reason", "text"), BAD.items(), ids=list(BAD))
def test_a_turn_that_does_not_pass_is_asked_again_and_then_rejects_its_dialogue(
    reason, text, tmp_path
):
    def script(path, body, number):
        return turn(text) if "list files" in asked_text(body) else knows(path, body, number)

    metrics, found, server = translate(tmp_path, [TALK, CODE_ALONE], script, tries=3)
    assert [dialogue.id for dialogue in found] == ["en-4-pol"]
    assert metrics["reasons"] == {reason: 1}
    assert (metrics["dialogues"], metrics["rejected"], metrics["items"]) == (1, 1, 2)
    assert metrics["counts"] == {"turns asked again": 2}
    rows = rejects_in(tmp_path / "out")
    assert [row["text"] for row in rows] == [text] * 3
    (final,) = [row for row in rows if row["final"]]
    assert json.loads(final["dialogue"])["id"] == "en-1"
    seeds = sorted(body["seed"] for _, body, *_ in server.asked)
    assert seeds == [0, 0, 0, 0, 1, 2]  # only the turn that failed is asked again


def test_a_second_try_that_passes_makes_the_dialogue(tmp_path):
    def script(path, body, number):
        return turn("[[1]]") if body["seed"] == 0 else knows(path, body, number)

    metrics, found, _ = translate(tmp_path, [TALK], script)
    assert (len(found), metrics["rejected"], metrics["rows_of_rejects"]) == (1, 0, 4)


def test_names_stay_and_a_limit_takes_the_first(tmp_path):
    def script(path, body, number):
        assert "Mowa" not in asked_text(body)
        return turn("Czym jest [[1]] i kto to zrobił?")

    asked = talk("1", "What is Mowa, and who made it?", "12")
    metrics, found, _ = translate(tmp_path, [asked, *([TALK] * 3)], script, names=["Mowa"], limit=1)
    assert found[0].messages[0].content == "Czym jest Mowa i kto to zrobił?"
    assert metrics["items"] == 1


def test_a_turn_that_declines_is_translated_as_one(tmp_path):
    def script(path, body, number):
        text = asked_text(body)
        return turn("Przykro mi, ale nie mogę w tym pomóc." if "sorry" in text else POLISH[text])

    declined = talk("1", "Thank you, and what does the second one do?", "I am sorry, but I cannot.")
    _, found, _ = translate(tmp_path, [declined], script)
    assert found[0].messages[1].content == "Przykro mi, ale nie mogę w tym pomóc."
