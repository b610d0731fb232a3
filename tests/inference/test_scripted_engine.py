"""The engine that follows a script keeps the protocol: whoever is tested with it can trust that."""

import pytest

from mowa.inference import (
    ChoiceRequest,
    Engine,
    GenerateRequest,
    Message,
    ScriptedEngine,
    Unsupported,
)


def test_without_a_script_it_answers_the_same_each_time():
    engine: Engine = ScriptedEngine()
    request = ChoiceRequest("Nad czym leży Kraków?", (" nad Wisłą", " nad Odrą"))
    ((index, found),) = engine.choice_loglikelihoods([request])
    assert index == 0
    assert [one.tokens for one in found] == [2, 2]
    assert all(-4 <= one.logprob <= -2 for one in found)
    assert next(ScriptedEngine().choice_loglikelihoods([request]))[1] == found
    assert sum(one.greedy for one in found) == 1


@pytest.mark.parametrize(
    ("write", "text"),
    [("zawsze to", "zawsze to"), ({"a": "tak"}, "tak"), (lambda prompt: prompt * 2, "aa")],
)
def test_it_writes_one_text_texts_by_prompt_or_what_a_function_says(write, text):
    ((_, written),) = ScriptedEngine(write=write).generate_many([GenerateRequest("a", 9)])
    assert (written.text, written.finish) == (text, "eos")


def test_it_stops_is_cut_off_and_says_nothing_as_models_do():
    engine = ScriptedEngine(write={"a": "jeden dwa. trzy", "b": "x " * 99})
    requests = [
        GenerateRequest("a", 9, stop=(".",)),
        GenerateRequest("b", 3),
        GenerateRequest("c", 3),
    ]
    found = [written for _, written in engine.generate_many(requests)]
    assert [one.text for one in found] == ["jeden dwa", "x x x", ""]
    assert [one.finish for one in found] == ["stop", "length", "empty"]
    assert engine.asked == 3


def test_what_outgrows_its_window_is_counted():
    engine = ScriptedEngine(window=3, write="x")
    ((_, (found,)),) = engine.choice_loglikelihoods([ChoiceRequest("a b c", (" d",))])
    assert found.cut == 1
    ((_, written),) = engine.generate_many([GenerateRequest("a b c d e", 1)])
    assert written.cut == 2


def test_what_it_cannot_do_it_refuses():
    engine = ScriptedEngine(can=frozenset({"generate"}))
    with pytest.raises(Unsupported, match="no loglikelihood"):
        list(engine.choice_loglikelihoods([ChoiceRequest("a", ("b",))]))
    with pytest.raises(Unsupported, match="no chat"):
        list(engine.generate_many([GenerateRequest((Message("user", "a"),), 1)]))
    with pytest.raises(Unsupported):
        engine.loglikelihood([[1, 2]], stride=1)
    with pytest.raises(Unsupported):
        list(ScriptedEngine(can=frozenset()).generate_many([GenerateRequest("a", 1)]))
