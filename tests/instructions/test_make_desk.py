"""Requests and answers: none twice, none lost, none beyond the budget, whatever the server does."""

import json
import threading

import pytest

from mowa.errors import StoppedEarly, UsageError
from mowa.execution import Journal
from mowa.inference import EndpointError, Message, Patience, ScriptedEngine
from mowa.instructions.making import Budget, ModelConfig
from mowa.instructions.making._desk import Ask, Desk
from mowa.instructions.making._teacher import Teacher, teachers
from tests.inference.scripted_server import Reply, completion, serving, stream, turn
from tests.instructions.made_teachers import (
    QUICK,
    artifact,
    question_of,
    teacher_at,
    teaching,
)


def ask_once(teacher, text, attempt=0):
    (reply,) = yield [Ask(teacher, (Message("user", text),), attempt)]
    return reply


def replies(teacher, texts, journal, budget=None):
    desk = Desk(journal, budget or Budget(), total=len(texts))
    return list(desk.results(ask_once(teacher, text) for text in texts)), desk


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "answers.jsonl")
    yield made
    made.close()


def echo(path, body, number):
    return turn(question_of(body).upper())


def test_a_journal_that_was_torn_loses_its_last_line_alone(tmp_path):
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    for number in range(3):
        journal.add({"id": str(number), "text": "żółw"})
    journal.add({"id": "1", "text": "new"})
    journal.close()
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        again = Journal(path)
        lines = whole[:cut].count(b"\n")
        assert len(again) == min(lines, 3)
        assert all(again.get(key)["text"] == "żółw" for key in again.ids())
        again.add({"id": "after"})
        again.close()
        after = Journal(path)
        assert len(after) == min(lines, 3) + 1
        after.close()
    path.write_bytes(b"not json\n[]\n" + whole)
    damaged = Journal(path)
    assert damaged.get("1") == {"id": "1", "text": "new"}
    assert "not json" not in damaged
    damaged.close()


def test_replies_come_in_order_and_what_is_there_is_not_asked_again(tmp_path, journal):
    texts = [f"pytanie {number}" for number in range(20)]
    with teaching(echo) as (server, teacher):
        found, _ = replies(teacher, texts, journal)
        assert [reply.text for reply in found] == [text.upper() for text in texts]
        assert len(server.asked) == 20
        again, desk = replies(teacher, [*texts, "jeszcze jedno", "pytanie 3"], journal)
        assert [reply.text for reply in again[:20]] == [reply.text for reply in found]
        assert len(server.asked) == 21
        usage = desk.usage["mowa-1"]
        assert (usage.answers, usage.prompt_tokens, usage.tokens) == (21, 147, 63)
        assert (usage.cost, usage.kwh) == (None, None)


def test_prompt_sampling_model_and_address_make_another_answer(journal):
    with teaching(echo) as (server, teacher):
        for other in (
            teacher,
            teacher_at(server, temperature=0.1),
            teacher_at(server, max_new_tokens=7),
            teacher_at(server, seed=1),
            teacher_at(server, name="mowa-2"),
        ):
            replies(other, ["pytanie"], journal)
        assert len(server.asked) == 5
        desk = Desk(journal, Budget(), total=1)
        list(desk.results([ask_once(teacher, "pytanie", attempt=1)]))
        assert len(server.asked) == 5  # seed 0 + 1 is what seed 1 was


