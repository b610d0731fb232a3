"""The command line plans and explains without torch, and without importing it where it is there."""

import os
import subprocess
import sys

import pytest

BLOCKED = """
import sys

class Blind:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "tokenizers", "safetensors"):
            return None
        return self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Blind(finder) for finder in sys.meta_path]
"""


def run(code, *args, cwd):
    env = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=cwd, capture_output=True, text=True, check=False, env=env,
    )  # fmt: skip


def mowa(*args, cwd):
    return run(BLOCKED + "from mowa.cli import main\nmain()", *args, cwd=cwd)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the sample, which the command line made without torch."""
    folder = tmp_path_factory.mktemp("light")
    made = mowa("init", "p", "--sample", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "p"


def test_import_help_and_dry_run_need_only_the_core(project, tmp_path):
    assert run(BLOCKED + "import mowa", cwd=tmp_path).returncode == 0
    shown = mowa("--help", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "quickstart" in shown.stdout
    plan = mowa("run", "recipes/quickstart.toml", "--dry-run", cwd=project)
    assert plan.returncode == 0, plan.stderr
    assert "21 of 21 steps to do" in plan.stdout


def test_training_without_its_packages_says_what_to_install(project, tmp_path):
    refused = mowa("run", "recipes/quickstart.toml", cwd=project)
    assert refused.returncode == 2
    assert "pip install 'mowa[train]'" in refused.stderr
    assert not (project / "workspace" / "quickstart").exists()
    spoken = mowa("generate", str(tmp_path), "W", cwd=tmp_path)
    assert spoken.returncode == 2


@pytest.mark.parametrize(
    "room",
    ["languages", "workspace", "execution", "report", "rights", "collect", "corpus", "tokenizer",
     "model", "inference", "instructions", "training", "evaluation", "sample", "recipe", "cli"],
)  # fmt: skip
def test_importing_a_room_imports_nothing_heavy(room, tmp_path):
    heavy = ("torch", "transformers", "tokenizers", "polars", "pyarrow", "fastwarc", "resiliparse")
    code = f"import mowa.{room}, sys; print([name for name in {heavy!r} if name in sys.modules])"
    assert run(code, cwd=tmp_path).stdout.strip() == "[]"


def test_evaluating_a_model_without_its_packages_says_what_to_install(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    shown = mowa("eval", "model", "--tasks", "world", cwd=tmp_path)
    assert shown.returncode == 2
    assert "pip install 'mowa[train]'" in shown.stderr
