"""Judges: scores of answers, preferences in both orders, and pairs out of several models."""

import dataclasses
import json
import re

import pytest

from mowa.inference import Message
from mowa.instructions import read_dialogues, write_dialogues
from mowa.instructions.making import (
    JudgeConfig,
    JudgeDialoguesConfig,
    JudgeModelConfig,
    ModelConfig,
    PairDialoguesConfig,
    _judge,
    _pair,
)
from mowa.workspace import Inputs
from tests.inference.scripted_server import Reply, serving, turn
from tests.instructions.made_teachers import artifact, context_in, question_of, rejects_in, talk


def worth(text):
    """What an answer is worth is written in it."""
    return float(re.search(r"wart(?:a|e) ([\d.]+)", text)[1])


def shown(asked):
    """The answers in a judge's question, in the order shown."""
    if "Pierwsza odpowiedź:" in asked:
        both = asked.partition("Pierwsza odpowiedź:\n")[2]
        first, _, rest = both.partition("\n\nDruga odpowiedź:\n")
        return [first, rest.partition("\n\n")[0]]
    return [asked.partition("Odpowiedź do oceny:\n")[2].partition("\n\n")[0]]


def judging(asked, *, bias=0.0, harsh=0.0):
    """What a judge writes who sees what answers are worth; `bias` is for the first one shown."""
    scores = [min(max(worth(text) - harsh, 0), 10) for text in shown(asked)]
    reason = "Błędy: brak" if "\nBłędy:" in asked else "Uzasadnienie: Tak jest."
    if len(scores) == 1:
        return f"{reason}\nOcena: {scores[0]:g}"
    return f"{reason}\nPierwsza: {min(scores[0] + bias, 10):g}\nDruga: {scores[1]:g}"


def fair(path, body, number):
    return turn(judging(question_of(body)))


def judges_at(server, *more):
    """Two judges: one model by two prompts."""
    model = JudgeModelConfig(name="sędzia", url=server.url, retries=0)
    other = {"prompt": "judge-language", "pair_prompt": "judge-pair-language"}
    return [JudgeConfig(model=model), JudgeConfig(model=model, **other), *more]


def judge(folder, dialogues, script=fair, **options):
    write_dialogues(folder / "in", dialogues)
    with serving(script) as server:
        config = JudgeDialoguesConfig(judges=judges_at(server), **options)
        given = artifact(folder / "in", "dialogues")
        metrics = _judge.run(config, Inputs((given,)), folder / "out", context_in(folder))
    return metrics, list(read_dialogues(folder / "out")), server


def single(number, value):
    return talk(number, f"Pytanie {number}?", f"Odpowiedź warta {value}")


def pair(number, chosen, rejected):
    return dataclasses.replace(
        talk(number),
        messages=(Message("user", f"Pytanie {number}?"),),
        chosen=f"Ta jest warta {chosen}",
        rejected=f"Tamta jest warta {rejected}",
    )


def test_answers_below_the_least_score_are_rejected_with_it(tmp_path):
    metrics, found, server = judge(tmp_path, [single("a", 9), single("b", 4), single("c", 6)])
    assert [dialogue.id for dialogue in found] == ["a", "c"]
    assert metrics["reasons"] == {"judged too low": 1}
    (row,) = rejects_in(tmp_path / "out")
    assert (row["item"], row["detail"]) == ("b", "4.00 (4, 4)")
    assert json.loads(row["dialogue"])["messages"][1]["content"] == "Odpowiedź warta 4"
    first, second = json.loads(found[0].details)["made"][0]["judges"]
    assert (first["prompt"], second["prompt"]) == ("judge", "judge-language")
    assert (first["model"], first["scores"], first["said"]) == ("sędzia", [9.0], [[9.0]])
    assert len(server.asked) == 6


def test_the_judge_sees_the_conversation_and_only_the_last_answer_is_judged(tmp_path):
    dialogue = talk("a", "Kto to?", "Wójt.", "A to?", "Odpowiedź warta 8")
    _, _, server = judge(tmp_path, [dialogue])
    asked = question_of(server.asked[0][1])
    assert "Użytkownik: Kto to?\nAsystent: Wójt.\nUżytkownik: A to?\n" in asked
    assert "Asystent: Odpowiedź warta 8" not in asked


