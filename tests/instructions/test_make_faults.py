"""Every fault of an endpoint, on every step that asks one: what is counted, kept and paid for."""

import functools
import json
import re
import threading
from collections import Counter
from dataclasses import replace

import pytest

from mowa.inference import Message, Patience
from mowa.instructions import read_dialogues, write_dialogues
from mowa.instructions.making import (
    GenerateDialoguesConfig,
    JudgeConfig,
    JudgeDialoguesConfig,
    JudgeModelConfig,
    ModelConfig,
    PairDialoguesConfig,
    TranslateDialoguesConfig,
    _generate,
    _judge,
    _pair,
    _translate,
)
from mowa.workspace import Inputs
from tests.inference.scripted_server import Reply, serving, turn
from tests.instructions.made_teachers import (
    artifact,
    context_in,
    good,
    make_corpus,
    question_of,
    rejects_in,
    talk,
)

STEPS = ("generate", "translate", "judge", "pairs")
ITEMS = 4
BAD = 1  # the item of which the faults are


def about(body):
    """Which item a request is about."""
    return int(re.findall(r"(?:Dokument|obiekt|object) (\d)", question_of(body))[0])


def well(path, body, number):
    """Every step is served well by this."""
    asked = question_of(body)
    if "\nStreszczenie:" in asked:
        return good(path, body, number)
    if "Wypowiedź (" in asked:
        is_question = asked.rstrip().endswith("?")
        said = "Co tu dzisiaj robi obiekt {}?" if is_question else "Cały dzień obraca obiekt {}."
        return turn(said.format(about(body)))
    worths = re.findall(r"warta (\d)", asked)
    reason = "Błędy: brak" if "\nBłędy:" in asked else "Uzasadnienie: tak"
    if "\nPierwsza:" in asked:
        return turn(f"{reason}\nPierwsza: {worths[0]}\nDruga: {worths[1]}")
    if "\nOcena:" in asked:
        return turn(f"{reason}\nOcena: {worths[-1]}")
    return turn(f"Model mówi, że obiekt {about(body)} to odpowiedź warta {body['model'][1:]}.")


def prepared(step, folder, server, tries, **how):
    """Module, configuration and inputs of a step on `ITEMS` items."""
    how = {"url": server.url, "concurrency": 1, **how}
    if step == "generate":
        corpus = artifact(make_corpus(folder / "corpus", count=ITEMS), "corpus", "r/corpus")
        config = GenerateDialoguesConfig(
            model=ModelConfig(name="m", **how), tries=tries, prompts=["summary"],
            passages=ITEMS, characters=[100, 400],
        )  # fmt: skip
        return _generate, config, Inputs((corpus,))
    write_dialogues(folder / "in", [given(step, number) for number in range(ITEMS)])
    read = Inputs((artifact(folder / "in", "dialogues"),))
    if step == "translate":
        model = ModelConfig(name="m", **how)
        return _translate, TranslateDialoguesConfig(model=model, tries=tries), read
    judges = [JudgeConfig(model=JudgeModelConfig(name="sędzia", **how))]
    if step == "judge":
        return _judge, JudgeDialoguesConfig(judges=judges, tries=tries), read
    models = [ModelConfig(name=name, **how) for name in ("m3", "m9")]
    return _pair, PairDialoguesConfig(models=models, judges=judges, tries=tries), read


def given(step, number):
    if step == "translate":
        answer = f"It turns the object {number} all day."
        return talk(f"t{number}", f"What is object {number} doing here today?", answer)
    made = talk(f"t{number}", f"Co robi obiekt {number}?", "To odpowiedź warta 8.")
    if step == "judge" and number % 2:
        question = (Message("user", f"Co robi obiekt {number}?"),)
        answers = {"chosen": "To odpowiedź warta 9.", "rejected": "To odpowiedź warta 2."}
        return replace(made, messages=question, **answers)
    return made


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch):
    quick = functools.partial(Patience, backoff=0.01)
    monkeypatch.setattr("mowa.inference.Patience", quick)


def check_rows(metrics, folder, step):
    """Rejects add up, and each has its reason and all of the answer."""
    rows = rejects_in(folder / "out")
    final = [row for row in rows if row["final"]]
    assert metrics["items"] == ITEMS
    assert metrics["parts"] == metrics["dialogues"] + metrics["rejected"]
    assert metrics["rejected"] == len(final) == sum(metrics["reasons"].values())
    assert metrics["rows_of_rejects"] == len(rows)
    assert Counter(row["reason"] for row in final) == metrics["reasons"]
    lines = (folder / "answers.answers.jsonl").read_text("utf-8").splitlines()
    answers = {record["id"]: record for record in map(json.loads, lines)}
    assert len(answers) == len(lines)  # no answer was written down twice
    for row in rows:
        assert row["item"]
        assert row["reason"]
        if row["reason"] == "no answer" or "no answer" in row["detail"]:
            assert "filtered" in row["detail"]
        elif row["answer"]:
            record = answers[row["answer"]]
            assert (row["text"], row["model"]) == (record["text"], record["model"])
    if step != "generate":
        assert [json.loads(row["dialogue"])["id"] for row in final] == [f"t{BAD}"] * len(final)
    return rows


