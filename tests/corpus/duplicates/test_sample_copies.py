"""The copies that are planted in the sample, on its clean texts: what the search itself finds.

Extraction leaves what hosts put around a text; how many copies are found then, `mowa sample
measure` shows.
"""

import polars as pl
from duplicate_texts import brute_force, search

from mowa.corpus.duplicates import DuplicateOptions, candidate_probability
from mowa.sample import read_truth, write_sample


def test_planted_copies_of_the_sample_are_found_and_nothing_else(tmp_path):
    write_sample(tmp_path / "sample", size=400)
    kinds = ("good", "near-duplicate", "mirror", "duplicate")
    texts = [item for item in read_truth(tmp_path / "sample") if item.text and item.kind in kinds]
    names = [f"{number:05}" for number in range(len(texts))]
    frame = pl.DataFrame({"doc_id": names, "text": [item.text for item in texts]})
    _, rows = search(tmp_path / "search", [frame[::2], frame[1::2]])
    near = dict(rows.select("doc_id", "near_cluster").iter_rows())
    of = {item.document: name for name, item in zip(names, texts, strict=True)
          if item.kind == "good"}  # fmt: skip
    found, curve, exact = 0, 0.0, 0
    for name, item in zip(names, texts, strict=True):
        if item.kind == "good":
            continue
        original = of[item.near_duplicate_of or item.duplicate_of or item.mirror_of]
        pair = frame.filter(pl.col("doc_id").is_in([name, original]))
        [similarity] = brute_force(pair, 0.0).values()
        together = near[name] is not None and near[name] == near[original]
        if item.kind != "near-duplicate":
            assert together
            exact += 1
        elif similarity >= 0.75:
            found += together
            curve += candidate_probability(similarity, DuplicateOptions())
    assert exact > 20
    assert found >= curve - 2 > 3
    planted = {name for name, item in zip(names, texts, strict=True) if item.kind != "good"}
    clusters = rows.drop_nulls("near_cluster").group_by("near_cluster").agg("doc_id")["doc_id"]
    assert all(planted & set(group) for group in clusters)
