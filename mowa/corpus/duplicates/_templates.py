"""Sentences that many documents share but for names and numbers: a template that was filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus._characters import DIGIT, SPACE, UPPER, WORD, Array, Characters, Runs, repeated
from mowa.corpus._schema import read_frame, write_frame
from mowa.corpus.duplicates._sketch import read_group, write_grouped
from mowa.execution import Context, Unit

TEMPLATED = pa.schema(
    [
        pa.field("templated_sentences", pa.int32()),
        pa.field("templated_character_ratio", pa.float64()),
    ]
)
"""The signal `templated@1`.

* `templated_sentences`: sentences of a shape that many documents fill in differently.
* `templated_character_ratio`: the letters and digits of these, of all in the text.
"""

SHAPES = pa.schema([("shape", pa.uint64()), ("filling", pa.uint64())])

_ENDS = ".!?…"


@dataclass(frozen=True)
class TemplateOptions:
    """What counts as a template.

    Attributes:
        fillings: A shape occurs in so many documents at least, each time with other names or
            numbers. Copies of one text are one filling.
        words: So many words of a sentence are neither names nor numbers. Shorter ones ("Urodził
            się w Krakowie.") are said again by chance.
        buckets: Parts into which shapes are cut; memory of a worker shrinks with it.
    """

    fillings: int = 10
    words: int = 4
    buckets: int = 16


@dataclass(frozen=True)
class ShapesWork:
    """One bucket of shapes."""

    folder: str
    shards: tuple[str, ...]
    options: TemplateOptions
    bucket: int


def sentence_shapes(texts: pl.Series, options: TemplateOptions) -> pl.DataFrame:
    """Each different shape of each text with what first fills it there, as hashes (`SHAPES`)."""
    shapes, fillings, sentences, _ = _shapes(Characters(texts), options)
    first = ~repeated(sentences.rows, shapes)
    return pl.DataFrame({"shape": shapes[first], "filling": fillings[first]}).unique()


def write_shapes(
    folder: Path, shard: str, shapes: Sequence[pl.DataFrame], options: TemplateOptions
) -> None:
    """Write the shapes of one shard under `folder`, for `find_templates` to read."""
    different = (
        pl.concat(shapes)
        .unique()
        .with_columns(bucket=pl.col("shape") % options.buckets)
        .sort("bucket", "shape", "filling")
    )
    of = different["bucket"].to_numpy().astype(np.int64)
    write_grouped(_shapes_path(folder, shard), different, of, SHAPES, options.buckets)


def find_templates(
    shards: Sequence[str], out: Path, context: Context, options: TemplateOptions, folder: str
) -> dict[str, Any]:
    """Find the shapes that many documents fill in, over all shards; `known_templates` reads them.

    Args:
        shards: Names of the shards, each of which `write_shapes` wrote under ``out / folder``.
        out: The folder of the artifact.
        context: Spreads the work and remembers in its ledger what is finished.
        options: What counts as a template.
        folder: Where shapes lie and the result is put, relative to `out`.

    Returns:
        `templates`, how many were found.
    """
    units = [
        Unit(f"templates/{bucket:04}", ShapesWork(folder, tuple(shards), options, bucket))
        for bucket in range(options.buckets)
    ]
    found = context.map(template_bucket, units, out, label="templates")
    return {"templates": sum(result["templates"] for result in found)}


def template_bucket(work: ShapesWork, out: Path) -> dict[str, Any]:
    """Find the templates of one bucket."""
    folder = out / work.folder
    mine = [
        read_group(_shapes_path(folder, shard), work.bucket, SHAPES.names) for shard in work.shards
    ]
    none = pl.DataFrame(schema={"shape": pl.UInt64, "filling": pl.UInt64})
    templates = (
        pl.concat([none, *mine])
        .unique()
        .group_by("shape")
        .len("fillings")
        .filter(pl.col("fillings") >= work.options.fillings)
        .select("shape")
        .sort("shape")
    )
    write_frame(_templates_path(folder, work.bucket), templates, pa.schema([SHAPES.field("shape")]))
    return {"templates": templates.height}


def known_templates(folder: Path, options: TemplateOptions) -> Array:
    """The shapes that `find_templates` wrote, rising."""
    shapes = pl.concat(
        read_frame(_templates_path(folder, bucket), ("shape",)) for bucket in range(options.buckets)
    )
    return np.sort(shapes["shape"].to_numpy())


def templated(characters: Characters, known: Array, options: TemplateOptions) -> pl.DataFrame:
    """`templated@1` of texts, aligned with them by row.

    Args:
        characters: Those of the texts.
        known: What `known_templates` gives.
        options: What counts as a template.
    """
    shapes, _, sentences, sizes = _shapes(characters, options)
    at = np.minimum(np.searchsorted(known, shapes), max(len(known) - 1, 0))
    filled = known[at] == shapes if len(known) else np.zeros(len(shapes), dtype=bool)
    whole = characters.sums(characters.are(WORD | DIGIT))
    part = characters.by_text(sentences, sizes * filled)
    return pl.DataFrame(
        {
            "templated_sentences": characters.by_text(sentences, filled).astype(np.int32),
            "templated_character_ratio": part / np.maximum(whole, 1),
        }
    )


def _shapes(characters: Characters, options: TemplateOptions) -> tuple[Array, Array, Runs, Array]:
    """Of each sentence with enough words: hashes of shape and filling, its place, its size.

    The shape is what is left without words that begin with a capital or hold a digit, and the
    first word of a sentence is one of them; the filling is the whole sentence. Neither holds white
    space or punctuation.
    """
    inside = characters.are(WORD | DIGIT)
    words = characters.runs(inside)
    named = characters.are(UPPER)[words.starts] if len(words.starts) else np.zeros(0, dtype=bool)
    plain = ~named & (characters.sums_of(words, characters.are(DIGIT)) == 0)
    # What is in plain words, by the sum of +1 where one begins and -1 behind its end.
    steps = np.zeros(len(inside) + 1, dtype=np.int32)
    steps[words.starts[plain]] += 1
    steps[words.ends[plain]] -= 1
    kept = np.cumsum(steps[:-1]) > 0
    sentences = _sentences(characters)
    before = np.concatenate(([0], np.cumsum(plain, dtype=np.int64)))
    first = np.searchsorted(words.starts, sentences.starts)
    last = np.searchsorted(words.starts, sentences.ends)
    enough = before[last] - before[first] >= options.words
    sentences = sentences.where(enough)
    return (
        _hashes(characters, kept, sentences),
        _hashes(characters, inside, sentences),
        sentences,
        characters.sums_of(sentences, inside),
    )


def _hashes(characters: Characters, inside: Array, sentences: Runs) -> Array:
    before = np.concatenate(([0], np.cumsum(inside, dtype=np.int64)))
    return characters.hashes_within(inside, before[sentences.starts], before[sentences.ends])


def _sentences(characters: Characters) -> Runs:
    """Pieces of lines, cut where white space follows a sign that ends sentences."""
    ends = characters.among(_ENDS)[:-1] & characters.are(SPACE)[1:]
    lines = characters.lines
    cuts = np.unique(np.concatenate((lines.starts, np.flatnonzero(ends) + 1)))
    cuts = cuts[cuts < len(characters.codes)]
    stops = np.concatenate((cuts[1:], [len(characters.codes)]))
    rows = np.searchsorted(characters.offsets, cuts, side="right") - 1
    return Runs(cuts, stops, rows)


def _shapes_path(folder: Path, shard: str) -> Path:
    return folder / "shapes" / f"{shard}.parquet"


def _templates_path(folder: Path, bucket: int) -> Path:
    return folder / "templates" / f"{bucket:04}.parquet"
