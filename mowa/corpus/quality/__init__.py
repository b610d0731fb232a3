"""Signals of quality: what Gopher, C4, FineWeb and SpeakLeash look at, notices, lists of words."""

from mowa.corpus.quality._c4 import C4, c4
from mowa.corpus.quality._composition import COMPOSITION, composition
from mowa.corpus.quality._fineweb import FINEWEB, fineweb
from mowa.corpus.quality._gopher import GOPHER, gopher
from mowa.corpus.quality._notices import NOTICE, notice
from mowa.corpus.quality._speakleash import SPEAKLEASH, speakleash
from mowa.corpus.quality._tokens import Tokens, tokens_of
from mowa.corpus.quality._word_lists import read_word_list, word_lists, word_lists_schema

__all__ = [
    "C4",
    "COMPOSITION",
    "FINEWEB",
    "GOPHER",
    "NOTICE",
    "SPEAKLEASH",
    "Tokens",
    "c4",
    "composition",
    "fineweb",
    "gopher",
    "notice",
    "read_word_list",
    "speakleash",
    "tokens_of",
    "word_lists",
    "word_lists_schema",
]
