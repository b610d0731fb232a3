import json
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mowa.errors import DataError, UsageError
from mowa.inference import TorchEngine
from mowa.inference._documents import windows as _windows
from mowa.inference._forward import LOGITS_AT_ONCE
from mowa.inference._sampling import Sampler
from mowa.model import ArchitectureConfig, TokenizerFacts, build

WINDOW = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with random weights, large enough that its greedy text does not repeat at once."""
    path = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["Zażółć gęślą jaźń w Krakowie nad Wisłą"] * 3, trainer)
    tokenizer.save(str(path / "tokenizer.json"))
    config = ArchitectureConfig(
        hidden_size=32, layers=2, heads=4, kv_heads=2, context=WINDOW, init_std=0.3
    )
    facts = TokenizerFacts(tokenizer.get_vocab_size(), 0, 1, 2)
    build(config, facts, seed=5).save_pretrained(path)
    return path


@pytest.fixture
def engine(folder):
    return TorchEngine.load(folder, device="cpu")


def script(monkeypatch, ids):
    """Let the model say `ids`, whatever it would draw."""
    left = iter(ids)
    monkeypatch.setattr(Sampler, "draw", lambda _self, _logits: next(left))


def test_greedy_text_is_that_of_transformers(engine):
    prompt = "W Krakowie"
    ids = torch.tensor([[0, *engine.tokenize(prompt)]])
    count = WINDOW - ids.shape[1]
    theirs = engine.model.generate(
        ids, max_new_tokens=count, do_sample=False, attention_mask=torch.ones_like(ids)
    )[0, ids.shape[1] :].tolist()
    expected = engine.tokenizer.decode([token for token in theirs if token != 1])
    ours = engine.generate(prompt, max_new_tokens=count, temperature=0)
    assert ours == expected.rstrip("\ufffd")
    assert ours


def test_a_character_comes_whole_however_its_bytes_are_cut_into_tokens(engine, monkeypatch):
    text = "ćma 🦊 żółć"
    byte_of = {c: i for c, i in engine.tokenizer.get_vocab().items() if len(c) == 1}
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    assert len([c for c in alphabet if c in byte_of]) == 256
    spelled = engine.tokenizer.pre_tokenizer.pre_tokenize_str(text)
    ids = [byte_of[letter] for piece, _ in spelled for letter in piece]
    assert len(ids) == len(text.encode())
    script(monkeypatch, ids)
    pieces = list(engine.stream("", max_new_tokens=len(ids)))
    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces)
    assert "🦊" in " ".join(pieces)


def test_half_a_character_at_the_end_is_not_shown(engine, monkeypatch):
    vocabulary = engine.tokenizer.get_vocab()
    spelled = engine.tokenizer.pre_tokenizer.pre_tokenize_str("a🦊")
    ids = [vocabulary[letter] for piece, _ in spelled for letter in piece]
    script(monkeypatch, ids[:-1])
    assert engine.generate("", max_new_tokens=len(ids) - 1) == "a"


def test_the_same_seed_gives_the_same_text_and_another_seed_another(engine):
    texts = [
        engine.generate("Wisła", seed=s, max_new_tokens=15, temperature=1.0) for s in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_one_likeliest_token_is_greedy(engine):
    greedy = engine.generate("Kraków", temperature=0, max_new_tokens=10)
    assert engine.generate("Kraków", temperature=2.0, top_k=1, max_new_tokens=10) == greedy
    assert engine.generate("Kraków", temperature=2.0, top_p=1e-6, max_new_tokens=10) == greedy


def test_the_end_of_the_document_ends_the_text_unless_asked_otherwise(engine, monkeypatch):
    a, b = engine.tokenize("a")[0], engine.tokenize("b")[0]
    script(monkeypatch, [a, 1, b])
    assert engine.generate("", max_new_tokens=3) == "a"
    script(monkeypatch, [a, 1, b])
    assert engine.generate("", max_new_tokens=3, stop_at_eos=False) == "ab"


def test_text_longer_than_the_window_goes_on_with_the_newest_tokens(engine, monkeypatch):
    drawn, seen = [], []
    greedy = Sampler.draw

    def draw(self, logits):
        seen.append(logits.clone())
        drawn.append(greedy(self, logits))
        return drawn[-1]

    monkeypatch.setattr(Sampler, "draw", draw)
    prompt = "Zażółć gęślą jaźń nad Wisłą w Krakowie, a potem znów w Krakowie"
    assert len(engine.tokenize(prompt)) > WINDOW
    engine.generate(prompt, temperature=0, max_new_tokens=3 * WINDOW, stop_at_eos=False)
    context = [0, *engine.tokenize(prompt)]
    length = len(context)
    for token, logits in zip(drawn, seen, strict=True):
        if length > WINDOW:
            length = WINDOW * 3 // 4
        with torch.no_grad():
            whole = engine.model(torch.tensor([context[-length:]])).logits[0, -1]
        torch.testing.assert_close(logits, whole, atol=1e-4, rtol=1e-4)
        context.append(token)
        length += 1


def test_a_special_token_in_a_prompt_is_only_text(engine):
    ids = engine.tokenize("</s>")
    assert 1 not in ids
    assert engine.tokenizer.decode(ids) == "</s>"


@pytest.mark.parametrize("stride", [1, 7, WINDOW])
def test_log_likelihoods_are_those_of_each_token_in_its_window(engine, stride):
    draw = torch.Generator().manual_seed(4)
    lengths = [1, 2, 5, WINDOW, WINDOW + 1, WINDOW + 2, 60, 60]
    documents = [[0, *torch.randint(3, 280, (n - 1,), generator=draw).tolist()] for n in lengths]
    found = engine.loglikelihood(documents, stride=stride)
    for document, value in zip(documents, found, strict=True):
        assert value == pytest.approx(_naive(engine.model, document, stride), abs=1e-3)
    assert found[0] == 0.0


def _naive(model, document, stride):
    """One token at a time, each in the first window that reaches it."""
    total = 0.0
    for at in range(1, len(document)):
        begin = 0
        while begin + WINDOW < at:
            begin += stride
        with torch.no_grad():
            logits = model(torch.tensor([document[begin:at]])).logits[0, -1].double()
        total += logits.log_softmax(0)[document[at]].item()
    return total


def test_log_likelihoods_do_not_depend_on_how_documents_are_batched(engine, monkeypatch):
    draw = torch.Generator().manual_seed(4)
    documents = [
        [0, *torch.randint(3, 280, (n,), generator=draw).tolist()] for n in range(1, 40, 3)
    ]
    together = engine.loglikelihood(documents, stride=12)
    monkeypatch.setattr("mowa.inference._documents.TOKENS_AT_ONCE", 1)
    monkeypatch.setitem(LOGITS_AT_ONCE, "cpu", 280 * 5)
    alone = engine.loglikelihood(documents, stride=12)
    assert together == pytest.approx(alone, abs=1e-3)


@given(length=st.integers(1, 200), window=st.integers(1, 40), data=st.data())
def test_windows_count_each_token_once_with_the_context_that_is_promised(length, window, data):
    stride = data.draw(st.integers(1, window))
    counted = []
    for begin, stop, first in _windows(length, window, stride):
        assert begin <= first < stop <= begin + window
        if begin:
            assert first + 1 - begin >= window - stride
        counted.extend(range(first, stop))
    assert counted == list(range(length - 1))


def test_a_stride_longer_than_the_window_is_refused(engine):
    for stride in (0, WINDOW + 1):
        with pytest.raises(UsageError, match="stride"):
            engine.loglikelihood([[0, 1]], stride=stride)


@settings(deadline=None)
@given(
    logits=st.lists(st.floats(-5, 5), min_size=1, max_size=20),
    top_k=st.integers(0, 25),
    top_p=st.floats(0.01, 1.0),
)
def test_only_the_likeliest_tokens_are_drawn(logits, top_k, top_p):
    values = torch.tensor(logits)
    sampler = Sampler(temperature=1.0, top_p=top_p, top_k=top_k, seed=0)
    found = sampler.probabilities(values)
    kept = found > 0
    assert found.sum().item() == pytest.approx(1.0, abs=1e-5)
    if top_k:
        assert kept.sum() <= top_k
    if not kept.all():
        assert values[kept].min() >= values[~kept].max()
    if not top_k:
        assert values.softmax(0)[kept].sum().item() >= top_p - 1e-5
    assert bool(kept[sampler.draw(values)])


@pytest.mark.parametrize(
    "options", [{"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}, {"top_k": -1}]
)
def test_sampling_options_out_of_range_are_refused_before_the_first_token(engine, options):
    with pytest.raises(UsageError, match=next(iter(options))):
        engine.stream("a", **options)


def test_temperature_flattens_or_sharpens():
    logits = torch.tensor([2.0, 1.0])
    sharp, flat = (
        Sampler(temperature=t, top_p=1.0, top_k=0, seed=0).probabilities(logits)[0].item()
        for t in (0.5, 2.0)
    )
    assert sharp == pytest.approx(1 / (1 + math.exp(-2)))
    assert flat == pytest.approx(1 / (1 + math.exp(-0.5)))


class _Trap:
    def __reduce__(self):
        return exec, ("raise AssertionError('the pickle was opened')",)


def test_pickled_weights_are_refused_unopened(folder, tmp_path):
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(_Trap()))
    with pytest.raises(UsageError, match=r"pickled \(pytorch_model.bin\)"):
        TorchEngine.load(tmp_path)


def test_a_folder_without_a_model_or_without_weights_is_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="no config"):
        TorchEngine.load(tmp_path)
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(UsageError, match="no weights"):
        TorchEngine.load(tmp_path)


def test_damaged_weights_are_a_clear_error(folder, tmp_path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-50])
    with pytest.raises(DataError, match="cannot be loaded"):
        TorchEngine.load(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(folder):
    with pytest.raises(UsageError, match="no GPU"):
        TorchEngine.load(folder, device="cuda")


def test_several_ends_of_document_all_end_the_text(folder, tmp_path, monkeypatch):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "generation_config.json").read_text())
    (tmp_path / "generation_config.json").write_text(json.dumps(config | {"eos_token_id": [1, 9]}))
    engine = TorchEngine.load(tmp_path, device="cpu")
    script(monkeypatch, [9])
    assert engine.generate("", max_new_tokens=5) == ""
