"""Parquet: one record a row; only the columns that are named are read, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._columns import ERRORS, records_of, wanted_columns, words
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.errors import DataError

_MAGIC = b"PAR1"
_LEAST_BYTES = 12  # the magic twice, and the length of the footer

# A text that stands once in a dictionary may fill any number of rows, so few are decoded at a time.
_BATCH_ROWS = 256

_GUARDED_BYTES = 64 << 20
_MOST_EXPANSION = 1_000  # as for a compressed stream


def read_parquet(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One record a row, known by its id or its number from 0 in the file.

    A row group that is damaged gives, under ``bad_input = "skip"``, its rows up to the damage and
    one `Skipped` for the rest; reading goes on with the next.

    Raises:
        DataError: Where it is no Parquet file, or the column of the text is absent or of another
            type.
    """

    def wanted(schema: pa.Schema) -> list[str]:
        return wanted_columns(schema, options, path)

    for row, batch in parquet_batches(path, relative, options, wanted):
        if isinstance(batch, Skipped):
            yield batch
        else:
            yield from records_of(batch, row, relative, options)


def parquet_batches(
    path: Path,
    relative: str,
    options: ReaderOptions,
    wanted: Callable[[pa.Schema], list[str] | None],
) -> Iterator[tuple[int, pa.RecordBatch | Skipped]]:
    """A few rows at a time with the number of the first, and what cannot be read.

    Args:
        path: The file.
        relative: Its path relative to its source's folder; begins every locator.
        options: What to do with broken input.
        wanted: The columns to read of a schema; None for all.

    Raises:
        DataError: Where it is no Parquet file; where it is broken, unless ``bad_input = "skip"``.
    """
    try:
        file = pq.ParquetFile(
            path, pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True
        )
        columns = wanted(file.schema_arrow)
        groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
    except ERRORS as error:
        yield 0, _unopened(path, relative, words(error), options)
        return
    # Not by column: pyarrow 26 ends the process where the metadata of a column are damaged.
    most = _MOST_EXPANSION * path.stat().st_size
    with file:
        row = 0
        for group, about in enumerate(groups):
            end = row + about.num_rows
            failure = None
            try:
                if about.total_byte_size > max(_GUARDED_BYTES, most):
                    failure = ("decompression-bomb", "")
                else:
                    for batch in file.iter_batches(
                        _BATCH_ROWS, row_groups=[group], columns=columns
                    ):
                        yield row, batch
                        row += batch.num_rows
            except ERRORS as error:
                failure = ("corrupt-parquet", f": {words(error)}")
            if failure is not None or row != end:
                reason, detail = failure or ("corrupt-parquet", ": there are no more")
                detail = f"rows {row} to {end - 1} cannot be read{detail}"
                yield row, broken(f"{relative}#row={row}", reason, detail, options)
            row = end


def _unopened(path: Path, relative: str, detail: str, options: ReaderOptions) -> Skipped:
    """A file whose footer cannot be read: cut short, damaged, or none of Parquet's."""
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
        size = file.seek(0, 2)
        file.seek(max(size - len(_MAGIC), 0))
        tail = file.read()
    if head and not _MAGIC.startswith(head):
        raise DataError(
            f"this is not a Parquet file ({detail})",
            where=str(path),
            fix="leave it out with the inventory's exclude, or name its format in reader.format",
        )
    if tail != _MAGIC or size < _LEAST_BYTES:
        return broken(relative, "truncated-parquet", "its footer is missing", options)
    return broken(relative, "corrupt-parquet", detail, options)
