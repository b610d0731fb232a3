"""What the package's TOML files hold, and the few ways in which their lines are filled."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from mowa.sample._facts import lines
from mowa.sample._relations import Fact
from mowa.sample._template import Scene, render


@cache
def read_toml(name: str) -> dict[str, Any]:
    """One of the files beside this one; their multi-line strings are cut into lines."""
    file = resources.files("mowa.sample.assistant") / f"{name}.toml"
    return {key: _cut(value) for key, value in tomllib.loads(file.read_text("utf-8")).items()}


def filled(line: str, words: Mapping[str, str], rng: random.Random) -> str:
    """A line with what `t` holds, one of its alternatives drawn."""
    return render(line, Scene(rng, {}, {"t": dict(words)}))


def stated(fact: Fact, rng: random.Random) -> str:
    """One of the fact's statements that are not held out."""
    return rng.choice([one.text for one in fact.statements if not one.held_out])


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(inner) for key, inner in value.items()}
    return lines(value) if isinstance(value, str) and "\n" in value else value