def test_judges_that_disagree_about_an_answer_are_counted_and_their_mean_decides(tmp_path):
    def script(path, body, number):
        asked = question_of(body)
        return turn(judging(asked, harsh=3 if "\nBłędy:" in asked else 0))

    metrics, found, _ = judge(tmp_path, [single("a", 8), single("b", 6), single("c", 10)], script)
    assert [dialogue.id for dialogue in found] == ["a", "c"]
    assert metrics["counts"] == {"judges disagree": 2}


def test_preferences_are_judged_in_both_orders_kept_turned_round_or_dropped(tmp_path):
    metrics, found, server = judge(
        tmp_path, [pair("a", 9, 3), pair("b", 2, 8), pair("c", 6, 5), pair("d", 7, 7)]
    )
    assert [(one.id, worth(one.chosen), worth(one.rejected)) for one in found] == [
        ("a", 9, 3),
        ("b", 8, 2),
    ]
    assert metrics["counts"] == {"turned round": 1}
    assert metrics["reasons"] == {"tie or small gap": 2}
    assert len(server.asked) == 4 * 2 * 2
    (kept,), (step,) = (json.loads(one.details)["made"] for one in found)
    assert "turned_round" not in kept
    assert step["turned_round"] is True
    said = step["judges"][0]
    assert (said["scores"], said["said"]) == ([8.0, 2.0], [[8.0, 2.0], [2.0, 8.0]])


def made_pair(number, chosen, rejected, **more):
    """A preference as `pair-dialogues` leaves it, with what others said of its answers."""
    facts = {"chosen_rank": 1, "rejected_rank": 2, "topic": "młyn", "rejected_by": "nikt"}
    step = {"step": "pair-dialogues", "chosen": chosen, "rejected": rejected, "scores": [9, 3]}
    details = json.dumps({**facts, "made": [step, *more.pop("steps", [])]})
    said = {"origin": chosen["origin"], "model": chosen["model"], "review": "accepted", **more}
    return dataclasses.replace(pair(number, 2, 8), **said, details=details)


HUMAN = {"origin": "human", "model": None, "given": True}
STRONG = {"origin": "generated", "model": "mocny", "answer": "f0"}
WEAK = {"origin": "generated", "model": "słaby", "answer": "a1"}


def test_a_preference_that_is_turned_round_turns_all_that_belongs_to_its_answers(tmp_path):
    scored = {"scores": [7, 3], "said": [[7, 4], [2, 7]]}
    earlier = {"step": "judge-dialogues", "judges": [{"model": "inny", **scored}]}
    translated = {"step": "translate-dialogues", "model": "tłumacz"}
    original = {"chosen": "Well.", "rejected": "Bad.", "model": "x"}
    in_polish = made_pair("c", STRONG, WEAK, steps=[translated], origin="translated")
    in_polish = dataclasses.replace(
        in_polish,
        model="tłumacz",
        details=json.dumps({**json.loads(in_polish.details), "original": original}),
    )
    foreign = dataclasses.replace(pair("d", 1, 9), model="mieszany", details="no JSON")
    _, found, _ = judge(
        tmp_path,
        [
            made_pair("a", STRONG, WEAK, steps=[earlier]),
            made_pair("b", WEAK, HUMAN),
            in_polish,
            foreign,
        ],
    )
    assert [(one.id, one.origin, one.model, one.review) for one in found] == [
        ("a", "generated", "słaby", "none"),
        ("b", "human", None, "none"),
        ("c", "translated", "tłumacz", "none"),
        ("d", "human", "mieszany", "none"),
    ]
    assert all(worth(one.chosen) > worth(one.rejected) for one in found)
    first, second, third, fourth = (json.loads(one.details) for one in found)
    pairing, before, now = first["made"]
    assert (pairing["chosen"], pairing["rejected"]) == (WEAK, STRONG)
    assert pairing["scores"] == [9, 3]  # of the answers in the order of the models
    assert before["judges"][0]["scores"] == [3, 7]
    assert before["judges"][0]["said"] == [[2, 7], [7, 4]]
    assert "turned_round" not in before
    assert now["turned_round"] is True
    assert (first["chosen_rank"], first["rejected_rank"]) == (2, 1)
    assert (first["topic"], first["rejected_by"]) == ("młyn", "nikt")
    assert second["made"][0]["rejected"] == WEAK
    assert third["original"] == {"chosen": "Bad.", "rejected": "Well.", "model": "x"}
    assert fourth["before"] == "no JSON"


