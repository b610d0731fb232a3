"""Intervals, paired tests, against scipy, scikit-learn and counting everything."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.evaluation._intervals import resampled, score, wilson
from mowa.evaluation._measures import f1, macro_f1, mean, ratio
from mowa.evaluation._paired import holm, paired, paired_measures

LABELS = st.lists(
    st.tuples(st.none() | st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40
)


def test_a_share_has_wilsons_interval_and_the_standard_error_of_a_mean():
    statistics = pytest.importorskip("scipy.stats")
    found = score(mean([1.0] * 37 + [0.0] * 13))
    oracle = statistics.binomtest(37, 50).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    assert found.stderr == pytest.approx(statistics.sem([1.0] * 37 + [0.0] * 13))
    assert not found.too_few


def test_an_interval_of_a_perfect_score_still_has_a_width():
    found = score(mean([1.0] * 40))
    assert found.high == 1.0
    assert 0.9 < found.low < 1.0


def test_too_few_items_are_said_to_be_too_few():
    assert score(mean([1.0] * 29)).too_few
    assert not score(mean([1.0] * 30)).too_few


def test_one_item_or_none_has_no_interval():
    assert score(mean([1.0])).low is None
    assert math.isnan(score(mean([])).value)


@given(LABELS)
def test_f1_and_macro_f1_are_those_of_scikit_learn(rows):
    metrics = pytest.importorskip("sklearn.metrics")
    predicted = [said for said, _ in rows]
    right = [true for _, true in rows]
    as_numbers = [-1 if said is None else said for said in predicted]
    classes = sorted({*right, *as_numbers} - {-1})
    assert macro_f1(predicted, right).value == pytest.approx(
        metrics.f1_score(right, as_numbers, labels=classes, average="macro", zero_division=0)
    )
    assert f1(predicted, right, positive=1).value == pytest.approx(
        metrics.f1_score(right, as_numbers, labels=[1], average="macro", zero_division=0)
    )


def test_a_ratio_of_sums_is_not_a_mean_of_ratios():
    assert ratio([10.0, 1.0], [1.0, 10.0]).value == 1.0


def test_the_bootstrap_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(60):
        values = rng.exponential(size=60)
        found = score(mean(values), seed=trial)
        covered += found.low <= 1.0 <= found.high
    assert 51 <= covered <= 60


def test_a_bootstrap_does_not_change_between_runs():
    measure = mean([0.1, 0.5, 0.7, 0.2])
    assert np.array_equal(resampled(measure, seed=3), resampled(measure, seed=3))
    assert not np.array_equal(resampled(measure, seed=3), resampled(measure, seed=4))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=9))
def test_p_of_a_paired_test_is_the_share_of_all_swaps(rows):
    a = [float(x) for x, _ in rows]
    b = [float(y) for _, y in rows]
    differences = [x - y for x, y in zip(a, b, strict=True)]
    sums = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(rows))
    ]
    expected = np.mean([s >= abs(sum(differences)) - 1e-9 for s in sums])
    found = paired(a, b)
    assert found.p == pytest.approx(expected)
    assert found.method == "exact"


def test_right_and_wrong_answers_are_compared_as_mcnemar_did():
    statistics = pytest.importorskip("scipy.stats")
    a = [1.0] * 30 + [0.0] * 12 + [1.0] * 200
    b = [0.0] * 30 + [1.0] * 12 + [1.0] * 200
    assert paired(a, b).p == pytest.approx(statistics.binomtest(30, 42).pvalue)


def test_a_sampled_paired_test_agrees_with_scipy():
    statistics = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    a = rng.normal(0.25, 1, size=80)
    b = rng.normal(0.0, 1, size=80)
    oracle = statistics.permutation_test(
        (a - b,), np.mean, permutation_type="samples", n_resamples=9999, random_state=2
    )
    assert paired(a.tolist(), b.tolist()).p == pytest.approx(oracle.pvalue, abs=0.02)


def test_items_that_one_model_lacks_are_left_out_of_the_pair():
    found = paired([1.0, None, 0.0], [0.0, 1.0, None])
    assert (found.items, found.mean) == (1, 1.0)


def test_two_f1_scores_are_compared_by_swapping_answers():
    right = [1, 0] * 30
    same = paired_measures(f1(right, right), f1(right, right))
    assert (same.mean, same.p) == (0.0, 1.0)
    worse = paired_measures(f1(right, right), f1([0] * 60, right))
    assert worse.mean == 1.0
    assert worse.p < 0.001


def test_holm_is_stricter_than_each_test_alone_and_not_stricter_than_bonferroni():
    assert holm([0.01, 0.02, 0.04]) == [True, True, True]
    assert holm([0.02, 0.02, 0.02]) == [False, False, False]


def test_wilson_stays_within_zero_and_one():
    assert wilson(0, 5)[0] == 0.0
    assert wilson(5, 5)[1] == 1.0
