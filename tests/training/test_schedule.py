"""The learning rates of each schedule, beside numbers worked out by hand."""

import pytest

from mowa.training._schedule import schedule

WARM = [0.25, 0.5, 0.75]  # three updates of warm-up


def values(name, steps, *, warmup=3, floor=0.2, **options):
    return [
        schedule(step, steps=steps, warmup=warmup, floor=floor, name=name, **options)
        for step in range(steps)
    ]


def test_a_line_falls_to_the_floor_at_the_last_update():
    assert values("linear", 8) == pytest.approx([*WARM, 1.0, 0.8, 0.6, 0.4, 0.2])
    assert values("linear", 5, warmup=0, floor=0.0) == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0])


def test_constant_stays_at_the_peak_after_the_warm_up():
    assert values("constant", 7) == [*WARM, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("share", "fall"),
    [
        (0.2, [1.0, 0.6, 0.2]),  # two of ten updates, and the peak in the one before them
        (0.4, [1.0, 0.8, 0.6, 0.4, 0.2]),
        (0.1, [1.0, 0.2]),
        (1.0, [1.0, 1 - 0.8 / 6, 1 - 1.6 / 6, 0.6, 1 - 3.2 / 6, 1 - 4 / 6, 0.2]),
    ],
)
def test_wsd_stays_and_falls_in_a_line_over_its_share_of_all_updates(share, fall):
    stable = [1.0] * (7 - len(fall))
    assert values("wsd", 10, decay_share=share) == pytest.approx([*WARM, *stable, *fall])


def test_wsd_is_the_same_up_to_its_fall_whatever_the_length():
    short, long = (values("wsd", steps, warmup=5) for steps in (20, 40))
    assert short[:16] == long[:16]
    assert short[16:] == pytest.approx([0.8, 0.6, 0.4, 0.2])
