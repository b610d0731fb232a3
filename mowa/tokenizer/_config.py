"""What a recipe says of a tokenizer, and the special tokens that every tokenizer of ours has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mowa.workspace import StepConfig

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
CHAT = ("<|im_start|>", "<|im_end|>")
"""Begin and end of one turn of a conversation, as ChatML names them."""

_BYTES = 256

# The trainer of `tokenizers` counts pairs in 32-bit signed integers (bpe/trainer.rs); no pair can
# occur more often than there are bytes of text.
_MOST_BYTES = 2_000_000_000

PreTokenizer = Literal["llama-bpe", "qwen2", "gpt-2"]


class TokenizerConfig(StepConfig):
    """A byte-level BPE trained on the kept training documents of a corpus."""

    vocab_size: int = Field(
        le=2**31 - 1,
        description="tokens in all: special ones, 256 bytes, merges; a multiple of 64 suits GPUs",
    )
    min_frequency: int = Field(
        2, ge=1, description="a pair of tokens is merged only if the text has it this often"
    )
    pre_tokenizer: PreTokenizer = Field(
        "llama-bpe",
        description="how text is cut before merging, by its name in llama.cpp: llama-bpe groups up"
        " to three digits, qwen2 takes each alone, gpt-2 any number",
    )
    sample_bytes: int = Field(
        1_000_000_000,
        ge=1,
        le=_MOST_BYTES,
        description="learn from about so much text; of a larger corpus, hashes draw documents",
    )
    max_token_bytes: int = Field(
        32,
        ge=2,
        description="no token is longer: rows of dots or spaces would waste vocabulary",
    )
    reserved_tokens: int = Field(
        16, ge=0, le=4096, description="unused special tokens, for whoever trains the model further"
    )
    held_out_bytes: int = Field(
        50_000_000,
        ge=1,
        description="measure fertility on about so much held-out text; hashes draw documents",
    )

    @model_validator(mode="after")
    def _room_for_the_bytes(self) -> TokenizerConfig:
        fixed = len(special_tokens(self.reserved_tokens))
        if self.vocab_size < fixed + _BYTES:
            raise ValueError(
                f"vocab_size is {self.vocab_size}, but {fixed} special tokens and {_BYTES} bytes"
                f" already need {fixed + _BYTES}"
            )
        return self


def special_tokens(reserved: int) -> list[str]:
    """All special tokens in the order of their ids, which start at 0.

    Example:
        >>> special_tokens(1)
        ['<s>', '</s>', '<pad>', '<|im_start|>', '<|im_end|>', '<|reserved_0|>']
    """
    return [BOS, EOS, PAD, *CHAT, *(f"<|reserved_{number}|>" for number in range(reserved))]