FAULTS = {
    "429": Reply(429, {"error": "za szybko"}, headers={"Retry-After": "0"}),
    "500": Reply(500, "zepsute"),
    "html": Reply(200, "<html>Zaloguj się</html>", kind="text/html"),
    "half": Reply(200, b'{"choices": [', breaks_off=True),
    "no choice": Reply(200, {"choices": []}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_passes_costs_a_retry_and_loses_nothing(fault, journal):
    def script(path, body, number):
        return fault if number == 1 else echo(path, body, number)

    with teaching(script) as (server, teacher):
        found, _ = replies(teacher, ["a", "b", "c"], journal)
    assert [reply.text for reply in found] == ["A", "B", "C"]
    assert len(server.asked) == 4


def test_half_a_stream_is_no_answer_and_is_asked_again(journal):
    from mowa.inference import OpenAIEngine

    def script(path, body, number):
        return stream(["Pół"], finish="", done=False) if number == 1 else stream(["Cały"])

    with serving(script) as server:
        engine = OpenAIEngine(server.url, "mowa-1", stream=True, patience=QUICK)
        teacher = Teacher(engine, ModelConfig(name="mowa-1", url=server.url), "mowa-1")
        ((found,), _) = replies(teacher, ["a"], journal)
        engine.close()
    assert found.text == "Cały"


def test_one_request_that_fails_for_good_is_passed_over_and_the_rest_is_answered(journal):
    def script(path, body, number):
        if question_of(body) == "b":
            return Reply(400, {"error": {"message": "content filter"}})
        return echo(path, body, number)

    with teaching(script) as (server, teacher):
        found, _ = replies(teacher, ["a", "b", "c", "d"], journal)
        assert [reply.text for reply in found] == ["A", "", "C", "D"]
        assert "content filter" in found[1].failure
        server.script = echo
        again, _ = replies(teacher, ["a", "b", "c", "d"], journal)
        assert again[1].text == "B"  # a refusal costs nothing, and is no answer
        assert [question_of(body) for _, body, *_ in server.asked].count("a") == 1


def test_many_refusals_are_passed_over_unless_nothing_was_ever_answered(journal):
    def script(path, body, number):
        refused = Reply(422, {"error": {"message": "content filter"}})
        return echo(path, body, number) if question_of(body) == "a" else refused

    texts = ["a", *map(str, range(20))]
    with teaching(script) as (_, teacher):
        with pytest.raises(EndpointError, match="content filter"):
            replies(teacher, texts[1:], journal)
        replies(teacher, ["a"], journal)
        found, _ = replies(teacher, texts, journal)
    assert [reply.failure is None for reply in found] == [True, *[False] * 20]


def test_an_answer_without_an_end_is_paid_and_passed_over(journal):
    def script(path, body, number):
        long = "bla " * 5_000
        return turn(long) if question_of(body) == "b" else echo(path, body, number)

    patience = Patience(retries=1, backoff=0.01, read=5, whole=20, max_bytes=10_000)
    with teaching(script, patience=patience) as (server, teacher):
        found, _ = replies(teacher, ["a", "b", "c"], journal)
        assert "does not end" in found[1].failure
        assert [reply.text for reply in found] == ["A", "", "C"]
        replies(teacher, ["a", "b", "c"], journal)
        assert len(server.asked) == 3


def test_an_endpoint_that_is_gone_ends_the_run_and_keeps_the_answers(journal):
    with teaching(echo) as (server, teacher):
        replies(teacher, ["a", "b"], journal)
        server.script = lambda *_: Reply(503, "przerwa")
        with pytest.raises(EndpointError, match="503"):
            replies(teacher, ["a", "b", *"cdefghijk"], journal)
        server.script = echo
        found, _ = replies(teacher, ["a", "b", *"cdefghijk"], journal)
        assert [reply.text for reply in found] == list("ABCDEFGHIJK")
        asked = [question_of(body) for _, body, *_ in server.asked]
        assert (asked.count("a"), asked.count("b")) == (1, 1)


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refusal_that_means_all_ends_the_run_at_once(status, journal):
    with teaching(lambda *_: Reply(status, {"error": "nie"})) as (server, teacher):
        with pytest.raises(EndpointError):
            replies(teacher, list("abcdefghij"), journal)
        assert len(server.asked) <= 4  # those that were under way


def test_a_timeout_is_a_fault_that_passes(journal):
    late = threading.Event()

    def script(path, body, number):
        reply = echo(path, body, number)
        reply.until = late if number == 1 else None
        return reply

    patience = Patience(retries=4, backoff=0.01, read=1.5, whole=20)
    with teaching(script, patience=patience) as (server, teacher):
        ((found,), _) = replies(teacher, ["a"], journal)
        late.set()
    assert found.text == "A"
    assert len(server.asked) >= 2


def test_budgets_stop_say_what_is_left_and_the_next_run_goes_on(journal):
    texts = [f"pytanie {number}" for number in range(50)]
    prices = {"engine_prices": (1e6, 1e6)}  # one for each token, ten for an answer
    for budget, most in (
        (Budget(max_requests=7), 7),
        (Budget(max_tokens=60), 16),
        (Budget(max_cost=15.0), 16),
    ):
        with teaching(echo, **prices) as (server, teacher):
            with pytest.raises(StoppedEarly, match=r"of 50 are finished.* left") as stopped:
                replies(teacher, texts, journal, budget)
            assert stopped.value.exit_code == 75
            assert len(server.asked) == most
        texts = [f"{text}!" for text in texts]  # another server is another model all the same
    with teaching(echo) as (server, teacher):
        runs = 0
        while True:
            runs += 1
            try:
                found, _ = replies(teacher, texts, journal, Budget(max_requests=20))
                break
            except StoppedEarly:
                assert len(server.asked) == 20 * runs
        assert (runs, len(found), len(server.asked)) == (3, 50, 50)


@pytest.mark.parametrize("limit", [{"max_tokens": 60}, {"max_cost": 15.0}])
def test_a_limit_that_cannot_hold_ends_the_run_and_keeps_what_came(journal, limit):
    def silent(_path, body, _number):
        return turn(question_of(body).upper(), usage=None)

    texts = [f"pytanie {number}" for number in range(50)]
    with teaching(silent, engine_prices=(1.0, 1.0)) as (server, teacher):
        (key,) = limit
        with pytest.raises(UsageError, match=f"how many tokens.* {key} cannot hold"):
            replies(teacher, texts, journal, Budget(**limit))
        assert len(server.asked) == len(journal) == 16
        with pytest.raises(StoppedEarly, match=r"\(4 requests, 0 tokens\)"):
            replies(teacher, texts, journal, Budget(max_requests=4))
        assert len(server.asked) == len(journal) == 20


def test_a_prompt_that_is_too_long_takes_nothing_and_ends_no_budget(journal):
    def script(path, body, number):
        too_long = {"error": {"message": "too many tokens", "code": "context_length_exceeded"}}
        return Reply(400, too_long) if question_of(body) == "b" else echo(path, body, number)

    with teaching(script, engine_prices=(1.0, 1.0)) as (server, teacher):
        budget = Budget(max_tokens=1_000, max_cost=5.0)
        found, _ = replies(teacher, ["a", "b", "c"], journal, budget)
    assert [(reply.text, reply.cut > 0) for reply in found] == [
        ("A", False),
        ("", True),
        ("C", False),
    ]
    assert len(server.asked) == 3


def test_an_answer_without_an_end_ends_a_limit_that_cannot_hold(journal):
    patience = Patience(retries=1, backoff=0.01, read=5, whole=20, max_bytes=10_000)
    with teaching(lambda *_: turn("bla " * 5_000), patience=patience) as (server, teacher):
        with pytest.raises(UsageError, match="max_tokens cannot hold"):
            replies(teacher, ["a"], journal, Budget(max_tokens=1_000))
        assert len(server.asked) == len(journal) == 1


def test_half_a_character_is_no_reason_to_pay_twice(journal):
    half = b'{"choices": [{"message": {"content": "abc\\ud83d"}, "finish_reason": "length"}]}'
    with teaching(lambda *_: Reply(body=half)) as (server, teacher):
        for _ in range(2):
            found, _ = replies(teacher, ["a"], journal)
            assert found[0].text == "abc\ufffd"
        assert len(server.asked) == 1


def test_a_budget_of_nothing_asks_nothing_but_gives_what_is_there(journal):
    with teaching(echo) as (server, teacher):
        replies(teacher, ["a"], journal)
        found, _ = replies(teacher, ["a"], journal, Budget(max_requests=0, max_cost=0.0))
        assert found[0].text == "A"
        with pytest.raises(StoppedEarly):
            replies(teacher, ["b"], journal, Budget(max_requests=0))
        assert len(server.asked) == 1


def test_costs_are_those_of_all_answers_that_are_used(journal):
    with teaching(echo, engine_prices=(2.0, 10.0)) as (_, teacher):
        replies(teacher, ["a"], journal)
        _, desk = replies(teacher, ["a", "b"], journal)
    assert desk.usage["mowa-1"].cost == pytest.approx(2 * (7 * 2 + 3 * 10) / 1e6)


def test_a_model_without_turns_is_given_the_text_of_all_of_them():
    engine = ScriptedEngine(write="Dobrze.", can=frozenset({"generate"}))
    teacher = Teacher(engine, ModelConfig(name="goły"), "goły", is_local=True, chats=False)
    request = teacher.request((Message("system", "Odpowiadaj."), Message("user", "Kto?")))
    assert request.prompt == "Odpowiadaj.\n\nKto?\n\n"


@pytest.mark.parametrize(
    "url", ["https://me@host/v1", "https://me:tajne@host/v1", "https://host/v1?key=tajne"]
)
def test_an_address_with_a_secret_in_it_is_refused_before_it_is_written_down(url):
    with pytest.raises(ValueError, match="key_from") as refused:
        ModelConfig(name="m", url=url)
    assert "tajne" not in str(refused.value.errors(include_input=False))


def test_the_key_comes_from_the_environment_and_stays_out_of_the_journal(
    journal, tmp_path, monkeypatch
):
    monkeypatch.setenv("MOWA_TEST_KEY", "sk-tajny-klucz")

    def script(path, body, number):
        said = Reply(400, {"error": {"message": "bad: sk-tajny-klucz"}})
        return said if question_of(body) == "b" else echo(path, body, number)

    with serving(script) as server:
        config = ModelConfig(name="m", url=server.url, key_from="MOWA_TEST_KEY", retries=0)
        with teachers([config], []) as (teacher,):
            found, _ = replies(teacher, ["a", "b"], journal)
        assert all(sent["Authorization"] == "Bearer sk-tajny-klucz" for *_, sent, _ in server.asked)
    assert "***" in found[1].failure
    assert "tajny" not in (tmp_path / "answers.jsonl").read_text("utf-8")
    assert "tajny" not in json.dumps(teacher.about())
    monkeypatch.delenv("MOWA_TEST_KEY")
    with pytest.raises(UsageError, match="MOWA_TEST_KEY"), teachers([config], []):
        pass


def test_a_model_that_nothing_gives_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no one model 'x'"), teachers([ModelConfig(name="x")], []):
        pass
    two = [artifact(tmp_path, "model", f"r/{name}") for name in ("a", "b")]
    with pytest.raises(UsageError, match="which model"), teachers([None], two):
        pass


def test_completions_are_asked_of_engines_that_only_have_texts(journal):
    def script(path, body, number):
        assert path == "/v1/completions"
        return completion(body["prompt"].strip().upper())

    with serving(script) as server:
        teacher = teacher_at(server)
        bare = Teacher(teacher.engine, teacher.config, "goły", chats=False)
        ((found,), _) = replies(bare, ["a"], journal)
        teacher.engine.close()
    assert found.text == "A"
