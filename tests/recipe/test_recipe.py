import pytest

from mowa.errors import UsageError
from mowa.recipe import STEPS, Recipe, make_plan
from mowa.workspace import Workspace


def load(tmp_path, text, *settings):
    path = tmp_path / "r.toml"
    path.write_text(text)
    return Recipe.load(path, settings)


def plan(toy, text):
    return make_plan(load(toy.folder, text), Workspace(toy.folder / "ws"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'x'", "steps: this key is missing"),
        (
            "name = 'x'\nstps = 1\n[steps.a]\ndoes='read'",
            "stps: unknown key.*\n.*did you mean 'steps'",
        ),
        ("name = 'x'\nlanguage = 3\n[steps.a]\ndoes='read'", "language: .*string.*got 3"),
        ("name = 'X y'\n[steps.a]\ndoes='read'", "'X y' cannot name a recipe"),
        ("name = 'x'\n[steps.'../a']\ndoes='read'", "cannot name a step"),
        ("name = 'x'\nversion='../1'\n[steps.a]\ndoes='read'", "is not a version"),
        ("name = 'x'\n[steps.a]\nreads='b'", "steps.a.does: this key is missing"),
        (
            "name = 'x'\n[steps.abc]\ndoes='read'\nreads='abd'",
            "reads 'abd', which is not a step.*did you mean 'abc'",
        ),
        (
            "name='x'\n[steps.a]\ndoes='double'\nreads='b'\n[steps.b]\ndoes='double'\nreads='a'",
            "circle: a -> b -> a",
        ),
        ("name = ", "this is not TOML"),
        ("extends = 'gone.toml'", "there is no such recipe"),
        ("extends = 'r.toml'", "circle"),
        (
            "name='x'\n[steps.ab]\ndoes='read'\n[steps.c]\ndoes='double'\nreads='x/ab'",
            "a step of this recipe, by its full name.*write 'ab'",
        ),
        ("name='x'\n[steps.c]\ndoes='double'\nreads='/tmp/x'", "neither a step nor recipe/step"),
        ("name='x'\nversion=1.0\n[steps.c]\ndoes='read'", "write it in quotes"),
        ("extends = 3", "extends must be the path"),
    ],
)
def test_a_mistake_in_a_recipe_is_named_with_its_place(tmp_path, text, message):
    with pytest.raises(UsageError, match=f"(?s){message}") as caught:
        load(tmp_path, text)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[steps.a]\ndoes='raed'", "no step that does 'raed'.*did you mean 'read'"),
        ("[steps.a]\ndoes='double'\nreads=[]", "found 0 of kind inventory"),
        ("[steps.a]\ndoes='read'\npth='x'", "steps.a: pth: unknown key.*'path'"),
        (
            "[steps.a]\ndoes='read'\n[steps.b]\ndoes='double'\nreads='a'\nfactor='2'",
            "steps.b: factor: .*integer.*got '2'",
        ),
        (
            "[steps.a]\ndoes='read'\n[steps.b]\ndoes='total'\nreads='a'",
            "reads x/a@dev, which is of kind inventory; 'total' reads one numbers",
        ),
        (
            "[steps.a]\ndoes='read'\n[steps.b]\ndoes='double'\nreads=['a', 'a']",
            "found 2 of kind inventory",
        ),
    ],
)
def test_a_mistake_in_a_step_is_found_before_anything_runs(toy, text, message):
    with pytest.raises(UsageError, match=f"(?s){message}"):
        plan(toy, f"name = 'x'\ndata = '.'\n{text}")
    assert not (toy.folder / "ws").exists()


def test_an_unreadable_recipe_is_named(tmp_path):
    with pytest.raises(UsageError, match="there is no such recipe"):
        Recipe.load(tmp_path / "nothing.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        Recipe.load(tmp_path)


def test_settings_reach_deep_keys_and_keep_their_types(toy):
    recipe = toy.recipe("steps.sum.start=7", "title=Próba", "steps.doubled.ratio=0.5")
    assert recipe.steps["sum"].config == {"start": 7}
    assert recipe.steps["doubled"].config == {"ratio": 0.5}
    assert recipe.title == "Próba"
    with pytest.raises(UsageError, match="not of the form"):
        toy.recipe("steps.sum.start")
    with pytest.raises(UsageError, match="'name' is a value"):
        toy.recipe("name.x=1")


def test_a_recipe_extends_another(toy):
    sub = toy.folder / "sub"
    sub.mkdir()
    (sub / "nameless.toml").write_text("extends = '../toy.toml'")
    with pytest.raises(UsageError, match="needs a name of its own"):
        Recipe.load(sub / "nameless.toml")
    (sub / "more.toml").write_text("extends = '../toy.toml'\nname = 'more'\nsteps.sum.start = 3\n")
    recipe = Recipe.load(sub / "more.toml")
    assert recipe.name == "more"
    assert list(recipe.steps) == ["numbers", "doubled", "sum"]
    assert recipe.steps["sum"].config == {"start": 3}
    assert recipe.data_folder == toy.folder


def test_every_step_of_the_table_can_be_loaded_and_reads_kinds_that_exist():
    kinds = {step.kind for step in STEPS.values()}
    for does, step in STEPS.items():
        assert set(step.reads) <= kinds, does
        assert step.config_class().model_config["extra"] == "forbid", does
        assert callable(step.load()), does
        assert step.observe() is None or callable(step.observe()), does
