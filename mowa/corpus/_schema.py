"""The columns of a corpus on disk, and how its Parquet files are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.errors import DataError
from mowa.workspace import writing

SCHEMA_VERSION = 2  # 2: the column parts

DOCUMENTS = pa.schema(
    [
        pa.field("schema", pa.int16()),
        *(
            pa.field(name, pa.string())
            for name in (
                "doc_id",
                "text",
                "url",
                "host",
                "title",
                "author",
                "date",
                "language",
                "source",
                "licence",
                "legal_basis",
                "agreement",
                "release",
                "collected_at",
                "locator",
                "parts",
                "content_hash",
                "reservation",
            )
        ),
    ]
)

SKIPPED = pa.schema([(name, pa.string()) for name in ("source", "locator", "reason", "detail")])

COUNTS = pa.schema(
    [
        *((name, pa.int64()) for name in ("characters", "bytes", "words", "lines")),
        *(
            (name, pa.float64())
            for name in (
                "mean_word_length",
                "alphabetic_word_share",
                "stop_word_share",
                "duplicate_line_share",
                "symbol_share",
                "digit_share",
                "uppercase_share",
            )
        ),
    ]
)

DECISIONS = pa.schema(
    [(name, pa.string()) for name in ("doc_id", "decision", "reason", "detail", "split")]
)

# Rows of numbers and short strings; texts are grouped by their bytes instead.
_ROW_GROUP = 65_536


def as_table(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """`frame` with exactly the columns and types of `schema`."""
    return frame.select(schema.names).to_arrow().cast(schema)


def write_frame(path: Path, frame: pl.DataFrame, schema: pa.Schema) -> None:
    """Write `frame` as one zstd Parquet file."""
    with writing(path) as partial:
        pq.write_table(
            as_table(frame, schema), partial, compression="zstd", row_group_size=_ROW_GROUP
        )


def read_frame(path: Path, columns: Iterable[str] | None = None) -> pl.DataFrame:
    """The columns of a Parquet file.

    Raises:
        DataError: Where the file is absent or damaged.
    """
    wanted = None if columns is None else list(columns)
    try:
        # A tenth of the time that `read_table` takes for a small file.
        with pq.ParquetFile(path) as file:
            table = file.read(columns=wanted)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    missing = sorted(set(wanted or ()) - set(table.column_names))
    if missing:
        raise _unreadable(path, ValueError(f"it has no column {missing[0]}"))
    return _frame(table)


def read_groups(path: Path, columns: Iterable[str] | None = None) -> Iterator[pl.DataFrame]:
    """The row groups of a Parquet file, one in memory at a time.

    Raises:
        DataError: Where the file is absent or damaged.
    """
    wanted = None if columns is None else list(columns)
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                yield _frame(file.read_row_group(group, columns=wanted))
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def lists_of(name: str, rows: Iterable[int], height: int, items: pl.DataFrame) -> pl.Series:
    """A list of structs for each of `height` rows: those of `items` whose row it is.

    Args:
        name: Of the column.
        rows: The row of each item, rising.
        height: How many rows there are.
        items: The fields of the structs, one row an item.

    Example:
        >>> items = pl.DataFrame({"start": [3, 9]})
        >>> lists_of("edits", [1, 1], 2, items).to_list()
        [[], [{'start': 3}, {'start': 9}]]
    """
    counts = np.bincount(np.fromiter(rows, np.int64), minlength=height)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    return pl.Series(name, ragged_list(offsets, items.to_struct()))


def ragged_list(offsets: npt.NDArray[np.int64], items: pl.Series) -> pl.Series:
    """Lists of `items`: the first from `offsets[0]` to `offsets[1]`, and so on."""
    # Numbers go to Arrow through Polars: `pyarrow.array` imports pandas where there is one.
    places = pl.Series(offsets).to_arrow()
    found = pl.from_arrow(pa.LargeListArray.from_arrays(places, items.to_arrow()))
    assert isinstance(found, pl.Series)
    return found


def rows_of(path: Path) -> int:
    """How many rows a Parquet file has, from its footer."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def shards_in(folder: Path) -> list[str]:
    """Names of the Parquet files in a folder, in order, without their suffix."""
    return sorted(path.name.removesuffix(".parquet") for path in folder.glob("*.parquet"))


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"this is not a readable Parquet file ({str(error).splitlines()[0]})",
        where=str(path),
        fix="`mowa verify` finds damaged artifacts; remove the artifact and run the recipe again",
    )
