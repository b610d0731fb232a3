"""Documents become dialogues: every kind of prompt, every way in which an answer is no dialogue."""

import json
from collections import Counter

import pytest

from mowa.errors import UsageError
from mowa.inference import fields_of
from mowa.instructions import fault_of, read_dialogues
from mowa.instructions.making import GenerateDialoguesConfig, ModelConfig
from mowa.instructions.making._generate import observe, run
from mowa.instructions.making._prompts import read_prompts, shipped
from mowa.workspace import Inputs, fingerprint, identity_of
from tests.inference.scripted_server import Reply, serving, turn
from tests.instructions.made_teachers import (
    ANSWERS,
    artifact,
    context_in,
    document,
    good,
    good_answer,
    make_corpus,
    question_of,
    rejects_in,
    table_of,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = make_corpus(tmp_path_factory.mktemp("corpus"), count=28)
    return artifact(folder, "corpus", "r/corpus")


def config_for(server, **options):
    model = {"name": "mowa-1", "url": server.url, "retries": 0, "concurrency": 4}
    more = {"passages": 28, "characters": [100, 400], **options}
    return GenerateDialoguesConfig(model=ModelConfig(**model | more.pop("model", {})), **more)


def generate(folder, corpus, script, **options):
    with serving(script) as server:
        metrics = run(
            config_for(server, **options), Inputs((corpus,)), folder, context_in(folder.parent)
        )
    return metrics, server


def test_every_kind_of_prompt_makes_dialogues_bound_to_their_documents(corpus, tmp_path):
    metrics, server = generate(tmp_path / "out", corpus, good)
    found = list(read_dialogues(tmp_path / "out"))
    assert (metrics["items"], metrics["dialogues"], metrics["rejected"]) == (28, len(found), 0)
    assert len(server.asked) == 28
    made = Counter(json.loads(dialogue.details)["made"][0]["prompt"] for dialogue in found)
    assert made == dict.fromkeys(GenerateDialoguesConfig().prompts, 4)
    assert metrics["licences"] == Counter(dialogue.licence for dialogue in found)
    assert set(metrics["licences"]) == {"CC0-1.0", "CC-BY-4.0"}
    assert metrics["models"]["mowa-1"]["answers"] == 28
    for dialogue in found:
        assert fault_of(dialogue) is None
        assert (dialogue.origin, dialogue.model, dialogue.language) == (
            "generated",
            "mowa-1",
            "pol",
        )
        assert (dialogue.source, dialogue.author) == ("gazeta", "Jan Młynarz")
        (span,) = dialogue.documents
        text = document(int(span.document, 16))[span.start : span.end]
        step = json.loads(dialogue.details)["made"][0]
        assert (step["temperature"], step["seed"], step["max_new_tokens"]) == (0.7, 0, 1024)
        assert step["prompt_digest"] in str(observe_prompts(tmp_path))
        first = dialogue.messages[0].content
        if step["prompt"] in ("reading", "summary", "topic", "plain-language"):
            assert text in first
        assert "{" not in first
    conversation = next(one for one in found if len(one.messages) > 2)
    assert [turn.role for turn in conversation.messages] == ["user", "assistant"] * 2
    assert (tmp_path / "out" / "report.html").exists()
    assert json.loads((tmp_path / "out" / "statistics.json").read_text("utf-8")) == metrics


def observe_prompts(folder):
    return observe(GenerateDialoguesConfig(), context_in(folder), None)["prompts"]


def test_a_second_build_asks_nothing_and_gives_the_same_bytes(corpus, tmp_path):
    def unsure(path, body, number):
        return turn("Nie wiem.") if number % 5 == 0 else good(path, body, number)

    with serving(unsure) as server:
        config = config_for(server)
        for name in ("one", "two"):
            run(config, Inputs((corpus,)), tmp_path / name, context_in(tmp_path))
        assert len(server.asked) == 28
    for name in ("dialogues/00000.parquet", "rejected.parquet", "statistics.json", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


ENGLISH = (
    "Pytanie: Who asked the council to open the old mill by the river again?\n"
    "Odpowiedź: The people of the village did, and the mayor promised to begin in spring."
)
BAD = {
    "not in the form": "Oczywiście! Oto pytanie.\nPytanie: Kto?\nOdpowiedź: Wójt.",
    "empty": "",
    "another language": ENGLISH,
    "refusal": "Przykro mi, ale nie mogę pomóc w tej sprawie.",
    "invented quote": "Pytanie: Co powiedział wójt?\n"
    "Odpowiedź: Wójt powiedział: „Nigdy nie otworzymy tego młyna”.",
    "copies the prompt": "Pytanie: treść pytania\nOdpowiedź: treść odpowiedzi",
}


@pytest.mark.parametrize(("reason", "text"), BAD.items(), ids=list(BAD))
def test_each_bad_answer_is_a_counted_reject_with_its_text(reason, text, corpus, tmp_path):
    metrics, _ = generate(
        tmp_path / "out", corpus, lambda *_: turn(text), prompts=["reading"], passages=3
    )
    assert metrics["reasons"] == {reason: 3}
    assert (metrics["dialogues"], metrics["rejected"], metrics["parts"]) == (0, 3, 3)
    rows = rejects_in(tmp_path / "out")
    assert [row["text"] for row in rows] == [text] * 3
    assert all(row["item"].count(":") == 1 and row["prompt"] == "reading" for row in rows)
    assert list(read_dialogues(tmp_path / "out")) == []


@pytest.mark.parametrize(
    ("prompt", "text", "reason"),
    [
        ("topic", "Temat: rolnictwo", "not one of the choices"),
        ("summary", "Streszczenie: Młyn.", "length does not fit"),
        ("summary", None, "copies the passage"),
        ("conversation", "Użytkownik: Kto?\nAsystent: Wójt.", "not in the form"),
    ],
)
def test_each_kind_has_faults_of_its_own(prompt, text, reason, corpus, tmp_path):
    def script(path, body, number):
        return turn(text)

    def copying(path, body, number):
        lines = [line for line in question_of(body).splitlines() if "Dokument" in line]
        return turn("Streszczenie: " + "\n".join(lines)[:160])

    options = {"prompts": [prompt], "passages": 2, "characters": [250, 400]}
    metrics, _ = generate(tmp_path / "out", corpus, script if text else copying, **options)
    assert metrics["reasons"] == {reason: 2}


def test_one_bad_part_does_not_spoil_the_others_of_its_answer(corpus, tmp_path):
    text = (
        "Pytanie: Gdzie stoi młyn numer 7?\nOdpowiedź: Nad rzeką.\n"
        "Pytanie: Co obiecał wójt?\nOdpowiedź: Wójt rzekł „zrobimy to już jutro rano”.\n"
        "Pytanie: Co mielono w młynie?\nOdpowiedź: Mąkę dla okolicy.\n"
    )
    metrics, _ = generate(
        tmp_path / "out", corpus, lambda *_: turn(text), prompts=["questions"], passages=2
    )
    # The second passage says the same again.
    assert metrics["reasons"] == {"invented quote": 2, "made twice": 2}
    assert (metrics["dialogues"], metrics["parts"], metrics["items"]) == (2, 6, 2)


def test_a_bad_answer_is_asked_for_again_and_stays_among_the_rejects(corpus, tmp_path):
    def script(path, body, number):
        return turn("Hm.") if body["seed"] == 0 else good(path, body, number)

    metrics, server = generate(
        tmp_path / "out", corpus, script, prompts=["summary"], passages=3, tries=3
    )
    assert (metrics["dialogues"], metrics["rejected"]) == (3, 0)
    assert metrics["counts"] == {"asked again": 3}
    assert metrics["rows_of_rejects"] == 3
    assert {row["final"] for row in rejects_in(tmp_path / "out")} == {False}
    assert Counter(body["seed"] for _, body, *_ in server.asked) == {0: 3, 1: 3}


def test_cut_off_and_failed_answers_are_rejects_too(corpus, tmp_path):
    def script(path, body, number):
        if number == 1:
            return Reply(400, {"error": {"message": "content filter"}})
        if number == 2:
            return Reply(400, {"error": {"message": "x", "code": "context_length_exceeded"}})
        return turn(good_answer(question_of(body)), finish="length")

    metrics, _ = generate(
        tmp_path / "out", corpus, script, prompts=["summary"], passages=4, model={"concurrency": 1}
    )
    assert metrics["reasons"] == {
        "cut off": 2,
        "no answer": 1,
        "prompt too long for the model": 1,
    }


def test_json_is_asked_for_where_the_endpoint_can_be_held_to_it(corpus, tmp_path):
    def script(path, body, number):
        assert body["response_format"] == {"type": "json_object"}
        assert '{"wynik":' in question_of(body)
        return turn(json.dumps({"wynik": [{"Temat": "Historia"}]}))

    metrics, _ = generate(
        tmp_path / "out",
        corpus,
        script,
        prompts=["topic"],
        passages=3,
        model={"json_answers": True},
    )
    assert metrics["dialogues"] == 3
    assert {one.messages[-1].content for one in read_dialogues(tmp_path / "out")} == {"historia"}


OWN = """
name = "own"
makes = "dialogues"
labels = ["Fiszka"]
text = "Napisz fiszkę do tekstu „{title}”.\\n\\n{text}\\n\\n{form}"
form = "Fiszka: treść fiszki"
[turns]
user = ["Podaj fiszkę: {text}"]
assistant = "{Fiszka}"
"""


def test_a_prompt_of_ones_own_is_used_and_its_change_is_another_step(corpus, tmp_path):
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    asked = []

    def script(path, body, number):
        asked.append(question_of(body))
        return turn(f"Fiszka: Młyn nad rzeką czeka na remont, nr {number}.")

    metrics, _ = generate(tmp_path / "out", corpus, script, prompts=["own.toml"], passages=2)
    assert metrics["dialogues"] == 2
    assert all(text.startswith("Napisz fiszkę do tekstu „Młyn ") for text in asked)
    config = GenerateDialoguesConfig(prompts=["own.toml"])
    before = observe(config, context_in(tmp_path), None)
    (tmp_path / "own.toml").write_text(OWN.replace("Napisz", "Ułóż"), "utf-8")
    assert observe(config, context_in(tmp_path), None) != before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("{form}", ""), "field {form} is missing"),
        (("{title}", "{titel}"), "no field {titel}"),
        (("{Fiszka}", "{Karta}"), "no field {Karta}"),
        (('labels = ["Fiszka"]', ""), "labels and form are missing"),
        (('makes = "dialogues"', 'makes = "score"'), "no field {text}"),
        (("name =", "nazwa ="), "name"),
        (("[turns]", "[turns]\ngroups = [3, 1]"), "least, then the most"),
        (("[turns]", "[turns]\njoined = true"), "two labels"),
        (("[turns]", "[turns"), "cannot be read"),
    ],
)
def test_a_prompt_that_is_not_as_it_should_be_is_refused(change, why, tmp_path):
    (tmp_path / "own.toml").write_text(OWN.replace(*change), "utf-8")
    with pytest.raises(UsageError) as refused:
        read_prompts(["own.toml"], "dialogues", tmp_path)
    assert why in str(refused.value)


