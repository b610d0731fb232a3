"""A model behind a URL: what it writes, what it costs, and every way in which it may fail."""

import pickle
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import UsageError
from mowa.inference import (
    ChoiceRequest,
    EndpointError,
    GenerateRequest,
    Message,
    OpenAIEngine,
    Patience,
    Unsupported,
)
from mowa.inference._echo import PROBE, NotEchoedError, echoed
from mowa.inference._sse import events
from tests.inference.scripted_server import Reply, completion, serving, stream, turn

QUICK = Patience(retries=3, backoff=0.01, max_wait=1.0, connect=5, read=5, whole=20)
ASKED = (Message("system", "Odpowiadaj krótko."), Message("user", "Nad czym leży Kraków?"))
CHAT = GenerateRequest(ASKED, 20)
KEY = "sk-tajny-klucz-0123456789"
RATE = {"error": {"message": "za szybko", "type": "rate_limit"}}


def engine_for(server, **options):
    return OpenAIEngine(server.url, "mowa-1", **{"patience": QUICK, **options})


def in_turn(*replies):
    """The replies one after the other, the last one from then on."""
    return lambda _path, _body, number: replies[min(number, len(replies)) - 1]


def ask_one(script, request=CHAT, **options):
    with serving(script) as server:
        ((_, found),) = engine_for(server, **options).generate_many([request])
        return found, server


def test_a_conversation_is_sent_as_turns_and_a_text_as_a_text():
    def script(path, body, _number):
        assert body["model"] == "mowa-1"
        if path == "/v1/chat/completions":
            assert [m["role"] for m in body["messages"]] == ["system", "user"]
            return turn("Nad Wisłą.")
        assert (path, body["prompt"]) == ("/v1/completions", "Kraków leży")
        return completion(" nad Wisłą", finish="length")

    with serving(script) as server:
        asked = [CHAT, GenerateRequest("Kraków leży", 5, ("\n",), 0.5, 9)]
        found = dict(engine_for(server).generate_many(asked))
    assert (found[0].text, found[0].finish, found[0].tokens) == ("Nad Wisłą.", "eos", 3)
    assert (found[1].text, found[1].finish, found[1].prompt_tokens) == (" nad Wisłą", "length", 7)
    body = next(body for path, body, *_ in server.asked if path == "/v1/completions")
    assert {key: body[key] for key in ("max_tokens", "temperature", "seed", "stop")} == {
        "max_tokens": 5, "temperature": 0.5, "seed": 9, "stop": ["\n"],
    }  # fmt: skip


@pytest.mark.parametrize("usage", [(7, 3), None])
def test_a_stream_gives_what_the_whole_answer_gives(usage):
    whole, _ = ask_one(in_turn(turn("Zażółć gęślą 🦊 jaźń", usage=usage)))
    parts = ["Zażółć ", "gęślą 🦊", " jaźń"]
    streamed, server = ask_one(in_turn(stream(parts, usage=usage)), stream=True)
    assert streamed == whole
    assert server.asked[0][1]["stream_options"] == {"include_usage": True}


def test_costs_are_those_of_the_prices_and_of_what_the_endpoint_counts():
    with serving(in_turn(turn("a", usage=(1000, 10)))) as server:
        engine = engine_for(server, prices=(2.0, 8.0))
        costs = [found.cost for _, found in engine.generate_many([CHAT] * 3)]
    assert costs == [pytest.approx((2000 + 80) / 1e6)] * 3
    assert engine.spent.cost == pytest.approx(3 * (2000 + 80) / 1e6)
    assert (engine.spent.answers, engine.spent.prompt_tokens, engine.spent.tokens) == (3, 3000, 30)
    uncounted, _ = ask_one(in_turn(turn("a", usage=None)), prices=(2.0, 8.0))
    assert (uncounted.cost, uncounted.tokens) == (None, 0)


