"""Commands, called as a person calls them."""

import sys

import pytest

from mowa.cli import main


@pytest.fixture
def mowa(monkeypatch, capsys):
    """Call a command; gives its exit code, and what it wrote."""

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["mowa", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr()

    return call
