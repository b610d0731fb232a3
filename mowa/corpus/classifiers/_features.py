"""What a classifier sees of documents: their signals as numbers, or their words as counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus._schema import read_frame
from mowa.corpus._table import CLASSIFIER
from mowa.errors import DataError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_TERMS = 15_000
_LEAST_DOCUMENTS = 2  # a word of one document teaches nothing about others

# Topic shows early; and a text of any length takes bounded time.
_CHARACTERS = 20_000
_WORD = r"[\p{L}\p{M}\p{N}]{2,40}"
# The first letters stand for the forms that Polish makes of a word: samochód, samochodem.
_STEM = 5


def signal_columns(corpus: Path, shard: str) -> list[str]:
    """Every numeric column of every signal of a corpus, as ``counts@1/words``.

    What other classifiers said is left out: a model must not lean on a model.
    """
    columns = []
    for folder in sorted((corpus / "signals").glob("*@*")):
        path = folder / f"{shard}.parquet"
        if folder.name.startswith(CLASSIFIER) or not path.is_file():
            continue
        for field in pq.read_schema(path):
            kind = field.type
            if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
                columns.append(f"{folder.name}/{field.name}")
    return columns


def signal_frame(folder: Path, shard: str, columns: Iterable[str]) -> pl.DataFrame:
    """Columns of signals of one shard, named ``signal@revision/column``, as `score` takes them.

    Args:
        folder: The folder `signals` of a corpus or of a signals artifact.
        shard: The shard's name.
        columns: Which, such as ``counts@1/words``.

    Raises:
        DataError: Where a signal is absent, or there in another revision only.
    """
    wanted: dict[str, list[str]] = {}
    for column in columns:
        signal, _, name = column.partition("/")
        wanted.setdefault(signal, []).append(name)
    have = {path.name for path in folder.glob("*@*")}
    parts = []
    for signal, names in wanted.items():
        check_revision(signal, have, str(folder))
        part = read_frame(folder / signal / f"{shard}.parquet", names)
        parts.append(part.rename({name: f"{signal}/{name}" for name in names}))
    return pl.concat(parts, how="horizontal")


def check_revision(signal: str, have: Iterable[str], where: str) -> None:
    """Refuse to go on without the very signal that the model was trained on.

    Raises:
        DataError: Where it is absent, or there in another revision only.
    """
    known = set(have)
    if signal in known:
        return
    name = signal.partition("@")[0]
    others = sorted(other for other in known if other.partition("@")[0] == name)
    raise DataError(
        f"the model was trained on {signal}, and there is {others[-1]}"
        if others
        else f"the model was trained on {signal}, and there is no such signal",
        where=where,
        fix="train the classifier again on a corpus with these signals",
    )


def signal_matrix(frame: pl.DataFrame, columns: Sequence[str]) -> Floats:
    """The columns as float64, one row a document; what is null or infinite is NaN.

    Raises:
        DataError: Where a column is absent or no numbers.
    """
    signals = {name.partition("/")[0] for name in frame.columns}
    for column in columns:
        check_revision(column.partition("/")[0], signals, "the signals")
        if column not in frame.columns or not _is_number(frame.schema[column]):
            raise DataError(f"there is no column of numbers {column}", where="the signals")
    if not columns:
        return np.empty((frame.height, 0))
    matrix = np.column_stack(
        [frame[name].cast(pl.Float64).fill_null(math.nan).to_numpy() for name in columns]
    )
    matrix[~np.isfinite(matrix)] = math.nan
    return matrix


def _is_number(kind: pl.DataType) -> bool:
    return kind.is_numeric() or kind == pl.Boolean


def term_counts(texts: pl.Series) -> pl.DataFrame:
    """How often each term stands in each text: `row`, `term`, `count`.

    Terms are words of 2 to 40 letters and digits in lower case, and for words of more than five
    letters also their first five, marked ``…``. Only the first 20,000 characters are read.
    """
    words = (
        texts.alias("term")
        .cast(pl.String)
        .to_frame()
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"))
        .select(
            "row",
            pl.col("term")
            .fill_null("")
            .str.slice(0, _CHARACTERS)
            .str.to_lowercase()
            .str.extract_all(_WORD),
        )
        .explode("term")
        .drop_nulls("term")
    )
    term = pl.col("term")
    long = words.filter(term.str.len_chars() > _STEM)
    stems = long.with_columns(term.str.slice(0, _STEM) + "…")
    return pl.concat([words, stems]).group_by("row", "term").agg(pl.len().alias("count"))


def vocabulary(counts: pl.DataFrame, documents: int) -> tuple[list[str], Floats]:
    """The terms of most documents, in alphabetical order, and the weight of each.

    The weight is ln((1 + documents) / (1 + documents with the term)) + 1 (Spärck Jones 1972,
    smoothed as scikit-learn does).
    """
    frame = (
        counts.group_by("term")
        .len("documents")
        .filter(pl.col("documents") >= _LEAST_DOCUMENTS)
        .sort(["documents", "term"], descending=[True, False])
        .head(MOST_TERMS)
        .sort("term")
    )
    weights = [math.log((1 + documents) / (1 + count)) + 1 for count in frame["documents"]]
    return frame["term"].to_list(), np.array(weights, dtype=np.float64)


def weighted(
    counts: pl.DataFrame, terms: Sequence[str], weights: Floats, rows: int
) -> tuple[Integers, Integers, Floats]:
    """Row, column and value of every term that a text has, by row and column.

    The value is (1 + ln count) · weight, each row then of Euclidean length 1.
    """
    known = pl.DataFrame(
        {"term": terms, "column": range(len(terms))},
        schema={"term": pl.String, "column": pl.Int64},
    )
    found = counts.join(known, on="term").sort("row", "column")
    row, column = found["row"].to_numpy(), found["column"].to_numpy()
    count = found["count"].to_numpy().astype(np.int64)
    # The C library's logarithm of each count, not NumPy's, whose last bit goes by the processor.
    different, place = np.unique(count, return_inverse=True)
    logarithms = np.array([1 + math.log(value) for value in different.tolist()], dtype=np.float64)
    value = logarithms[place] * weights[column]
    squares = np.bincount(row, weights=value * value, minlength=rows)
    return row, column, value / np.sqrt(squares)[row]


def texts_of(frame: pl.DataFrame) -> pl.Series:
    """The column `text`.

    Raises:
        DataError: Where there is none.
    """
    if "text" not in frame.columns or frame.schema["text"] != pl.String:
        raise DataError("a topic classifier reads the column text", where="the documents")
    return frame["text"]


def top_terms(terms: Sequence[str], coefficients: Floats, most: int) -> list[list[Any]]:
    """Term and coefficient of those that speak most for a class."""
    order = np.argsort(-coefficients, kind="stable")[:most]
    return [[terms[index], float(coefficients[index])] for index in order.tolist()]
