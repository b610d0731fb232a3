import sys
from dataclasses import dataclass

import pytest
from little_world import make_project

from mowa.cli import main


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def mowa(monkeypatch, capsys):
    """Run the command in this process, as a shell would: exit code, standard output and error."""

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["mowa", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Result(0 if code is None else int(code), captured.out, captured.err)

    return call


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A fresh little project, which is the current folder."""
    folder = make_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A little project whose recipe was run to the end; tests read it and leave it as it is."""
    from mowa.recipe import Recipe, run

    folder = make_project(tmp_path_factory.mktemp("built"))
    run(Recipe.load(folder / "recipes" / "tiny.toml"), folder / "workspace", workers=1)
    return folder
