"""The step mixture: which documents of which sources are trained on, and how many times.

What comes out is a tokens artifact: the shards are those of its inputs, linked; only the lists of
documents beside them are new, with a document once for every time that it is read in an epoch of
the mixture. The held-out split is that of the inputs, whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from mowa.errors import DataError, UsageError
from mowa.execution import Context
from mowa.report import Bars, Figures, Page, Section, Table
from mowa.training._tokens import DOCUMENTS, SPLITS
from mowa.training._tokens_config import MixtureConfig
from mowa.workspace import Artifact, Inputs, Metrics, link_or_copy, write_text, writing

_SAME = ("vocab_size", "dtype", "tokenizer", "bos_id", "eos_id")
_COUNTED = ("documents", "tokens", "bytes")
_REST = "*"


@dataclass(frozen=True)
class _Shard:
    """One shard of an input: what it is called here and there, and its entry in tokens.json."""

    name: str
    path: Path
    entry: dict[str, Any]


def run(config: MixtureConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:  # noqa: ARG001 - every step has it
    """Write the shards of both splits, tokens.json, mixture.json and report.html into `out`.

    Raises:
        UsageError: Where a group names a source that is not there, a source is in no group, or a
            group would be read more than `max_epochs` times.
        DataError: Where the inputs were made with different tokenizers.
    """
    artifacts = inputs.all("tokens")
    indexes = [_index(artifact) for artifact in artifacts]
    _check_same(artifacts, indexes)
    shards = {
        split: [
            shard
            for artifact, index in zip(artifacts, indexes, strict=True)
            for shard in _shards(artifact, index, split)
        ]
        for split in SPLITS
    }
    tables = [_read(shard) for shard in shards["train"]]
    documents = pl.concat(
        [table.with_columns(pl.lit(n).alias("shard")) for n, table in enumerate(tables)]
    )
    documents = documents.with_columns(_group_of(documents["source"], config).alias("group"))
    documents = documents.with_columns(_order(documents["doc_id"], config.seed).alias("order"))
    documents = documents.filter(_under_cap(documents, config.host_tokens))
    rows = _amounts(documents, config)
    times = _times(documents, rows)
    entries = {
        "train": _write_train(shards["train"], documents.with_columns(times), out),
        "held_out": [_link(shard, "held_out", out) for shard in shards["held_out"]],
    }
    index: dict[str, Any] = {
        **{key: indexes[0].get(key) for key in _SAME},
        "splits": {
            split: {
                **{key: sum(entry[key] for entry in found) for key in _COUNTED},
                "shards": found,
            }
            for split, found in entries.items()
        },
    }
    write_text(out / "tokens.json", json.dumps(index, indent=1) + "\n")
    table = _table(documents.with_columns(times), rows)
    write_text(out / "mixture.json", json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    _report(table, out / "report.html")
    return {
        **{f"{s}_{key}": index["splits"][s][key] for s in SPLITS for key in _COUNTED},
        "groups": table["groups"],
    }


def _index(artifact: Artifact) -> dict[str, Any]:
    path = artifact.path / "tokens.json"
    try:
        index: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"the tokens cannot be read ({error})", where=str(path)) from error
    return index


def _check_same(artifacts: Sequence[Artifact], indexes: Sequence[dict[str, Any]]) -> None:
    for artifact, index in zip(artifacts, indexes, strict=True):
        if any(index.get(key) != indexes[0].get(key) for key in _SAME):
            raise DataError(
                f"{artifacts[0].id} and {artifact.id} were made with different tokenizers",
                fix="let all tokens steps of a mixture read one tokenizer",
            )


def _shards(artifact: Artifact, index: dict[str, Any], split: str) -> list[_Shard]:
    step = artifact.name.replace("/", "--")
    return [
        _Shard(f"{step}--{entry['name']}", artifact.path / split / entry["name"], entry)
        for entry in index["splits"][split]["shards"]
    ]


def _read(shard: _Shard) -> pl.DataFrame:
    path = shard.path.with_name(f"{shard.path.name}.documents.parquet")
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"the token shard cannot be read ({error})", where=str(path)) from error


def _group_of(sources: pl.Series, config: MixtureConfig) -> pl.Series:
    group = {name: key for key, item in config.groups.items() for name in item.sources}
    found = sorted(sources.unique().to_list())
    for name in sorted(set(group) - {_REST} - set(found)):
        raise UsageError(
            f"the tokens have no source {name!r}",
            where=f"groups.{group[name]}.sources",
            fix=f"choose of: {', '.join(found)}",
        )
    left = [name for name in found if name not in group]
    if left and _REST not in group:
        raise UsageError(
            f"no group has the source {', '.join(left)}",
            where="groups",
            fix='name it, take it into a group with sources = ["*"], or give it epochs = 0',
        )
    return pl.Series("group", [group.get(name, group.get(_REST)) for name in sources], pl.String)


def _order(doc_ids: pl.Series, seed: int) -> pl.Series:
    """A number for each document by which a part of them is taken: the same for ever."""
    hashed = (
        hashlib.blake2b(f"{seed}\0{doc_id}".encode(), digest_size=8).digest() for doc_id in doc_ids
    )
    return pl.Series("order", [int.from_bytes(item) for item in hashed], pl.UInt64)


def _under_cap(documents: pl.DataFrame, share: float | None) -> pl.Series:
    """Documents of a host up to its share of the group's tokens; at least one of every host."""
    if share is None:
        return pl.repeat(value=True, n=documents.height, eager=True)
    ordered = documents.with_row_index("row").sort("order", "doc_id")
    allowed = pl.col("length").sum().over("group") * share
    running = pl.col("length").cum_sum().over("group", "host")
    first = pl.int_range(pl.len()).over("group", "host") == 0
    keeps = pl.col("host").is_null() | first | (running <= allowed)
    return ordered.select("row", keeps.alias("keeps")).sort("row")["keeps"]


