"""The signal `c4@1`: which lines C4's rules keep, and the edits that take the others out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus._characters import Array
from mowa.corpus.quality._tokens import SENTENCE_BOUNDARY, Lines, lines_of, shares

_REMOVED = ("long_word", "no_terminal", "few_words", "javascript", "policy")

C4 = pa.schema(
    [
        *((name, pa.int64()) for name in ("lines", "kept_lines")),
        *((f"removed_{name}", pa.int64()) for name in _REMOVED),
        *((name, pa.int64()) for name in ("lorem_ipsum_lines", "curly_bracket_lines", "sentences")),
        *((name, pa.float64()) for name in ("kept_line_ratio", "kept_character_ratio")),
        pa.field("edits", pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())]))),
    ]
)

TERMINAL = (".", "?", "!", '"', "'")
# Notices of cookies and terms, which stand on pages beside what they say.
POLICY = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)

_MOST_CHARACTERS = 1000  # of a word
_CITATION = r"\[\d*\]|\[edit\]|\[citation needed\]"


def c4(
    texts: pl.Series,
    *,
    terminal: Sequence[str] = TERMINAL,
    policy: Sequence[str] = POLICY,
    minimum_words: int = 3,
    paragraphs: bool = False,
) -> pl.DataFrame:
    r"""What C4's rules make of each text, one row a text (columns as in `C4`).

    A line goes for the first of these: a word of more than 1,000 characters; an end that is not one
    of `terminal`, or is `...`; fewer than `minimum_words` words; `javascript`; one of the phrases
    of `policy` (both without regard to case). Marks of citations (`[1]`) go out of the lines that
    stay. `lorem_ipsum_lines` and `curly_bracket_lines` (`{`) count lines that got so far; C4 drops
    a text with one. `sentences` are those of the lines that stay.

    `edits` are the stretches to take out, in characters, in order, without overlap: what is left
    is the text that C4 keeps, one line after the other. With `paragraphs`, one empty line stays
    between lines of different paragraphs.

    Source: Raffel et al. 2020, JMLR 21(140), section 2.2, with the additions of its code.

    Example:
        >>> row = c4(pl.Series(["Menu\nAla ma kota [1]."])).row(0, named=True)
        >>> row["kept_lines"], row["sentences"], row["edits"]
        (1, 1, [{'start': 0, 'end': 5}, {'start': 16, 'end': 19}])
    """
    texts = texts.fill_null("")
    lines = lines_of(texts)
    verdicts, lorem, curly = _verdicts(lines, terminal, policy, minimum_words)
    kept = verdicts == 0
    boundaries = np.zeros(len(kept), dtype=np.int64)
    staying = lines.lines.filter(pl.Series(kept))
    boundaries[kept] = 1 + staying.str.count_matches(SENTENCE_BOUNDARY).to_numpy()
    every = np.bincount(lines.rows, minlength=len(texts))
    edits, left = _edits(texts, lines, kept, paragraphs=paragraphs)
    columns = {
        "lines": every,
        "kept_lines": lines.sums(kept),
        **{
            f"removed_{name}": lines.sums(verdicts == number)
            for number, name in enumerate(_REMOVED, start=1)
        },
        "lorem_ipsum_lines": lines.sums(lorem),
        "curly_bracket_lines": lines.sums(curly),
        "sentences": lines.sums(boundaries),
        "kept_line_ratio": shares(lines.sums(kept), every),
        "kept_character_ratio": shares(left, texts.str.len_chars().to_numpy().astype(np.int64)),
    }
    return pl.DataFrame(columns).with_columns(edits)


def _verdicts(
    lines: Lines, terminal: Sequence[str], policy: Sequence[str], minimum_words: int
) -> tuple[Array, Array, Array]:
    """The number of the reason for which each line goes (0: it stays); lorem ipsum; brackets."""
    line = pl.col("line")
    ends = line.str.contains(rf"(?:{'|'.join(map(re.escape, terminal))})$")
    frame = lines.lines.alias("line").to_frame().with_columns(line.str.strip_chars())
    bare = line
    if lines.lines.str.contains("[", literal=True).any():
        bare = line.str.replace_all(_CITATION, "")
    table = frame.select(
        line.alias("whole"),
        bare.alias("line"),
    ).select(
        (
            (pl.col("whole").str.len_bytes() > _MOST_CHARACTERS)
            & pl.col("whole").str.contains(rf"\S{{{_MOST_CHARACTERS + 1}}}")
        ).alias("long"),
        (ends & ~line.str.ends_with("...")).alias("ends"),
        (pl.col("whole").str.count_matches(r"\S+") >= minimum_words).alias("enough"),
        line.str.to_lowercase().alias("lower"),
    )
    small = pl.col("lower")
    stays = pl.col("ends") & pl.col("enough") & ~pl.col("long")
    found = table.select(
        "long",
        "ends",
        "enough",
        small.str.contains("javascript", literal=True).alias("javascript"),
        (small.str.contains_any(list(policy)) if policy else pl.lit(value=False)).alias("policy"),
        (stays & small.str.contains("lorem ipsum", literal=True)).alias("lorem"),
        (stays & small.str.contains("{", literal=True)).alias("curly"),
    )
    verdict = found.select(
        pl.when("long")
        .then(1)
        .when(~pl.col("ends"))
        .then(2)
        .when(~pl.col("enough"))
        .then(3)
        .when("javascript")
        .then(4)
        .when("policy")
        .then(5)
        .otherwise(0)
    ).to_series()
    curly = found["curly"] & ~found["javascript"]
    return verdict.to_numpy(), found["lorem"].to_numpy(), curly.to_numpy()


def _edits(
    texts: pl.Series, lines: Lines, kept: Array, *, paragraphs: bool
) -> tuple[pl.Series, Array]:
    """The stretches to take out of each text, and how many characters they leave."""
    characters = texts.str.len_chars().to_numpy().astype(np.int64)
    # Where each line begins in its text: behind all lines before it and their line breaks.
    before = np.concatenate(([0], np.cumsum(lines.lengths + 1)))[:-1]
    first = np.searchsorted(lines.rows, np.arange(len(texts)))
    begin = before - before[first][lines.rows]
    rows = lines.rows[kept]
    starts, ends = begin[kept], begin[kept] + lines.lengths[kept]
    new = np.concatenate(([True], rows[1:] != rows[:-1])) if len(rows) else np.zeros(0, bool)
    last = np.concatenate((new[1:], [True])) if len(rows) else new
    # Before the first line that stays, between two, and behind the last.
    from_ = np.concatenate(([0], ends[:-1] + 1)) if len(rows) else ends
    from_[new] = 0
    to = starts.copy()
    if paragraphs:
        blank = np.concatenate(([0], np.cumsum(lines.lengths == 0)))
        index = np.flatnonzero(kept)
        apart = blank[index] - blank[np.concatenate(([0], index[:-1]))] > 0
        to[apart & ~new] -= 1
    none = np.setdiff1d(np.arange(len(texts)), rows)
    spans_row = np.concatenate((rows, rows[last], none))
    spans_from = np.concatenate((from_, ends[last], np.zeros(len(none), np.int64)))
    spans_to = np.concatenate((to, characters[rows[last]], characters[none]))
    spans = pl.DataFrame({"row": spans_row, "start": spans_from, "end": spans_to}).vstack(
        _citations(lines, kept, begin)
    )
    spans = spans.filter(pl.col("start") < pl.col("end")).sort("row", "start")
    grouped = spans.group_by("row", maintain_order=True).agg(
        pl.struct(pl.col("start").cast(pl.Int32), pl.col("end").cast(pl.Int32)).alias("edits"),
        (pl.col("end") - pl.col("start")).sum().alias("gone"),
    )
    joined = pl.DataFrame({"row": np.arange(len(texts))}).join(
        grouped, on="row", how="left", maintain_order="left"
    )
    gone = joined["gone"].fill_null(0).to_numpy()
    return joined["edits"].fill_null(
        pl.Series([[]], dtype=joined.schema["edits"])
    ), characters - gone


def _citations(lines: Lines, kept: Array, begin: Array) -> pl.DataFrame:
    """Marks of citations in the lines that stay, as rows of `row`, `start`, `end`."""
    spans: list[tuple[int, int, int]] = []
    marked = kept & lines.lines.str.contains(_CITATION).to_numpy()
    for index in np.flatnonzero(marked).tolist():
        spans.extend(
            (
                int(lines.rows[index]),
                int(begin[index]) + match.start(),
                int(begin[index]) + match.end(),
            )
            for match in re.finditer(_CITATION, lines.lines[index])
        )
    return pl.DataFrame(
        spans, schema={"row": pl.Int64, "start": pl.Int64, "end": pl.Int64}, orient="row"
    )
