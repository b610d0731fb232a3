"""The documentation names every format that is read, and every reason why something is not."""

from pathlib import Path
from typing import get_args

import pytest

from mowa.collect._config import Format
from mowa.collect.readers import _READERS, _records

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(_READERS))
def test_every_format_is_described(name):
    assert f"`{name}`" in (DOCS / "readers.md").read_text("utf-8")


def test_the_formats_of_recipes_are_those_that_are_read():
    assert set(get_args(Format)) == {"auto", *_READERS}


@pytest.mark.parametrize("reason", sorted(_records._WHAT))
def test_every_reason_for_refusing_is_described(reason):
    pages = "".join(path.read_text("utf-8") for path in DOCS.glob("*.md"))
    assert f"`{reason}`" in pages
