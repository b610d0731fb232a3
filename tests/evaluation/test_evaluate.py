"""The run over scripted engines: logs, resuming, refusals, keys, scoring again, comparing."""

import json
import math
from dataclasses import asdict, replace

import pytest

from mowa.errors import DataError, MowaError, UsageError
from mowa.evaluation._answers import Answer, read_answers, write_answers
from mowa.evaluation._compare import compare
from mowa.evaluation._documents import _read_on
from mowa.evaluation._evaluate import evaluate, judge_identity, prepare
from mowa.evaluation._journal import Journal
from mowa.evaluation._lm_eval import as_lm_eval
from mowa.evaluation._results import (
    Settings,
    find_results,
    read_result,
    rescore,
    result_key,
    task_of,
    write_result,
)
from mowa.inference import Generated, ScriptedEngine
from tests.evaluation.made_tasks import ABOUT, CHOICE, HEAD, make_task, question

WRITE = (
    HEAD
    + """
kind = "generate"
metric = "accepted"
[data]
test = "test.jsonl"
[prompt]
template = "Pytanie: {{question}}\\nOdpowiedź:"
"""
)
PAIRS = (
    HEAD + '\nkind = "pairs"\nmetric = "accuracy"\nbaseline = 0.5\n[data]\ntest = "test.jsonl"\n'
)
QUESTIONS = [question(number) for number in range(40)]


def knows(context, choice):
    """Finds the right one of `QUESTIONS` likeliest, but for those about tens."""
    number = int(context.rsplit("numer ", 1)[1].split("?")[0])
    right = QUESTIONS[number]["choices"][QUESTIONS[number]["answer"]]
    return -1.0 if (choice.strip() == right) != (number % 10 == 0) else -2.0


def run(task, engine, out, settings=None, **more):
    return evaluate(engine, ABOUT, prepare(task, settings or Settings()), out, **more)


