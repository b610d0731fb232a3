"""Edits: what is cut out of a kept text or put in the place of a passage, without rewriting it.

`edits/<shard>.parquet` is aligned with the documents; its one column `edits` lists, in order and
without overlaps, `start` and `end` (characters of `text`, end exclusive), the `kind` (``line``, or
a kind of personal data) and the `replacement`, empty where a passage is only cut. `documents/`
keeps the text as it came, so that another policy rewrites the edits alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from mowa.corpus._policy import Policy
from mowa.corpus._schema import lists_of, read_frame, rows_of
from mowa.corpus.personal import MASK, PLACEHOLDERS

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

_FIELDS = {"start": pl.Int32, "end": pl.Int32, "kind": pl.String, "replacement": pl.String}
EDITS_TYPE = pl.List(pl.Struct(_FIELDS))

LINE = "line"
"""The kind of an edit that cuts a whole line."""

Edit = dict[str, Any]


def merged(cuts: Iterable[Edit], others: Iterable[Edit]) -> list[Edit]:
    """One ordered list without overlaps: a cut swallows what lies in it; cuts that touch join.

    A value that a cut parts goes whole: half of an address is still personal data.

    Example:
        >>> cut = {"start": 0, "end": 9, "kind": "line", "replacement": ""}
        >>> inside = {"start": 3, "end": 5, "kind": "email", "replacement": "[EMAIL]"}
        >>> merged([cut], [inside]) == [cut]
        True
    """
    cuts, others = list(cuts), list(others)
    parted = [
        {**item, "kind": LINE, "replacement": ""}
        for item in others
        if any(_overlap(item, cut) and not _within(item, cut) for cut in cuts)
    ]
    joined: list[Edit] = []
    for cut in sorted([*cuts, *parted], key=lambda item: (item["start"], item["end"])):
        if joined and cut["start"] <= joined[-1]["end"]:
            joined[-1] = {**joined[-1], "end": max(joined[-1]["end"], cut["end"])}
        else:
            joined.append(cut)
    rest = [item for item in others if not any(_overlap(item, cut) for cut in joined)]
    edits = sorted(joined + rest, key=lambda item: item["start"])
    assert all(one["end"] <= two["start"] for one, two in pairwise(edits)), "edits overlap"
    return edits


def _overlap(one: Edit, other: Edit) -> bool:
    return bool(one["start"] < other["end"] and other["start"] < one["end"])


def _within(one: Edit, other: Edit) -> bool:
    return bool(other["start"] <= one["start"] and one["end"] <= other["end"])


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
    """The column `edits` of one shard; a corpus made before there were edits has none.

    Raises:
        DataError: Where it is absent or damaged.
    """
    folder = corpus / "edits"
    if not folder.is_dir():
        rows = rows_of(corpus / "documents" / f"{shard}.parquet")
        return pl.repeat(None, rows, dtype=EDITS_TYPE, eager=True).alias("edits")
    return read_frame(folder / f"{shard}.parquet")["edits"]


def edits_of(
    frame: pl.DataFrame, texts: Callable[[list[int]], list[str]], kept: pl.Series, policy: Policy
) -> pl.DataFrame:
    """The edits that the policy asks for of each document; none of those that are not kept.

    Args:
        frame: The columns of the signals.
        texts: Gives the texts of rows; asked only for those with personal data to replace.
        kept: Which rows are kept.
        policy: The rules in force.
    """
    none = pl.repeat(None, frame.height, eager=True)
    cuts = [f"{name}_edits" for name in policy.cut_lines if f"{name}_edits" in frame.columns]
    spans = frame["personal_data_spans"] if "personal_data_spans" in frame.columns else none
    has = [frame[name].list.len() > 0 for name in cuts]
    if spans is not none:
        has.append(spans.list.len() > 0)
    rows = (
        (kept & pl.select(pl.any_horizontal(has)).to_series()).arg_true().to_list() if has else []
    )
    found: list[Edit] = []
    owners: list[int] = []
    of_cuts = {name: frame[name].gather(rows).to_list() for name in cuts}
    of_values = spans.gather(rows).to_list()
    for at, (row, text) in enumerate(zip(rows, texts(rows), strict=True)):
        lines = [edit for name in cuts for edit in _cuts(of_cuts[name][at])]
        if len(cuts) > 1 and not applied(text, merged(lines, [])).strip():
            # Neither takes all by itself: the lines of a host by their rule, C4's by `judge`.
            lines = _cuts(of_cuts["c4_edits"][at])
        values = [
            {**span, "replacement": replacement(text, span, policy.redaction[span["kind"]])}
            for span in of_values[at] or []
            if policy.redaction[span["kind"]] != "keep"
        ]
        edits = merged(lines, values)
        found += edits
        owners += [row] * len(edits)
    items = pl.DataFrame({name: [edit[name] for edit in found] for name in _FIELDS}, schema=_FIELDS)
    return lists_of("edits", owners, frame.height, items).to_frame()


def _cuts(spans: list[dict[str, int]]) -> list[Edit]:
    return [{**span, "kind": LINE, "replacement": ""} for span in spans]


def replacement(text: str, span: Edit, action: str) -> str:
    """What stands for a value: the placeholder of its kind, or its shape."""
    if action == "placeholder":
        return PLACEHOLDERS[span["kind"]]
    value = text[span["start"] : span["end"]]
    return "".join(MASK if sign.isalnum() else sign for sign in value)
