from contextlib import contextmanager

import pytest
import torch
import torch.distributed as dist
from tiny_training import tiny_config
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import init_device_mesh

from mowa.model import ArchitectureConfig, TokenizerFacts, build
from mowa.training._blocked import BLOCKED
from mowa.training._distribution import Ranks, reduce_gradients_next, share
from mowa.training._flops import DecoderSizes
from mowa.training._forward import Forward, stack
from mowa.training._optimizer import Optimizers
from mowa.training._plan import Block
from mowa.training.planner import memory_per_device
from mowa.training.planner._memory import _KEPT

VOCABULARY = 512
MISTRAL_7B = DecoderSizes(4096, 32, 32, 8, 128, 14336, 32000, tied=False)


def kept_bytes(layers, precision, rows, length, attention="sdpa"):
    """What autograd keeps beside the weights themselves, for real layers."""
    config = ArchitectureConfig(
        hidden_size=256, layers=layers, heads=4, ffn_size=704, context=length
    )
    model = build(config, TokenizerFacts(VOCABULARY, 0, 1, 2), 0)
    forward = Forward(
        model, device=torch.device("cpu"), precision=precision, sequence_length=length
    )
    batch = stack([Block.empty(length)] * rows, torch.device("cpu"))
    forward.use_attention(attention)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward(batch)
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_activations_are_what_autograd_keeps_of_a_layer(precision):
    rows, length = 16, 64
    one, three = (kept_bytes(layers, precision, rows, length) for layers in (1, 3))
    weights = 4 * 256 * 256 + 3 * 256 * 704
    casts = 2 * weights if precision == "bf16" else 0
    stream, feed_forward = _KEPT[precision]
    formula = rows * length * (stream * 256 + feed_forward * 704)
    assert formula == pytest.approx((three - one) / 2 - casts, rel=0.08)


@pytest.mark.parametrize("length", [64, 384])
def test_attention_by_blocks_keeps_the_weights_of_its_pairs(length):
    one, three = (kept_bytes(layers, "bf16", 4, length, BLOCKED) for layers in (1, 3))
    casts = 2 * (4 * 256 * 256 + 3 * 256 * 704)
    shape = {"hidden_size": 256, "heads": 4, "ffn_size": 704, "context": length}
    planned = [
        memory_per_device(
            DecoderSizes.of(ArchitectureConfig(layers=layers, **shape), VOCABULARY),
            optimizer="adamw",
            precision="bf16",
            micro_tokens=4 * length,
            row_tokens=length,
        ).activations
        for layers in (1, 3)
    ]
    assert (planned[1] - planned[0]) / 2 == pytest.approx((three - one) / 2 - casts, rel=0.1)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_moments_are_what_the_optimizer_holds(optimizer):
    config = tiny_config(optimizer=optimizer)
    model = build(config.architecture, TokenizerFacts(VOCABULARY, 0, 1, 2), 0)
    optimizers = Optimizers(model, config, steps=12, precision="fp32")
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizers.step()
    held = sum(value.nbytes for value in optimizers.state().values() if value.numel() > 1)
    sizes = DecoderSizes.of(config.architecture, VOCABULARY)
    memory = memory_per_device(sizes, optimizer=optimizer, precision="fp32", micro_tokens=64)
    assert memory.moments == held
    assert memory.weights == sum(parameter.nbytes for parameter in model.parameters())
    assert memory.casts == 0


def test_sixteen_bytes_a_parameter_are_shared_by_the_shards():
    whole, shared = (
        memory_per_device(
            MISTRAL_7B, optimizer="adamw", precision="bf16", micro_tokens=4096, shards=shards
        )
        for shards in (1, 4)
    )
    parameters = MISTRAL_7B.parameters
    assert whole.weights + whole.gradients + whole.moments == 16 * parameters
    assert whole.casts == 2 * parameters
    layer = MISTRAL_7B.layer_matrices
    assert shared.weights + shared.gradients + shared.moments == 4 * parameters + 4 * layer
    assert shared.casts == 2 * (2 * layer + 2 * MISTRAL_7B.embedding)
    assert shared.activations == whole.activations


def test_checkpointing_keeps_the_inputs_of_the_layers_and_one_layer():
    plain, again = (
        memory_per_device(
            MISTRAL_7B,
            optimizer="adamw",
            precision="bf16",
            micro_tokens=4096,
            checkpointing=checkpointing,
        )
        for checkpointing in (False, True)
    )
    layer = 4096 * (34 * 4096 + 8 * 14336)
    final_norm = 4096 * 12 * 4096
    assert plain.activations == 32 * layer + final_norm
    assert again.activations == 32 * 4096 * 4 * 4096 + layer + final_norm
    assert plain.total - again.total == plain.activations - again.activations


def test_logits_are_made_in_chunks():
    small, large = (
        memory_per_device(MISTRAL_7B, optimizer="adamw", precision="bf16", micro_tokens=tokens)
        for tokens in (512, 65536)
    )
    assert small.logits == 16 * 512 * 32000
    assert large.logits == 16 * 2**24


def test_gradients_are_whole_until_the_last_of_several_passes():
    """As FSDP2 keeps them, here in one process: whole, and in float32."""
    layers = DecoderSizes.of(tiny_config().architecture, VOCABULARY)
    with one_process() as ranks:
        model = build(tiny_config().architecture, TokenizerFacts(VOCABULARY, 0, 1, 2), 0)
        cpu = torch.device("cpu")
        forward = Forward(model, device=cpu, precision="bf16", sequence_length=32, autocast=False)
        share(forward, ranks)
        block = Block.empty(32)
        block.labels[:-1] = block.input_ids[1:]
        for _ in range(2):
            reduce_gradients_next(forward, ranks, wanted=False)
            torch.autograd.backward(forward(stack([block], cpu)))
        groups = [*forward.layers, forward]
        kept = [
            parameter.unsharded_accumulated_grad_data
            for group in groups
            for parameter in group._get_fsdp_state()._fsdp_param_group.fsdp_params
        ]
        assert all(gradient.dtype == torch.float32 for gradient in kept)
        held = sum(gradient.nbytes for gradient in kept)
    one, several = (
        memory_per_device(
            layers, optimizer="adamw", precision="bf16", micro_tokens=32, shards=4, passes=passes
        ).gradients
        for passes in (1, 3)
    )
    assert several - one == held * 3 / 4


@contextmanager
def one_process():
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    try:
        yield Ranks(0, 1, init_device_mesh("cpu", (1,), mesh_dim_names=("shard",)))
    finally:
        dist.destroy_process_group()
