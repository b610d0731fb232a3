"""Words and lines of many texts at once: flat columns with the row that each item came from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from mowa.corpus._characters import LETTER, SPACE, Array, Characters, Runs

# A word begins with a letter or digit. Inside it stay full stops before a small letter or a digit
# (`t.j`, `www.x.pl`, `12.5`), signs that join (`a@b`, `R&D`), and punctuation next to a digit
# (`12:30`, `1,5`). Hyphens part words. All else that is no space is a token by itself. So spaCy's
# Polish rules cut texts, but for the rarest cases (docs/signals.md).
_ADDRESS = r"(?:https?://|www\.)\S*[\p{L}\p{N}/]"
_JOINED = (
    r"""[.'_#*&%]+[\p{Ll}\p{N}]|[+@\\|^]|[+@\\|^/=]{2,}|[,:!?<>=/()\[\]"]+\p{N}"""
    r"""|\p{N}[,:!?<>=/()\[\]"]\p{L}"""
)
TOKEN = rf"{_ADDRESS}|[\p{{L}}\p{{M}}\p{{N}}/\\|^@](?:{_JOINED}|[\p{{L}}\p{{M}}\p{{N}}])*|\S"

# A sentence ends at . ? ! behind which, after quotation marks and the like, another begins.
SENTENCE_BOUNDARY = r"[.?!]\p{P}*(?:\s[\s\p{P}]*[^\s\p{P}]|\p{Lu})"


@dataclass(frozen=True)
class Tokens:
    """Words and signs of some texts, one after the other.

    `offsets` has one entry more than there are texts: the tokens of text `i` are those from
    `offsets[i]` to `offsets[i + 1]`. `runs` says where each stands among `characters`.
    """

    words: pl.Series
    offsets: Array
    characters: Characters
    runs: Runs

    @property
    def rows(self) -> Array:
        """The text that each token is from."""
        return self.runs.rows

    @cached_property
    def with_letter(self) -> Array:
        """Whether each token has a letter."""
        return self.characters.sums_of(self.runs, self.characters.are(LETTER)) > 0

    @property
    def per_text(self) -> Array:
        """How many tokens each text has."""
        return np.diff(self.offsets)

    def sums(self, values: Array) -> Array:
        """Sums by text of a number for each token."""
        total = np.concatenate(([0], np.cumsum(values, dtype=np.int64)))
        return np.asarray(total[self.offsets[1:]] - total[self.offsets[:-1]])


def tokens_of(texts: pl.Series, characters: Characters | None = None) -> Tokens:
    """The words of each text, signs of punctuation among them.

    Example:
        >>> tokens_of(pl.Series(["Biało-czerwona, 1,5 m."])).words.to_list()
        ['Biało', '-', 'czerwona', ',', '1,5', 'm', '.']
    """
    characters = characters or Characters(texts)
    found = texts.fill_null("").str.extract_all(TOKEN)
    words = found.explode(empty_as_null=False)
    offsets = _offsets(found.list.len())
    # Nothing but white space is in no token, so that lengths alone tell where each one stands.
    lengths = words.str.len_chars().to_numpy().astype(np.int64)
    filled = np.flatnonzero(~characters.are(SPACE))
    starts = filled[np.cumsum(lengths) - lengths]
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return Tokens(words, offsets, characters, Runs(starts, starts + lengths, rows))


@dataclass(frozen=True)
class Lines:
    """Parts of texts: `row`, `line`, and `length` in characters, as columns of one height."""

    rows: Array
    lines: pl.Series
    lengths: Array
    texts: int

    def sums(self, values: Array) -> Array:
        """Sums by text of a number or truth for each line."""
        return np.bincount(self.rows, weights=values, minlength=self.texts).astype(np.int64)

    @property
    def repeated(self) -> Array:
        """Whether the same text had the same line before."""
        keys = pl.DataFrame({"row": self.rows, "key": self.lines.hash()})
        return ~keys.select(pl.struct("row", "key").is_first_distinct()).to_series().to_numpy()


def lines_of(texts: pl.Series) -> Lines:
    r"""The pieces of each text between line breaks (`\n`), empty ones among them."""
    found = texts.fill_null("").str.split("\n")
    lines = found.explode()
    rows = np.repeat(np.arange(len(texts)), found.list.len().to_numpy())
    return Lines(rows, lines, lines.str.len_chars().cast(pl.Int64).to_numpy(), len(texts))


def paragraphs_of(texts: pl.Series) -> Lines:
    """The pieces of each text between empty lines, as `lines_of` gives lines."""
    # Line breaks within a paragraph make way for a sign that no text of a corpus has.
    return lines_of(
        texts.str.strip_chars()
        .str.replace_all("\n{2,}", "\x00")
        .str.replace_all("\n", "\x01", literal=True)
        .str.replace_all("\x00", "\n", literal=True)
    )


def only(lines: Lines, wanted: Array) -> Lines:
    """The lines for which `wanted` is true."""
    kept = lines.lines.filter(pl.Series(wanted))
    return Lines(lines.rows[wanted], kept, lines.lengths[wanted], lines.texts)


def shares(part: Array, whole: Array) -> Array:
    """`part / whole`, and 0 where `whole` is 0."""
    quotient = np.zeros(len(part), dtype=np.float64)
    np.divide(part, whole, out=quotient, where=np.asarray(whole) > 0)
    return quotient


def _offsets(lengths: pl.Series) -> Array:
    return np.concatenate(([0], np.cumsum(lengths.to_numpy(), dtype=np.int64)))
