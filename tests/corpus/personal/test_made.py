"""Recall and precision of `find` on made sentences of every kind, and on hard negatives."""

from collections import Counter

import polars as pl
import pytest
from made import VALUES, hard_negatives, made

from mowa.corpus.personal import find

ROWS = made(seed=5, count=1005)
NEGATIVES = hard_negatives(seed=6, count=1000)


def found_in(texts):
    return [
        [(text[span["start"] : span["end"]], span["kind"]) for span in spans]
        for text, spans in zip(texts, find(pl.Series(texts))["spans"].to_list(), strict=True)
    ]


@pytest.fixture(scope="module")
def found():
    return found_in([sentence for _, sentence, _ in ROWS])


def test_recall_on_made_sentences_stays_where_it_is(found):
    hits = Counter(
        kind for (kind, _, value), spans in zip(ROWS, found, strict=True) if (value, kind) in spans
    )
    each = {kind: hits[kind] / (len(ROWS) // len(VALUES)) for kind in VALUES}
    missed = [
        (kind, sentence, spans)
        for (kind, sentence, value), spans in zip(ROWS, found, strict=True)
        if (value, kind) not in spans
    ]
    assert hits.total() / len(ROWS) >= 0.98, missed
    assert min(each.values()) >= 0.95, (each, missed)


def test_precision_on_made_sentences_and_hard_negatives_stays_where_it_is(found):
    right = sum((value, kind) in spans for (kind, _, value), spans in zip(ROWS, found, strict=True))
    false = [spans for spans in found_in(NEGATIVES) if spans]
    everything = sum(map(len, found)) + sum(map(len, false))
    assert right / everything >= 0.98, false
