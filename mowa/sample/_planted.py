"""What is planted among the good texts: foreign pages, spam lists, garbage, fragments."""

from __future__ import annotations

import random
import tomllib
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["foreign", "garbage", "short", "spam_list"]

LANGUAGES = ("eng", "deu", "ces", "ukr")


@cache
def _texts() -> dict[str, Any]:
    file = resources.files("mowa.sample") / "planted.toml"
    return tomllib.loads(file.read_text("utf-8"))


def foreign(language: str, rng: random.Random) -> str:
    """Two paragraphs in a language (ISO 639-3) that is not Polish."""
    sentences = rng.sample(_texts()["foreign"][language], 6)
    return " ".join(sentences[:3]) + "\n\n" + " ".join(sentences[3:])


def short(rng: random.Random) -> str:
    """A fragment of a few words."""
    return str(rng.choice(_texts()["short"]))


def spam_list(rng: random.Random) -> str:
    """Keywords over and over, as on a page made for search engines."""
    words = rng.sample(_texts()["spam"], 6)
    return ", ".join(rng.choice(words) for _ in range(80))


def garbage(rng: random.Random) -> str:
    """Digits and symbols, as left by a broken table or a binary file taken for text."""
    signs = "0123456789" * 3 + "#%&*+=/\\^~$@;:|"
    groups = ("".join(rng.choice(signs) for _ in range(rng.randint(3, 9))) for _ in range(120))
    return " ".join(groups)
