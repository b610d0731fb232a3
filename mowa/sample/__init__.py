"""The small world of the quickstart and the tests: Polish texts that we wrote ourselves."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mowa.sample._rows import Row, as_json, summary
from mowa.sample._truth import Truth, read_truth
from mowa.sample._write import SampleSummary, write_sample

if TYPE_CHECKING:
    from mowa.sample._measure import measure

__all__ = [
    "Row",
    "SampleSummary",
    "Truth",
    "as_json",
    "measure",
    "read_truth",
    "summary",
    "write_sample",
]


def __getattr__(name: str) -> Any:
    """Import what needs Polars only when it is asked for."""
    if name == "measure":
        return import_module("mowa.sample._measure").measure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
