"""One world and its site for all tests that only look."""

import pytest

from mowa.evaluation.leaderboard import build
from tests.evaluation.leaderboard.worlds import write_hostile_world, write_world


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_world(folder)
    return folder


@pytest.fixture(scope="session")
def site(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("board") / "site"
    build([results], out)
    return out


@pytest.fixture(scope="session")
def hostile_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    write_hostile_world(folder / "results")
    build([folder / "results"], folder / "site")
    return folder / "site"
