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

from mowa.sample._questions import Question, dialogues, questions
from mowa.sample._relations import Fact, Wording, facts, split_facts
from mowa.sample._write import SampleSummary, write_sample

__all__ = [
    "Fact",
    "Question",
    "SampleSummary",
    "Wording",
    "dialogues",
    "facts",
    "questions",
    "split_facts",
    "write_sample",
]