def _amounts(documents: pl.DataFrame, config: MixtureConfig) -> list[dict[str, Any]]:
    """Of each group: tokens that there are, and how many are wanted."""
    have = dict(documents.group_by("group").agg(pl.col("length").sum()).rows())
    empty = [name for name in config.groups if not have.get(name)]
    if empty:
        raise UsageError(
            f"the group {empty[0]} has no tokens", where=f"groups.{empty[0]}", fix="leave it out"
        )
    rows = [{"group": name, "tokens": have[name]} for name in config.groups]
    if all(group.weight is not None for group in config.groups.values()):
        weights = [group.weight or 0.0 for group in config.groups.values()]
        shares = [weight / sum(weights) for weight in weights]
        total = config.tokens or int(
            min(row["tokens"] / share for row, share in zip(rows, shares, strict=True))
        )
        for row, share in zip(rows, shares, strict=True):
            row["wanted"] = round(total * share)
    else:
        for row, group in zip(rows, config.groups.values(), strict=True):
            row["wanted"] = round(row["tokens"] * (group.epochs or 0.0))
    for row in rows:
        epochs = row["wanted"] / row["tokens"]
        if epochs > config.max_epochs:
            raise UsageError(
                f"the group {row['group']} has {row['tokens']:,} tokens and would be read"
                f" {epochs:.1f} times for {row['wanted']:,}",
                where=f"groups.{row['group']}",
                fix=f"ask for fewer tokens, a smaller weight, or raise max_epochs"
                f" (now {config.max_epochs:g})",
            )
    return rows


