"""Which copy stays follows from source, licence and length, and from nothing else."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus.duplicates import representatives

ROW = st.fixed_dictionaries(
    {
        "licence": st.sampled_from(["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", None]),
        "release": st.sampled_from(["open", "research"]),
        "cluster": st.sampled_from(["x", "y", None]),
        "near_cluster": st.sampled_from(["m", "n", None]),
        "characters": st.integers(0, 3),
        "rank": st.integers(0, 2),
        "eligible": st.booleans(),
    }
)


def frame(rows):
    base = {
        "licence": "CC0-1.0",
        "release": "open",
        "cluster": "x",
        "near_cluster": "m",
        "characters": 10,
        "rank": 0,
        "eligible": True,
    }
    schema = {
        "licence": pl.String,
        "release": pl.String,
        "cluster": pl.String,
        "near_cluster": pl.String,
        "characters": pl.Int64,
        "rank": pl.Int32,
        "eligible": pl.Boolean,
    }
    whole = [base | row for row in rows]
    made = pl.DataFrame(whole, schema=schema)
    return made.with_columns(doc_id=pl.format("d{}", pl.int_range(pl.len())))


def test_source_comes_before_release_before_licence_before_length_before_id():
    worse = [
        {"rank": 1, "characters": 99},
        {"release": "research", "characters": 99},
        {"licence": "CC-BY-4.0", "characters": 99},
        {"characters": 9},
        {},
    ]
    for number, row in enumerate(worse):
        better = {} if row.get("characters") != 9 else {"characters": 10}
        order = [row, better] if row else [better, row]
        kept = "d1" if row else "d0"
        copies = representatives(frame(order)).to_list()
        assert copies == [None if name == kept else kept for name in ("d0", "d1")], number


def test_a_copy_that_is_rejected_does_not_take_the_good_one_down():
    rows = [{"rank": 0, "eligible": False}, {"rank": 5}, {"rank": 6}]
    assert representatives(frame(rows)).to_list() == ["d1", None, "d1"]
    assert representatives(frame([{"eligible": False}] * 2)).to_list() == [None, None]


@settings(deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_one_eligible_document_of_each_cluster_stays_in_any_order(rows, random):
    made = frame(rows)
    copies = dict(zip(made["doc_id"], representatives(made), strict=True))
    order = list(range(made.height))
    random.shuffle(order)
    shuffled = made[order]
    assert copies == dict(zip(shuffled["doc_id"], representatives(shuffled), strict=True))
    for name, kept in copies.items():
        assert kept != name
        assert kept is None or copies[kept] is None
    group = pl.coalesce(pl.format("n{}", "near_cluster"), pl.format("e{}", "cluster"))
    for _, members in made.filter(group.is_not_null()).group_by(group.alias("g")):
        staying = [n for n in members.filter("eligible")["doc_id"] if copies[n] is None]
        assert len(staying) == bool(members["eligible"].any())