FAULTS = {
    "429": Reply(429, RATE),
    "500": Reply(500, b"oops"),
    "503": Reply(503, b"<html>down</html>", kind="text/html"),
    "HTML": Reply(200, b"<html>log in</html>", kind="text/html; charset=utf-8"),
    "HTML that calls itself JSON": Reply(200, b"<!doctype html><p>log in"),
    "invalid JSON": Reply(200, b'{"choices": [{"message": {"content": "Nad'),
    "JSON that is no object": Reply(200, b"[]"),
    "an empty choice": Reply(200, {"choices": [], "usage": None}),
    "a choice that is null": Reply(200, {"choices": [None]}),
    "an error inside": Reply(200, {"error": {"message": "overloaded", "code": 503}}),
    "half an answer": Reply(200, b'{"choices": [{"mess', breaks_off=True),
    "nothing": Reply(200, b""),
    "not what it says it is": Reply(200, b"\x1f\x8bno", headers={"Content-Encoding": "gzip"}),
}
STREAM_FAULTS = {
    "half a stream": stream(["Nad ", "Wi"], finish=None, usage=None, done=False),
    "a stream cut in a chunk": stream(["Nad "], finish=None, done=False, breaks_off=True),
    "a stream that is done with nothing": stream([], finish=None, usage=None),
    "a stream without events": Reply(200, b"", kind="text/event-stream"),
    "an error in the stream": Reply(
        200, 'data: {"error": {"message": "overloaded"}}\n\n', kind="text/event-stream"
    ),
    "an event that is no JSON": Reply(200, "data: {nie\n\n", kind="text/event-stream"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_may_pass_is_asked_again(fault):
    found, server = ask_one(in_turn(FAULTS[fault], FAULTS[fault], turn("Nad Wisłą.")))
    assert found.text == "Nad Wisłą."
    assert len(server.asked) == 3


@pytest.mark.parametrize("fault", STREAM_FAULTS)
def test_half_a_stream_is_no_answer_and_is_asked_again(fault):
    found, server = ask_one(in_turn(STREAM_FAULTS[fault], stream(["Nad Wisłą."])), stream=True)
    assert found.text == "Nad Wisłą."
    assert len(server.asked) == 2


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_does_not_pass_is_a_clear_error(fault):
    with serving(in_turn(FAULTS[fault])) as server:
        engine = engine_for(server, patience=Patience(retries=1, backoff=0.01))
        with pytest.raises(EndpointError, match=r"\(2 times\)") as caught:
            list(engine.generate_many([CHAT]))
    assert caught.value.where == server.url
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("status", "fix"), [(400, None), (401, "key"), (404, "model's name"), (302, None)]
)
def test_a_refusal_is_not_asked_again(status, fix):
    reply = Reply(status, {"error": {"message": "nie ma takiego modelu"}}, {"Location": "/x"})
    with (
        serving(in_turn(reply)) as server,
        pytest.raises(EndpointError, match=f"HTTP {status}") as caught,
    ):
        list(engine_for(server).generate_many([CHAT]))
    assert len(server.asked) == 1
    assert fix is None or fix in caught.value.fix
    assert status == 302 or "nie ma takiego modelu" in str(caught.value)


def test_an_endpoint_that_is_not_there_is_a_clear_error():
    with serving(in_turn(turn("a"))) as server:
        url = server.url
    engine = OpenAIEngine(url, "m", patience=Patience(retries=1, backoff=0.01))
    with pytest.raises(EndpointError, match="no connection"):
        list(engine.generate_many([CHAT]))


def test_an_endpoint_that_does_not_answer_in_time_is_asked_again():
    late = threading.Event()
    silent = Reply(200, b"{}", until=late)
    with serving(in_turn(silent, turn("Nad Wisłą."))) as server:
        engine = engine_for(server, patience=Patience(retries=2, backoff=0.01, read=0.5))
        ((_, found),) = engine.generate_many([CHAT])
        late.set()
    assert found.text == "Nad Wisłą."


def test_retry_after_is_heeded_by_all_that_ask():
    known = threading.Event()

    limit = iter([True])

    def script(_path, body, _number):
        what = body["messages"][0]["content"]
        if what == "0" and next(limit, False):
            threading.Timer(0.3, known.set).start()
            return Reply(429, RATE, {"Retry-After": "1"})
        return Reply(**vars(turn(what)) | {"until": known if what == "1" else None})

    requests = [GenerateRequest((Message("user", str(n)),), 5) for n in range(3)]
    with serving(script) as server:
        list(engine_for(server, concurrency=2).generate_many(requests))
    asked = [(body["messages"][0]["content"], when) for _, body, _, when in server.asked]
    limited, again = [when for what, when in asked if what == "0"]
    [after] = [when for what, when in asked if what == "2"]
    assert min(again, after) - limited >= 1


def test_a_wait_that_is_too_long_is_not_waited_for():
    with (
        serving(in_turn(Reply(429, RATE, {"Retry-After": "3600"}))) as server,
        pytest.raises(EndpointError, match="asks to wait 3,600 s"),
    ):
        list(engine_for(server).generate_many([CHAT]))
    assert len(server.asked) == 1


def test_an_answer_that_does_not_end_is_given_up():
    endless = stream(["la " * 1000] * 50)
    with serving(in_turn(endless)) as server:
        engine = engine_for(server, stream=True, patience=Patience(max_bytes=20_000))
        with pytest.raises(EndpointError, match="does not end"):
            list(engine.generate_many([CHAT]))
    assert len(server.asked) == 1


def test_a_failure_halfway_loses_nothing_that_was_paid_for():
    hold = threading.Event()

    def script(_path, body, _number):
        what = body["messages"][0]["content"]
        if what == "zły":
            hold.set()
            return Reply(400, {"error": "nie"})
        return Reply(**vars(turn(what)) | {"until": hold if what == "wolny" else None})

    names = ["szybki", "wolny", "zły", *["dalszy"] * 200]
    requests = [GenerateRequest((Message("user", name),), 5) for name in names]
    found = {}
    with serving(script) as server, pytest.raises(EndpointError, match="HTTP 400"):
        found.update(  # item by item, until the error
            (index, generated.text)
            for index, generated in engine_for(server, concurrency=2).generate_many(requests)
        )
    assert found[0] == "szybki"
    assert found[1] == "wolny"
    assert len(found) == len(server.asked) - 1
    assert len(server.asked) < 100


def test_no_more_is_asked_at_once_than_allowed_and_answers_come_as_they_are_done():
    first = threading.Event()

    def script(_path, body, _number):
        what = body["messages"][0]["content"]
        return Reply(**vars(turn(what)) | {"until": first if what == "0" else None})

    requests = [GenerateRequest((Message("user", str(n)),), 5) for n in range(12)]
    order = []
    with serving(script) as server:
        for index, found in engine_for(server, concurrency=3).generate_many(requests):
            order.append(index)
            assert found.text == str(index)
            if len(order) == 11:
                first.set()
    assert order[-1] == 0
    assert sorted(order) == list(range(12))
    assert 1 < server.most_at_once <= 3


def test_nothing_written_is_empty_and_a_stop_string_is_cut_even_where_the_endpoint_shows_it():
    for nothing in ("", None):
        found, _ = ask_one(in_turn(turn(nothing, finish="length")))
        assert (found.text, found.finish) == ("", "empty")
    stops = ("a1", "b2", "c3", "d4", "\n\n")
    found, server = ask_one(in_turn(turn("Wisła\n\nPytanie")), GenerateRequest(ASKED, 9, stops))
    assert (found.text, found.finish) == ("Wisła", "stop")
    assert server.asked[0][1]["stop"] == list(stops[:4])


def test_a_prompt_that_does_not_fit_is_counted_and_nothing_is_made_of_it():
    error = {"error": {"message": "too many tokens", "code": "context_length_exceeded"}}
    found, _ = ask_one(in_turn(Reply(400, error)))
    assert (found.text, found.finish, found.cut) == ("", "empty", 1)


def test_an_endpoint_without_completions_takes_no_texts():
    with serving(in_turn(Reply(404, b"no such page"))) as server:
        engine = engine_for(server)
        assert engine.can == {"chat"}
        with pytest.raises(Unsupported, match="does not continue texts"):
            list(engine.generate_many([GenerateRequest("Kraków", 5)]))


def test_parameters_of_a_request_may_be_added_and_left_out():
    more = {"seed": None, "max_tokens": None, "max_completion_tokens": 9}
    _, server = ask_one(in_turn(turn("a")), parameters=more)
    body = server.asked[0][1]
    assert "seed" not in body
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 9


# --- keys


def test_the_key_is_sent_and_shown_nowhere(monkeypatch, capfd):
    monkeypatch.setenv("MOWA_TEST_KEY", KEY)
    refusal = Reply(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})
    garbage = Reply(200, f"key {KEY} is strange".encode())
    shown = []
    for reply in (refusal, garbage):
        with serving(in_turn(reply)) as server:
            engine = engine_for(server, key_from="MOWA_TEST_KEY")
            with pytest.raises(EndpointError) as caught:
                list(engine.generate_many([CHAT]))
            assert server.asked[0][2]["Authorization"] == f"Bearer {KEY}"
        error = caught.value
        shown += [str(error), repr(error.body), repr(engine), engine.fingerprint, engine.name]
        shown += [repr(pickle.dumps(error)), str(error.__cause__)]
    assert "***" in shown[0]
    assert not any(KEY in text for text in [*shown, *capfd.readouterr()])