def _times(documents: pl.DataFrame, rows: Sequence[dict[str, Any]]) -> pl.Series:
    """How many times each document is read.

    All of a group are read as often as goes into what is wanted; of the rest, documents in their
    order, as long as half of the next one still fits.
    """
    times = np.zeros(documents.height, np.int64)
    groups, lengths = documents["group"].to_numpy(), documents["length"].to_numpy()
    order = np.lexsort((documents["doc_id"].to_numpy(), documents["order"].to_numpy()))
    for row in rows:
        whole, rest = divmod(row["wanted"], row["tokens"])
        chosen = order[groups[order] == row["group"]]
        times[chosen] = whole
        before = np.cumsum(lengths[chosen]) - lengths[chosen]
        times[chosen[before + lengths[chosen] / 2 <= rest]] += 1
    return pl.Series("times", times)


def _write_train(
    shards: Sequence[_Shard], documents: pl.DataFrame, out: Path
) -> list[dict[str, Any]]:
    entries = []
    for number, shard in enumerate(shards):
        chosen = documents.filter((pl.col("shard") == number) & (pl.col("times") > 0))
        chosen = chosen.select(
            pl.exclude("shard", "group", "order", "times").repeat_by("times").explode()
        )
        if not chosen.height:
            continue
        target = out / "train" / f"{shard.name}.npy"
        link_or_copy(shard.path.with_name(f"{shard.path.name}.npy"), target)
        with writing(target.with_name(f"{shard.name}.documents.parquet")) as partial:
            pq.write_table(chosen.to_arrow().cast(DOCUMENTS), partial, compression="zstd")
        entries.append(
            {
                "name": shard.name,
                "documents": chosen.height,
                "tokens": int(chosen["length"].sum()),
                "bytes": int(chosen["bytes"].sum()),
                "array": shard.entry.get("array", shard.entry["tokens"]),
            }
        )
    return entries


def _link(shard: _Shard, split: str, out: Path) -> dict[str, Any]:
    for suffix in (".npy", ".documents.parquet"):
        source = shard.path.with_name(shard.path.name + suffix)
        link_or_copy(source, out / split / (shard.name + suffix))
    return {**shard.entry, "name": shard.name}


def _table(documents: pl.DataFrame, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the mixture came to: by group, and by source within it."""
    read = pl.col("length") * pl.col("times")
    found = documents.group_by("group", "source").agg(
        pl.len().alias("documents"),
        pl.col("length").sum().alias("available"),
        read.sum().alias("tokens"),
    )
    total = int(found["tokens"].sum())
    sources = [
        {
            **row,
            "epochs": row["tokens"] / row["available"],
            "share": row["tokens"] / total if total else 0.0,
        }
        for row in found.sort("group", "source").to_dicts()
    ]
    groups = []
    for row in rows:
        tokens = sum(item["tokens"] for item in sources if item["group"] == row["group"])
        groups.append(
            {
                "group": row["group"],
                "available": row["tokens"],
                "wanted": row["wanted"],
                "tokens": tokens,
                "epochs": tokens / row["tokens"],
                "share": tokens / total if total else 0.0,
            }
        )
    return {"tokens": total, "groups": groups, "sources": sources}


def _report(table: dict[str, Any], path: Path) -> None:
    columns = ["available", "tokens", "epochs", "share"]
    Page(
        "Mixture",
        "what is trained on, and how many times",
        [
            Section("In short", [Figures([("tokens an epoch", f"{table['tokens']:,}")])]),
            Section(
                "Groups",
                [
                    Table(
                        ["group", "wanted", *columns],
                        [
                            [x["group"], x["wanted"], *(x[c] for c in columns)]
                            for x in table["groups"]
                        ],
                    ),
                    Bars("Tokens, by group", [(x["group"], x["tokens"]) for x in table["groups"]]),
                ],
                "Epochs: how many times a document is read in one pass of the mixture.",
            ),
            Section(
                "Sources",
                [
                    Table(
                        ["source", "group", "documents", *columns],
                        [
                            [x["source"], x["group"], x["documents"], *(x[c] for c in columns)]
                            for x in table["sources"]
                        ],
                    )
                ],
            ),
        ],
    ).write(path)
