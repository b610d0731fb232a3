from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.errors import UsageError
from mowa.training._order import MIXED, Place, Stage, TrainingOrder
from mowa.training._plan import PackingPlan


def plans(*sizes):
    return [PackingPlan(np.array([size]), sequence_length=10, seed=0) for size in sizes]


def order(sizes=(1000, 500), steps=700, **options):
    return TrainingOrder(plans(*sizes), blocks_per_batch=8, seed=3, steps=steps, **options)


def places(of):
    return [place for step in range(of.steps) for place in of.batch(step)]


def test_one_stream_is_read_from_its_beginning():
    alone = order([1000], steps=3)
    assert places(alone) == [Place(0, number) for number in range(24)]


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(1, 9), st.integers(0, 9)), max_size=4),
    st.integers(0, 99),
)
def test_every_stream_is_read_block_after_block_whatever_the_stages(cuts, seed):
    stages, first = [Stage(0, (1.0, 1.0))], 0
    for width, one, two in cuts:
        first += width
        stages.append(Stage(first, (float(one), float(two))))
    mixed = TrainingOrder(
        plans(100, 100), blocks_per_batch=4, seed=seed, steps=first + 300, stages=stages
    )
    read = [[], []]
    for place in places(mixed):
        read[place.stream].append(place.block)
    for blocks in read:
        assert blocks == list(range(len(blocks)))
    assert mixed.read_until(mixed.steps) == [len(blocks) for blocks in read]
    assert mixed.read_until(0) == [0, 0]


def test_shares_hold_exactly_over_every_run_of_mixed_blocks_of_a_stage():
    stages = [Stage(0, (3.0, 1.0)), Stage(512, (1.0, 3.0))]
    streams = [place.stream for place in places(order(steps=1024, stages=stages))]
    for first, expected in ((0, 0.75), (MIXED, 0.75), (2 * MIXED, 0.25), (3 * MIXED, 0.25)):
        counted = Counter(streams[first : first + MIXED])
        assert counted[0] == expected * MIXED
    # Mixed well: no long stretch of one stream.
    assert 0.6 < np.mean(np.array(streams[:200]) == 0) < 0.9


def test_without_stages_streams_are_read_in_proportion_to_their_tokens():
    streams = Counter(place.stream for place in places(order((3000, 1000), steps=MIXED // 8)))
    assert streams[0] == 3 * streams[1]


def test_an_update_is_looked_up_without_those_before():
    stages = [Stage(0, (1.0, 2.0)), Stage(300, (2.0, 1.0))]
    forwards = [order(stages=stages).batch(step) for step in range(700)]
    for step in (699, 300, 299, 0):
        assert order(stages=stages).batch(step) == forwards[step]


def test_a_stage_that_leaves_a_stream_out():
    stages = [Stage(0, (1.0, 0.0)), Stage(10, (0.0, 1.0))]
    streams = [place.stream for place in places(order(steps=20, stages=stages))]
    assert streams == [0] * 80 + [1] * 80


def test_a_run_that_goes_on_reads_on():
    whole = order(steps=300, stages=[Stage(0, (1.0, 1.0)), Stage(100, (5.0, 1.0))])
    branch = order(steps=200, stages=[Stage(0, (5.0, 1.0))], read_before=whole.read_until(100))
    first = {}
    for place in places(branch):
        first.setdefault(place.stream, place.block)
    assert [first[0], first[1]] == whole.read_until(100)


def test_the_last_update_may_be_smaller():
    short = order([1000], steps=3, blocks=17)
    assert [len(short.batch(step)) for step in range(3)] == [8, 8, 1]
    assert short.read_until(3) == [17]


def test_a_weight_that_gives_no_block_is_refused():
    with pytest.raises(UsageError, match=r"less than one block in 2,048"):
        order(stages=[Stage(0, (1.0, 0.0001))])


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 701},
        {"stages": [Stage(0, (1.0, 1.0))]},
        {"read_before": [1, 0]},
        {"sizes": (1000, 501)},
        {"blocks": 5599},
    ],
)
def test_whatever_changes_the_order_changes_its_digest(change):
    assert order(**change).digest() != order().digest()
