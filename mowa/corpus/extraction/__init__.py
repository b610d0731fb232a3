"""What stands in a page of HTML: its main text, and what it says of itself."""

from mowa.corpus.extraction._about import About, about
from mowa.corpus.extraction._blocks import Block, Blocks, blocks_of
from mowa.corpus.extraction._learned import main_blocks
from mowa.corpus.extraction._marks import drop_note_marks
from mowa.corpus.extraction._render import Markup, from_minimal_html, rendered
from mowa.corpus.extraction._triage import is_surely_in_none_of

__all__ = [
    "About",
    "Block",
    "Blocks",
    "Markup",
    "about",
    "blocks_of",
    "drop_note_marks",
    "from_minimal_html",
    "is_surely_in_none_of",
    "main_blocks",
    "rendered",
]
