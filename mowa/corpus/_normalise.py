"""The one form that text has in a corpus, as Polars expressions.

In this order:

1. Control characters (but tab and line breaks), soft hyphens, zero-width spaces, word joiners, byte
   order marks and bidirectional controls are taken out. U+200C and U+200D stay: scripts from Arabic
   to Malayalam spell with them, and so do emoji.
2. Every line break (CR LF, CR, VT, FF, NEL, U+2028, U+2029) becomes LF; a tab and every space of
   Unicode (category Zs) becomes a plain space.
3. NFC.
4. Runs of spaces become one; spaces at either end of a line go; at most one empty line stays
   between two lines; the text neither begins nor ends with white space.

Normalising twice changes nothing. NFC comes after what is taken out, because a character taken out
may stand between a letter and its accent.
"""

from __future__ import annotations

import re

import polars as pl

# Arabic letter mark; left-to-right and right-to-left marks, embeddings, overrides and isolates; and
# the format characters U+206A to U+206F that Unicode deprecates.
_DROPPED = (
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
    r"\x{00ad}\x{061c}\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}\x{2066}-\x{206f}\x{feff}]+"
)
_LINE_BREAKS = r"\r\n?|[\x0b\x0c\x{85}\x{2028}\x{2029}]"
_ODD_SPACES = r"[\t\p{Zs}--\x20]"
_SURROGATES = re.compile("[\ud800-\udfff]")


def normalised(text: pl.Expr) -> pl.Expr:
    r"""`text` in the one form of the corpus; null stays null.

    Example:
        >>> frame = pl.DataFrame({"text": ["żo\u0301ł\u00adw \u00a0 idzie \r\n\r\n\r\n do wody "]})
        >>> frame.select(normalised(pl.col("text"))).item()
        'żółw idzie\n\ndo wody'
    """
    return (
        text.str.replace_all(_DROPPED, "")
        .str.replace_all(_LINE_BREAKS, "\n")
        .str.replace_all(_ODD_SPACES, " ")
        .str.normalize("NFC")
        .str.replace_all(r"  +", " ")
        .str.replace_all(r" ?\n ?", "\n")
        .str.replace_all(r"\n\n\n+", "\n\n")
        .str.strip_chars(" \n")
    )


def normalised_line(text: pl.Expr) -> pl.Expr:
    """`text` normalised, on one line: for titles and names; null where nothing is left."""
    line = normalised(text).str.replace_all(r"\n+", " ")
    return pl.when(line != "").then(line)


def without_surrogates(text: str) -> tuple[str, int]:
    """`text` with U+FFFD for each lone surrogate, which UTF-8 cannot hold; and how many."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.subn("\ufffd", text)
    return text, 0
