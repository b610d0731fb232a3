"""The recipes that Mowa ships are sound, and name sources that it ships too."""

from pathlib import Path

import pytest

from mowa.recipe import Recipe
from mowa.recipe._steps import STEPS
from mowa.rights import load_source

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_is_valid_and_its_sources_are_registered(path):
    recipe = Recipe.load(path)
    for step in recipe.steps.values():
        STEPS[step.does].config_class().model_validate(step.config)
    folders = [ROOT / "sources", ROOT / "mowa/sample/project/sources"]
    named = [step.config["source"] for step in recipe.steps.values() if step.does == "inventory"]
    assert named
    for name in named:
        folder = next(folder for folder in folders if (folder / f"{name}.toml").exists())
        assert load_source(folder, name).name == name
