"""`mowa leaderboard build`, and the step of a recipe that does the same."""

from types import SimpleNamespace

import pytest

from mowa.cli import app
from mowa.errors import UsageError
from mowa.evaluation.leaderboard import LeaderboardConfig
from mowa.recipe import STEPS
from mowa.workspace import Inputs
from tests.evaluation.leaderboard.worlds import write_result

VALUES = [1.0] * 30 + [0.0] * 10


def invoke(*arguments):
    return app([str(argument) for argument in arguments], standalone_mode=False)


def test_the_command_writes_a_site_and_says_what_to_open(tmp_path, capsys):
    write_result(tmp_path / "a", "pierwszy", "world", VALUES)
    write_result(tmp_path / "b", "drugi", "grammar", VALUES)
    out = tmp_path / "site"
    invoke("leaderboard", "build", tmp_path / "a", tmp_path / "b", "--out", out, "--title", "Próba")
    said = capsys.readouterr().out
    assert "2 models, 2 tasks, 2 scores" in said
    assert f"open {out / 'index.html'}" in said
    page = (out / "index.html").read_text("utf-8")
    assert "<h1>Próba</h1>" in page
    assert "pierwszy" in page


def test_a_folder_without_results_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(UsageError, match="no results") as refused:
        invoke("leaderboard", "build", tmp_path, "--out", tmp_path / "site")
    assert "mowa eval" in refused.value.fix
    assert not list(tmp_path.iterdir())


def test_the_step_puts_the_site_of_all_its_scores_into_the_artifact(tmp_path):
    for name in ("a", "b"):
        write_result(tmp_path / name / "results", name, "world", VALUES)
    scores = tuple(SimpleNamespace(kind="scores", path=tmp_path / name) for name in ("a", "b"))
    out = tmp_path / "out"
    metrics = STEPS["leaderboard"].load()(
        LeaderboardConfig(title="Nasza"), Inputs(scores), out, None
    )
    assert metrics == {"models": 2, "tasks": 1, "scores": 2}
    assert "Nasza" in (out / "site" / "index.html").read_text("utf-8")
    assert "whisker" in (out / "report.html").read_text("utf-8")
