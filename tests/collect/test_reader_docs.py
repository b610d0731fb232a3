"""docs/readers.md names every format, option and reason that there is, and no other reason."""

import ast
import re
from pathlib import Path

import pytest

from mowa.collect import ReaderOptions, readers
from mowa.collect.readers import _READERS, _SUFFIXES
from mowa.collect.readers._records import _FIX, _WHAT

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "readers.md").read_text("utf-8")
NAMED = set(re.findall(r"`([^`\n]+)`", DOCS))


def table(heading):
    """What stands in backticks in the first column of the tables under a heading."""
    _, _, behind = DOCS.partition(f"\n## {heading}\n")
    section = behind.partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.split("\n") if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def skipped_reasons():
    """The reasons that readers, and the step behind them, give for what is no document.

    They stand as the second argument of `Skipped`, or first in what a `_why_not…` returns.
    """
    reasons = {"manifest", "sample"}  # those of SpeakLeash are the files' suffixes
    code = [*Path(readers.__file__).parent.glob("*.py"), ROOT / "mowa" / "corpus" / "_documents.py"]
    for path in code:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Skipped":
                reasons |= texts(node.args[1:2])
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("_why_not"):
                pairs = [pair for pair in ast.walk(node) if isinstance(pair, ast.Tuple)]
                reasons |= {text for pair in pairs for text in texts(pair.elts[:1])}
    return reasons


def texts(nodes):
    return {node.value for node in nodes if isinstance(node, ast.Constant) and node.value}


def test_every_format_and_its_suffixes_are_described():
    assert table("Formats") == set(_READERS)
    assert set(_SUFFIXES) - NAMED == set()


def test_every_option_is_described():
    assert table("Options") == set(ReaderOptions.model_fields)


def test_every_reason_of_broken_input_is_described_and_no_other():
    assert table("Skipped or refused: what is broken") == set(_WHAT)
    assert set(_FIX) <= set(_WHAT)


def test_every_reason_of_what_is_always_skipped_is_described_and_no_other():
    found = skipped_reasons()
    assert {"not-http", "redirect", "needs-ocr", "binary", "other-table"} <= found
    assert table("Skipped: what is normal") == found


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")
)])  # fmt: skip
def test_links_between_the_pages_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), f"{page} links to {target}"
