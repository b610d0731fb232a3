"""The whole search against brute force, and that nothing but the texts decides what it finds."""

import itertools
import random
import shutil

import polars as pl
import pytest
from duplicate_texts import brute_force, mutated, pair_scores, planted, search, words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mowa.corpus.duplicates import DuplicateOptions, candidate_probability, sketch
from mowa.corpus.duplicates import _find as find


def partition(rows):
    """The near clusters, as a set of sets of ids."""
    groups = rows.drop_nulls("near_cluster").group_by("near_cluster").agg("doc_id")
    return {frozenset(ids) for ids in groups["doc_id"].to_list()}


def test_planted_copies_are_found_as_brute_force_finds_them(tmp_path):
    documents = planted()
    metrics, rows = search(tmp_path, [documents[:40], documents[40:]])
    true = brute_force(documents, 0.75)
    recall, precision = pair_scores(rows, true)
    curve = sum(candidate_probability(value, DuplicateOptions()) for value in true.values())
    assert recall >= curve / len(true) - 0.05
    assert precision == 1.0
    near = brute_force(documents, 0.85)
    clusters = dict(rows.select("doc_id", "near_cluster").iter_rows())
    together = [clusters[one] == clusters[two] is not None for one, two in map(tuple, near)]
    assert len(near) > 30
    assert sum(together) / len(together) >= 0.97
    assert metrics["documents"] == documents.height
    assert metrics["near_copies"] == sum(len(group) - 1 for group in partition(rows))


def test_each_similarity_is_the_true_jaccard_to_the_documents_cluster_name(tmp_path):
    documents = planted(1)
    _, rows = search(tmp_path, [documents])
    true = brute_force(documents, 0.0)
    seen = 0
    for row in rows.drop_nulls("near_cluster").iter_rows(named=True):
        if row["doc_id"] == row["near_cluster"]:
            assert row["near_similarity"] == 1.0
        else:
            pair = frozenset((row["doc_id"], row["near_cluster"]))
            assert row["near_similarity"] == pytest.approx(true[pair])
            seen += 1
    assert seen > 20
    assert rows.filter(pl.col("near_cluster").is_null())["near_similarity"].null_count() > 0


@given(st.permutations(range(20)), st.integers(1, 19))
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_permuting_documents_and_shards_permutes_the_clusters(tmp_path, order, cut):
    documents = planted(2)[:20]
    shuffled = documents[order]
    for name in ("a", "b"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    _, before = search(tmp_path / "a", [documents])
    _, after = search(tmp_path / "b", [shuffled[:cut], shuffled[cut:]])
    assert after.sort("doc_id").equals(before.sort("doc_id"))


@given(st.lists(st.sampled_from(["", "Ala", "ala ", "Ala ma kota", "…", "—"]), min_size=1))
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_identical_texts_always_share_both_clusters(tmp_path, texts):
    shutil.rmtree(tmp_path / "x", ignore_errors=True)
    ids = [f"{number:03}" for number in range(len(texts))]
    _, rows = search(tmp_path / "x", [pl.DataFrame({"doc_id": ids, "text": texts})])
    pairs = itertools.combinations(zip(texts, rows.iter_rows(named=True), strict=True), 2)
    for (text, one), (other, two) in pairs:
        if text.strip().lower() == other.strip().lower() != "":
            assert one["cluster"] == two["cluster"]
            assert one["near_cluster"] == two["near_cluster"] is not None
    assert all(
        row["cluster"] is None for text, row in zip(texts, rows.to_dicts(), strict=True) if not text
    )


@pytest.mark.parametrize(
    ("workers", "buckets"), [(2, 1), pytest.param(4, 4, marks=pytest.mark.slow)]
)
def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path, workers, buckets):
    documents = planted(3)
    frames = [documents[:30], documents[30:]]
    for count in (1, workers):
        search(tmp_path / str(count), frames, DuplicateOptions(buckets=buckets), workers=count)
    assert bytes_under(tmp_path / "1") == bytes_under(tmp_path / str(workers))


def test_bytes_do_not_depend_on_the_number_of_buckets_or_of_groups(tmp_path, monkeypatch):
    documents = planted(9)
    frames = [documents[at::7].sort("doc_id") for at in range(7)]
    made = set()
    for buckets, groups in ((1, 7), (16, 7), (4, 3), (16, 1)):
        monkeypatch.setattr(find, "_MOST_GROUPS", groups)
        root = tmp_path / f"{buckets}-{groups}"
        metrics, _ = search(root, frames, DuplicateOptions(buckets=buckets))
        assert (root / ".hashes" / "merged").exists() == (groups < 7)
        made.add((bytes_under(root), tuple(metrics.items())))
    assert len(made) == 1


