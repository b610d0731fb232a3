"""The recipes that Mowa ships are sound, and name sources that it ships too."""

import re
from pathlib import Path

import pytest

from mowa.errors import UsageError
from mowa.recipe import Recipe, make_plan
from mowa.recipe._steps import STEPS
from mowa.rights import load_source
from mowa.workspace import Workspace, write_text

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
    assert "24 of 24 steps to do" in plan.out
    without = mowa(*command, "--set", f"sources={tmp_path}", "-w", tmp_path / "w", "--dry-run")
    assert without.code == 2
    assert "chat-model" in without.err


def texts_of_the_classics(folder):
    """A file for each inventory of the recipe; none is read for a plan."""
    recipe = Recipe.load(ROOT / "recipes/polish-classics-chat.toml")
    for step in recipe.steps.values():
        if step.does == "inventory":
            name = step.config["include"][0].replace("**", "x").replace("*", "a")
            write_text(folder / step.config["path"] / name, "{}")
    return folder


def test_the_chat_model_of_the_classics_is_a_whole_recipe(mowa, tmp_path):
    data = texts_of_the_classics(tmp_path / "data")
    command = ["run", ROOT / "recipes/polish-classics-chat.toml", "--set", f"data={data}"]
    plan = mowa(*command, "-w", tmp_path / "workspace", "--dry-run")
    assert plan.code == 0, plan.err
    assert "35 of 35 steps to do" in plan.out


def test_the_model_of_the_classics_that_is_there_is_taken_by_the_documented_reads(tmp_path):
    data = texts_of_the_classics(tmp_path / "data")
    page = (ROOT / "docs/polish-classics.md").read_text("utf-8")
    (reads,) = re.findall(r"--set '(steps\.chat\.reads=.*)'", page)
    assert reads in (ROOT / "recipes/polish-classics-chat.toml").read_text("utf-8")
    recipe = Recipe.load(ROOT / "recipes/polish-classics-chat.toml", [f"data={data}", reads])
    workspace = Workspace.open(tmp_path / "workspace", create=True)
    with pytest.raises(
        UsageError, match="polish-classics/base"
    ):  # it must be there, and be looked for
        make_plan(recipe, workspace, to="chat")
