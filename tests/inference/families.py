"""Toy models of families that see text in different ways, and a tokenizer for them."""

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from mowa.model import FamilyConfig, TokenizerFacts, build_family

WINDOW = 96
VOCABULARY = 300

_SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": WINDOW,
    "initializer_range": 0.3,
    "tie_word_embeddings": False,
}
_HYBRID = {
    "head_dim": 8,
    "sliding_window": 7,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "query_pre_attn_scalar": 8,
}
FAMILIES = {
    "llama": {},
    "qwen3": {"head_dim": 16},
    "gemma3_text": _HYBRID,
    "mistral": {"sliding_window": 9},
    "gemma2": _HYBRID | {"final_logit_softcapping": 3.0, "attn_logit_softcapping": 5.0},
    "cohere": {"logit_scale": 0.25},
    "granite": {"logits_scaling": 2.0},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
}
# Layers that keep a state instead of keys: none of our masks reaches them.
RECURRENT = {
    "layer_types": ["conv", "full_attention", "conv"],
    "conv_L_cache": 3,
    "block_auto_adjust_ff_dim": False,
}


def tokenizer():
    """Bytes and a few merges; ``<|im_start|>`` and ``<|im_end|>`` are special."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    names = ["<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in names],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    text = "Pytanie: nad jaką rzeką leży Kraków? Odpowiedź: nad Wisłą. Zażółć gęślą jaźń "
    made.train_from_iterator([text] * 3, trainer)
    assert made.get_vocab_size() == VOCABULARY
    made.encode_special_tokens = True
    return made


def family(name, seed=3, **more):
    """A toy model; its random weights are large enough that greedy text does not repeat at once."""
    settings = _SHAPE | (RECURRENT if name == "lfm2" else FAMILIES[name]) | more
    facts = TokenizerFacts(VOCABULARY, 0, 1, 2)
    return build_family(FamilyConfig(name=name, settings=settings), facts, seed).eval()
