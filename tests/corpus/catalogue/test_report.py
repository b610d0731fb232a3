"""The page of a corpus: sections appear with their keys, and the funnel adds up."""

import itertools
import json

import pytest

from mowa.corpus._report import _funnel, corpus_report


@pytest.fixture
def corpus(world):
    sentence = "Dnia {} maja zebrała się rada gminy i nie doszła do zgody w sprawie drogi. "
    world.jsonl(
        "a/a.jsonl",
        [{"text": sentence.format(n) * 2, "id": f"a{n}"} for n in range(50)]
        + [{"text": "", "id": "x"}, {"text": sentence.format(1) * 2, "id": "y"}],
    )
    return world.whole([world.inventory("a", "a", name="a")], held_out=0.2).path


def test_the_funnel_ends_with_what_is_kept(corpus):
    manifest = json.loads((corpus / "manifest.json").read_text("utf-8"))
    rows = _funnel(manifest).rows
    assert [row[0] for row in rows[2:4]] == ["empty", "exact-duplicate"]
    assert rows[-1][-1] == manifest["decisions"]["keep"]["documents"]
    for before, after in itertools.pairwise(rows):
        assert before[-1] - after[1] == after[-1]


def test_sections_appear_where_the_manifest_has_their_keys(corpus, tmp_path):
    manifest = json.loads((corpus / "manifest.json").read_text("utf-8"))
    added = ("hosts", "host_characters", "classes", "duplicates", "personal_data", "edits")
    bare = {key: value for key, value in manifest.items() if key not in added}
    corpus_report(bare, {}, tmp_path / "plain.html")
    plain = (tmp_path / "plain.html").read_text("utf-8")
    keys = {
        "hosts": {f"h{n}.example": n for n in range(1, 30)},
        "host_characters": {"h1.example": 900},
        "classes": {
            "classifier_quality@1": {
                "HIGH": {"documents": 5, "keep": 4, "characters": 900},
                "LOW": {"documents": 2, "keep": 0, "characters": 0},
            }
        },
        "duplicates": {"exact": 3},
        "personal_data": {"e-mail": 7},
        "edits": {"lines removed": 5},
    }
    corpus_report({**manifest, **keys}, {}, tmp_path / "r.html")
    rich = (tmp_path / "r.html").read_text("utf-8")
    for heading in ("Hosts", "Classes: classifier_quality", "Duplicates", "Personal data", "Edits"):
        assert f"<h2>{heading}</h2>" in rich
        assert f"<h2>{heading}</h2>" not in plain
    assert "others" in rich
    assert "<script" not in rich