def test_a_judge_who_likes_what_comes_first_decides_nothing(tmp_path):
    def script(path, body, number):
        return turn(judging(question_of(body), bias=5))

    metrics, found, _ = judge(tmp_path, [pair("a", 4, 4), pair("b", 5, 1)], script)
    assert [one.id for one in found] == ["b"]
    assert metrics["reasons"] == {"tie or small gap": 1}


def test_judges_that_prefer_different_answers_drop_the_pair(tmp_path):
    def script(path, body, number):
        asked = question_of(body)
        if "\nBłędy:" not in asked:
            return turn(judging(asked))
        first, second = (10 - worth(text) for text in shown(asked))
        return turn(f"Błędy: brak\nPierwsza: {first:g}\nDruga: {second:g}")

    metrics, found, _ = judge(tmp_path, [pair("a", 9, 3)], script)
    assert not found
    assert metrics["reasons"] == {"judges disagree": 1}
    assert metrics["counts"] == {"judges disagree": 1}


@pytest.mark.parametrize(
    "nonsense",
    ["Świetna odpowiedź!", "Uzasadnienie: tak\nOcena: 11", "", "Ocena: 5", "[[7]]"],
)
def test_nonsense_of_a_judge_is_asked_again_and_then_counted(nonsense, tmp_path):
    def script(path, body, number):
        asked = question_of(body)
        return turn(nonsense) if "\nBłędy:" not in asked else turn(judging(asked))

    metrics, found, server = judge(tmp_path, [single("a", 9)], script, tries=3)
    assert not found
    assert metrics["reasons"] == {"judge gives no score": 1}
    assert metrics["counts"] == {"judges asked again": 2}
    rows = rejects_in(tmp_path / "out")
    assert [row["text"] for row in rows] == [nonsense] * 3
    assert [row["final"] for row in rows] == [False, False, True]
    assert json.loads(rows[2]["dialogue"])["id"] == "a"
    assert len(server.asked) == 4


def test_a_judge_who_comes_to_reason_is_believed(tmp_path):
    def script(path, body, number):
        return turn("Hm." if body["seed"] == 0 else judging(question_of(body)))

    metrics, found, _ = judge(tmp_path, [single("a", 9), pair("b", 9, 3)], script)
    assert len(found) == 2
    assert metrics["counts"] == {"judges asked again": 6}
    assert (metrics["rejected"], metrics["rows_of_rejects"]) == (0, 6)


def test_the_same_judge_twice_is_refused():
    model = JudgeModelConfig(name="m", url="http://h/v1")
    with pytest.raises(ValueError, match="two judges are the same"):
        JudgeDialoguesConfig(judges=[JudgeConfig(model=model)] * 2)


def answering(path, body, number):
    """Models that answer as well as their names say, and a judge who sees it."""
    if body["model"] == "sędzia":
        return fair(path, body, number)
    return turn(f"Model odpowiada, że ta odpowiedź jest warta {body['model'][1:]}.")


ASKED = [single("a", 1), talk("b", "Kto?", "Wójt.", "Co?", "Młyn.")]


def make_pairs(
    folder, script=answering, *, names=("m3", "m9", "m6"), judged=True, given=ASKED, **options
):
    write_dialogues(folder / "in", given)
    with serving(script) as server:
        config = PairDialoguesConfig(
            models=[ModelConfig(name=name, url=server.url, retries=0) for name in names],
            judges=judges_at(server) if judged else [],
            **options,
        )
        given = artifact(folder / "in", "dialogues")
        metrics = _pair.run(config, Inputs((given,)), folder / "out", context_in(folder))
    return metrics, list(read_dialogues(folder / "out")), server


def test_best_and_worst_of_several_models_make_a_preference(tmp_path):
    metrics, found, server = make_pairs(tmp_path)
    assert [(one.id, one.model, one.origin) for one in found] == [
        ("a-pair", "m9", "generated"),
        ("b-pair", "m9", "generated"),
    ]
    assert all((worth(one.chosen), worth(one.rejected)) == (9, 3) for one in found)
    assert [turn.content for turn in found[1].messages] == ["Kto?", "Wójt.", "Co?"]
    step = json.loads(found[0].details)["made"][0]
    assert (step["chosen"]["model"], step["rejected"]["model"]) == ("m9", "m3")
    assert step["scores"] == [3.0, 9.0, 6.0]
    assert metrics["dialogues"] == 2
    assert len(server.asked) == 2 * 3 + 2 * 3 * 2