@pytest.mark.parametrize("groups", [1, 256])
def test_a_run_killed_at_any_unit_goes_on_to_the_same_bytes(tmp_path, monkeypatch, groups):
    monkeypatch.setattr(find, "_MOST_GROUPS", groups)
    documents = planted(4)[:40]
    frames = [documents[:20], documents[20:]]
    options = DuplicateOptions(buckets=2)
    whole, _ = search(tmp_path / "whole", frames, options)
    stages = (
        *(["merge_bands"] if groups == 1 else []),
        "pair_bucket",
        "part_candidates",
        "gather_group",
        "verify_part",
        "cluster_all",
        "compare_part",
        "write_group",
    )
    calls = 0
    for stage in stages:
        for call in range(2):
            root = tmp_path / f"{stage}{call}"
            with monkeypatch.context() as patch:
                patch.setattr(find, stage, dies_at(call, getattr(find, stage)))
                try:
                    search(root, frames, options)
                except KeyboardInterrupt:
                    calls += 1
            metrics, _ = search(root, frames, options)
            assert metrics == whole
            assert bytes_under(root) == bytes_under(tmp_path / "whole")
    single = 2 if groups > 1 else 5  # stages of one unit
    assert calls == 2 * len(stages) - single


def dies_at(number, function):
    """The function, which stops after the work and before the ledger at its call `number`."""
    calls = itertools.count()

    def dying(work, out):
        result = function(work, out)
        if next(calls) == number:
            raise KeyboardInterrupt
        return result

    return dying


def bytes_under(root):
    files = sorted((root / "signals").rglob("*.parquet"))
    assert files
    return tuple((path.name, path.read_bytes()) for path in files)


def test_a_giant_group_of_near_copies_costs_a_bounded_number_of_comparisons(tmp_path):
    generator = random.Random(5)
    text = words(generator, 300)
    copies = [" ".join(mutated(generator, text, 1)) for _ in range(400)]
    ids = [f"{number:04}" for number in range(400)]
    options = DuplicateOptions(buckets=4)
    metrics, rows = search(tmp_path, [pl.DataFrame({"doc_id": ids, "text": copies})], options)
    assert metrics["near_clusters"] == 1
    assert rows["near_cluster"].to_list() == ["0000"] * 400
    assert metrics["candidates"] <= (options.neighbours + 1) * options.bands * 400


def test_containment_finds_an_article_inside_the_furniture_of_another_site(tmp_path):
    generator = random.Random(6)
    article, furniture = words(generator, 200), words(generator, 70)
    texts = [" ".join(article), " ".join(furniture[:35] + article + furniture[35:])]
    frame = pl.DataFrame({"doc_id": ["a", "b"], "text": texts})
    loose = {"bands": 40, "rows": 4, "buckets": 2}
    _, rows = search(tmp_path / "jaccard", [frame], DuplicateOptions(**loose))
    assert rows["near_cluster"].null_count() == 2
    _, rows = search(tmp_path / "both", [frame], DuplicateOptions(**loose, containment=0.9))
    assert rows["near_cluster"].to_list() == ["a", "a"]
    assert rows["near_similarity"][1] == pytest.approx(196 / 266)


def test_candidates_are_as_frequent_as_the_curve_says():
    generator = random.Random(7)
    options = DuplicateOptions()
    left, right, expected = [], [], []
    for _ in range(400):
        text = words(generator, 150)
        other = mutated(generator, text, 6)
        left.append(" ".join(text))
        right.append(" ".join(other))
        one, two = ({tuple(each[i : i + 5]) for i in range(146)} for each in (text, other))
        expected.append(candidate_probability(len(one & two) / len(one | two), options))
    bands = [
        sketch(pl.DataFrame({"doc_id": side, "text": side}), options)
        .bands["band"]
        .to_numpy()
        .reshape(400, options.bands)
        for side in (left, right)
    ]
    found = (bands[0] == bands[1]).any(axis=1).mean()
    assert 0.3 < sum(expected) / 400 < 0.9
    assert found == pytest.approx(sum(expected) / 400, abs=0.08)


def test_no_shards_and_no_words_give_no_duplicates(tmp_path):
    empty = pl.DataFrame({"doc_id": ["a", "b"], "text": ["", " "]})
    metrics, rows = search(tmp_path, [empty, empty.head(0)])
    assert rows.select("cluster", "near_cluster", "near_similarity").null_count().row(0) == (
        2,
        2,
        2,
    )
    assert metrics["documents"] == 2
    assert metrics["near_copies"] == metrics["exact_copies"] == metrics["pairs"] == 0


@pytest.mark.parametrize("wrong", [{"buckets": 3}, {"jaccard": 0.0}, {"ngram": 0}, {"rows": -1}])
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"buckets|jaccard|positive"):
        DuplicateOptions(**wrong)