def test_a_result_has_score_interval_groups_and_every_answer(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    folder, result = run(task, ScriptedEngine(score=knows), tmp_path / "out")
    assert result == read_result(folder)
    assert (result["status"], result["items"]) == ("scored", 40)
    assert result["score"]["value"] == pytest.approx(0.9)
    assert result["score"]["low"] < 0.9 < result["score"]["high"]
    assert set(result["scores"]) == {
        "accuracy", "accuracy_per_character", "accuracy_per_byte", "accuracy_per_token",
    }  # fmt: skip
    assert [group["group"] for group in result["groups"]] == ["góry", "rzeki"]
    assert sum(group["items"] for group in result["groups"]) == 40
    answers = read_answers(folder)
    assert [answer.id for answer in answers] == [row["id"] for row in QUESTIONS]
    first = answers[1]
    assert first.prompt == "Pytanie: Co ma numer 1?\nOdpowiedź:"
    assert first.choices == (" Wisła", " Odra", " Tatry 1", " Bug")
    assert (first.target, first.output, first.value) == ("Odra", "Odra", 1.0)
    assert first.characters == (5, 4, 7, 3)
    assert first.bytes == (6, 4, 7, 3)
    assert sum(answer.value for answer in answers) == 36
    assert not list((tmp_path / "out/.partial").iterdir())


def test_what_is_there_is_not_asked_again(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    engine = ScriptedEngine(score=knows)
    first = run(task, engine, tmp_path / "out")
    asked = engine.asked
    assert run(task, engine, tmp_path / "out") == first
    assert engine.asked == asked


class Dying(ScriptedEngine):
    """Fails after some answers, as an endpoint or a machine does."""

    def choice_loglikelihoods(self, requests):
        for number, found in enumerate(super().choice_loglikelihoods(requests)):
            if number == 15:
                raise DataError("the endpoint hung up")
            yield found


def test_an_engine_that_fails_halfway_is_asked_only_for_the_rest(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    with pytest.raises(MowaError, match="hung up"):
        run(task, Dying(score=knows), tmp_path / "out")
    assert not find_results([tmp_path / "out"])
    told = []
    engine = ScriptedEngine(score=knows)
    _, result = run(
        task, engine, tmp_path / "out", advance=lambda done, total: told.append((done, total))
    )
    assert engine.asked == 25
    assert told[0] == (15, 40)
    assert told[-1] == (40, 40)
    whole = run(task, ScriptedEngine(score=knows), tmp_path / "other")[1]
    assert result["score"] == whole["score"]


def test_a_journal_that_was_torn_loses_its_last_line_alone(tmp_path):
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    for number in range(3):
        journal.add(Answer(id=str(number), output="żółw"))
    journal.close()
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        again = Journal(path)
        kept = whole[:cut].count(b"\n")
        assert list(again.answers) == [str(number) for number in range(kept)]
        again.add(Answer(id="new"))
        again.close()
        after = Journal(path)
        assert list(after.answers) == [*again.answers]
        after.close()


def test_an_engine_without_likelihoods_is_not_comparable_and_has_no_number(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    engine = ScriptedEngine(can=frozenset({"generate"}))
    folder, result = run(task, engine, tmp_path / "out")
    assert (result["status"], result["score"], result["scores"]) == ("not-comparable", None, {})
    assert "loglikelihood" in result["why"]
    assert read_answers(folder) == []
    # A refusal is not for ever: an engine that learned it is asked.
    assert run(task, ScriptedEngine(score=knows), tmp_path / "out")[1]["status"] == "scored"


def test_a_chat_template_that_is_not_there_is_refused_and_not_made_up(tmp_path):
    task = make_task(tmp_path / "t", WRITE, test=[{"id": "1", "question": "?", "answer": "x"}])
    engine = ScriptedEngine(can=frozenset({"generate"}))
    _, result = run(task, engine, tmp_path / "out", Settings(template=True))
    assert (result["status"], result["score"]) == ("not-comparable", None)


def test_the_chat_template_is_applied_and_recorded_defect_d_of_the_polish_harness(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS, train=[question(99)])
    engine = ScriptedEngine(score=knows)
    plain, without = run(task, engine, tmp_path / "out", Settings(shots=1))
    chat, with_it = run(task, engine, tmp_path / "out", Settings(shots=1, template=True))
    assert plain != chat
    assert (without["settings"]["template"], with_it["settings"]["template"]) == (False, True)
    assert read_answers(plain)[0].prompt == (
        "Pytanie: Co ma numer 99?\nOdpowiedź: Bug\n\nPytanie: Co ma numer 0?\nOdpowiedź:"
    )
    answer = read_answers(chat)[0]
    assert answer.prompt == (
        "<user> Pytanie: Co ma numer 99?\nOdpowiedź:\n<assistant> Bug\n"
        "<user> Pytanie: Co ma numer 0?\nOdpowiedź:\n<assistant> "
    )
    assert answer.choices == ("Wisła", "Odra", "Tatry 0", "Bug")


def test_prompts_that_do_not_fit_are_counted_and_left_out(tmp_path):
    rows = [*QUESTIONS[:9], question(9, question="bardzo " * 50 + "numer 9")]
    task = make_task(tmp_path / "t", test=rows)
    folder, result = run(task, ScriptedEngine(window=20), tmp_path / "out")
    assert (result["items"], result["left_out"]) == (9, {"too_long": 1})
    last = read_answers(folder)[-1]
    assert last.cut > 0
    assert last.value is None


def test_a_task_none_of_whose_items_fit_has_no_score(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    _, result = run(task, ScriptedEngine(window=2), tmp_path / "out")
    assert (result["status"], result["score"]) == ("not-comparable", None)
    assert result["left_out"] == {"too_long": 40}


def test_a_likelihood_that_is_no_number_is_refused_with_its_item(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    engine = ScriptedEngine(score=lambda *_: math.nan)
    with pytest.raises(DataError, match="not a finite number") as caught:
        run(task, engine, tmp_path / "out")
    assert "item q0" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", {"empty": 2}),
        ("  \n ", {"empty": 2}),
        ("tak " * 1000, {"cut_off": 2}),
        ("\x00\ufffd\u202e nie", {}),
    ],
)
def test_empty_endless_and_strange_answers_are_counted_and_wrong(tmp_path, text, counts):
    rows = [{"id": str(n), "question": "?", "answer": "Kraków"} for n in range(2)]
    task = make_task(tmp_path / "t", WRITE, test=rows)
    folder, result = run(task, ScriptedEngine(write=text), tmp_path / "out")
    assert result["score"]["value"] == 0.0
    assert result["counts"] == counts
    assert max(len(answer.output.split()) for answer in read_answers(folder)) <= 50


def test_written_answers_stop_where_the_task_says_without_a_template(tmp_path):
    task = make_task(tmp_path / "t", WRITE, test=[{"id": "1", "question": "?", "answer": "Bug"}])
    engine = ScriptedEngine(write=" Bug\nPytanie: dalej?")
    folder, result = run(task, engine, tmp_path / "out")
    assert result["score"]["value"] == 1.0
    assert read_answers(folder)[0].output == " Bug"


def test_pairs_are_asked_without_context_and_ties_are_wrong(tmp_path):
    rows = [{"id": str(n), "good": f"Ala {n}", "bad": f"Ola {n}"} for n in range(4)]
    task = make_task(tmp_path / "t", PAIRS, test=rows)
    asked = []

    def score(context, choice):
        asked.append(context)
        return -1.0 if choice in ("Ala 1", "Ala 2", "Ola 2") else -2.0

    _, result = run(task, ScriptedEngine(score=score), tmp_path / "out")
    assert set(asked) == {""}
    assert result["score"]["value"] == 0.25  # 1 right, 2 and 0 and 3 tied
    assert result["score"]["too_few"]


def test_a_document_longer_than_the_window_is_read_on_and_not_left_out(tmp_path):
    toml = HEAD + '\nkind = "perplexity"\nmetric = "bits-per-byte"\n[data]\ntest = "test.jsonl"\n'
    rows = [{"id": "short", "text": "dwa słowa"}, {"id": "long", "text": "słowo " * 30}]
    task = make_task(tmp_path / "t", toml, test=rows)
    folder, result = run(task, ScriptedEngine(window=10), tmp_path / "out")
    assert (result["items"], result["left_out"]) == (2, {})
    assert read_answers(folder)[1].tokens == (30,)
    assert not result["task"]["higher_is_better"]


def test_windows_of_a_long_document_count_each_token_once_the_last_with_all_its_context():
    asked = []

    class Counting(ScriptedEngine):
        def loglikelihood(self, documents, *, stride):
            assert all(len(document) - 1 <= stride for document in documents)
            asked.extend(map(list, documents))
            return [-float(sum(document[1:])) for document in documents]

    assert _read_on(Counting(), list(range(9)), 4) == -36
    assert asked == [[0, 1, 2, 3, 4], [4, 5, 6, 7, 8]]
    asked.clear()
    assert _read_on(Counting(), list(range(11)), 4) == -55
    assert asked == [[0, 1, 2, 3, 4], [4, 5, 6, 7, 8], [6, 7, 8, 9, 10], [6, 7, 8]]


def test_a_limit_asks_the_same_part_of_every_model(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    some = prepare(task, Settings(limit=7)).items
    reordered = make_task(tmp_path / "u/t", test=QUESTIONS[::-1])
    assert {item.id for item in some} == {
        item.id for item in prepare(reordered, Settings(limit=7)).items
    }
    assert len(some) == 7
    assert prepare(task, Settings(limit=99)).items == prepare(task, Settings()).items


def test_the_key_changes_with_all_that_a_score_depends_on():
    keys = {
        result_key("m", "t", Settings(), "s"),
        result_key("n", "t", Settings(), "s"),
        result_key("m", "u", Settings(), "s"),
        result_key("m", "t", Settings(), "z"),
        result_key("m", "t", Settings(shots=5), "s"),
        result_key("m", "t", Settings(template=True), "s"),
        result_key("m", "t", Settings(seed=1), "s"),
        result_key("m", "t", Settings(limit=1), "s"),
        result_key("m", "t", Settings(judge={"model": "a"}), "s"),
    }
    assert len(keys) == 9
    assert all(len(key) == 16 for key in keys)


def test_a_result_of_another_version_is_refused_with_its_version(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    folder, result = run(task, ScriptedEngine(), tmp_path / "out")
    (folder / "result.json").write_text(json.dumps({**result, "schema": 7, "mowa": "9.9"}))
    for read in (read_result, rescore):
        with pytest.raises(DataError, match=r"Mowa 9\.9 in form 7"):
            read(folder)
    with pytest.raises(DataError, match="form 7"):
        run(task, ScriptedEngine(), tmp_path / "out")
    (folder / "result.json").write_text("<html>")
    with pytest.raises(DataError, match="no result"):
        read_result(folder)


def test_answers_are_scored_again_without_the_model(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    folder, result = run(task, ScriptedEngine(score=knows), tmp_path / "out")
    assert rescore(folder) == result
    # As if scoring had been wrong when it was asked.
    broken = [replace(answer, value=0.0) for answer in read_answers(folder)]
    write_answers(folder / "items.parquet", broken)
    worse = {**result, "score": {**result["score"], "value": 0.0}}
    (folder / "result.json").write_text(json.dumps(worse))
    assert rescore(folder) == result
    assert sum(answer.value for answer in read_answers(folder)) == 36


def test_a_log_gives_back_every_field_of_an_answer(tmp_path):
    answer = Answer(
        id="1",
        group="g",
        prompt="p\n„ą”",
        choices=("a", "b"),
        target="a",
        output="b",
        logprobs=(-1.25, -2.5),
        characters=(1, 1),
        bytes=(1, 1),
        tokens=(1, 2),
        value=0.5,
        seconds=0.25,
        cut=0,
        source="s",
        contaminated=True,
        hits=({"document": "d", "kind": "verbatim", "text": "t", "corpus": "c", "share": 0.5},),
        right=0,
        options=("x",),
        answers=("y", "z"),
        rule={"accept": ["żyt*"], "n": 1},
        finish="eos",
        note="n",
        cost=0.01,
    )
    task = make_task(tmp_path / "t", test=QUESTIONS)
    write_result(tmp_path / "r", {}, [answer, Answer(id="2")], task)
    assert read_answers(tmp_path / "r") == [answer, Answer(id="2")]
    assert Answer.from_dict(json.loads(json.dumps(asdict(answer)))) == answer
    assert task_of(tmp_path / "r").model_copy(update={"root": task.root}) == task


def test_a_damaged_log_is_told(tmp_path):
    (tmp_path / "items.parquet").write_bytes(b"PAR1nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read_answers(tmp_path)


def test_two_models_are_compared_over_the_items_that_both_answered(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS)
    prepared = prepare(task, Settings())
    good, _ = evaluate(ScriptedEngine(score=knows), ABOUT, prepared, tmp_path / "out")
    other = replace(ABOUT, name="other", fingerprint="0" * 32)
    bad, _ = evaluate(
        ScriptedEngine(score=lambda _, choice: -len(choice)),
        other,
        prepared,
        tmp_path / "out",
    )
    found = compare(good, bad)
    assert found.difference.mean == pytest.approx(
        found.first["score"]["value"] - found.second["score"]["value"]
    )
    assert found.difference.items == 40
    assert all(one.value != two.value for one, two in found.items)
    other_task = make_task(tmp_path / "u", test=QUESTIONS[:30])
    third, _ = run(other_task, ScriptedEngine(), tmp_path / "out")
    with pytest.raises(UsageError, match="different tasks"):
        compare(good, third)


JUDGED = (
    HEAD
    + """
kind = "judged"
metric = "judged"
[data]
test = "test.jsonl"
[prompt]
template = "{{question}}"
[judge]
template = "Pytanie: {{question}} Odpowiedź: {{answer}} Oceń."
"""
)


def test_a_judge_marks_answers_and_is_part_of_the_settings(tmp_path):
    rows = [{"id": str(n), "question": f"pytanie{n}", "answer": "x"} for n in range(3)]
    task = make_task(tmp_path / "t", JUDGED, test=rows)
    engine = ScriptedEngine(write=lambda prompt: f"na {prompt}")
    judge = ScriptedEngine(
        "judge",
        write=lambda prompt: "Ocena: 10" if "pytanie1" in prompt else "Nie wiem.",
    )
    identity = judge_identity(judge, "https://host/v1", task)
    settings = Settings(judge=identity)
    folder, result = run(task, engine, tmp_path / "out", settings, judge=judge)
    assert (result["items"], result["score"]["value"]) == (1, 1.0)
    assert result["left_out"] == {"unjudged": 2}
    assert result["settings"]["judge"]["model"] == "judge"
    assert read_answers(folder)[1].note == "Ocena: 10"
    with pytest.raises(UsageError, match="needs a judge"):
        run(task, engine, tmp_path / "other", settings)
    strict = task.judge.model_copy(update={"template": "{answer}"})
    stricter = judge_identity(judge, "https://host/v1", task.model_copy(update={"judge": strict}))
    assert stricter["prompt"] != identity["prompt"]


def test_a_judge_that_fails_halfway_is_not_asked_twice(tmp_path):
    rows = [{"id": str(n), "question": f"p{n}", "answer": "x"} for n in range(4)]
    task = make_task(tmp_path / "t", JUDGED, test=rows)

    class Half(ScriptedEngine):
        def generate_many(self, requests):
            for number, found in enumerate(super().generate_many(requests)):
                if number == 2:
                    raise DataError("429")
                yield found

    engine = ScriptedEngine(write="a")
    with pytest.raises(DataError):
        run(task, engine, tmp_path / "out", judge=Half(write="[[5]]"))
    judge = ScriptedEngine(write="[[5]]")
    _, result = run(task, engine, tmp_path / "out", judge=judge)
    assert (engine.asked, judge.asked) == (4, 2)
    assert result["items"] == 4


def test_costs_of_endpoints_are_added_up(tmp_path):
    class Paid(ScriptedEngine):
        def generate_many(self, requests):
            for index, found in super().generate_many(requests):
                yield index, replace(found, cost=0.25)

    rows = [{"id": str(n), "question": f"p{n}", "answer": "x"} for n in range(4)]
    task = make_task(tmp_path / "t", WRITE, test=rows)
    assert run(task, Paid(), tmp_path / "out")[1]["cost"] == 1.0
    free = make_task(tmp_path / "u", WRITE, test=rows)
    assert run(free, ScriptedEngine(), tmp_path / "out")[1]["cost"] is None
    assert Generated("a", 1, "eos").cost is None


def test_results_are_exported_in_the_form_of_lm_eval(tmp_path):
    task = make_task(tmp_path / "t", test=QUESTIONS, train=[question(99)])
    engine = ScriptedEngine(score=knows)
    results = [run(task, engine, tmp_path / "out", Settings(shots=shots))[1] for shots in (0, 1)]
    pairs = make_task(tmp_path / "p", PAIRS, test=[{"id": "1", "good": "a", "bad": "b"}])
    results.append(run(pairs, ScriptedEngine(can=frozenset()), tmp_path / "out")[1])
    found = json.loads(json.dumps(as_lm_eval(results)))
    assert set(found["results"]) == {"t_0shot", "t_1shot"}
    entry = found["results"]["t_0shot"]
    assert entry["acc,none"] == pytest.approx(0.9)
    assert entry["acc_stderr,none"] == pytest.approx(results[0]["score"]["stderr"])
    assert "acc_norm,none" in entry
    assert found["n-shot"] == {"t_0shot": 0, "t_1shot": 1}
    assert found["n-samples"]["t_0shot"] == {"original": 40, "effective": 40}


def test_f1_counts_the_positive_class_and_macro_f1_all(tmp_path):
    rows = [
        {"id": str(n), "question": f"numer {n}?", "choices": ["nie", "tak"], "answer": int(n < 3)}
        for n in range(10)
    ]
    says_yes = ScriptedEngine(score=lambda _, choice: -1.0 if choice == " tak" else -2.0)
    task = make_task(
        tmp_path / "f", CHOICE.replace('metric = "accuracy"', 'metric = "f1"'), test=rows
    )
    assert run(task, says_yes, tmp_path / "out")[1]["score"]["value"] == pytest.approx(6 / 13)
    toml = CHOICE.replace('metric = "accuracy"', 'metric = "macro-f1"')
    task = make_task(tmp_path / "m", toml, test=rows)
    assert run(task, says_yes, tmp_path / "out")[1]["score"]["value"] == pytest.approx(3 / 13)
