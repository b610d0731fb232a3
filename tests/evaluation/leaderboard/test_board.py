"""What the table claims: which results belong together, ranks, averages, refusals."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.errors import DataError, UsageError
from mowa.evaluation import paired
from mowa.evaluation.leaderboard._board import lay_out, unique_slugs
from mowa.evaluation.leaderboard._items import read_items
from mowa.evaluation.leaderboard._judge import judge
from mowa.evaluation.leaderboard._read import read
from mowa.evaluation.leaderboard._scale import Scale
from mowa.evaluation.leaderboard._statistics import Estimate, pairwise, rank_ranges
from tests.evaluation.leaderboard.worlds import write_result

GOOD = [1.0] * 90 + [0.0] * 10
BAD = [1.0] * 40 + [0.0] * 60


def board_of(*folders):
    board = lay_out(read(folders))
    judge(board, {column.slug: read_items(board, column) for column in board.columns})
    return board


def ranks(board, number=0):
    return {row.name: cell.rank for row, cell in board.of_column(board.columns[number])}


def test_models_that_cannot_be_told_apart_share_their_ranks(tmp_path):
    for name, values in {"a": GOOD, "b": GOOD[10:] + GOOD[:10], "c": BAD}.items():
        write_result(tmp_path, name, "world", values)
    assert ranks(board_of(tmp_path)) == {"a": (1, 2), "b": (1, 2), "c": (3, 3)}


def test_a_contaminated_score_counts_without_the_items_that_were_found(tmp_path):
    found = [value == 1.0 and i < 60 for i, value in enumerate(GOOD)]
    write_result(tmp_path, "cheat", "world", GOOD, found=found)
    write_result(tmp_path, "honest", "world", GOOD)
    board = board_of(tmp_path)
    (row,) = [row for row in board.rows if row.name == "cheat"]
    standing = board.standings[row.slug]
    assert standing.contaminated
    assert standing.average.value == pytest.approx((30 / 40 - 0.25) / 0.75)
    assert ranks(board) == {"cheat": (1, 2), "honest": (1, 2)}


def test_a_score_whose_clean_items_are_too_few_claims_nothing(tmp_path):
    write_result(tmp_path, "cheat", "world", GOOD, found=[i < 80 for i in range(100)])
    write_result(tmp_path, "leaked", "world", GOOD, found=[True] * 100)
    write_result(tmp_path, "honest", "world", GOOD)
    board = board_of(tmp_path)
    assert ranks(board) == {"honest": (1, 1), "cheat": None, "leaked": None}
    assert [cell.too_few for _, cell in board.of_column(board.columns[0])] == [False, True, True]
    leaked = next(row for row in board.rows if row.name == "leaked")
    assert board.cell(leaked, board.columns[0]).clean is None


def test_fewer_than_thirty_items_give_no_rank_and_no_average(tmp_path):
    write_result(tmp_path, "a", "world", [1.0] * 29)
    board = board_of(tmp_path)
    assert ranks(board) == {"a": None}
    assert not board.averaged
    assert board.standings["a"].average is None


def test_the_average_is_over_tasks_that_half_of_the_models_have(tmp_path):
    for name in "abc":
        write_result(tmp_path, name, "world", GOOD)
    write_result(tmp_path, "a", "grammar", GOOD)
    assert [column.task.name for column in board_of(tmp_path).averaged] == ["world"]
    write_result(tmp_path, "b", "grammar", BAD)
    board = board_of(tmp_path)
    assert [column.task.name for column in board.averaged] == ["grammar", "world"]
    assert board.standings["a"].average.value == pytest.approx((0.8 + 0.65 / 0.75) / 2)
    assert board.standings["c"].average is None
    assert board.standings["c"].missing == 1


def test_bits_per_byte_rank_the_other_way_and_are_in_no_average(tmp_path):
    for name, level in {"good": 1.1, "bad": 1.9}.items():
        write_result(tmp_path, name, "bits", [level + 0.01 * (i % 5) for i in range(50)])
    board = board_of(tmp_path)
    assert list(ranks(board).items()) == [("good", (1, 1)), ("bad", (2, 2))]
    assert board.averaged == []


def test_a_result_that_is_not_comparable_has_no_number(tmp_path):
    write_result(tmp_path, "a", "world", None, why="no log-probabilities")
    (cell,) = board_of(tmp_path).cells.values()
    assert not cell.comparable
    assert cell.clean is None
    assert cell.rank is None
    assert not cell.too_few


def test_other_shots_or_another_version_are_columns_of_their_own_and_the_template_is_a_row(
    tmp_path,
):
    write_result(tmp_path, "a", "world", GOOD)
    write_result(tmp_path, "a", "world", GOOD, settings={"shots": 5})
    write_result(tmp_path, "a", "world", GOOD, settings={"template": True})
    write_result(tmp_path, "a", "world", GOOD, of_task={"version": 2, "fingerprint": "ab" * 16})
    board = board_of(tmp_path)
    assert [(c.settings.shots, c.task.version, c.differs) for c in board.columns] == [
        (0, 1, ("version",)), (5, 1, ("version",)), (0, 2, ("version",)),
    ]  # fmt: skip
    assert [(row.slug, row.template) for row in board.rows] == [("a", False), ("a-chat", True)]


def test_two_models_of_one_name_are_told_apart(tmp_path):
    for number in (1, 2):
        write_result(tmp_path, "a", "world", GOOD, of_model={"fingerprint": f"{number}" * 32})
    rows = board_of(tmp_path).rows
    assert [row.said for row in rows] == ["11111111", "22222222"]
    assert len({row.slug for row in rows}) == 2


def test_of_two_results_of_one_thing_the_later_counts(tmp_path):
    write_result(tmp_path / "new", "a", "world", GOOD, when="2026-05-01T00:00:00Z")
    write_result(tmp_path / "old", "a", "world", BAD, when="2026-04-01T00:00:00Z")
    for order in ([tmp_path / "new", tmp_path / "old"], [tmp_path / "old", tmp_path / "new"]):
        (cell,) = board_of(*order).cells.values()
        assert cell.result.score.value == pytest.approx(0.9)


def test_a_score_that_is_no_mean_of_its_items_is_compared_by_its_standard_error(tmp_path):
    for name, value in {"a": 0.8, "b": 0.4}.items():
        score = {"value": value, "low": value - 0.1, "high": value + 0.1, "stderr": 0.05}
        write_result(tmp_path, name, "world", GOOD, score=score)
    board = board_of(tmp_path)
    one = board.differences["world-0"][0][1]
    assert (one.value, one.stderr) == pytest.approx((0.4, math.hypot(0.05, 0.05)))
    assert ranks(board) == {"a": (1, 1), "b": (2, 2)}


@pytest.mark.parametrize("schema", [0, 2, None])
def test_results_of_another_schema_are_refused_with_a_way_out(tmp_path, schema):
    folder = write_result(tmp_path, "a", "world", GOOD, schema=schema)
    with pytest.raises(DataError, match="reads form 1") as refused:
        read([tmp_path])
    assert "evaluate again" in refused.value.fix
    assert str(folder) in refused.value.where


@pytest.mark.parametrize(
    "broken",
    ["{", "[]", '{"schema": 1}', '{"schema": 1, "model": NaN}', "\x00"],
)
def test_a_broken_result_is_named(tmp_path, broken):
    folder = write_result(tmp_path, "a", "world", GOOD)
    (folder / "result.json").write_text(broken)
    with pytest.raises(DataError) as refused:
        read([tmp_path])
    assert str(folder / "result.json") in str(refused.value)


def test_a_score_that_is_not_a_number_is_refused(tmp_path):
    folder = write_result(tmp_path, "a", "world", GOOD)
    said = json.loads((folder / "result.json").read_text())
    said["score"]["value"] = math.nan
    (folder / "result.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match="score"):
        read([tmp_path])


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no results"):
        read([tmp_path])


def test_broken_items_are_named_and_missing_ones_leave_the_scores(tmp_path):
    folder = write_result(tmp_path, "a", "world", GOOD)
    (folder / "items.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"items\.parquet"):
        board_of(tmp_path)
    (folder / "items.parquet").unlink()
    assert board_of(tmp_path).standings["a"].average.value == pytest.approx(0.65 / 0.75)


def test_a_result_that_is_still_being_written_is_not_read(tmp_path):
    folder = write_result(tmp_path, "a", "world", GOOD)
    folder.rename(tmp_path / ".half.partial")
    write_result(tmp_path, "b", "world", GOOD)
    assert [one.result.model.name for one in read([tmp_path])] == ["b"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_all_pairs_at_once_say_of_right_and_wrong_what_one_pair_says(answers):
    a, b = ([float(pair[k]) for pair in answers] for k in (0, 1))
    one = pairwise(np.array([a, b]))[0][1]
    other = paired(a, b)
    assert one.value == pytest.approx(other.mean)
    assert one.p == pytest.approx(other.p, abs=1e-9)


def test_all_pairs_at_once_agree_with_resampling_on_other_values():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.5, 0.3, 200), rng.normal(0.45, 0.3, 200)
    one, other = pairwise(np.array([a, b]))[0][1], paired(a.tolist(), b.tolist())
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.008)
    assert one.p == pytest.approx(other.p, abs=0.02)


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1.0, math.nan]), min_size=8, max_size=8),
        min_size=1,
        max_size=5,
    )
)
def test_a_difference_is_the_other_way_round_the_same(values):
    found = pairwise(np.array(values))
    for i, line in enumerate(found):
        assert line[i] is None
        for j, one in enumerate(line):
            if one is not None:
                assert one.value == pytest.approx(-found[j][i].value)
                assert one.p == found[j][i].p


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=7), st.floats(0.001, 1))
def test_a_better_model_never_has_a_worse_rank(levels, stderr):
    gaps = [
        [None if i == j else Estimate(a - b, stderr) for j, b in enumerate(levels)]
        for i, a in enumerate(levels)
    ]
    found = rank_ranges(gaps)
    assert all(1 <= best <= worst <= len(levels) for best, worst in found)
    for (a, one), (b, other) in zip(
        zip(levels, found, strict=True), list(zip(levels, found, strict=True))[1:], strict=False
    ):
        if a > b:
            assert one <= other
    assert any(best == 1 for best, _ in found)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=20, unique=True))
def test_slugs_are_unique_and_plain(names):
    slugs = unique_slugs([(name, name) for name in names])
    assert len(set(slugs)) == len(names)
    assert all(slug and slug.strip("abcdefghijklmnopqrstuvwxyz0123456789-") == "" for slug in slugs)


@given(st.lists(st.floats(-5, 5), max_size=6), st.booleans())
def test_a_scale_holds_its_values_and_its_ticks(values, share):
    scale = Scale.around(values, share=share)
    assert scale.low < scale.high
    for value in (*values, *scale.ticks()):
        assert 0 <= float(scale.at(value).rstrip("%")) <= 100
        assert scale.low - 1e-9 <= value <= scale.high + 1e-9
