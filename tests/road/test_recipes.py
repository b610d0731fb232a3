"""The recipes that Mowa ships are sound, and name sources that it ships too."""

from pathlib import Path

import pytest

from mowa.recipe import Recipe
from mowa.recipe._steps import STEPS
from mowa.rights import load_source
from mowa.workspace import write_text

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_is_valid_and_its_sources_are_registered(path):
    recipe = Recipe.load(path)
    for step in recipe.steps.values():
        STEPS[step.does].config_class().model_validate(step.config)
    folders = [ROOT / "sources", ROOT / "mowa/sample/project/sources", recipe.sources_folder]
    named = [step.config["source"] for step in recipe.steps.values() if step.does == "inventory"]
    assert named
    for name in named:
        folder = next(folder for folder in folders if (folder / f"{name}.toml").exists())
        assert load_source(folder, name).name == name


def test_the_recipe_for_an_office_runs_on_folders_of_ones_own(mowa, tmp_path):
    """As far as a plan: its model and its texts are those of whoever runs it."""
    data = tmp_path / "data"
    for path in (
        "chat-model/config.json",
        "chat-model/model.safetensors",
        "office/pismo.txt",
        "general/artykuł.txt",
        "dialogues/pytania.jsonl",
    ):
        write_text(data / path, "{}")
    command = ["run", ROOT / "recipes/domain.toml", "--set", f"data={data}"]
    plan = mowa(*command, "-w", tmp_path / "workspace", "--dry-run")
    assert plan.code == 0, plan.err
    assert "22 of 22 steps to do" in plan.out
    without = mowa(*command, "--set", f"sources={tmp_path}", "-w", tmp_path / "w", "--dry-run")
    assert without.code == 2
    assert "chat-model" in without.err
