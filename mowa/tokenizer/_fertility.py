"""How well a tokenizer fits a text: tokens per word, bytes per token, how much of it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from tokenizers import Tokenizer

from mowa.tokenizer._build import byte_values
from mowa.tokenizer._encode import encode_documents

_BATCH_BYTES = 4_000_000
_LONGEST = 40

EXAMPLES = (
    "Wczesnym rankiem mgła leżała jeszcze nad Wisłą, a tramwaje już dzwoniły na mostach.",
    "Źdźbło trawy ugięło się pod chrząszczem, który wracał skądś do swojej kryjówki.",
    "Najniebezpieczniejszych skrzyżowań jest w naszym województwie dwadzieścia cztery.",
    "Art. 17 ust. 3 pkt 2 stosuje się odpowiednio do umów zawartych przed dniem 1 stycznia 2024 r.",
    "Ile to będzie 12 345,67 zł podzielone przez 8?",
)
"""Sentences of our own, with what Polish is hard for, that every report shows cut into tokens."""


@dataclass
class _Counts:
    documents: int = 0
    bytes: int = 0
    characters: int = 0
    words: int = 0
    tokens: int = 0

    def add(self, other: _Counts) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def to_json(self) -> dict[str, Any]:
        return {
            **{field.name: getattr(self, field.name) for field in fields(self)},
            "tokens_per_word": _ratio(self.tokens, self.words),
            "characters_per_token": _ratio(self.characters, self.tokens),
            "bytes_per_token": _ratio(self.bytes, self.tokens),
        }


def fertility(tokenizer: Tokenizer, frames: Iterable[pl.DataFrame]) -> dict[str, Any]:
    """Measure `tokenizer` on documents; plain JSON values.

    Words are what stands between white space. Ratios are None where there is no text.

    Args:
        tokenizer: From `mowa.tokenizer.load_tokenizer`.
        frames: With the columns ``text`` and ``source``.

    Returns:
        ``held_out`` and, by name, ``sources``: documents, bytes, characters, words, tokens,
        tokens_per_word, characters_per_token, bytes_per_token. ``vocabulary_used``: the share of
        tokens, special ones left out, that occur at least once. ``token_bytes``: for each length in
        bytes, how many tokens of the vocabulary have it, and how often such tokens occur.
        ``longest_tokens``, ``examples``.
    """
    size = tokenizer.get_vocab_size()
    uses = np.zeros(size, np.int64)
    total, sources = _Counts(), dict[str, _Counts]()
    for texts, names in _batches(frames):
        encoded = encode_documents(tokenizer, texts)
        uses += np.bincount(np.fromiter(chain.from_iterable(encoded), np.int64), minlength=size)
        for text, name, ids in zip(texts, names, encoded, strict=True):
            counts = _count(text, ids)
            total.add(counts)
            sources.setdefault(name, _Counts()).add(counts)
    ordinary = _ordinary(tokenizer)
    used = int(np.count_nonzero(uses[sorted(ordinary)]))
    return {
        "vocab_size": size,
        "held_out": total.to_json(),
        "sources": {name: sources[name].to_json() for name in sorted(sources)},
        "tokens_used": used,
        "vocabulary_used": _ratio(used, len(ordinary)) if total.tokens else None,
        "token_bytes": _by_length(ordinary, uses),
        "longest_tokens": _longest(ordinary),
        "examples": [{"text": text, "tokens": segments(tokenizer, text)} for text in EXAMPLES],
    }


def segments(tokenizer: Tokenizer, text: str) -> list[str]:
    r"""`text` cut into its tokens; a byte that is only part of a letter is written ``\xc5``."""
    values = byte_values()
    tokens = tokenizer.encode(text, add_special_tokens=False).tokens
    return [_readable(token, values) for token in tokens]


def _batches(frames: Iterable[pl.DataFrame]) -> Iterator[tuple[list[str], list[str]]]:
    texts: list[str] = []
    names: list[str] = []
    held = 0
    for frame in frames:
        for text, name in zip(frame["text"], frame["source"], strict=True):
            texts.append(text)
            names.append(name)
            held += len(text)
            if held >= _BATCH_BYTES:
                yield texts, names
                texts, names, held = [], [], 0
    if texts:
        yield texts, names


def _count(text: str, ids: Sequence[int]) -> _Counts:
    return _Counts(1, len(text.encode()), len(text), len(text.split()), len(ids))


def _ordinary(tokenizer: Tokenizer) -> dict[int, str]:
    special = tokenizer.get_added_tokens_decoder()
    vocabulary = tokenizer.get_vocab()
    return {number: token for token, number in vocabulary.items() if number not in special}


def _by_length(ordinary: dict[int, str], uses: npt.NDArray[np.int64]) -> list[dict[str, int]]:
    rows: dict[int, list[int]] = {}
    for number, token in ordinary.items():
        row = rows.setdefault(len(token), [0, 0])
        row[0] += 1
        row[1] += int(uses[number])
    return [
        {"bytes": length, "tokens": rows[length][0], "uses": rows[length][1]}
        for length in sorted(rows)
    ]


def _longest(ordinary: dict[int, str]) -> list[dict[str, Any]]:
    values = byte_values()
    longest = sorted(ordinary.items(), key=lambda item: (-len(item[1]), item[0]))[:_LONGEST]
    return [
        {"id": number, "bytes": len(token), "token": _readable(token, values)}
        for number, token in longest
    ]


def _readable(token: str, values: dict[str, int]) -> str:
    return bytes(values[letter] for letter in token).decode("utf-8", "backslashreplace")


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