def test_prompts_that_are_not_there_or_make_something_else_are_refused(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'summary'"):
        read_prompts(["sumary"], "dialogues", tmp_path)
    with pytest.raises(UsageError, match="makes score, not dialogues"):
        read_prompts(["judge"], "dialogues", tmp_path)
    with pytest.raises(UsageError, match="stands twice"):
        read_prompts(["summary", "summary"], "dialogues", tmp_path)


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_prompt_fits_and_is_filled_to_the_last_field(name, tmp_path):
    makes = {"judge": "score", "judge-language": "score", "translate": "translation"}
    pairs = dict.fromkeys(["judge-pair", "judge-pair-language"], "comparison")
    (prompt,) = read_prompts([name], (makes | pairs).get(name, "dialogues"), tmp_path)
    assert prompt.name == name
    assert prompt.about
    fields = dict.fromkeys(fields_of(prompt.text), "Tekst.")
    for as_json in (False, True) if prompt.labels else (False,):
        shown = "\n".join(turn.content for turn in prompt.messages(fields, as_json=as_json))
        assert not fields_of(shown)
        assert all(label in shown for label in prompt.labels)


def test_where_the_model_is_does_not_enter_the_fingerprint():
    def of(**model):
        config = GenerateDialoguesConfig(model=ModelConfig(name="m", **model))
        return fingerprint("dialogues", 1, identity_of(config), {})

    here = of(url="http://here:1/v1", key_from="A", concurrency=2, prices=[1.0, 2.0])
    assert here == of(url="https://there/v1")
    assert here != of(url="http://here:1/v1", temperature=0.1)


def test_the_answers_of_good_teachers_are_what_the_tests_think():
    assert {text.partition(":")[0] for text in ANSWERS.values()} == {
        "Streszczenie", "Temat", "Użytkownik", "Prościej", "Swobodnie", "Pytanie",
    }  # fmt: skip


def test_the_files_have_the_columns_of_dialogues(corpus, tmp_path):
    from mowa.instructions import DIALOGUES

    generate(tmp_path / "out", corpus, good, passages=2)
    assert table_of(tmp_path / "out/dialogues/00000.parquet").schema.names == DIALOGUES.names
