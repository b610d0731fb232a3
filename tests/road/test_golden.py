"""Golden digests: the same tiny input gives the same bytes, or the step's revision was raised.

Parquet is compared by schema and values, because its files name the version of the library that
wrote them; everything else byte by byte. Reports are left out: a better picture is no other corpus.
To accept a change: raise `revision` in `mowa/recipe/_steps.py`, then
`python tests/road/test_golden.py` writes the new digests.
"""

import hashlib
import json
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from little_world import make_project

from mowa.recipe import STEPS, Recipe, run

GOLDEN = Path(__file__).with_name("golden_digests.json")
COMPARED = ("inventory", "documents", "signals", "corpus", "tokenizer", "tokens", "ngram-index")
INDEX = """
[steps.index]
does = "contamination-index"
reads = "corpus"
"""


def digest_of(artifact):
    state = hashlib.blake2b(digest_size=16)
    for file in artifact.files:
        path = artifact.path / file.path
        if path.suffix == ".html" or path.name == "ledger.jsonl":
            continue
        state.update(file.path.encode())
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            state.update(str(table.schema.remove_metadata()).encode())
            state.update(json.dumps(table.to_pydict(), ensure_ascii=False).encode())
        else:
            state.update(path.read_bytes())
    return state.hexdigest()


def digests_in(folder):
    project = make_project(folder)
    path = project / "recipes" / "tiny.toml"
    path.write_text(path.read_text("utf-8") + INDEX, "utf-8")
    recipe = Recipe.load(path)
    made = run(recipe, project / "workspace", to="tokens", workers=1)
    index = run(recipe, project / "workspace", to="index", workers=1)
    made += [result for result in index if result.artifact.kind == "ngram-index"]
    return {
        result.artifact.name.partition("/")[2]: {
            "does": recipe.steps[result.artifact.name.partition("/")[2]].does,
            "revision": result.artifact.revision,
            "digest": digest_of(result.artifact),
        }
        for result in made
    }


def test_no_step_changes_its_bytes_without_a_new_revision(tmp_path):
    golden = json.loads(GOLDEN.read_text())
    found = digests_in(tmp_path)
    assert list(found) == list(golden)
    for step, now in found.items():
        before = golden[step]
        assert now["revision"] == before["revision"], f"{step}: write the new golden digests"
        assert now["digest"] == before["digest"], (
            f"{step}: the bytes changed; raise the revision of {before['does']!r}"
        )


@pytest.mark.parametrize("kind", COMPARED)
def test_every_kind_of_data_artifact_has_a_golden_digest(kind):
    golden = json.loads(GOLDEN.read_text())
    assert kind in {STEPS[item["does"]].kind for item in golden.values()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text(json.dumps(digests_in(Path(folder)), indent=1) + "\n")
