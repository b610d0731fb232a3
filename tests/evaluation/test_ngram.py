"""The n-gram model against the same formulas written plainly, and the laws of probability."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.errors import DataError
from mowa.evaluation import NgramModel
from mowa.evaluation._ngram import FALLBACK_DISCOUNTS, discounts_of

BOS, EOS = 0, 1


class PlainKneserNey:
    """Interpolated modified Kneser-Ney with dictionaries, one n-gram at a time."""

    def __init__(self, documents, vocab_size, order):
        self.vocab_size, self.order = vocab_size, order
        self.counts = {}
        for k in range(1, order + 1):
            counts = Counter()
            preceding = defaultdict(set)
            for document in documents:
                for end in range(1, len(document)):
                    start = end - k + 1
                    if start < 0:
                        continue
                    gram = tuple(document[start : end + 1])
                    if k == order or start == 0:
                        counts[gram] += 1
                    if k < order and start > 0:
                        preceding[gram].add(document[start - 1])
            for gram, tokens in preceding.items():
                counts[gram] += len(tokens)
            self.counts[k] = counts
        self.discounts = {k: self._discounts(counts) for k, counts in self.counts.items()}

    @staticmethod
    def _discounts(counts):
        t = Counter(counts.values())
        if not all(t[j] for j in (1, 2, 3, 4)):
            return FALLBACK_DISCOUNTS
        y = t[1] / (t[1] + 2 * t[2])
        found = tuple(j - (j + 1) * y * t[j + 1] / t[j] for j in (1, 2, 3))
        return found if min(found) > 0 else FALLBACK_DISCOUNTS

    def probability(self, history, token):
        history = tuple(history)[-(self.order - 1) :] if self.order > 1 else ()
        return self._interpolated(history, token)

    def _interpolated(self, history, token):
        k = len(history) + 1
        shorter = self._interpolated(history[1:], token) if history else 1 / self.vocab_size
        followers = {g[-1]: c for g, c in self.counts[k].items() if g[:-1] == history and c}
        total = sum(followers.values())
        if not total:
            return shorter
        d = (0.0, *self.discounts[k])
        left = sum(d[min(count, 3)] for count in followers.values())
        count = followers.get(token, 0)
        return (count - d[min(count, 3)] + left * shorter) / total


def trained(documents, vocab_size, order):
    tokens = np.array([token for document in documents for token in document], np.uint16)
    lengths = np.array([len(document) for document in documents])
    return NgramModel.train(tokens, lengths, vocab_size=vocab_size, order=order)


bodies = st.lists(st.integers(2, 6), max_size=12)
document_lists = st.lists(bodies.map(lambda body: [BOS, *body, EOS]), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(document_lists, bodies, st.integers(1, 5))
def test_it_gives_what_the_plain_formulas_give(documents, body, order):
    plain = PlainKneserNey(documents, 8, order)
    model = trained(documents, 8, order)
    held_out = [BOS, *body, EOS]
    expected = [plain.probability(held_out[:i], held_out[i]) for i in range(1, len(held_out))]
    np.testing.assert_allclose(model.probabilities(np.array(held_out)), expected, rtol=1e-12)
    for k, discounts in enumerate(model.discounts, start=1):
        assert discounts == pytest.approx(plain.discounts[k])


def zipf_documents(seed, count, vocab_size=40):
    rng = np.random.default_rng(seed)
    return [
        [BOS, *np.minimum(rng.zipf(1.4, rng.integers(1, 60)) + 1, vocab_size - 2).tolist(), EOS]
        for _ in range(count)
    ]


def test_with_enough_text_the_discounts_come_from_the_counts_and_still_agree():
    documents = zipf_documents(1, 150)
    model, plain = trained(documents, 40, 3), PlainKneserNey(documents, 40, 3)
    assert model.discounts[1] != FALLBACK_DISCOUNTS
    assert model.discounts[2] != FALLBACK_DISCOUNTS
    for document in zipf_documents(2, 3):
        expected = [plain.probability(document[:i], document[i]) for i in range(1, len(document))]
        np.testing.assert_allclose(model.probabilities(np.array(document)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "history",
    [
        [BOS],
        [BOS, 2, 2],
        [BOS, 2, 3, 2, 2],
        [BOS, 37, 36, 37],
        [BOS, 39, 39, 39, 39, 39],
        [BOS, 2, EOS],
    ],
    ids=["start", "common", "longer", "rare", "never seen", "after the end"],
)
@pytest.mark.parametrize("order", [1, 2, 5])
def test_probabilities_sum_to_one_over_the_vocabulary(history, order):
    model = trained(zipf_documents(3, 100), 40, order)
    total = sum(model.probabilities(np.array([*history, token]))[-1] for token in range(40))
    assert total == pytest.approx(1, abs=1e-12)


@given(document_lists, st.lists(st.integers(0, 7), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_every_token_has_a_probability_above_zero_and_at_most_one(documents, body):
    probabilities = trained(documents, 8, 5).probabilities(np.array([BOS, *body]))
    assert len(probabilities) == len(body)
    assert (probabilities > 0).all()
    assert (probabilities <= 1 + 1e-12).all()


def test_ngrams_do_not_cross_documents():
    model = trained([[BOS, 2, 3, EOS], [BOS, 4, 5, EOS]], 8, 3)
    # Six pairs: (EOS, BOS) is not among them.
    assert model.ngrams == [6, 6, 4]
    assert model.order == 3


def test_the_order_of_documents_and_the_type_of_tokens_do_not_matter():
    documents = zipf_documents(4, 50)
    model = trained(documents, 40, 4)
    lengths = np.array([len(document) for document in documents[::-1]])
    tokens = np.array([token for document in documents[::-1] for token in document], np.uint32)
    other = NgramModel.train(tokens, lengths, vocab_size=40, order=4)
    document = np.array(documents[0])
    np.testing.assert_array_equal(model.probabilities(document), other.probabilities(document))


def test_a_vocabulary_of_32_bits_is_packed_without_loss():
    top = 2**32 - 1
    tokens = np.array([BOS, top, top - 1, top, top - 1, EOS], np.uint32)
    model = NgramModel.train(tokens, np.array([6]), vocab_size=2**32, order=3)
    seen = model.probabilities(np.array([BOS, top, top - 1], np.uint32))
    unseen = model.probabilities(np.array([BOS, top, top - 2], np.uint32))
    assert seen[1] > 0.5
    assert 0 < unseen[1] < 1e-9


def test_a_model_of_a_text_knows_it_better_than_chance():
    documents = [[BOS, *([2, 3, 4, 5] * 20), EOS]] * 5
    model = trained(documents, 100, 5)
    assert model.bits(np.array([BOS, 2, 3, 4, 5, 2, 3, 4, 5])) < 8
    assert model.bits(np.array([BOS, 50, 60, 70, 80])) > 4 * np.log2(100) - 2


def test_bits_are_the_negative_log2_of_the_probabilities():
    model = trained(zipf_documents(5, 20), 40, 3)
    document = np.array([BOS, 2, 3, EOS])
    assert model.bits(document) == pytest.approx(-np.log2(model.probabilities(document)).sum())
    assert model.bits(np.array([BOS])) == 0
    assert model.bits(np.array([], np.uint16)) == 0


def test_discounts_follow_chen_and_goodman():
    counts = np.array([1] * 10 + [2] * 4 + [3] * 2 + [4] + [9])
    y = 10 / 18
    assert discounts_of(counts) == pytest.approx(
        (1 - 2 * y * 4 / 10, 2 - 3 * y * 2 / 4, 3 - 4 * y * 1 / 2)
    )


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [1, 1, 1],
        [2, 2, 3, 4],
        [1, 3, 4],
        [1, 2, 3],
        [0, 0, 7],
        [1, 2, 3, 3, 3, 3, 4],  # D2 below zero
    ],
)
def test_counts_of_counts_that_give_no_discounts_fall_back(counts):
    assert discounts_of(np.array(counts, np.int64)) == FALLBACK_DISCOUNTS


@pytest.mark.parametrize(("tokens", "lengths"), [([], []), ([BOS], [1]), ([BOS, BOS], [1, 1])])
def test_nothing_to_learn_from_is_refused(tokens, lengths):
    with pytest.raises(DataError, match="no text to train"):
        NgramModel.train(np.array(tokens, np.uint16), np.array(lengths), vocab_size=8)


def test_tokens_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="token 9 lies outside a vocabulary of 8"):
        NgramModel.train(np.array([BOS, 9, EOS]), np.array([3]), vocab_size=8)
    with pytest.raises(ValueError, match="lengths"):
        NgramModel.train(np.array([BOS, 2, EOS]), np.array([2]), vocab_size=8)
