import json
import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers import AutoModelForCausalLM

from mowa.errors import DataError
from mowa.model import ArchitectureConfig, TokenizerFacts, build, parameter_count

FACTS = TokenizerFacts(vocab_size=300, bos_id=0, eos_id=1, pad_id=2)
TINY = {"hidden_size": 32, "layers": 2, "heads": 4, "context": 64}


@settings(max_examples=15, deadline=None)
@given(
    layers=st.integers(1, 3),
    kv_heads=st.sampled_from([None, 1, 2, 4]),
    ffn_size=st.sampled_from([None, 7, 96]),
    tied=st.booleans(),
    vocab=st.integers(3, 400),
)
def test_the_parameter_count_is_that_of_the_real_model(layers, kv_heads, ffn_size, tied, vocab):
    config = ArchitectureConfig(
        hidden_size=32,
        layers=layers,
        heads=4,
        kv_heads=kv_heads,
        ffn_size=ffn_size,
        context=16,
        tie_embeddings=tied,
    )
    model = build(config, TokenizerFacts(vocab, 0, 1, 2), seed=0)
    assert parameter_count(config, vocab) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 5}, "hidden_size 32 is not a multiple of heads 5; nearest that is: 30"),
        ({"heads": 32}, "the head size, hidden_size / heads = 1, must be even"),
        ({"kv_heads": 3}, "heads 4 is not a multiple of kv_heads 3"),
        ({"layers": 0}, "greater than or equal to 1"),
        ({"hidden": 32}, "hidden\n"),
        ({"context": "64"}, "valid integer"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_with_the_way_out(change, message):
    with pytest.raises(ValidationError) as caught:
        ArchitectureConfig(**(TINY | change))
    assert message in str(caught.value)


def test_the_feed_forward_size_is_eight_thirds_rounded_up_to_64():
    sizes = [ArchitectureConfig(**(TINY | {"hidden_size": w})).feed_forward_size for w in (24, 320)]
    assert sizes == [64, 896]
    assert ArchitectureConfig(**TINY, ffn_size=100).feed_forward_size == 100


def test_weights_depend_on_the_seed_alone_and_leave_torch_s_generator_as_it_was():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = build(ArchitectureConfig(**TINY), FACTS, seed=7)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    again, other = (build(ArchitectureConfig(**TINY), FACTS, seed=seed) for seed in (7, 8))
    for (name, a), b in zip(first.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b), name
    assert not torch.equal(first.lm_head.weight, other.lm_head.weight)


def test_projections_into_the_residual_stream_start_smaller():
    config = ArchitectureConfig(hidden_size=256, layers=8, heads=4, context=16, init_std=0.02)
    model = build(config, FACTS, seed=0)
    layer = model.model.layers[3]
    for matrix in (layer.self_attn.q_proj, layer.mlp.up_proj, model.model.embed_tokens):
        assert matrix.weight.std().item() == pytest.approx(0.02, rel=0.02)
    for matrix in (layer.self_attn.o_proj, layer.mlp.down_proj):
        assert matrix.weight.std().item() == pytest.approx(0.02 / math.sqrt(16), rel=0.02)
    assert (layer.input_layernorm.weight == 1).all()
    assert (model.model.embed_tokens.weight[FACTS.pad_id] == 0).all()
    assert model.lm_head.weight is model.model.embed_tokens.weight


@pytest.mark.parametrize("tied", [True, False])
def test_transformers_reads_the_saved_model_back_with_the_same_logits(tmp_path, tied):
    config = ArchitectureConfig(**TINY, kv_heads=2, tie_embeddings=tied, rope_theta=5000.0)
    model = build(config, FACTS, seed=3).eval()
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = torch.randint(3, 300, (2, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(model(ids).logits, loaded(ids).logits)
    # The rotary frequencies are not stored: they must come out the same from the configuration.
    for (name, a), b in zip(model.named_buffers(), loaded.buffers(), strict=True):
        assert torch.equal(a, b), name
    assert loaded.config.rope_parameters["rope_theta"] == 5000.0
    assert (loaded.config.bos_token_id, loaded.config.eos_token_id) == (0, 1)


def test_an_untrained_model_knows_nothing():
    model = build(ArchitectureConfig(**TINY), FACTS, seed=0)
    ids = torch.randint(3, 300, (4, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = model(ids).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(300), abs=0.1)


def _write_tokenizer(folder, *, names, vocab=None):
    added = [{"id": i, "content": t} for i, t in enumerate(("<s>", "</s>", "<pad>"))]
    ordinary = {"a": 3, "b": 4} if vocab is None else vocab
    text = json.dumps({"model": {"vocab": ordinary}, "added_tokens": added})
    (folder / "tokenizer.json").write_text(text)
    (folder / "tokenizer_config.json").write_text(json.dumps(names))


def test_facts_of_a_tokenizer_are_read_from_its_files(tmp_path):
    _write_tokenizer(
        tmp_path,
        names={"bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": "<pad>"},
    )
    assert TokenizerFacts.read(tmp_path) == TokenizerFacts(5, bos_id=0, eos_id=1, pad_id=2)


def test_ids_of_a_unigram_tokenizer_are_their_places_not_their_scores(tmp_path):
    scores = [["<s>", 0.0], ["</s>", 0.0], ["<pad>", 0.0], ["a", -2.5], ["b", -3.5]]
    _write_tokenizer(tmp_path, names={"eos_token": "</s>"}, vocab=scores)
    assert TokenizerFacts.read(tmp_path).vocab_size == 5


def test_a_tokenizer_without_bos_and_padding_has_eos_in_their_place(tmp_path):
    _write_tokenizer(tmp_path, names={"bos_token": None, "eos_token": "</s>"})
    assert TokenizerFacts.read(tmp_path) == TokenizerFacts(5, bos_id=1, eos_id=1, pad_id=1)


def test_a_tokenizer_without_eos_is_refused(tmp_path):
    _write_tokenizer(tmp_path, names={"bos_token": "<s>", "pad_token": "<pad>"})
    with pytest.raises(DataError, match="no eos_token"):
        TokenizerFacts.read(tmp_path)


@pytest.mark.parametrize("text", [None, "{", '{"model": []}'])
def test_a_tokenizer_that_cannot_be_read_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "tokenizer.json").write_text(text)
        (tmp_path / "tokenizer_config.json").write_text("{}")
    with pytest.raises(DataError, match="not a readable tokenizer"):
        TokenizerFacts.read(tmp_path)


def test_shapes_are_checked_without_torch():
    code = (
        "import sys, mowa.model, mowa.training, mowa.inference\n"
        "mowa.model.parameter_count\n"
        "assert not {'torch', 'transformers', 'tokenizers'} & set(sys.modules), 'heavy'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_room_has_only_the_names_that_it_shows():
    import mowa.inference
    import mowa.model
    import mowa.training

    for room in (mowa.model, mowa.inference, mowa.training):
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            room.nothing  # noqa: B018
        for name in room.__all__:
            assert getattr(room, name) is not None
