"""Rows hold conversations whole, each once an epoch, as full as best fit makes them."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.training._plan import IGNORED
from mowa.training._whole import WholePlan, best_fit

LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=60)


class Made(SimpleNamespace):
    """Units of one or two segments with tokens that tell where they are from."""

    def segments(self, unit):
        return self.of[unit]


def made(lengths, *, reference=False):
    """A unit of n positions has n + 1 tokens; the second half of them is learnt."""
    of = []
    for unit, length in enumerate(lengths):
        parts = [length] if length < 4 or not reference else [length // 2, length - length // 2]
        of.append(
            [
                (
                    np.arange(part + 1, dtype=np.uint16) + 100 * unit + 50 * side,
                    np.arange(part + 1) > part // 2,
                )
                for side, part in enumerate(parts)
            ]
        )
    return Made(
        positions=np.array(lengths),
        targets=np.array([sum(int(learnt[1:].sum()) for _, learnt in each) for each in of]),
        weights=np.linspace(0.5, 1, len(lengths)).astype(np.float32),
        reference=np.arange(2.0 * len(lengths)).reshape(-1, 2) if reference else None,
        of=of,
    )


@given(LENGTHS, st.integers(0, 5))
def test_every_unit_is_in_one_row_of_each_epoch_and_no_row_overflows(lengths, epoch):
    plan = WholePlan(made(lengths), sequence_length=20, seed=3)
    first = epoch * plan.blocks_per_epoch
    rows = [plan.units_of(first + row) for row in range(plan.blocks_per_epoch)]
    assert Counter(unit for row in rows for unit in row) == dict.fromkeys(range(len(lengths)), 1)
    assert all(sum(lengths[unit] for unit in row) <= 20 for row in rows)
    assert plan.tokens == sum(lengths)


def plain_best_fit(lengths, size):
    rooms, found = [], []
    for length in lengths:
        fitting = [(room, row) for row, room in enumerate(rooms) if room >= length]
        if not fitting:
            rooms.append(size)
            fitting = [(size, len(rooms) - 1)]
        room, row = min(fitting)
        rooms[row] = room - length
        found.append(row)
    return found


@given(LENGTHS)
def test_rows_are_as_full_as_plain_best_fit_makes_them(lengths):
    lengths = sorted(lengths, reverse=True)
    rows = best_fit(np.array(lengths), 20)
    plain = plain_best_fit(lengths, 20)

    def filled(rows):
        # Rows with as much room are as good as one another.
        return sorted(
            sum(length for length, at in zip(lengths, rows, strict=True) if at == row)
            for row in set(rows)
        )

    assert filled(rows.tolist()) == filled(plain)


def test_epochs_mix_units_of_one_length_and_keep_the_pattern():
    plan = WholePlan(made([5] * 16 + [3] * 16), sequence_length=8, seed=0)
    rows = [
        sorted(tuple(sorted(plan.units_of(epoch * 16 + row))) for row in range(16))
        for epoch in range(2)
    ]
    assert rows[0] != rows[1]
    assert all(unit < 16 <= other for unit, other in rows[0] + rows[1])


def test_another_seed_is_another_order_and_another_digest():
    one, other = (WholePlan(made([5] * 9), sequence_length=8, seed=seed) for seed in (0, 1))
    assert [one.units_of(n) for n in range(9)] != [other.units_of(n) for n in range(9)]
    assert one.digest() != other.digest()
    assert one.digest() == WholePlan(made([5] * 9), sequence_length=8, seed=0).digest()


@pytest.mark.parametrize("reference", [False, True])
def test_a_row_is_what_was_given_side_by_side(reference):
    units = made([7, 4, 6], reference=reference)
    plan = WholePlan(units, sequence_length=18, seed=0)
    block = plan.read(units, 0)
    at = segment = 0
    for unit in plan.units_of(0):
        for side, (tokens, learnt) in enumerate(units.segments(unit)):
            place = slice(at, at + len(tokens) - 1)
            assert block.input_ids[place].tolist() == tokens[:-1].tolist()
            labels = [
                int(t) if is_learnt else IGNORED
                for t, is_learnt in zip(tokens, learnt, strict=True)
            ]
            assert block.labels[place].tolist() == labels[1:]
            assert block.positions[place].tolist() == list(range(len(tokens) - 1))
            assert set(block.segments[place]) == {segment}
            assert set(block.weights[place]) == {units.weights[unit]}
            if reference:
                assert block.reference[segment] == units.reference[unit, side]
            at, segment = place.stop, segment + 1
    assert (block.labels[at:] == IGNORED).all()
    assert (block.segments[at:] == -1).all()
    assert not block.weights[at:].any()
    assert (block.labels != IGNORED).sum() == plan.targets(0) == units.targets.sum()
    assert (block.reference is not None) == reference
