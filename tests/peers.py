"""Programs that ours are compared with, where they are installed; MOWA_PEERS=1 promises them."""

import importlib
import os

import pytest


def need(name):
    """A module of theirs, or one that imports it; the tests that lack it skip, unless promised."""
    if os.environ.get("MOWA_PEERS"):
        return importlib.import_module(name)
    return pytest.importorskip(name)


def without_environment(monkeypatch):
    """lm-eval's look at the machine, for seconds each time, left out."""
    monkeypatch.setattr("lm_eval.evaluator.add_env_info", lambda _results: None)
