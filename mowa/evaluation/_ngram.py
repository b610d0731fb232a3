"""An n-gram model over token ids: interpolated modified Kneser-Ney, in numpy.

The formulas are those of Chen & Goodman, "An empirical study of smoothing techniques for language
modeling" (Computer Speech & Language 13, 1999), equations 24-28. For an n-gram hw (context h, token
w) with adjusted count a,

    p(w | h) = max(a(hw) - D(a(hw)), 0) / a(h.) + gamma(h) p(w | h')
    gamma(h) = (D1 N1(h.) + D2 N2(h.) + D3 N3+(h.)) / a(h.)

where h' is h without its first token, a(h.) the sum over tokens, and Nk(h.) the number of tokens w
with a(hw) = k (3+: three or more). At the bottom stands the uniform distribution, 1 / V.

The adjusted count is the count itself at the highest order, and below it the number of different
tokens that precede the n-gram. An n-gram at the start of a document has nothing before it and keeps
its own count (Heafield et al., "Scalable modified Kneser-Ney language model estimation", ACL 2013,
section 3). Every document starts with one BOS, which is context and never predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mowa.errors import DataError

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""For an order whose counts of counts give no discounts: one of them is zero, as in tiny or
repeated text and often for unigrams, or a discount is not above zero. KenLM's
`--discount_fallback` uses the same three."""

_TOKEN_BITS = np.uint64(32)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class _Order:
    """All n-grams of one order that were seen, sorted by key = context id << 32 | token."""

    keys: Array
    """uint64; the place of a key is the n-gram's id, by which the next order knows its context."""
    direct: Array
    """float64 per n-gram: the part of its probability that comes from its own count."""
    backoff: Array
    """float64 per context: gamma, 1 where nothing ever followed the context."""

    def find(self, contexts: Array, tokens: Array) -> Array:
        """Ids of the n-grams, -1 where an n-gram or its context is not known."""
        keys = _pack(np.maximum(contexts, 0), tokens)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where((contexts >= 0) & (self.keys[places] == keys), places, -1)


@dataclass(frozen=True)
class NgramModel:
    """A trained model.

    Attributes:
        vocab_size: Number of token ids; unseen ones have a probability too.
        discounts: D1, D2 and D3+ of each order, from 1 up.
    """

    vocab_size: int
    discounts: tuple[tuple[float, float, float], ...]
    _orders: tuple[_Order, ...]

    @classmethod
    def train(cls, tokens: Array, lengths: Array, *, vocab_size: int, order: int = 5) -> NgramModel:
        """Count and discount.

        Args:
            tokens: Token ids of all documents one after another, 1-D, any unsigned integer type;
                each document is BOS, its tokens, EOS.
            lengths: Number of tokens of each document, BOS and EOS counted; their sum is
                ``len(tokens)``.
            vocab_size: Number of token ids, up to 2**32.
            order: Length of the longest n-grams. They never cross documents.

        Raises:
            DataError: Where there is nothing to predict, or a token id is not below `vocab_size`.
        """
        place = _place_in_document(tokens, lengths)
        if not np.any(place > 0):
            raise DataError("there is no text to train an n-gram model on")
        if int(tokens.max()) >= vocab_size:
            raise DataError(f"token {int(tokens.max())} lies outside a vocabulary of {vocab_size}")
        orders: list[_Order] = []
        discounts = []
        keys, ids, first = _distinct(tokens.astype(np.uint64))
        for k in range(1, order + 1):
            if not len(keys):  # no document is as long as this
                break
            counts = np.bincount(ids[place >= max(k - 1, 1)], minlength=len(keys))
            longer_ids = np.full(len(tokens), -1, np.int64)
            if k < order:
                at = np.flatnonzero(place >= k)
                longer_keys, longer_ids[at], first = _distinct(_pack(ids[at - 1], tokens[at]))
                starts = ids[place == k - 1] if k > 1 else ids[:0]
                counts = np.bincount(ids[at[first]], minlength=len(keys))
                counts += np.bincount(starts, minlength=len(keys))
            d = discounts_of(counts)
            contexts = len(orders[-1].keys) if orders else 1
            orders.append(_discounted(keys, counts, contexts, d))
            discounts.append(d)
            if k < order:
                keys, ids = longer_keys, longer_ids
        return cls(vocab_size, tuple(discounts), tuple(orders))

    @property
    def order(self) -> int:
        """Length of the longest n-grams that were seen."""
        return len(self._orders)

    @property
    def ngrams(self) -> list[int]:
        """How many n-grams of each order were seen."""
        return [len(order.keys) for order in self._orders]

    def probabilities(self, document: Array) -> Array:
        """Probability of each token but the first, given those before it in the document.

        Args:
            document: Token ids, 1-D, BOS first.

        Returns:
            float64 of length ``len(document) - 1``; all above zero.
        """
        tokens = np.asarray(document).astype(np.uint64)
        probability = np.full(len(tokens), 1.0 / self.vocab_size)
        contexts = np.zeros(len(tokens), np.int64)
        for k, order in enumerate(self._orders, start=1):
            found = order.find(contexts, tokens)
            direct = np.where(found >= 0, order.direct[found], 0.0)
            interpolated = direct + order.backoff[contexts] * probability
            probability = np.where(contexts >= 0, interpolated, probability)
            contexts = np.full(len(tokens), -1)
            contexts[k:] = found[k - 1 : -1]
        return probability[1:]

    def bits(self, document: Array) -> float:
        """Bits that the model needs for a document: all its tokens but the first, EOS included."""
        return float(-np.log2(self.probabilities(document)).sum())


