"""Signals of quality: what the filters of Gopher, C4, FineWeb and SpeakLeash look at."""

from mowa.corpus.quality._c4 import C4, c4
from mowa.corpus.quality._fineweb import FINEWEB, fineweb
from mowa.corpus.quality._gopher import GOPHER, gopher
from mowa.corpus.quality._tokens import Tokens, tokens_of

__all__ = ["C4", "FINEWEB", "GOPHER", "Tokens", "c4", "fineweb", "gopher", "tokens_of"]
