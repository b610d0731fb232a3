"""Which document of a cluster stays: decided by source and licence, never by chance."""

from __future__ import annotations

import polars as pl

# From no conditions to most; what is not among them comes behind, by name of the licence.
_OPENNESS = (
    r"^(CC0|PDDL|Unlicense|0BSD|public[- ]domain|PDM)",
    r"^(CC-BY-\d|ODC-By|MIT|BSD|Apache|ISC)",
    r"^(CC-BY-SA|ODbL|GFDL|GPL|LGPL|MPL)",
    r"^CC-BY-ND",
    r"^CC-BY-NC-\d",
    r"^CC-BY-NC-SA",
    r"^CC-BY-NC",
)


def representatives(frame: pl.DataFrame) -> pl.Series:
    """Of which document each is a copy; null for the one that stays and for documents alone.

    Among the documents of a cluster that could stay, the one stays that has, in this order, the
    lowest `rank`, a release that is open, the licence with the fewest conditions, the most
    characters, and the smallest `doc_id`. A document that other rules reject never stays while
    another could; where all are rejected, none is called a copy, since each has its own reason.

    Args:
        frame: `doc_id`, `licence` and `release`; `cluster` and `near_cluster` of `duplicates@2`;
            `characters`; `rank`, the place of its source in the list of priorities, 0 first; and
            `eligible`, false where another rule already rejects it.

    Returns:
        `duplicate_of`, aligned with the frame, whatever the order of its rows.

    Example:
        >>> frame = pl.DataFrame(
        ...     {
        ...         "doc_id": ["a", "b", "c"],
        ...         "licence": ["CC-BY-4.0", "CC0-1.0", "CC0-1.0"],
        ...         "release": "open",
        ...         "cluster": ["x", "x", "y"],
        ...         "near_cluster": ["a", "a", None],
        ...         "characters": [9, 9, 9],
        ...         "rank": [0, 0, 0],
        ...         "eligible": True,
        ...     }
        ... )
        >>> representatives(frame).to_list()
        ['b', None, None]
    """
    group = pl.coalesce(pl.format("near:{}", "near_cluster"), pl.format("exact:{}", "cluster"))
    best = (
        frame.lazy()
        .with_columns(group=group, openness=openness(pl.col("licence")))
        .filter(pl.col("group").is_not_null() & pl.col("eligible"))
        .with_columns(closed=pl.col("release").fill_null("") != "open")
        .sort(
            "group",
            pl.col("rank").fill_null(2**31 - 1),
            "closed",
            "openness",
            pl.col("characters").fill_null(0).neg(),
            "doc_id",
        )
        .group_by("group", maintain_order=True)
        .agg(pl.col("doc_id").first().alias("best"))
    )
    return (
        frame.lazy()
        .select("doc_id", group.alias("group"))
        .join(best, on="group", how="left", maintain_order="left")
        .select(
            pl.when(pl.col("best") != pl.col("doc_id")).then(pl.col("best")).alias("duplicate_of")
        )
        .collect()
        .to_series()
    )


def openness(licence: pl.Expr) -> pl.Expr:
    """How many conditions a licence sets, as a rank: 0 for none, the highest for unknown ones."""
    rank = pl.lit(len(_OPENNESS))
    for place, pattern in reversed(list(enumerate(_OPENNESS))):
        rank = pl.when(licence.str.contains(pattern)).then(place).otherwise(rank)
    return rank
