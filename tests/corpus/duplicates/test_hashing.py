"""Hashes and minima keep their bits, and agree with plain Python."""

import re

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus._hashing import segment_hashes, shingle_hashes, word_hashes
from mowa.corpus.duplicates import DuplicateOptions, exact_clusters, sketch
from mowa.corpus.duplicates._graph import components, similarities

TEXTS = st.lists(st.text(alphabet="aAbć żŻ.„\n1", max_size=40), min_size=1, max_size=6)
GOLDEN = {
    "key": 7560379148044138573,
    "shingles": [2431861092, 3079141028, 3109921063],
    "bands": [3127599148172579369, 15098428761456936452],
}


@settings(deadline=None)
@given(TEXTS, st.integers(1, 5))
def test_texts_have_as_many_shingles_as_plain_python_finds_and_share_the_same(texts, ngram):
    hashes, offsets = shingle_hashes(pl.Series(texts), ngram)
    seen = {}
    for row, text in enumerate(texts):
        found = re.findall(r"\w+", text.lower())
        grams = {tuple(found[at : at + ngram]) for at in range(max(1, len(found) - ngram + 1))}
        mine = hashes[offsets[row] : offsets[row + 1]].tolist()
        assert mine == sorted(set(mine))
        assert len(mine) == (len(grams) if found else 0)
        for gram in grams if found else ():
            seen.setdefault(gram, set(mine)).intersection_update(mine)
    assert all(seen.values())  # a shingle has one hash in all of its texts


def test_bits_of_the_signature_are_these():
    frame = pl.DataFrame({"doc_id": ["a"], "text": ["Ala ma kota, a Zażółć gęślą jaźń."]})
    made = sketch(frame, DuplicateOptions())
    assert made.rows["key"].item() == GOLDEN["key"]
    assert made.rows["shingles"].item().to_list() == GOLDEN["shingles"]
    assert made.bands["band"].to_list()[:2] == GOLDEN["bands"]


def test_words_hash_the_same_wherever_they_stand_even_behind_a_megabyte():
    text = "kot " * 300_000 + "pies kot"
    hashes, _ = word_hashes(pl.Series([text, "pies", "x" * 100_000, "kot"]))
    assert len(set(hashes[:300_000].tolist())) == 1
    assert hashes[0] == hashes[300_001] == hashes[-1]
    assert hashes[300_000] == hashes[300_002]


def test_segments_longer_than_a_chunk_have_a_hash_of_their_own():
    data = np.frombuffer(b"a" * 100_000 + b"b" + b"a" * 100_000 + b"b", dtype=np.uint8)
    edges = np.array([0, 100_001, 200_002])
    first, second = segment_hashes(data, edges[:-1], edges[1:])
    assert first == second


@settings(deadline=None)
@given(TEXTS)
def test_exact_clusters_ignore_case_and_white_space_only(texts):
    clusters = exact_clusters(pl.Series(texts)).to_list()
    plain = [" ".join(text.lower().split()) for text in texts]
    for one, first in zip(plain, clusters, strict=True):
        assert (first is None) == (not one)
        for two, second in zip(plain, clusters, strict=True):
            assert (one == two) == (first == second)


@settings(deadline=None)
@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11))))
def test_components_are_those_of_a_search_through_the_graph(count, edges):
    edges = [(a % count, b % count) for a, b in edges]
    left, right = (np.array([e[i] for e in edges], dtype=np.int64) for i in (0, 1))
    expected = list(range(count))
    for _ in range(count):
        for a, b in edges:
            expected[a] = expected[b] = min(expected[a], expected[b])
    assert components(count, left, right).tolist() == expected


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 60)), min_size=2, max_size=5))
def test_similarities_are_those_of_python_sets(sets):
    values = np.array([v for each in sets for v in sorted(each)], dtype=np.uint32)
    sizes = np.array([len(each) for each in sets])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    pairs = [(a, b) for a in range(len(sets)) for b in range(len(sets))]
    left, right = np.array(pairs).T
    jaccard, containment = similarities(left, right, values=values, offsets=offsets, sizes=sizes)
    for (a, b), one, two in zip(pairs, jaccard, containment, strict=True):
        common = len(sets[a] & sets[b])
        assert one == common / max(len(sets[a] | sets[b]), 1)
        assert two == common / max(min(len(sets[a]), len(sets[b])), 1)


def test_long_texts_are_compared_by_a_sample_that_both_share():
    numbers = np.random.default_rng(0).integers(0, 2**32, 26_000, dtype=np.uint32)
    sets = [np.unique(numbers[:22_000]), np.unique(numbers[4_000:])]
    values = np.concatenate([each[:1024] for each in sets])
    jaccard, _ = similarities(
        np.array([0]),
        np.array([1]),
        values=values,
        offsets=np.array([0, 1024, 2048]),
        sizes=np.array([len(each) for each in sets]),
    )
    assert abs(jaccard[0] - 18 / 26) < 0.05
