"""Minimal pairs of Polish: sentences that differ in one point, one right and one wrong.

Example:
    >>> from mowa.evaluation.grammar import make_pair
    >>> good, bad = make_pair("w <domu|domie> było cicho.", {})
    >>> good
    'W domu było cicho.'
    >>> bad
    'W domie było cicho.'
"""

from __future__ import annotations

from mowa.evaluation.grammar._generate import ITEMS, Pair, generate, write_items
from mowa.evaluation.grammar._lexicon import Lexicon, Word, lexicon
from mowa.evaluation.grammar._phenomena import Phenomenon, Scene, phenomena
from mowa.evaluation.grammar._template import make_pair

__all__ = [
    "ITEMS",
    "Lexicon",
    "Pair",
    "Phenomenon",
    "Scene",
    "Word",
    "generate",
    "lexicon",
    "make_pair",
    "phenomena",
    "write_items",
]
