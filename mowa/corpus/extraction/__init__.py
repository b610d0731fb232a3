"""What stands in a page of HTML: its main text, and what it says of itself."""

from mowa.corpus.extraction._about import About, about

__all__ = ["About", "about"]
