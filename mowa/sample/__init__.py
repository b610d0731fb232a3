"""The small world of the quickstart and the tests: Polish texts that we wrote ourselves.

Example:
    >>> from mowa.sample import facts, questions, split_facts
    >>> known, held_out = split_facts(0.2, seed=1)
    >>> len(known) + len(held_out) == len(facts())
    True
    >>> fact = next(fact for fact in facts() if fact.id == "peak_height/Śnieżka")
    >>> fact.answer
    '1603'
    >>> questions([fact], wordings="held_out")[0].text.endswith("?")
    True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mowa.sample._questions import Question, questions
from mowa.sample._relations import Fact, Wording, facts, split_facts
from mowa.sample._rows import Row, as_json, summary
from mowa.sample._truth import Truth, read_truth
from mowa.sample._world import world_items, write_world
from mowa.sample._write import SampleSummary, write_sample

if TYPE_CHECKING:
    from mowa.sample._measure import measure

__all__ = [
    "Fact",
    "Question",
    "Row",
    "SampleSummary",
    "Truth",
    "Wording",
    "as_json",
    "facts",
    "measure",
    "questions",
    "read_truth",
    "split_facts",
    "summary",
    "world_items",
    "write_sample",
    "write_world",
]


def __getattr__(name: str) -> Any:
    """Import what needs Polars only when it is asked for."""
    if name == "measure":
        return import_module("mowa.sample._measure").measure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
