import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.training._permutation import Permutation


@given(st.integers(1, 3000), st.integers(0, 2**60))
def test_every_thing_stands_in_one_place(count, key):
    order = Permutation(count, key)
    assert sorted(order.at(np.arange(count)).tolist()) == list(range(count))


def test_one_place_is_looked_up_as_all_are():
    order = Permutation(1000, 1, 2)
    everything = order.at(np.arange(1000))
    assert [order[place] for place in (0, 17, 999)] == everything[[0, 17, 999]].tolist()


def test_the_order_is_pinned():
    """Changes only with the revision of the plan: other orders make other models."""
    assert Permutation(8, 42, 0).at(np.arange(8)).tolist() == ORDER


ORDER = [7, 6, 4, 2, 1, 3, 5, 0]


@pytest.mark.parametrize("count", [100, 1000, 65536])
def test_keys_give_orders_that_look_random(count):
    """Fixed points, and the correlation of neighbours, over 50 keys: as of random permutations."""
    orders = np.stack([Permutation(count, key).at(np.arange(count)) for key in range(50)])
    assert 0.5 < (orders == np.arange(count)).sum(axis=1).mean() < 1.6
    correlations = [np.corrcoef(order[:-1], order[1:])[0, 1] for order in orders]
    assert abs(np.mean(correlations)) < 3 / np.sqrt(50 * count)
    means = orders[:, : count // 4].mean(axis=1) / (count - 1)
    assert abs(means.mean() - 0.5) < 3 * np.sqrt(1 / 12 / (50 * count / 4))


def test_a_trillion_things_need_no_memory():
    order = Permutation(10**12, 7)
    values = order.at(np.arange(10**12 - 1000, 10**12))
    assert len(set(values.tolist())) == 1000
    assert 0 <= values.min() <= values.max() < 10**12