def test_without_judges_the_order_of_the_models_decides_and_the_given_answer_is_first(tmp_path):
    _, found, _ = make_pairs(tmp_path, names=("m6",), judged=False, with_given=True)
    assert found[0].chosen == "Odpowiedź warta 1"
    assert worth(found[0].rejected) == 6


def test_a_given_answer_that_is_chosen_keeps_its_origin_and_its_model(tmp_path):
    given = [dataclasses.replace(single("a", 7), origin="translated", model="tłumacz")]
    given += [single("b", 7), single("c", 1)]
    _, found, _ = make_pairs(tmp_path, names=("m4",), with_given=True, given=given)
    assert [(one.id, one.origin, one.model) for one in found] == [
        ("a-pair", "translated", "tłumacz"),
        ("b-pair", "human", None),
        ("c-pair", "generated", "m4"),
    ]
    steps = [json.loads(one.details)["made"][0] for one in found]
    told = [[(step[of]["origin"], step[of]["model"]) for of in ("chosen", "rejected")]
            for step in steps]  # fmt: skip
    assert told == [
        [("translated", "tłumacz"), ("generated", "m4")],
        [("human", None), ("generated", "m4")],
        [("generated", "m4"), ("human", None)],
    ]
    assert [step["chosen"].get("given", False) for step in steps] == [True, True, False]


def test_answers_that_are_none_are_left_out_and_one_is_too_few(tmp_path):
    def script(path, body, number):
        if body["model"] == "m3":
            return Reply(400, {"error": {"message": "nie"}})
        if body["model"] == "m6":
            return turn("The mill by the river has been closed for a very long time, they say.")
        return answering(path, body, number)

    metrics, found, _ = make_pairs(tmp_path, script)
    assert not found
    assert metrics["reasons"] == {"too few answers": 2}
    reasons = {row["reason"] for row in rejects_in(tmp_path / "out") if not row["final"]}
    assert reasons == {"no answer", "another language"}


def test_a_question_in_another_language_is_asked_of_nobody(tmp_path):
    given = [dataclasses.replace(single("a", 1), language="eng"), single("b", 1)]
    metrics, found, server = make_pairs(tmp_path, given=given)
    assert [one.id for one in found] == ["b-pair"]
    assert metrics["reasons"] == {"another language": 1}
    assert not any("Pytanie a?" in question_of(body) for _, body, *_ in server.asked)


def test_samples_of_one_model_are_drawn_anew_and_small_gaps_make_no_pair(tmp_path):
    def script(path, body, number):
        if body["model"] == "sędzia":
            return fair(path, body, number)
        return turn(f"Model odpowiada, że ta odpowiedź jest warta {5 + body['seed']}.")

    metrics, found, _ = make_pairs(tmp_path, script, names=("m",), samples=2)
    assert (found, metrics["reasons"]) == ([], {"tie or small gap": 2})
    metrics, found, _ = make_pairs(tmp_path, script, names=("m",), samples=4)
    assert all((worth(one.chosen), worth(one.rejected)) == (8, 5) for one in found)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("models", "options", "why"),
    [
        (1, {}, "one answer makes no preference"),
        (1, {"samples": 2}, "need judges"),
    ],
)
def test_what_cannot_make_a_preference_is_refused(models, options, why):
    named = [ModelConfig(name=f"m{n}", url="http://h/v1") for n in range(models)]
    with pytest.raises(ValueError, match=why):
        PairDialoguesConfig(models=named, **options)


def test_samples_that_are_sure_to_be_the_same_are_refused():
    judge = JudgeConfig.model_validate({"model": {"name": "m", "url": "http://h/v1"}})
    assert judge.model.temperature == 0.0
    model = ModelConfig(name="m", url="http://h/v1", temperature=0.0)
    with pytest.raises(ValueError, match="several samples at temperature 0"):
        PairDialoguesConfig(models=[model], samples=2, judges=[judge])


@pytest.mark.parametrize("idle", [{"key_from": "KEY"}, {"prices": [1.0, 2.0]}])
def test_what_is_of_an_address_is_refused_of_a_model_without_one(idle):
    with pytest.raises(ValueError, match=f"{next(iter(idle))} is for a model at a url"):
        ModelConfig(name="m", **idle)
