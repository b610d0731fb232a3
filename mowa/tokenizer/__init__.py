"""Tokenizers: training a byte-level BPE, using it, and measuring how well it fits a language."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mowa.tokenizer._config import BOS, CHAT, EOS, PAD, TokenizerConfig, special_tokens

if TYPE_CHECKING:
    from mowa.tokenizer._controls import ControlTokens, Encoded, unquoted
    from mowa.tokenizer._encode import encode_documents, load_tokenizer
    from mowa.tokenizer._fertility import fertility

__all__ = [
    "BOS",
    "CHAT",
    "EOS",
    "PAD",
    "ControlTokens",
    "Encoded",
    "TokenizerConfig",
    "encode_documents",
    "fertility",
    "load_tokenizer",
    "special_tokens",
    "unquoted",
]

_HEAVY = {
    "ControlTokens": "mowa.tokenizer._controls",
    "Encoded": "mowa.tokenizer._controls",
    "encode_documents": "mowa.tokenizer._encode",
    "fertility": "mowa.tokenizer._fertility",
    "load_tokenizer": "mowa.tokenizer._encode",
    "unquoted": "mowa.tokenizer._controls",
}


def __getattr__(name: str) -> Any:
    """Import what needs `tokenizers` only when it is asked for."""
    if name in _HEAVY:
        return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
