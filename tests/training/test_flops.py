import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mowa.model import (
    ArchitectureConfig,
    FamilyConfig,
    LoraConfig,
    TokenizerFacts,
    build,
    build_family,
    parameter_count,
    with_lora,
)
from mowa.training._flops import (
    DecoderSizes,
    Trained,
    model_flops_utilisation,
    training_flops_per_token,
)
from mowa.training._optimizer import freeze

LLAMA_2_7B = DecoderSizes(4096, 32, 32, 32, 128, 11008, 32000, tied=False)
MISTRAL_7B = DecoderSizes(4096, 32, 32, 8, 128, 14336, 32000, tied=False)
TINY_LLAMA = DecoderSizes(2048, 22, 32, 4, 64, 5632, 32000, tied=False)
MIXTRAL = DecoderSizes(
    4096, 32, 32, 8, 128, 14336, 32000, tied=False, experts=8, active_experts=2
)  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [
        (LLAMA_2_7B, 6_738_415_616),
        (MISTRAL_7B, 7_241_732_096),
        (TINY_LLAMA, 1_100_048_384),
        (MIXTRAL, 46_702_792_704),
    ],
)
def test_parameters_are_those_of_the_published_models(sizes, parameters):
    assert sizes.parameters == parameters


def test_a_token_goes_through_its_own_experts_only():
    # What Mistral AI says: 12.9 billion a token, with one matrix of embeddings that is only read.
    assert MIXTRAL.active_matrices + MIXTRAL.embedding == pytest.approx(12.88e9, rel=1e-3)
    dense = 6 * MISTRAL_7B.active_matrices
    attention = 12 * 32 * 4096 * 4096
    expert = 6 * 32 * 3 * 4096 * 14336
    router = 6 * 32 * 4096 * 8
    assert training_flops_per_token(MIXTRAL, 4096, "palm") == dense + attention + expert + router


def test_the_conventions_differ_by_half_of_the_attention():
    palm = training_flops_per_token(LLAMA_2_7B, 4096, "palm")
    causal = training_flops_per_token(LLAMA_2_7B, 4096, "causal")
    assert palm == 6 * (6_738_415_616 - 32000 * 4096 - 65 * 4096) + 12 * 32 * 4096 * 4096
    assert palm - causal == 6 * 32 * 4096 * 4096


def test_a_tied_matrix_is_multiplied_once_and_an_untied_one_too():
    shape = {"hidden_size": 64, "layers": 2, "heads": 4, "context": 64}
    tied = DecoderSizes.of(ArchitectureConfig(**shape), 300)
    untied = DecoderSizes.of(ArchitectureConfig(**shape, tie_embeddings=False), 300)
    assert untied.parameters - tied.parameters == 300 * 64
    assert untied.active_matrices == tied.active_matrices


@pytest.mark.parametrize("kv_heads", [None, 1])
@pytest.mark.parametrize("tied", [True, False])
def test_the_formula_is_what_torch_counts(kv_heads, tied):
    config = ArchitectureConfig(
        hidden_size=64,
        layers=3,
        heads=4,
        kv_heads=kv_heads,
        ffn_size=176,
        context=64,
        tie_embeddings=tied,
    )
    sizes = DecoderSizes.of(config, 300)
    assert sizes.parameters == parameter_count(config, 300)
    model = build(config, TokenizerFacts(300, 0, 1, 2), seed=0)
    model.set_attn_implementation("eager")
    ids = torch.randint(0, 300, (2, 64))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, use_cache=False).logits.sum().backward()
    # Rotary positions are one more product, of a head's size.
    counted = counter.get_total_flops() / ids.numel()
    assert training_flops_per_token(sizes, 64, "palm") == pytest.approx(counted, rel=1e-3)


@pytest.mark.parametrize(
    ("patterns", "tied", "trained_layers"),
    [
        (["*.mlp.*"], True, 3),
        (["*embed*"], False, 3),
        (["*embed*", "*.layers.[01].*"], False, 1),
        (["*embed*", "*.layers.[01].*"], True, 1),
        (["*embed*", "*.layers.*"], False, 0),
    ],
)
def test_of_what_is_frozen_only_what_torch_computes_is_counted(patterns, tied, trained_layers):
    model, sizes = three_layers(tied=tied)
    freeze(model, patterns)
    trained = Trained.of(model, sizes)
    assert trained.layers == trained_layers
    expected = flops_counted(model)
    assert training_flops_per_token(sizes, 64, "palm", trained) == pytest.approx(expected, rel=1e-3)


def test_with_adapters_no_matrix_has_a_gradient_but_theirs():
    model, sizes = three_layers(tied=False)
    with_lora(model, LoraConfig(rank=4, alpha=8.0), 0)
    trained = Trained.of(model, sizes)
    adapted = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == Trained(0, adapted, 3)
    # Below the first layer's queries nothing is trained: their input has no gradient.
    counted = flops_counted(model)
    assert training_flops_per_token(sizes, 64, "palm", trained) == pytest.approx(counted, rel=0.04)
    assert training_flops_per_token(sizes, 64, "palm") > 1.2 * counted


def test_where_all_is_trained_nothing_is_left_out():
    model, sizes = three_layers(tied=True)
    assert Trained.of(model, sizes) is None
    everything = Trained(sizes.active_matrices, 0, sizes.layers)
    for convention in ("palm", "causal"):
        assert training_flops_per_token(sizes, 64, convention, everything) == (
            training_flops_per_token(sizes, 64, convention)
        )


def test_of_trained_experts_those_count_that_a_token_goes_through():
    settings = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 4,
        "num_experts_per_tok": 2, "tie_word_embeddings": False,
    }  # fmt: skip
    model = build_family(
        FamilyConfig(name="mixtral", settings=settings), TokenizerFacts(300, 0, 1, 2), 0
    )
    sizes = DecoderSizes.of_settings(model.config.to_dict(), 300)
    freeze(model, ["*embed_tokens*"])
    assert Trained.of(model, sizes).matrices == sizes.active_matrices


def three_layers(*, tied):
    config = ArchitectureConfig(
        hidden_size=64, layers=3, heads=4, ffn_size=176, context=64, tie_embeddings=tied
    )
    model = build(config, TokenizerFacts(300, 0, 1, 2), seed=0)
    model.set_attn_implementation("eager")
    return model, DecoderSizes.of(config, 300)


def flops_counted(model):
    """By torch, for a token of a row of 64."""
    ids = torch.randint(0, 300, (2, 64))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, use_cache=False).logits.sum().backward()
    return counter.get_total_flops() / ids.numel()


def test_utilisation_is_the_share_of_the_peak():
    assert model_flops_utilisation(1000.0, 2e9, 4e12) == 0.5