PASSING = {
    "timeout": None,
    "429": Reply(429, {"error": "za szybko"}, headers={"Retry-After": "0"}),
    "HTML": Reply(200, "<html>Zaloguj się</html>", kind="text/html"),
    "500": Reply(500, "zepsute"),
    "half an answer": Reply(200, b'{"choices": [{"message": {"content": "Po', breaks_off=True),
}


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_that_passes_changes_nothing_and_is_not_paid_for(step, fault, tmp_path):
    failed, ended = [], threading.Event()
    paid = Counter()

    def script(path, body, number):
        if about(body) == BAD and not failed:
            failed.append(number)
            return PASSING[fault] or replace(well(path, body, number), until=ended)
        paid[json.dumps(body)] += 1
        return well(path, body, number)

    with serving(script) as server:
        how = {"timeout": 1.0} if fault == "timeout" else {}
        module, config, inputs = prepared(step, tmp_path, server, 1, **how)
        metrics = module.run(config, inputs, tmp_path / "out", context_in(tmp_path))
        ended.set()
        asked = len(server.asked)
        again = module.run(config, inputs, tmp_path / "again", context_in(tmp_path))
        assert len(server.asked) == asked
    assert again == metrics
    assert (metrics["dialogues"], metrics["rejected"]) == (ITEMS, 0)
    assert len(failed) == 1
    assert sum(used["answers"] for used in metrics["models"].values()) == len(paid)
    if fault != "timeout":  # a machine that is slow may lose others' time as well
        assert set(paid.values()) == {1}
    check_rows(metrics, tmp_path, step)
    made = [(tmp_path / name / "dialogues/00000.parquet").read_bytes() for name in ("out", "again")]
    assert made[0] == made[1]


ENGLISH = "The people of the village have asked the council to open the mill again in spring."
LASTING = {
    "another language": {
        "generate": ("another language", turn(f"Streszczenie: {ENGLISH}")),
        "translate": ("another language", turn("La gente del pueblo quiere abrir el objeto 1?")),
        "judge": ("judge gives no score", turn(ENGLISH)),
        "pairs": ("too few answers", turn(ENGLISH)),
    },
    "nonsense": {
        "generate": ("not in the form", turn("la la la")),
        "translate": ("other numbers", turn("la la la la la la la")),
        "judge": ("judge gives no score", turn("Ocena: 99")),
        "pairs": ("judge gives no score", turn("la la la")),
    },
    "cut off": {
        "generate": ("cut off", turn("Streszczenie: Wieś prosi", finish="length")),
        "translate": ("cut off", turn("Co tu", finish="length")),
        "judge": ("judge gives no score", turn("Uzasadnienie: Otóż", finish="length")),
        "pairs": ("too few answers", turn("Model mówi", finish="length")),
    },
    "refused": {
        "generate": ("no answer", Reply(400, {"error": "filtered"})),
        "translate": ("no answer", Reply(400, {"error": "filtered"})),
        "judge": ("judge gives no score", Reply(400, {"error": "filtered"})),
        "pairs": ("too few answers", Reply(400, {"error": "filtered"})),
    },
}


@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_that_lasts_is_one_counted_reject_with_all_that_came(step, fault, tmp_path):
    reason, bad = LASTING[fault][step]
    of_judge = step == "judge" or reason == "judge gives no score"

    def script(path, body, number):
        is_bad = about(body) == BAD and (body["model"] == "sędzia") == of_judge
        return bad if is_bad else well(path, body, number)

    with serving(script) as server:
        module, config, inputs = prepared(step, tmp_path, server, 2)
        metrics = module.run(config, inputs, tmp_path / "out", context_in(tmp_path))
        asked = [body for _, body, *_ in server.asked]
        assert len({json.dumps(body) for body in asked}) == len(asked)
        again = module.run(config, inputs, tmp_path / "again", context_in(tmp_path))
        more = [body for _, body, *_ in server.asked[len(asked) :]]
    assert again == metrics
    # A refusal costs nothing and is asked again; whatever was answered is not.
    assert more == [] if fault != "refused" else {about(body) for body in more} == {BAD}
    assert (metrics["dialogues"], metrics["reasons"]) == (ITEMS - 1, {reason: 1})
    rows = check_rows(metrics, tmp_path, step)
    said = {row["text"] for row in rows if row["answer"] and fault != "refused"}
    if fault != "refused":
        assert said == {bad.body["choices"][0]["message"]["content"]}
    made = {one.id for one in read_dialogues(tmp_path / "out")}
    assert len(made) == ITEMS - 1
    assert not any(name.startswith(f"t{BAD}") for name in made)
