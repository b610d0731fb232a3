import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mowa.model import ArchitectureConfig, TokenizerFacts, build, parameter_count
from mowa.training._flops import (
    DecoderSizes,
    model_flops_utilisation,
    training_flops_per_token,
)

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


def test_utilisation_is_the_share_of_the_peak():
    assert model_flops_utilisation(1000.0, 2e9, 4e12) == 0.5
