"""`why`: one document, its provenance, and every rule with what it saw."""

import polars as pl
import pytest

import mowa.corpus
from mowa.corpus import decided_documents, find_document, why
from mowa.errors import DataError, UsageError

POLISH = "Nad rzeką stoi dom, w którym mieszka stary rybak, a obok rośnie wierzba numer {}."


@pytest.fixture
def corpus(world):
    rows = [{"id": str(n), "text": POLISH.format(n), "title": "Żółw"} for n in range(300)]
    rows += [
        {"id": "short", "text": "Krótkie zdanie po polsku."},
        {"id": "again", "text": POLISH.format(3).upper()},
        {"id": "silesian", "text": POLISH.format("x"), "language": "szl"},
    ]
    world.jsonl("teksty/a.jsonl", rows)
    return world.whole([world.inventory()]).path


def ids_of(corpus):
    return pl.read_parquet(corpus / "documents" / "teksty-00000-000.parquet")["doc_id"].to_list()


def test_a_kept_document_passed_every_rule(corpus):
    found = why(corpus, ids_of(corpus)[5])
    assert (found.decision, found.reason, found.detail) == ("keep", None, None)
    assert found.split in {"train", "held_out"}
    assert [rule.name for rule in found.rules] == [
        "empty",
        "protected-variety",
        "language",
        "characters",
        "duplicate_line_share",
        "exact-duplicate",
    ]
    assert all(rule.passed for rule in found.rules)
    assert found.provenance["title"] == "Żółw"
    assert found.provenance["locator"] == "a.jsonl#line=6"
    assert found.provenance["licence"] == "CC-BY-SA-4.0"
    assert found.excerpt == POLISH.format(5)
    assert (found.shard, found.row) == ("teksty-00000-000", 5)


def test_a_rejected_document_shows_value_and_bound(corpus):
    found = why(corpus, ids_of(corpus)[-3])
    assert (found.decision, found.split) == ("reject", None)
    assert found.reason == next(rule.name for rule in found.rules if not rule.passed)
    [rule] = [rule for rule in found.rules if rule.name == "characters"]
    assert (rule.value, rule.minimum, rule.maximum, rule.passed) == (25, 40, None, False)
    assert rule.origin == "tests"


def test_a_duplicate_names_the_first_and_where_it_lies(corpus):
    ids = ids_of(corpus)
    found = why(corpus, ids[-2])
    assert (found.decision, found.duplicate_of) == ("duplicate", ids[3])
    assert found.duplicate_locator == "a.jsonl#line=4"
    assert [rule.name for rule in found.rules if not rule.passed] == ["exact-duplicate"]


def test_the_twins_of_a_document_are_named_whichever_of_them_is_asked_for(world):
    """Exact and near, kept or not, over shards and sources: a takedown of one concerns all."""
    near = " ".join(POLISH.format(n) for n in range(12))
    others = [
        f"W roku {1500 + n * 7} wieża numer {n * n} miała już {n + 2} okna." for n in range(30)
    ]
    world.jsonl("a/a.jsonl", [{"id": "a", "text": near}]
                + [{"id": str(n), "text": text} for n, text in enumerate(others)])  # fmt: skip
    world.jsonl("b/b.jsonl", [{"id": "same", "text": near.upper()}, {"id": "none", "text": ""},
                              {"id": "near", "text": near + " Koniec."}])  # fmt: skip
    corpus = world.whole([world.inventory(n, n, name=n) for n in "ab"], held_out=0.5,
                         near_duplicates=True, priority=["b"]).path  # fmt: skip
    rows = decided_documents(corpus, ("doc_id",))
    begins = [why(corpus, doc_id).excerpt[:9].lower() for doc_id in rows["doc_id"]]
    family = rows["doc_id"].filter(pl.Series(begins) == "nad rzeką").to_list()
    assert len(family) == 3
    decisions = dict(rows.select("doc_id", "decision").iter_rows())
    assert sorted(decisions[doc_id] for doc_id in family) == ["duplicate", "duplicate", "keep"]
    for doc_id in family:
        found = why(corpus, doc_id)
        assert [twin.doc_id for twin in found.twins] == [x for x in family if x != doc_id]
        assert found.twins_in_all == 2
        assert all(twin.decision == decisions[twin.doc_id] for twin in found.twins)
    first = why(corpus, family[0])
    assert sorted(twin.same for twin in first.twins) == [False, True]
    for doc_id in set(decisions) - set(family):
        assert why(corpus, doc_id).twins == ()


def test_a_protected_variety_is_set_apart(corpus):
    found = why(corpus, ids_of(corpus)[-1])
    assert (found.decision, found.reason) == ("quarantine", "protected-variety")
    assert (found.rules[1].value, found.rules[1].passed) == ("szl", False)


def test_an_id_may_be_cut_to_what_is_unique(corpus):
    doc_id = ids_of(corpus)[9]
    assert find_document(corpus, doc_id[:10].upper())["doc_id"] == doc_id
    assert find_document(corpus, doc_id[:10])["row"] == 9
    with pytest.raises(UsageError, match="too short"):
        find_document(corpus, doc_id[:5])
    with pytest.raises(UsageError, match="no document"):
        find_document(corpus, "f" * 32 if doc_id[0] != "f" else "0" * 32)


def test_an_ambiguous_id_lists_what_it_may_mean(corpus):
    path = corpus / "documents" / "teksty-00000-000.parquet"
    frame = pl.read_parquet(path)
    ids = pl.Series("doc_id", [f"abcdef{n:026x}" for n in range(frame.height)])
    path.unlink()
    frame.with_columns(ids).write_parquet(path)
    with pytest.raises(UsageError, match="303 documents") as caught:
        find_document(corpus, "abcdef")
    assert f"abcdef{0:026x}" in str(caught.value)


def test_decisions_that_are_cut_short_are_found(corpus):
    path = corpus / "decisions" / "teksty-00000-000.parquet"
    pl.read_parquet(path).head(2).write_parquet(path)
    with pytest.raises(DataError, match="there is no row 9"):
        why(corpus, ids_of(corpus)[9])


def test_the_room_knows_only_its_own_names():
    assert mowa.corpus.why is why
    with pytest.raises(AttributeError, match="nothing"):
        _ = mowa.corpus.nothing
