"""From one recipe's model to another's: continued, with its licence and its lineage."""

import shutil

import pytest

from mowa.errors import UsageError
from mowa.recipe import Recipe, run
from mowa.recipe._plan import make_plan
from mowa.workspace import Workspace

MORE = """
name = "more"

[steps.files]
does = "inventory"
source = "foreign"
path = "model"

[steps.foreign]
does = "import-model"
reads = "files"

[steps.tokens]
does = "tokens"
reads = ["tiny/corpus", "foreign"]

[steps.base]
does = "pretrain"
reads = ["tokens", "tiny/tokens", "foreign"]
sequence_length = 32
global_batch_size = 128
steps = 4
learning_rate = 1e-3
precision = "fp32"
threads = 1
stages = [{ weights = { "more/tokens" = 3, "tiny/tokens" = 1 } }]
"""

SOURCE = """
name = "foreign"
title = "A model from elsewhere"
holder = "Somebody"
licence = "Apache-2.0"
legal_basis = "open_licence"
release = "research"
language = "pol"
collected_at = 2026-01-01
collected_how = "downloaded by a test"
"""


@pytest.fixture
def folder(built, tmp_path):
    """The built project, with its model lying among the data as one from elsewhere."""
    folder = tmp_path / "project"
    shutil.copytree(built, folder)
    base = Workspace.open(folder / "workspace").get("tiny/base").path
    shutil.copytree(base, folder / "data" / "model")
    (folder / "sources" / "foreign.toml").write_text(SOURCE)
    (folder / "recipes" / "more.toml").write_text(MORE)
    return folder


def test_a_model_from_elsewhere_is_trained_further_with_its_licence(folder):
    run(Recipe.load(folder / "recipes" / "more.toml"), folder / "workspace", workers=1)
    store = Workspace.open(folder / "workspace")
    made = store.get("more/base")
    before = store.get("tiny/base").metrics
    assert "Apache-2.0" in made.rights["licences"]
    assert made.rights["release"] == "research"
    assert made.metrics["parameters"] == before["parameters"]
    assert set(made.metrics["epochs"]) == {"more/tokens", "tiny/tokens"}
    # Both token artifacts hold the same documents out, in one tokenizer.
    assert made.metrics["held_out_bpb_before"] == pytest.approx(before["held_out_bpb_after"])
    assert {item.name for item in made.inputs} == {"more/tokens", "tiny/tokens", "more/foreign"}
    assert (made.path / "tokenizer.json").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (', "foreign"]\nseq', "]\nseq", "reads no tokenizer"),
        (
            "threads = 1",
            "threads = 1\narchitecture = { hidden_size = 16, layers = 1, heads = 2, context = 32 }",
            "leave out architecture",
        ),
        ('["tiny/corpus", "foreign"]', '["tiny/corpus"]', "read one tokenizer, or one model"),
    ],
)
def test_what_a_step_cannot_read_together_is_refused_in_the_plan(folder, old, new, message):
    assert old in MORE
    (folder / "recipes" / "more.toml").write_text(MORE.replace(old, new))
    recipe = Recipe.load(folder / "recipes" / "more.toml")
    with pytest.raises(UsageError, match=message) as caught:
        make_plan(recipe, Workspace.open(folder / "workspace"))
    assert "steps." in str(caught.value)


def test_a_name_that_two_recipes_have_must_be_whole(folder):
    text = MORE.replace('"more/tokens" = 3', "tokens = 3")
    (folder / "recipes" / "more.toml").write_text(text)
    recipe = Recipe.load(folder / "recipes" / "more.toml")
    with pytest.raises(UsageError, match="'tokens' could be more than one") as caught:
        run(recipe, folder / "workspace", workers=1)
    assert "more/tokens, tiny/tokens" in str(caught.value)
