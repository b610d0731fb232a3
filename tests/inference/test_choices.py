"""Likelihoods of choices: those of `transformers`, one text at a time, however they are batched."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.errors import DataError
from mowa.inference import ChoiceRequest, TorchEngine
from mowa.inference._attention import SharedKeys
from mowa.inference._beginnings import Beginnings
from mowa.inference._forward import LOGITS_AT_ONCE, Forward
from mowa.inference._pairs import common, pairs, rows
from tests.inference.families import FAMILIES, WINDOW, family, tokenizer

SHOTS = "Pytanie: nad jaką rzeką leży Kraków? Odpowiedź: nad Wisłą.\n\n"
WORDS = ["Kraków", "nad", "Wisłą", "rzeką", "jaźń", "?", "żółć", "42"]


def some_requests(count, *, shots=SHOTS, seed=0):
    draw = random.Random(seed)
    return [
        ChoiceRequest(
            f"{shots}Pytanie: {' '.join(draw.choices(WORDS, k=draw.randint(1, 6)))}\nOdpowiedź:",
            tuple(
                " " + " ".join(draw.choices(WORDS, k=draw.randint(1, 4)))
                for _ in range(draw.randint(1, 4))
            ),
        )
        for _ in range(count)
    ]


def one_by_one(engine, context, choice):
    """As lm-eval does: encoded together, cut on the left, one forward for one choice."""
    kept = context.rstrip()
    before = engine.tokenize(kept)
    after = engine.tokenize(context + choice)[len(before) :]
    ids = [0, *before, *after][-(engine.window + 1) :]
    with torch.no_grad():
        logits = engine.model(torch.tensor([ids[:-1]])).logits[0].double()
    logprobs = logits.log_softmax(-1)[-len(after) :]
    total = sum(logprobs[at, token].item() for at, token in enumerate(after))
    greedy = logprobs.argmax(-1).tolist() == after
    return total, len(after), greedy, 1 + len(before) + len(after) - len(ids)


def check(engine, requests):
    found = dict(engine.choice_loglikelihoods(requests))
    assert sorted(found) == list(range(len(requests)))
    for index, request in enumerate(requests):
        assert len(found[index]) == len(request.choices)
        for choice, value in zip(request.choices, found[index], strict=True):
            total, tokens, greedy, cut = one_by_one(engine, request.context, choice)
            assert value.logprob == pytest.approx(total, abs=1e-4)
            assert (value.tokens, value.greedy, value.cut) == (tokens, greedy, cut)
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_likelihoods_of_choices_are_those_of_transformers_one_by_one(engine_of, name):
    engine = engine_of(name)
    assert engine._forward.sight is not None
    check(engine, some_requests(12))


def test_a_family_whose_layers_keep_a_state_is_read_text_by_text(engine_of):
    engine = engine_of("lfm2")
    assert engine._forward.sight is None
    check(engine, some_requests(3))


@pytest.mark.parametrize("name", ["llama", "gemma3_text"])
def test_batches_and_portions_change_nothing(engine_of, name, monkeypatch):
    engine = engine_of(name)
    requests = some_requests(9, seed=1) + some_requests(3, shots="", seed=2)
    together = dict(engine.choice_loglikelihoods(requests))
    monkeypatch.setattr("mowa.inference._choices.TOKENS_AT_ONCE", 1)
    monkeypatch.setitem(LOGITS_AT_ONCE, "cpu", 700)
    for index, request in enumerate(requests):
        ((_, alone),) = engine.choice_loglikelihoods([request])
        for one, other in zip(alone, together[index], strict=True):
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4)


def test_what_all_contexts_begin_with_goes_through_the_model_once(engine_of, monkeypatch):
    engine = engine_of("llama")
    engine._beginnings.__init__(engine._forward)
    begun, fed = [], []
    beginning, seeing = Forward.beginning, Forward.seeing
    monkeypatch.setattr(
        Forward, "beginning", lambda self, ids: begun.append(len(ids)) or beginning(self, ids)
    )
    monkeypatch.setattr(
        Forward,
        "seeing",
        lambda self, ids, *rest: fed.append(ids.shape[1]) or seeing(self, ids, *rest),
    )
    requests = some_requests(8)
    shots = len(engine.tokenize(SHOTS))
    for portion in (requests[:4], requests[4:]):
        list(engine.choice_loglikelihoods(portion))
    assert len(begun) == 1
    assert begun[0] >= shots
    whole = max(len(engine.tokenize(r.context + "".join(r.choices))) for r in requests)
    assert max(fed) <= whole - shots + 1


def test_another_beginning_takes_the_place_of_the_last(engine_of):
    engine = engine_of("llama")
    for shots in (SHOTS, SHOTS.replace("Kraków", "gęślą").replace("nad", "jaź"), SHOTS):
        check(engine, some_requests(4, shots=shots))


def test_requests_that_have_one_context_are_scored_from_its_last_token_on(engine_of):
    engine = engine_of("llama")
    choices = [(" nad", " jaźń"), (" Wisłą",), (" nad Wisłą leży",)]
    check(engine, [ChoiceRequest(SHOTS + "Odpowiedź:", some) for some in choices])


def test_choices_that_begin_alike_share_what_they_begin_with(engine_of):
    engine = engine_of("llama")
    request = ChoiceRequest("", ("Kraków leży nad Wisłą", "Kraków leży nad Wisłą.", "Kraków jaźń"))
    made = list(
        pairs([request], engine._encode, lead=engine._lead, start=engine.start, window=WINDOW)
    )
    (row,) = rows(made)
    assert len(row.trunk) == common([pair.ids for pair in made])
    assert len(row) < sum(len(pair.ids) - 1 for pair in made)
    check(engine, [request])


def test_spaces_that_end_a_context_begin_its_choices(engine_of):
    engine = engine_of("llama")
    check(
        engine, [ChoiceRequest("Odpowiedź: ", ("nad Wisłą", "Kraków")), ChoiceRequest(" ", ("a",))]
    )


def test_a_choice_that_grows_together_with_its_context_is_encoded_alone(engine_of):
    engine = engine_of("llama")
    word = next(w for w in ("ni", "ra", "ak", "nad", "Py") if len(engine.tokenize(w)) == 1)
    ((_, (value,)),) = engine.choice_loglikelihoods([ChoiceRequest(word[:-1], (word[-1],))])
    assert value.tokens == 1
    assert value.logprob < 0


def test_an_empty_choice_is_certain_and_no_choices_are_none(engine_of):
    found = dict(
        engine_of("llama").choice_loglikelihoods(
            [ChoiceRequest("a", ("",)), ChoiceRequest("b", ())]
        )
    )
    assert (found[0][0].logprob, found[0][0].tokens, found[1]) == (0.0, 0, [])


@pytest.mark.parametrize("name", ["llama", "gemma3_text", "mistral"])
def test_a_context_that_does_not_fit_loses_its_beginning_and_says_how_much(engine_of, name):
    engine = engine_of(name)
    long = "Zażółć gęślą jaźń " * 20
    found = check(engine, [ChoiceRequest(long, (" Kraków", " nad Wisłą leży")), *some_requests(3)])
    assert found[0][1].cut > found[0][0].cut > 0
    assert all(value.cut == 0 for index in (1, 2, 3) for value in found[index])


def test_a_choice_longer_than_the_window_is_scored_in_windows(engine_of):
    engine = engine_of("llama")
    choice = " gęślą jaźń" * 30
    ((_, (value,)),) = engine.choice_loglikelihoods([ChoiceRequest("Zażółć", (choice,))])
    before = engine.tokenize("Zażółć")
    after = engine.tokenize("Zażółć" + choice)[len(before) :]
    assert len(after) > WINDOW
    (expected,) = engine.loglikelihood([[before[-1], *after]], stride=WINDOW // 2)
    assert value.logprob == pytest.approx(expected, abs=1e-3)
    assert (value.tokens, value.cut) == (len(after), len(before))


def test_without_bos_a_context_stands_alone(engine_of):
    model = engine_of("llama").model
    engine = TorchEngine(model, tokenizer(), device=torch.device("cpu"), bos=False)
    ((_, (value,)),) = engine.choice_loglikelihoods([ChoiceRequest("Kraków", (" nad",))])
    before, after = engine.tokenize("Kraków"), engine.tokenize(" nad")
    with torch.no_grad():
        logprobs = model(torch.tensor([before + after])).logits[0].log_softmax(-1)
    expected = sum(logprobs[len(before) - 1 + at, token].item() for at, token in enumerate(after))
    assert value.logprob == pytest.approx(expected, abs=1e-4)


def test_a_model_that_diverged_is_an_error_not_a_number():
    model = family("llama")
    with torch.no_grad():
        model.lm_head.weight[5] = torch.nan
    engine = TorchEngine(model, tokenizer(), device=torch.device("cpu"))
    with pytest.raises(DataError, match="not finite"):
        list(engine.choice_loglikelihoods(some_requests(1)))


def test_a_mask_that_the_model_reads_otherwise_is_not_used(monkeypatch):
    """The look at the beginning, not a list of families, decides."""
    model = family("mistral")
    model.config.sliding_window = 30
    assert Forward(model).sight.spans == {"all": 30}
    wrong = "mowa.inference._attention._within"
    monkeypatch.setattr(wrong, lambda _span, seen, _queries, _keys: seen)
    assert Forward(model).sight is None


@settings(max_examples=60)
@given(texts=st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=5))
def test_the_common_beginning_is_the_longest_that_all_have(texts):
    count = common(texts)
    assert all(text[:count] == texts[0][:count] for text in texts)
    longer = {tuple(text[: count + 1]) for text in texts}
    assert len(longer) > 1 or min(map(len, texts)) == count


def test_a_short_beginning_is_not_computed_on_its_own(engine_of):
    held = Beginnings(engine_of("llama")._forward).of([[0, 5, 6], [0, 5, 7]])
    assert isinstance(held, SharedKeys)
    assert held.get_seq_length() == 0
