"""Edits: what is cut out of a kept text or put in the place of a passage, without rewriting it.

`edits/<shard>.parquet` is aligned with the documents; its one column `edits` lists, in order and
without overlaps, `start` and `end` (characters of `text`, end exclusive), the `kind` (``line``, or
a kind of personal data) and the `replacement`, empty where a passage is only cut. `documents/`
keeps the text as it came, so that another policy rewrites the edits alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from mowa.corpus._rules import Policy
from mowa.corpus._schema import read_frame

EDITS = pa.schema(
    [
        (
            "edits",
            pa.list_(
                pa.struct(
                    [
                        ("start", pa.int32()),
                        ("end", pa.int32()),
                        ("kind", pa.string()),
                        ("replacement", pa.string()),
                    ]
                )
            ),
        )
    ]
)

EDITS_TYPE = pl.List(
    pl.Struct({"start": pl.Int32, "end": pl.Int32, "kind": pl.String, "replacement": pl.String})
)

LINE = "line"
"""The kind of an edit that cuts a whole line."""

Edit = dict[str, Any]


def merged(cuts: Iterable[Edit], others: Iterable[Edit]) -> list[Edit]:
    """One ordered list without overlaps: a cut swallows what lies in it; cuts that touch join.

    Example:
        >>> cut = {"start": 0, "end": 9, "kind": "line", "replacement": ""}
        >>> inside = {"start": 3, "end": 5, "kind": "email", "replacement": "[EMAIL]"}
        >>> merged([cut], [inside]) == [cut]
        True
    """
    joined: list[Edit] = []
    for cut in sorted(cuts, key=lambda item: (item["start"], item["end"])):
        if joined and cut["start"] <= joined[-1]["end"]:
            joined[-1] = {**joined[-1], "end": max(joined[-1]["end"], cut["end"])}
        else:
            joined.append(cut)
    rest = [
        item
        for item in others
        if not any(item["start"] < cut["end"] and cut["start"] < item["end"] for cut in joined)
    ]
    edits = sorted(joined + rest, key=lambda item: item["start"])
    assert all(one["end"] <= two["start"] for one, two in pairwise(edits)), "edits overlap"
    return edits


def applied(text: str, edits: Iterable[Edit]) -> str:
    """`text` with `edits` carried out.

    Example:
        >>> applied("Pisz: a@b.pl!", [{"start": 6, "end": 12, "replacement": "[EMAIL]"}])
        'Pisz: [EMAIL]!'
    """
    pieces, at = [], 0
    for edit in edits:
        pieces += [text[at : edit["start"]], edit["replacement"]]
        at = edit["end"]
    return "".join([*pieces, text[at:]]).strip("\n")


def edited(frame: pl.DataFrame, edits: pl.Series) -> pl.DataFrame:
    """`frame` with the edits of each row carried out in its column `text`."""
    touched = edits.list.len().fill_null(0) > 0
    if not touched.any():
        return frame
    texts = frame["text"].to_list()
    for row in touched.arg_true().to_list():
        texts[row] = applied(texts[row], edits[row].to_list())
    return frame.with_columns(pl.Series("text", texts, pl.String))


def read_edits(corpus: Path, shard: str) -> pl.Series:
    """The column `edits` of one shard.

    Raises:
        DataError: Where it is absent or damaged.
    """
    return read_frame(corpus / "edits" / f"{shard}.parquet")["edits"]


def edits_of(frame: pl.DataFrame, kept: pl.Series, policy: Policy) -> pl.DataFrame:  # noqa: ARG001
    """The edits that the policy asks for of each document; none of those that are not kept."""
    return pl.DataFrame({"edits": [[] for _ in range(frame.height)]}, schema={"edits": EDITS_TYPE})
