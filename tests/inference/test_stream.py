"""A text that comes piece by piece is the text that comes whole, and its next turn reads less."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import DataError
from mowa.inference import (
    EndpointError,
    GenerateRequest,
    Message,
    OpenAIEngine,
    Patience,
    ScriptedEngine,
    TooLong,
    TorchEngine,
    Unsupported,
)
from mowa.inference._decoding import Alone, Together
from mowa.inference._sampling import Sampler
from mowa.inference._stops import Stops
from tests.inference.families import FAMILIES, WINDOW, family, tokenizer
from tests.inference.scripted_server import Reply, serving, stream

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ASKED = (Message("user", "Kraków?"),)
QUICK = Patience(retries=0, connect=5, read=5, whole=20)


@pytest.fixture(scope="session")
def chat_of(tmp_path_factory):
    """An engine with a toy model of a family that has a chat template."""
    made = {}

    def get(name, template=TEMPLATE):
        if (name, template) not in made:
            folder = tmp_path_factory.mktemp(name)
            family(name).save_pretrained(folder)
            tokenizer().save(str(folder / "tokenizer.json"))
            (folder / "chat_template.jinja").write_text(template)
            (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>"}))
            made[name, template] = TorchEngine.load(folder, device="cpu")
        return made[name, template]

    return get


@pytest.fixture
def fed(monkeypatch):
    """How many tokens go through the layers at once, time by time."""
    counts = []
    for kind in (Alone, Together):
        read, more = kind.read, getattr(kind, "more", None)

        def reading(self, prompts, room, read=read):
            known = self._start.get_seq_length() if isinstance(self, Together) else 0
            counts.append(len(prompts[0]) - known)
            return read(self, prompts, room)

        monkeypatch.setattr(kind, "read", reading)
        if more is not None:

            def going(self, parts, more=more):
                counts.append(len(parts[0]))
                return more(self, parts)

            monkeypatch.setattr(kind, "more", going)
    return counts


@pytest.mark.parametrize("name", [*FAMILIES, "lfm2"])
def test_a_conversation_in_pieces_is_what_it_is_whole_turn_after_turn(chat_of, name):
    engine = chat_of(name)
    turns = ASKED
    for question in ("jaźń", "nad?"):
        ((_, whole),) = engine.generate_many([GenerateRequest(turns, 6)])
        found = engine.stream(turns, max_new_tokens=6, temperature=0)
        pieces = list(found)
        assert "".join(pieces).rstrip("\ufffd") == whole.text
        assert found.result.tokens == whole.tokens
        assert found.result.finish == whole.finish
        assert found.result.prompt_tokens == whole.prompt_tokens
        turns = (*turns, Message("assistant", whole.text), Message("user", question))


def test_a_next_turn_reads_only_what_is_new(chat_of, fed):
    engine = chat_of("gemma3_text")
    list(engine.stream(ASKED, max_new_tokens=6, temperature=0))
    fed.clear()
    later = (*ASKED, Message("assistant", "nad Wisłą"), Message("user", "a?"))
    list(engine.stream(later, max_new_tokens=1, temperature=0))
    known, whole = (len(engine._prompt_ids(engine.apply_template(each))) for each in (ASKED, later))
    assert sum(fed) <= whole - known


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_a_prompt_is_read_in_portions_without_a_change(chat_of, name, monkeypatch, fed):
    engine = chat_of(name)
    whole = list(engine.stream(ASKED, max_new_tokens=8, temperature=0))
    list(engine.stream("x", max_new_tokens=1))
    fed.clear()
    monkeypatch.setattr("mowa.inference._streaming._AT_ONCE", 5)
    assert list(engine.stream(ASKED, max_new_tokens=8, temperature=0)) == whole
    assert max(fed) <= 5


def test_a_text_that_is_closed_or_interrupted_spoils_nothing_for_the_next(chat_of, monkeypatch):
    engine = chat_of("llama")
    expected = list(engine.stream(ASKED, max_new_tokens=10, temperature=0))
    begun = engine.stream(ASKED, max_new_tokens=10, temperature=0)
    next(begun)
    begun.close()
    assert begun.result is None
    assert list(begun) == []
    layer = engine.model.model.layers[1]
    forward, left = layer.forward, [4]

    def interrupted(*args, **options):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return forward(*args, **options)

    for when in (1, 2, 5):
        left[0] = when
        monkeypatch.setattr(layer, "forward", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(engine.stream(ASKED, max_new_tokens=10, temperature=0))
        monkeypatch.setattr(layer, "forward", forward)
        assert list(engine.stream(ASKED, max_new_tokens=10, temperature=0)) == expected


def test_a_conversation_that_fills_the_window_ends_there_and_a_longer_one_is_refused(
    chat_of, monkeypatch
):
    engine = chat_of("llama")
    monkeypatch.setattr(engine, "_ends_of", lambda _text: frozenset())
    long = (Message("user", "Zażółć gęślą jaźń " * 4),)
    found = engine.stream(long, max_new_tokens=500, temperature=0)
    list(found)
    assert found.result.prompt_tokens + found.result.tokens == WINDOW
    assert (found.result.finish, found.result.cut) == ("length", 0)
    with pytest.raises(TooLong, match=f"and the model sees {WINDOW}"):
        engine.stream((Message("user", "Zażółć gęślą jaźń " * 40),), max_new_tokens=5)


def test_an_answer_ends_with_the_token_that_the_template_ends_it_with(chat_of, monkeypatch):
    engine = chat_of("llama")
    end = engine.tokenizer.token_to_id("<|im_end|>")
    assert end not in engine._eos
    said = engine.tokenize("nad")
    for prompt, finish in ((ASKED, "eos"), ("Kraków", "length")):
        ids = iter([*said, end, *said])
        monkeypatch.setattr(Sampler, "draw", lambda _self, _logits, ids=ids: next(ids))
        found = engine.stream(prompt, max_new_tokens=2 * len(said) + 1, temperature=1.0)
        assert "".join(found) == ("nad" if finish == "eos" else "nadnad")
        assert found.result.finish == finish
    ids = iter([*said, end, *said])
    monkeypatch.setattr(Sampler, "draw", lambda _self, _logits: next(ids))
    ((_, whole),) = engine.generate_many([GenerateRequest(ASKED, 50, temperature=1.0)])
    assert (whole.text, whole.finish) == ("nad", "eos")


@pytest.mark.parametrize("template", ["{{ raise_exception('no') }}", "{{ messages[0].content }}"])
def test_a_template_that_does_not_tell_how_an_answer_ends_ends_none(chat_of, template):
    assert chat_of("llama", template)._ends_of_answers == frozenset()


def test_a_stop_string_ends_a_text_and_no_half_of_it_is_shown(chat_of, monkeypatch):
    engine = chat_of("llama")
    ids = iter(engine.tokenize("nad rzeką Wisłą\n\nPytanie"))
    monkeypatch.setattr(Sampler, "draw", lambda _self, _logits: next(ids))
    found = engine.stream("a", max_new_tokens=50, stop=("Xyz", "\n\nP"))
    pieces = list(found)
    assert "".join(pieces) == "nad rzeką Wisłą"
    assert not any("\n" in piece for piece in pieces)
    assert found.result.finish == "stop"


@given(
    text=st.text("abc", max_size=30),
    stops=st.lists(st.text("abc", max_size=4), max_size=3),
    data=st.data(),
)
def test_what_is_shown_is_the_text_before_the_first_stop_string_however_it_comes(text, stops, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    watch, shown, left = Stops(stops), "", 0
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        if watch.found:
            break
        shown += watch.add(text[begin:end])
        left = end
    if not watch.found:
        shown += watch.rest()
    ends = [text.find(stop) for stop in stops if stop and stop in text]
    if not watch.found:
        assert not ends
        assert shown == text
    else:  # of several, one that came whole before an earlier one had
        seen = [text[:left].find(stop) for stop in stops if stop and stop in text[:left]]
        assert shown == text[: min(seen)]


def test_a_model_that_diverged_says_so_and_one_without_a_template_takes_no_turns(engine_of):
    model = family("llama")
    engine = TorchEngine(model, tokenizer(), device=torch.device("cpu"))
    assert engine._forward.sight
    with torch.no_grad():
        model.lm_head.weight[5] = torch.nan
    with pytest.raises(DataError, match="not numbers"):
        list(engine.stream("a"))
    with pytest.raises(Unsupported, match="no chat template"):
        engine_of("llama").stream(ASKED)


# --- other engines


def test_a_scripted_engine_streams_what_it_generates():
    engine = ScriptedEngine(write="Nad  Wisłą,\nw Krakowie. ", window=9)
    found = engine.stream(ASKED)
    assert list(found) == ["Nad", "  Wisłą,", "\nw", " Krakowie.", " "]
    assert found.result.text == "Nad  Wisłą,\nw Krakowie. "
    assert "".join(engine.stream(ASKED, stop=(",",))) == "Nad  Wisłą"
    with pytest.raises(TooLong):
        engine.stream((Message("user", "a " * 20),))


def asked_of(reply, *, prompt=ASKED, **options):
    with serving(lambda *_: reply) as server:
        found = OpenAIEngine(server.url, "m", patience=QUICK).stream(prompt, **options)
        return list(found), found.result, server.asked[0]


def test_an_endpoints_stream_tells_how_it_ended():
    pieces, result, (path, body, *_) = asked_of(stream(["Nad ", "Wisłą."], finish="length"))
    assert (pieces, result.text, result.finish) == (["Nad ", "Wisłą."], "Nad Wisłą.", "length")
    assert path == "/v1/chat/completions"
    assert "top_k" not in body
    pieces, result, _ = asked_of(stream([], finish="stop"))
    assert (pieces, result.finish) == ([], "empty")


def test_an_endpoint_that_shows_a_stop_string_is_cut_there():
    parts = ["Nad Wi", "słą\nUży", "tkownik: i"]
    pieces, result, (path, body, *_) = asked_of(
        stream(parts), prompt="Asystent:", stop=("\nUżytkownik:",), top_k=5
    )
    assert ("".join(pieces), result.finish) == ("Nad Wisłą", "stop")
    assert (path, body["stop"], body["top_k"]) == ("/v1/completions", ["\nUżytkownik:"], 5)


def test_a_conversation_longer_than_the_endpoints_window_is_too_long():
    error = {"error": {"message": "too many tokens", "code": "context_length_exceeded"}}
    with pytest.raises(TooLong, match="too many tokens"):
        asked_of(Reply(400, error))
    with pytest.raises(EndpointError):
        asked_of(Reply(400, {"error": "no such model"}))
