"""Charts: what is drawn is where it should be, and what is not a number is refused."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.report import Bars, Histogram, Lines
from mowa.report._numbers import linear_ticks, log_ticks, number, tick_labels, widened

finite = st.floats(-1e12, 1e12)
positive = st.floats(1e-9, 1e12)


def numbers(html, pattern):
    return [float(found) for found in re.findall(pattern, str(html))]


def inside(html) -> None:
    """Every coordinate lies in the picture and is a plain number."""
    height = numbers(html, r'viewBox="0 0 720 ([\d.]+)"')[0]
    assert all(-0.1 <= x <= 720.1 for x in numbers(html, r' (?:x|x1|x2|cx)="([^"]*)"'))
    assert all(-0.1 <= y <= height + 0.1 for y in numbers(html, r' (?:y|y1|y2|cy)="([^"]*)"'))
    assert all(size >= 0 for size in numbers(html, r' (?:width|height)="([^"]*)"'))
    for path in re.findall(r'class="line" d="([^"]*)"', str(html)):
        points = [tuple(map(float, p.split())) for p in path[1:].split("L")]
        assert all(-0.1 <= x <= 720.1 and -0.1 <= y <= height + 0.1 for x, y in points)


@given(st.lists(st.tuples(st.text(max_size=50), finite), min_size=1, max_size=8))
def test_bars_stay_in_the_picture(items):
    inside(Bars("a", items).html())


def test_bars_are_as_long_as_their_values():
    html = Bars("Bity na bajt", [("xz -9", 2.0), ("model", 1.0), ("nic", 0.0)], unit="b").html()
    xz, model, nothing = numbers(html, r'class="bar" x="[^"]*" y="[^"]*" width="([^"]*)"')
    assert xz == pytest.approx(2 * model, abs=0.02)
    assert nothing == 0
    assert ">2 b<" in html
    assert "<title>model: 1 b</title>" in html


def test_a_negative_bar_ends_at_zero():
    html = Bars("a", [("down", -1.0), ("up", 1.0)]).html()
    (down, w1), (up, w2) = [
        (float(x), float(w))
        for x, w in re.findall(r'class="bar" x="([^"]*)" y="[^"]*" width="([^"]*)"', html)
    ]
    assert w1 == pytest.approx(w2, abs=0.02)
    assert down + w1 == pytest.approx(up, abs=0.02)


def test_a_long_label_is_cut_and_stays_in_the_tooltip():
    label = "Konstantynopolitańczykowianeczka z Bydgoszczy"
    html = Bars("a", [(label, 1)]).html()
    assert f"<title>{label}: 1</title>" in html
    assert ">Konstantynopolitańczykowianeczka…<" in html


def test_whiskers_show_the_interval():
    html = Bars("a", [("a", 1.0), ("b", 2.0)], intervals=[(0.9, 1.2), (1.9, 2.1)]).html()
    assert html.count('class="whisker"') == 2
    assert "<title>a: 1 (0.9000 to 1.200)</title>" in html
    with pytest.raises(ValueError, match="2 bars, 1 intervals"):
        Bars("a", [("a", 1.0), ("b", 2.0)], intervals=[(0, 1)])


@given(
    st.lists(positive, min_size=2, max_size=12, unique=True).map(sorted), st.data(), st.booleans()
)
def test_histograms_stay_in_the_picture(edges, data, log_x):
    count = st.integers(0, 10**9)
    counts = data.draw(st.lists(count, min_size=len(edges) - 1, max_size=len(edges) - 1))
    html = Histogram("a", edges, counts, "x", log_x=log_x).html()
    if any(counts):
        inside(html)
        assert html.count('class="bar"') == sum(1 for count in counts if count)


def test_on_a_log_axis_bins_of_equal_ratio_are_equally_wide():
    html = Histogram("Długości", [10, 100, 1000, 10000], [1, 2, 4], "bajty", log_x=True).html()
    widths = numbers(html, r'class="bar" x="[^"]*" y="[^"]*" width="([^"]*)"')
    heights = numbers(html, r'width="[^"]*" height="([^"]*)"><title>')
    assert widths == pytest.approx([widths[0]] * 3, abs=0.02)
    assert heights == pytest.approx([heights[0], 2 * heights[0], 4 * heights[0]], abs=0.05)
    for label in ("10", "100", "1,000", "10,000"):
        assert f">{label}</text>" in html
    assert "<title>1,000 to 10,000: 4 (57.1%)</title>" in html


@pytest.mark.parametrize(
    ("edges", "counts", "log_x", "message"),
    [
        ([0, 1], [1, 2], False, "2 edges for 2 counts"),
        ([0, 1, 1], [1, 2], False, "do not rise"),
        ([0, 1, 2], [1, -2], False, "negative"),
        ([0, 1, 2], [1, 2], True, "above zero"),
        ([0, 1, math.inf], [1, 2], False, "inf"),
    ],
)
def test_a_histogram_that_makes_no_sense_is_refused(edges, counts, log_x, message):
    with pytest.raises(ValueError, match=message):
        Histogram("a", edges, counts, "x", log_x=log_x)


@given(
    st.dictionaries(
        st.text(max_size=9),
        st.lists(st.tuples(positive, finite), max_size=80),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_lines_stay_in_the_picture(series, log_x):
    html = Lines("a", series, "x", "y", log_x=log_x).html()
    if any(series.values()):
        inside(html)


def test_a_falling_loss_is_drawn_falling():
    points = [(step, 9 - step / 100) for step in range(500)]
    html = Lines("Strata", {"train": points}, "step", "nats").html()
    path = re.search(r'class="line" d="M([^"]*)"', str(html))[1]
    heights = [float(point.split()[1]) for point in path.split("L")]
    assert heights == sorted(heights)
    assert "legend" not in html
    assert "train: from 9 at 0 to 4.010 at 499" in html


def test_a_long_curve_stays_a_small_file_and_keeps_its_spikes():
    points = [(step, 1.0) for step in range(200_000)]
    points[77_777] = (77_777, 50.0)
    html = Lines("a", {"train": points}, "step", "loss").html()
    assert len(html) < 60_000
    path = re.search(r'class="line" d="M([^"]*)"', str(html))[1]
    heights = {float(point.split()[1]) for point in path.split("L")}
    assert len(heights) == 2


def test_more_than_one_curve_has_a_legend():
    html = Lines("a", {"train": [(0, 1)], "wstrzymane": [(0, 2)]}, "x", "y").html()
    assert '<ul class="legend"><li><i class="c1"></i>train</li>' in html
    assert "wstrzymane</li>" in html


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_refused(bad):
    with pytest.raises(ValueError, match="not a number"):
        Bars("a", [("a", bad)])
    with pytest.raises(ValueError, match="not a number"):
        Bars("a", [("a", 1)], intervals=[(0, bad)])
    with pytest.raises(ValueError, match="not a number"):
        Lines("a", {"s": [(0, bad)]}, "x", "y")
    with pytest.raises(ValueError, match="not a number"):
        number(bad)
    with pytest.raises(ValueError, match="above zero"):
        Lines("a", {"s": [(0, 1)]}, "x", "y", log_x=True)


@given(finite, finite)
def test_linear_ticks_are_few_round_and_inside(a, b):
    low, high = widened(min(a, b), max(a, b))
    ticks = linear_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    margin = (high - low) * 1e-6
    assert all(low - margin <= tick <= high + margin for tick in ticks)
    assert len(set(tick_labels(ticks))) == len(ticks) or max(abs(low), abs(high)) > 1e3 * (
        high - low
    )


@given(positive, st.floats(1.001, 1e15))
def test_log_ticks_are_few_and_inside(low, ratio):
    ticks = log_ticks(low, low * ratio)
    assert 2 <= len(ticks) <= 14
    assert all(low * 0.999999 <= tick <= low * ratio * 1.000001 for tick in ticks)
    assert ticks == sorted(ticks)


def test_ticks_look_like_those_a_person_would_choose():
    assert tick_labels(linear_ticks(0, 18651)) == ["0", "5,000", "10,000", "15,000"]
    assert tick_labels(linear_ticks(2.7, 3.3)) == ["2.7", "2.8", "2.9", "3.0", "3.1", "3.2", "3.3"]
    assert tick_labels(log_ticks(0.01, 100), log=True) == ["0.01", "0.1", "1", "10", "100"]
    assert tick_labels(log_ticks(30, 800), log=True) == ["50", "100", "200", "500"]
    assert tick_labels([1e-6, 1e16]) == ["1e-06", "1e+16"]
