"""An untrained byte-level BPE, and the files that `transformers` reads beside tokenizer.json."""

from __future__ import annotations

import json
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from mowa.tokenizer._config import BOS, CHAT, EOS, PAD, TokenizerConfig, special_tokens

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"

# As in the published tokenizer.json of Llama 3, Qwen2 and GPT-2, and in llama.cpp under these names
# (src/llama-vocab.cpp, regex_exprs of the pre-tokenizer types LLAMA3, QWEN2, GPT2).
PATTERNS = {
    "llama-bpe": rf"{_CONTRACTIONS}|{_LETTERS}|\p{{N}}{{1,3}}|{_SIGNS}|{_SPACES}",
    "qwen2": rf"{_CONTRACTIONS}|{_LETTERS}|\p{{N}}|{_SIGNS}|{_SPACES}",
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}

# llama.cpp looks a whole word up before it merges only for this one; so do we, for the same ids.
_WHOLE_WORDS_FIRST = "llama-bpe"


def untrained(config: TokenizerConfig) -> Tokenizer:
    """A tokenizer without a vocabulary: no normaliser, nothing is ever lost or added."""
    whole = config.pre_tokenizer == _WHOLE_WORDS_FIRST
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERNS[config.pre_tokenizer]), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def trainer(config: TokenizerConfig) -> trainers.BpeTrainer:
    """The trainer of `config`: ids go to special tokens, then the 256 bytes, then merges."""
    names = special_tokens(config.reserved_tokens)
    return trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in names],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        # Its tokens stay strictly below this length (bpe/word.rs), counted in bytes.
        max_token_length=config.max_token_bytes + 1,
        show_progress=False,
    )


def companions(config: TokenizerConfig) -> dict[str, str]:
    """The files beside tokenizer.json, by name.

    `encode` of `transformers` adds neither BOS nor EOS: whoever needs them says so, as the tokens
    step and the inference engines do.
    """
    named: dict[str, Any] = {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD}
    extra = {"additional_special_tokens": special_tokens(config.reserved_tokens)[3:]}
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": False,
        "add_eos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
    }
    return {
        "tokenizer_config.json": _json({**settings, **named, **extra}),
        "special_tokens_map.json": _json(named | {"additional_special_tokens": list(CHAT)}),
    }


def byte_values() -> dict[str, int]:
    """Which byte each letter of a byte-level token stands for (the table of GPT-2).

    Printable Latin-1 letters stand for themselves; the other 68 bytes take, in their order, the
    code points from 256 on.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {
        chr(256 + place): byte for place, byte in enumerate(moved)
    }


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
