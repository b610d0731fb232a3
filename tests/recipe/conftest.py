import pytest
import toy_steps

from mowa.recipe import STEPS, Recipe, run


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A toy recipe in `tmp_path`, with a helper that runs it."""
    for name, step in toy_steps.TOY_STEPS.items():
        monkeypatch.setitem(STEPS, name, step)
    (tmp_path / "numbers.txt").write_text("1 2 3 4 5")
    (tmp_path / "toy.toml").write_text(toy_steps.RECIPE)
    return Toy(tmp_path)


class Toy:
    def __init__(self, folder):
        self.folder = folder
        self.workspace = folder / "ws"

    def recipe(self, *settings):
        return Recipe.load(self.folder / "toy.toml", settings)

    def run(self, *settings, **options):
        return run(self.recipe(*settings), self.workspace, **{"workers": 1, **options})

    def states(self, *settings, **options):
        return {
            result.artifact.name.partition("/")[2]: result.state
            for result in self.run(*settings, **options)
        }