def discounts_of(counts: Array) -> tuple[float, float, float]:
    """D1, D2 and D3+ from the adjusted counts of an order (Chen & Goodman 1999, equation 26).

    With tj the number of n-grams whose count is j: Y = t1 / (t1 + 2 t2) and
    Dj = j - (j + 1) Y t(j+1) / tj. `FALLBACK_DISCOUNTS` where that is not defined or not in (0, j].
    """
    t = np.bincount(np.minimum(counts, 5), minlength=5)[:5].tolist()
    if 0 in t[1:]:
        return FALLBACK_DISCOUNTS
    y = t[1] / (t[1] + 2 * t[2])
    d1, d2, d3 = (j - (j + 1) * y * t[j + 1] / t[j] for j in (1, 2, 3))
    if min(d1, d2, d3) <= 0:
        return FALLBACK_DISCOUNTS
    return d1, d2, d3


def _discounted(
    keys: Array, counts: Array, contexts: int, discounts: tuple[float, float, float]
) -> _Order:
    """Discounted shares of the n-grams and the mass that each context leaves to shorter ones."""
    context = (keys >> _TOKEN_BITS).astype(np.int64)
    total = np.bincount(context, weights=counts, minlength=contexts)
    taken = np.array([0.0, *discounts])[np.minimum(counts, 3)]
    followed = np.maximum(total, 1)
    direct = (counts - taken) / followed[context]
    left = np.bincount(context, weights=taken, minlength=contexts)
    return _Order(keys, direct, np.where(total > 0, left / followed, 1.0))


def _place_in_document(tokens: Array, lengths: Array) -> Array:
    """Place of each token in its document, BOS at 0."""
    lengths = np.asarray(lengths, np.int64)
    ends = np.cumsum(lengths)
    if len(tokens) != (int(ends[-1]) if len(ends) else 0):
        raise ValueError(f"{len(tokens)} tokens, but the lengths of the documents say otherwise")
    place: Array = np.arange(len(tokens), dtype=np.int64) - np.repeat(ends - lengths, lengths)
    return place


def _pack(contexts: Array, tokens: Array) -> Array:
    packed: Array = contexts.astype(np.uint64) << _TOKEN_BITS | tokens.astype(np.uint64)
    return packed


def _distinct(keys: Array) -> tuple[Array, Array, Array]:
    """Sorted distinct keys, the id of each key given, and the place of each id's first use."""
    distinct, first, ids = np.unique(keys, return_index=True, return_inverse=True)
    return distinct, ids, first
