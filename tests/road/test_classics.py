"""The recipe of the classics on the real texts, up to its corpora."""

import json
from pathlib import Path

import pytest
from real_data import real

from mowa.recipe import Recipe, run

RECIPE = Path(__file__).parents[2] / "recipes" / "polish-classics.toml"


@pytest.mark.slow
def test_the_classics_are_kept_and_the_protected_varieties_are_set_apart(tmp_path):
    folder = real("text/eltec-pol").parent
    recipe = Recipe.load(RECIPE, [f"data={folder}"])
    made = {r.artifact.name: r.artifact for r in run(recipe, tmp_path / "workspace", to="corpus")}
    corpus = made["polish-classics/corpus"]
    manifest = json.loads((corpus.path / "manifest.json").read_text("utf-8"))
    assert manifest["records"] == 8_813
    for name, source in manifest["sources"].items():
        if name.startswith(("silesian", "kashubian")):
            assert source["keep"] == 0
            assert source["quarantine"] > 0.95 * source["documents"]
        else:
            # Mickiewicz's dedication, half of it a motto in German, is in no language for sure.
            assert source["quarantine"] <= source["documents"] / 200
            # Filters of prose take some poems and short articles of law.
            assert source["keep"] > 0.9 * source["documents"]
    assert [entry["documents"] for entry in manifest["hold_out"]] == [3, 22, 3, 10]
    last = run(recipe, tmp_path / "workspace", to="middle-polish-corpus")[-1].artifact
    assert last.metrics["sources"]["ud-polish-mpdt"]["keep"] == 22
