"""The small world of the quickstart and the tests: Polish texts that we wrote ourselves."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mowa.sample._truth import Truth, read_truth
from mowa.sample._write import SampleSummary, write_sample

if TYPE_CHECKING:
    from mowa.sample._measure import Row, measure

__all__ = ["Row", "SampleSummary", "Truth", "measure", "read_truth", "write_sample"]

_HEAVY = {"Row": "mowa.sample._measure", "measure": "mowa.sample._measure"}


def __getattr__(name: str) -> Any:
    """Import what needs Polars only when it is asked for."""
    if name in _HEAVY:
        return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
