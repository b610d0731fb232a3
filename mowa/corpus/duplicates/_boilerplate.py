"""Lines that a host repeats on many of its pages: menus, notices, footers, as spans to cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus._characters import SPACE, Array, Characters, Runs, repeated
from mowa.corpus._hashing import bytes_of, segment_hashes
from mowa.corpus._schema import lists_of, read_frame, write_frame
from mowa.corpus.duplicates._sketch import read_group, write_grouped
from mowa.execution import Context, Unit

BOILERPLATE = pa.schema(
    [
        pa.field(
            "edits",
            pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())])),
        ),
        pa.field("boilerplate_lines", pa.int32()),
        pa.field("boilerplate_characters", pa.int32()),
    ]
)
"""The signal `boilerplate@2`.

* `edits`: spans to cut, in characters of the text, rising, apart from each other; empty where
  nothing would be left.
* `boilerplate_lines`, `boilerplate_characters`: what is repeated, cut or not.
"""

LINES = pa.schema([("host", pa.uint64()), ("line", pa.uint64())])
_COUNTED = LINES.append(pa.field("documents", pa.uint32()))


_DOCUMENT = 0  # stands for a line that every document has, so that documents are counted too


@dataclass(frozen=True)
class BoilerplateOptions:
    """What counts as furniture of a host.

    Attributes:
        documents: A line occurs in at least so many documents of the host ...
        share: ... and in at least this share of them.
        run: So many such lines in a row are cut in the middle of a text; at its head and foot
            one is enough. A single one amid prose may be a heading like "Art. 1.", and stays.
        buckets: Parts into which hosts are cut; memory of a worker shrinks with it.
    """

    documents: int = 10
    share: float = 0.3
    run: int = 3
    buckets: int = 16


@dataclass(frozen=True)
class LinesWork:
    """One bucket of hosts."""

    folder: str
    shards: tuple[str, ...]
    options: BoilerplateOptions
    bucket: int


def host_lines(frame: pl.DataFrame) -> pl.DataFrame:
    """Each different line of each document that has a host, as hashes (columns of LINES).

    Args:
        frame: Columns `text` and `host`.
    """
    frame = frame.filter(pl.col("host").is_not_null())
    hashes, lines, _ = _lines(Characters(frame["text"]))
    first = ~repeated(lines.rows, hashes)
    hosts = _hosts(frame["host"])
    return pl.DataFrame(
        {
            "host": np.concatenate([hosts[lines.rows[first]], hosts]),
            "line": np.concatenate([hashes[first], np.full(frame.height, _DOCUMENT, np.uint64)]),
        }
    )


def write_lines(
    folder: Path, shard: str, lines: Sequence[pl.DataFrame], options: BoilerplateOptions
) -> None:
    """Write the lines of one shard under `folder`, counted, for `find_repeated_lines` to read."""
    counted = (
        pl.concat(lines)
        .group_by("host", "line")
        .len("documents")
        .with_columns(bucket=pl.col("host") % options.buckets)
        .sort("bucket", "host", "line")
    )
    of = counted["bucket"].to_numpy().astype(np.int64)
    write_grouped(_lines_path(folder, shard), counted, of, _COUNTED, options.buckets)


def find_repeated_lines(
    shards: Sequence[str], out: Path, context: Context, options: BoilerplateOptions, folder: str
) -> dict[str, Any]:
    """Find the lines that hosts repeat, over all shards; `repeated_lines` reads them.

    Args:
        shards: Names of the shards, each of which `write_lines` wrote under ``out / folder``.
        out: The folder of the artifact.
        context: Spreads the work and remembers in its ledger what is finished.
        options: What counts as furniture.
        folder: Where lines lie and the result is put, relative to `out`.

    Returns:
        `lines`, how many were found, and `hosts`, how many hosts have any.
    """
    units = [
        Unit(f"boilerplate/{bucket:04}", LinesWork(folder, tuple(shards), options, bucket))
        for bucket in range(options.buckets)
    ]
    found = context.map(repeat_bucket, units, out, label="boilerplate")
    return {name: sum(result[name] for result in found) for name in ("lines", "hosts")}


def repeat_bucket(work: LinesWork, out: Path) -> dict[str, Any]:
    """Find the repeated lines of the hosts of one bucket."""
    folder, options = out / work.folder, work.options
    mine = [
        read_group(_lines_path(folder, shard), work.bucket, _COUNTED.names) for shard in work.shards
    ]
    none = pl.DataFrame(schema={"host": pl.UInt64, "line": pl.UInt64, "documents": pl.UInt32})
    counted = pl.concat([none, *mine]).group_by("host", "line").agg(pl.col("documents").sum())
    pages = counted.filter(pl.col("line") == _DOCUMENT).select("host", pages="documents")
    enough = (pl.col("documents") >= options.documents) & (
        pl.col("documents") >= options.share * pl.col("pages")
    )
    repeated = (
        counted.filter(pl.col("line") != _DOCUMENT)
        .join(pages, on="host")
        .filter(enough)
        .select("host", "line")
        .sort("host", "line")
    )
    write_frame(folder / "repeated" / f"{work.bucket:04}.parquet", repeated, LINES)
    return {"lines": repeated.height, "hosts": repeated["host"].n_unique()}


def repeated_lines(folder: Path, options: BoilerplateOptions) -> pl.DataFrame:
    """The repeated lines that `find_repeated_lines` wrote (columns of LINES)."""
    return pl.concat(
        read_frame(folder / "repeated" / f"{bucket:04}.parquet", LINES.names)
        for bucket in range(options.buckets)
    )


def boilerplate(
    frame: pl.DataFrame,
    known: pl.DataFrame,
    options: BoilerplateOptions,
    *,
    characters: Characters | None = None,
) -> pl.DataFrame:
    """`boilerplate@2` of documents, aligned with them by row.

    Args:
        frame: Columns `text` and `host`.
        known: What `repeated_lines` gives.
        options: What counts as furniture.
        characters: Those of the texts, where somebody has them.
    """
    hashes, lines, numbers = _lines(characters or Characters(frame["text"]))
    hosts = _hosts(frame["host"])
    of_host = (
        frame["host"].is_not_null() & pl.Series(hosts).is_in(known["host"].unique().implode())
    ).to_numpy()
    here = of_host[lines.rows]
    rows = lines.rows[here]
    hits = (
        pl.DataFrame(
            {"host": hosts[rows], "line": hashes[here], "owner": rows, "number": numbers[here]}
        )
        .join(known, on=("host", "line"), how="semi", maintain_order="left")
        .group_by("owner", maintain_order=True)
        .agg("number")
    )
    edits: list[tuple[int, int, int]] = []
    found, sizes = [0] * frame.height, [0] * frame.height
    texts = frame["text"].gather(hits["owner"]).to_list()
    for (owner, places), text in zip(hits.iter_rows(), texts, strict=True):
        spans, sizes[owner] = _spans(text, set(places), options.run)
        edits += [(owner, start, end) for start, end in spans]
        found[owner] = len(places)
    spans_of = pl.DataFrame(
        edits, schema={"row": pl.Int64, "start": pl.Int32, "end": pl.Int32}, orient="row"
    ).sort("row", "start")
    counted = {"boilerplate_lines": pl.Int32, "boilerplate_characters": pl.Int32}
    return pl.DataFrame(
        [
            lists_of("edits", spans_of["row"], frame.height, spans_of.drop("row")),
            *(
                pl.Series(name, values, dtype)
                for (name, dtype), values in zip(counted.items(), (found, sizes), strict=True)
            ),
        ]
    )


def apply_edits(texts: pl.Series, edits: pl.Series) -> pl.Series:
    r"""The texts without the spans of their edits.

    Example:
        >>> edits = pl.Series([[{"start": 0, "end": 5}]])
        >>> apply_edits(pl.Series("text", ["Menu\nTekst"]), edits).to_list()
        ['Tekst']
    """
    left = texts.to_list()
    for row in np.flatnonzero(edits.list.len().fill_null(0).to_numpy()).tolist():
        left[row] = _cut(left[row], [(span["start"], span["end"]) for span in edits[row]])
    return pl.Series(texts.name, left, pl.String)


def _spans(text: str, repeated: set[int], run: int) -> tuple[list[tuple[int, int]], int]:
    """Spans to cut of a text, given the numbers of its repeated lines, and their characters."""
    pieces = text.split("\n")
    starts = np.concatenate([[0], np.cumsum([len(piece) + 1 for piece in pieces])]).tolist()
    full = [number for number, piece in enumerate(pieces) if piece.strip()]
    characters = sum(len(pieces[number]) for number in repeated)
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(full):
        stop = at
        while stop < len(full) and full[stop] in repeated:
            stop += 1
        at_edge = at == 0 or stop == len(full)
        if stop > at and (at_edge or stop - at >= run):
            last = full[stop] if stop < len(full) else len(pieces)
            spans.append((starts[full[at]], min(starts[last], len(text))))
        at = max(stop, at + 1)
    if not _cut(text, spans).strip():
        return [], characters
    return spans, characters


def _cut(text: str, spans: Iterable[tuple[int, int]]) -> str:
    pieces, at = [], 0
    for start, end in spans:
        pieces.append(text[at:start])
        at = end
    return "".join([*pieces, text[at:]])


def _lines(characters: Characters) -> tuple[Array, Runs, Array]:
    """Hash of each line that is not blank, where it stands, and which line of its text it is.

    Two lines are the same that differ in white space and capitals only.
    """
    filled = ~characters.are(SPACE)
    before = np.concatenate(([0], np.cumsum(filled, dtype=np.int64)))
    lines = characters.lines
    starts, ends = before[lines.starts], before[lines.ends]
    full = ends > starts
    hashes = characters.hashes_within(filled, starts[full], ends[full])
    counts = characters.by_text(lines)
    numbers = np.arange(len(lines.rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return hashes, lines.where(full), numbers[full]


def _hosts(hosts: pl.Series) -> Array:
    data, ends = bytes_of(hosts)
    return segment_hashes(data, ends[:-1], ends[1:])


def _lines_path(folder: Path, shard: str) -> Path:
    return folder / "lines" / f"{shard}.parquet"
