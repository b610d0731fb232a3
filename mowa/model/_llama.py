"""A new Llama model with the weights that its seed says."""

from __future__ import annotations

import math

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mowa.model._config import ArchitectureConfig, TokenizerFacts

# The projections that add to the residual stream, two a layer.
_RESIDUAL = ("self_attn.o_proj.weight", "mlp.down_proj.weight")


def llama_config(config: ArchitectureConfig, tokenizer: TokenizerFacts) -> LlamaConfig:
    """The `transformers` configuration of `config`."""
    return LlamaConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.feed_forward_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.key_value_heads,
        max_position_embeddings=config.context,
        tie_word_embeddings=config.tie_embeddings,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        rms_norm_eps=config.norm_eps,
        initializer_range=config.init_std,
        bos_token_id=tokenizer.bos_id,
        eos_token_id=tokenizer.eos_id,
        pad_token_id=tokenizer.pad_id,
        dtype="float32",
    )


def build(config: ArchitectureConfig, tokenizer: TokenizerFacts, seed: int) -> LlamaForCausalLM:
    """A model in float32 on the CPU with fresh weights.

    Weights are drawn here, in the order of the parameters, from one generator: they depend on the
    seed and the shape alone, not on the initialisation of the installed `transformers`. Matrices
    and embeddings are normal with `init_std`; those that write into the residual stream with
    ``init_std / sqrt(2 * layers)`` (Radford et al. 2019, section 2.3); norms are one; the embedding
    of the padding token is zero.
    """
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(llama_config(config, tokenizer))
    generator = torch.Generator().manual_seed(seed)
    residual_std = config.init_std / math.sqrt(2 * config.layers)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(1.0)
                continue
            std = residual_std if name.endswith(_RESIDUAL) else config.init_std
            parameter.normal_(0.0, std, generator=generator)
        model.get_input_embeddings().weight[tokenizer.pad_id] = 0.0
    return model