def test_what_is_secret_in_a_url_stays_secret_and_does_not_enter_the_fingerprint(monkeypatch):
    plain = OpenAIEngine("https://example.org/v1/", "m")
    secret = OpenAIEngine("https://user:haslo@example.org/v1?token=tajny", "m")
    assert secret.fingerprint == plain.fingerprint
    assert repr(secret) == "OpenAIEngine('https://example.org/v1', 'm')"
    monkeypatch.setenv("MOWA_TEST_KEY", KEY)
    keyed = OpenAIEngine("https://example.org/v1", "m", key_from="MOWA_TEST_KEY")
    assert keyed.fingerprint == plain.fingerprint
    assert OpenAIEngine("https://example.org/v1", "n").fingerprint != plain.fingerprint


@pytest.mark.parametrize("value", [None, "", "two words", "line\nline", "ключ"])
def test_a_key_that_is_none_is_refused_unshown(monkeypatch, value):
    monkeypatch.delenv("MOWA_TEST_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MOWA_TEST_KEY", value)
    with pytest.raises(UsageError, match="MOWA_TEST_KEY") as caught:
        OpenAIEngine("https://example.org/v1", "m", key_from="MOWA_TEST_KEY")
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("url", ["", "example.org/v1", "ftp://example.org", "https://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="address"):
        OpenAIEngine(url, "m")


# --- likelihoods


def echo_script(path, body, _number, *, bos=True):
    """Echoes words as tokens; ln p of a word is minus its length, and of 'Wisłą' it is greedy."""
    assert path == "/v1/completions"
    prompt = body["prompt"]
    words = [" " * bool(at) + word for at, word in enumerate(prompt.split(" "))]
    tokens = ["<s>"] * bos + [*words, " dalej"]
    values = [None if at == 0 else -float(len(token)) for at, token in enumerate(tokens)]
    tops = [
        value and {"x": value if "Wisłą" in token else value / 2}
        for token, value in zip(tokens, values, strict=True)
    ]
    offsets = [0]
    for token in tokens[:-1]:
        offsets.append(offsets[-1] + len(token))
    return completion(
        prompt + " dalej",
        logprobs={
            "tokens": tokens,
            "token_logprobs": values,
            "top_logprobs": tops,
            "text_offset": offsets,
        },
    )


def test_likelihoods_are_read_from_an_endpoint_that_echoes_them():
    with serving(echo_script) as server:
        engine = engine_for(server)
        assert engine.can == {"chat", "generate", "loglikelihood"}
        requests = [
            ChoiceRequest("Kraków leży", (" nad Wisłą", " Wisłą")),
            ChoiceRequest("Kraków leży ", ("nad Wisłą",)),
            ChoiceRequest("", ("Kraków nad Wisłą",)),
        ]
        found = dict(engine.choice_loglikelihoods(requests))
    first, second = found[0]
    assert (first.logprob, first.tokens, first.greedy) == (-10.0, 2, False)
    assert (second.logprob, second.tokens, second.greedy) == (-6.0, 1, True)
    assert found[1] == [first]
    assert found[2][0].logprob == -16.0
    assert [body["prompt"] for _, body, *_ in server.asked].count(PROBE) == 1


def test_without_bos_the_first_token_of_a_text_has_no_likelihood():
    with serving(lambda *asked: echo_script(*asked, bos=False)) as server:
        engine = engine_for(server)
        ((_, (value,)),) = engine.choice_loglikelihoods([ChoiceRequest("Kraków", (" nad",))])
        assert value.logprob == -4.0
        with pytest.raises(Unsupported, match="nothing before a text"):
            list(engine.choice_loglikelihoods([ChoiceRequest("", ("Kraków",))]))


def tokens_of(count, value=-1.0):
    step = len(PROBE) // count
    parts = [PROBE[at * step : (at + 1) * step] for at in range(count - 1)]
    parts.append(PROBE[(count - 1) * step :])
    return {"tokens": parts, "token_logprobs": [None] + [value] * (count - 1)}


UNPROVED = {
    "echo is ignored": (completion(" i", logprobs=tokens_of(2)), "ignores `echo`"),
    "no logprobs": (completion(PROBE), "no logprobs"),
    "another form": (completion(PROBE, logprobs={"content": []}), "do not name"),
    "of something else": (
        completion(PROBE, logprobs={"tokens": ["a", "b"], "token_logprobs": [-1.0, -2.0]}),
        "do not make up",
    ),
    "too few": (
        completion(PROBE, logprobs=tokens_of(4) | {"token_logprobs": [-1.0]}),
        "not as many",
    ),
    "one number for all": (completion(PROBE, logprobs=tokens_of(8)), "one and the same"),
    "only one token": (completion(PROBE, logprobs=tokens_of(2)), "only 1 tokens"),
    "no number": (completion(PROBE, logprobs=tokens_of(8, "-1")), "token 1"),
    "above 0": (completion(PROBE, logprobs=tokens_of(8, 0.5)), "token 1"),
    "refused": (Reply(400, {"error": "echo is not supported"}), "echo is not supported"),
}


@pytest.mark.parametrize("case", UNPROVED)
def test_an_endpoint_that_does_not_prove_its_likelihoods_gives_none(case):
    reply, why = UNPROVED[case]
    with serving(in_turn(reply)) as server:
        engine = engine_for(server)
        assert engine.can == {"chat", "generate"}
        with pytest.raises(Unsupported, match=why):
            list(engine.choice_loglikelihoods([ChoiceRequest("a", ("b", "c"))]))
    assert len(server.asked) == 1


def test_an_endpoint_that_stops_echoing_is_not_believed():
    def script(path, body, number):
        return echo_script(path, body, number) if number == 1 else completion("b")

    asked = [ChoiceRequest("Kraków", (" nad",))]
    with serving(script) as server, pytest.raises(Unsupported, match="echoed a sentence before"):
        list(engine_for(server).choice_loglikelihoods(asked))


def test_tokens_that_are_parts_of_a_character_are_placed_by_their_offsets():
    tokens = ["K", "bytes:\\xc5", "bytes:\\x82", "a"]
    found = {
        "tokens": tokens,
        "token_logprobs": [None, -1.0, -2.0, -3.0],
        "text_offset": [0, 1, 1, 2],
    }
    made = echoed({"text": "Kła", "logprobs": found}, "Kła")
    assert [(token.start, token.stop) for token in made] == [(0, 1), (1, 1), (1, 2), (2, 3)]
    with pytest.raises(NotEchoedError):
        echoed({"text": "Kła", "logprobs": found | {"text_offset": [0, 2, 1, 2]}}, "Kła")


def test_what_an_endpoint_cannot_do_it_says():
    engine = OpenAIEngine("https://example.org/v1", "m")
    with pytest.raises(Unsupported):
        engine.tokenize("a")
    with pytest.raises(Unsupported):
        engine.apply_template(ASKED)
    with pytest.raises(Unsupported):
        engine.loglikelihood([[1, 2]], stride=1)


# --- streams


def test_a_stream_comes_piece_by_piece_and_breaking_off_is_an_error():
    with serving(in_turn(stream(["Nad ", "Wisłą."]))) as server:
        assert list(engine_for(server).stream(ASKED)) == ["Nad ", "Wisłą."]
    broken = stream(["Nad "], finish=None, usage=None, done=False)
    with serving(in_turn(broken)) as server:
        found = engine_for(server).stream(ASKED)
        assert next(found) == "Nad "
        with pytest.raises(EndpointError, match="broke off"):
            next(found)
    assert len(server.asked) == 1


@given(
    texts=st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), max_size=5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 9),
)
def test_events_do_not_depend_on_how_their_bytes_are_cut(texts, end, size):
    lines = [f": note{end}data: {text}{end}id: 1{end}{end}" for text in texts]
    data = ("".join(lines) + "data: half").encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert list(events(chunks)) == texts


def test_an_event_of_several_lines_is_one():
    assert list(events([b"event: x\ndata: a\ndata:b\ndata\n\ndata: c\n\n"])) == ["a\nb\n", "c"]


def test_an_endpoint_needs_no_torch():
    code = (
        "import sys\nfrom mowa.inference import OpenAIEngine, Patience, EndpointError\n"
        "OpenAIEngine('http://127.0.0.1:1/v1', 'm')\n"
        "assert not {'torch', 'transformers', 'tokenizers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_choice_that_does_not_fit_is_told_apart_from_one_that_was_scored():
    def script(path, body, number):
        if body["prompt"] == PROBE:
            return echo_script(path, body, number)
        return Reply(400, {"error": {"message": "x", "type": "exceed_context_size_error"}})

    with serving(script) as server:
        asked = [ChoiceRequest("Kraków", (" nad",))]
        ((_, (value,)),) = engine_for(server).choice_loglikelihoods(asked)
    assert (value.cut, value.tokens) == (1, 0)
