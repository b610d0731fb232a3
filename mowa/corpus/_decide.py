"""The step `corpus`: a decision about every document, with its reason, and the held-out split."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus import _choose
from mowa.corpus._config import CorpusConfig
from mowa.corpus._edits import EDITS, edits_of
from mowa.corpus._hold_out import set_aside
from mowa.corpus._read import row_at
from mowa.corpus._report import LENGTH_EDGES, corpus_report
from mowa.corpus._rules import (
    DUPLICATE,
    EXACT_DUPLICATE,
    HELD_OUT,
    KEEP,
    NEAR_DUPLICATE,
    QUARANTINE,
    REJECT,
    TRAIN,
    Policy,
    judge,
    number,
)
from mowa.corpus._rules import decide as decide_frame
from mowa.corpus._rules import policy as policy_of
from mowa.corpus._schema import DECISIONS, read_frame, shards_in, write_frame
from mowa.corpus._signals import shards_of
from mowa.corpus._table import check_alignment, found_in, full_name
from mowa.corpus.personal import KINDS
from mowa.errors import DataError
from mowa.execution import Context, Unit
from mowa.workspace import Artifact, Inputs, Metrics, link_or_copy, write_text

_DIMENSIONS = ("decision", "reason", "split", "source", "licence", "release")
_SUMS = ("documents", "characters", "bytes")
_EXAMPLES = 3
_HOSTS = 100
_EXAMPLE_CHARACTERS = 200


@dataclass(frozen=True)
class _Work:
    """One shard, where its documents and signals are, and the rules."""

    shard: str
    documents: Path
    signals: dict[str, Path]
    policy: Policy
    set_aside: frozenset[str] = frozenset()


def run(config: CorpusConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `documents/`, `signals/` (linked), `decisions/`, `edits/` and `manifest.json`.

    Raises:
        UsageError: Where a threshold names no signal, or an input is missing.
        DataError: Where the signals do not belong to the documents, two documents have one id, or
            nothing is kept for training or for evaluation.
    """
    documents = inputs.all("documents")
    shards = list(shards_of(documents))
    signals = found_in(inputs.all("signals"))
    rules = policy_of(config, context.language, signals)
    check_alignment(shards, signals)
    _check_ids(shards)
    if config.release == "open":
        _check_open(shards)
    duplicates = next(path for name, path in signals.items() if name.startswith("duplicates@"))
    counts = next(path for name, path in signals.items() if name.startswith("counts@"))
    aside = set_aside(shards, duplicates, config.hold_out, near=config.near_duplicates)
    works = [_Work(shard, path, signals, rules, aside.clusters) for shard, path in shards]
    context.map(
        judge_shard, [Unit(f"judge/{work.shard}", work) for work in works], out, label="rules"
    )
    choice = _choose.Work(tuple(shards), duplicates, counts, rules)
    context.map(_choose.choose, [Unit("choose", choice)], out, label="copies")
    units = [Unit(f"decide/{work.shard}", work) for work in works]
    results = context.map(decide_shard, units, out, label="decisions")
    for folder in (".judged", ".chosen"):
        shutil.rmtree(out / folder, ignore_errors=True)
    manifest = _manifest(results, documents, rules)
    manifest["signals"] = list(signals)
    for entry, count in zip(manifest["hold_out"], aside.matched, strict=True):
        entry["documents"] = count
    _check_kept(manifest, rules)
    write_text(
        out / "manifest.json",
        json.dumps(manifest, ensure_ascii=False, indent=1) + "\n",
    )
    corpus_report(manifest, _examples(results, out), out / "report.html")
    licences = {name: item[KEEP] for name, item in manifest["licences"].items() if item[KEEP]}
    return {
        **{
            key: manifest[key]
            for key in ("records", "documents", "decisions", "reasons", "splits", "sources")
        },
        "licences": licences,
    }


def _check_ids(shards: Sequence[tuple[str, Path]]) -> None:
    ids = pl.concat([read_frame(path, ("doc_id",)) for _, path in shards])["doc_id"]
    if ids.n_unique() == ids.len():
        return
    twice = ids.filter(ids.is_duplicated())[0]
    places = [
        f"{source}: {locator}"
        for _, path in shards
        for source, locator in read_frame(path, ("doc_id", "source", "locator"))
        .filter(pl.col("doc_id") == twice)
        .select("source", "locator")
        .rows()
    ]
    raise DataError(
        f"two records have the same key, so the documents have one id, {twice}",
        where=" and ".join(places[:2]),
        fix="leave one of the files out (exclude), give the records different ids, or register the"
        " two collections as different sources",
    )


def _check_open(shards: Sequence[tuple[str, Path]]) -> None:
    closed: Counter[str] = Counter()
    for _, path in shards:
        frame = read_frame(path, ("source", "release")).filter(pl.col("release") != "open")
        closed.update(frame["source"].to_list())
    if closed:
        names = ", ".join(f"{name} ({count:,})" for name, count in sorted(closed.items()))
        raise DataError(
            f'release = "open", but these sources are for research only: {names}',
            fix="leave their inventories out of the documents step, or build with"
            ' release = "research"',
        )


def judge_shard(work: _Work, out: Path) -> dict[str, Any]:
    """Write what the rules say of each document by itself, for the stages that follow."""
    file = f"{work.shard}.parquet"
    declared = read_frame(work.documents, ("doc_id", "language")).rename({"language": "declared"})
    frame = pl.concat([declared, _signals(work)], how="horizontal")
    write_frame(out / ".judged" / file, judge(frame, work.policy), _JUDGED)
    return {}  # the file is not among those of the ledger, which are there to stay


def _signals(work: _Work) -> pl.DataFrame:
    """The columns of all signals of a shard, side by side."""
    file = f"{work.shard}.parquet"
    return pl.concat(
        [read_frame(folder / file) for folder in work.signals.values()], how="horizontal"
    )


_JUDGED = pa.schema([field for field in DECISIONS if field.name != "split"])


def decide_shard(work: _Work, out: Path) -> dict[str, Any]:
    """Link documents and signals, write decisions and edits, count."""
    file = f"{work.shard}.parquet"
    files = [f"documents/{file}", *(f"signals/{name}/{file}" for name in work.signals)]
    link_or_copy(work.documents, out / files[0])
    for folder, target in zip(work.signals.values(), files[1:], strict=True):
        link_or_copy(folder / file, out / target)
    about = ("doc_id", "source", "licence", "release", "content_hash")
    frame = read_frame(work.documents, about).hstack(_signals(work))
    decided = decide_frame(
        read_frame(out / ".judged" / file),
        frame,
        read_frame(out / ".chosen" / "copies.parquet"),
        work.policy,
        work.set_aside,
    )
    files += [f"decisions/{file}", f"edits/{file}"]
    write_frame(out / files[-2], decided, DECISIONS)

    def texts(rows: list[int]) -> list[str]:
        if not rows:
            return []
        return read_frame(work.documents, ("text",))["text"].gather(rows).to_list()

    edits = edits_of(frame, texts, decided["decision"] == KEEP, work.policy)
    write_frame(out / files[-1], edits, EDITS)
    whole = frame.hstack(decided.drop("doc_id"))
    cells = whole.group_by(_DIMENSIONS).agg(
        pl.len().alias("documents"), pl.col("characters").sum(), pl.col("bytes").sum()
    )
    rejected = whole.with_row_index("row").filter(pl.col("reason").is_not_null())
    examples = rejected.group_by("reason", maintain_order=True).head(_EXAMPLES)
    return {
        "files": files,
        "shard": work.shard,
        "cells": sorted(cells.rows(), key=str),
        "lengths": {
            name: _lengths(whole.filter(chosen)["characters"])
            for name, chosen in (("all", pl.lit(value=True)), ("kept", pl.col("decision") == KEEP))
        },
        "languages": dict(sorted(whole["language"].value_counts(sort=False).rows())),
        "edits": _edited(edits["edits"]),
        "hosts": _hosts(out / files[0], frame, decided),
        "personal_data": _personal(frame),
        "examples": examples.select("reason", "detail", "doc_id", "row").rows(),
    }


def _edited(edits: pl.Series) -> dict[str, int]:
    """How many edits of each kind there are, and in how many documents."""
    kinds = edits.explode().drop_nulls().struct.field("kind")
    counts = dict(sorted(kinds.value_counts(sort=False).rows()))
    return {**counts, "documents": int((edits.list.len() > 0).sum())}


def _personal(frame: pl.DataFrame) -> dict[str, int]:
    """How many personal data of each kind the documents hold, kept or not."""
    names = {kind: full_name("personal_data", kind) for kind in KINDS}
    return {kind: int(frame[name].sum()) for kind, name in names.items() if name in frame.columns}


def _hosts(
    documents: Path, frame: pl.DataFrame, decided: pl.DataFrame
) -> list[tuple[str, int, int]]:
    """Of each host of the shard: kept documents and their characters."""
    hosts = read_frame(documents, ("host",)).hstack(frame.select("characters"))
    kept = hosts.filter(decided["decision"] == KEEP).drop_nulls("host")
    counted = kept.group_by("host").agg(pl.len().alias("documents"), pl.col("characters").sum())
    return sorted(counted.rows())


def _lengths(characters: pl.Series) -> list[int]:
    counts, _ = np.histogram(characters.to_numpy(), bins=np.array(LENGTH_EDGES))
    return [int(count) for count in counts]


def _manifest(
    results: Sequence[dict[str, Any]], documents: Sequence[Artifact], rules: Policy
) -> dict[str, Any]:
    cells = [
        (dict(zip(_DIMENSIONS, cell, strict=False)), dict(zip(_SUMS, cell[6:], strict=True)))
        for result in results
        for cell in result["cells"]
    ]
    total = _sum(sums for _, sums in cells)
    manifest: dict[str, Any] = {**rules.to_json(), **total}
    for dimension, plural in zip(_DIMENSIONS, _PLURALS, strict=True):
        names = sorted({str(cell[dimension]) for cell, _ in cells if cell[dimension] is not None})
        manifest[plural] = {
            name: _sum(sums for cell, sums in cells if cell[dimension] == name) for name in names
        }
    for dimension, plural in (
        ("source", "sources"),
        ("licence", "licences"),
        ("release", "releases"),
    ):
        for name, entry in manifest[plural].items():
            for verdict in (KEEP, REJECT, DUPLICATE, QUARANTINE):
                entry[verdict] = sum(
                    sums["documents"]
                    for cell, sums in cells
                    if cell[dimension] == name and cell["decision"] == verdict
                )
    kinds = _added(result["personal_data"] for result in results)
    manifest["edits"] = dict(sorted(_added(result["edits"] for result in results).items()))
    manifest["hosts"], manifest["host_characters"] = _largest_hosts(results)
    manifest["personal_data"] = {kind: count for kind, count in kinds.items() if count}
    copies = {name: manifest["reasons"].get(name) for name in (EXACT_DUPLICATE, NEAR_DUPLICATE)}
    manifest["duplicates"] = {name: item["documents"] for name, item in copies.items() if item}
    skipped = _skipped(documents)
    manifest["skipped"] = dict(sorted(skipped.items()))
    manifest["records"] = total["documents"] + skipped.total()
    manifest["languages"] = dict(sorted(_added(result["languages"] for result in results).items()))
    manifest["lengths"] = {
        "edges": LENGTH_EDGES,
        **{
            name: [sum(bins) for bins in zip(*(r["lengths"][name] for r in results), strict=True)]
            for name in ("all", "kept")
        },
    }
    manifest["shards"] = [_shard(result) for result in results]
    _check_sums(manifest)
    return manifest


_PLURALS = ("decisions", "reasons", "splits", "sources", "licences", "releases")


def _sum(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    total = dict.fromkeys(_SUMS, 0)
    for part in parts:
        for key in _SUMS:
            total[key] += part[key]
    return total


def _added(parts: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total


def _largest_hosts(results: Sequence[dict[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
    """The hosts with most kept documents, and their characters."""
    documents: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for result in results:
        for host, count, size in result["hosts"]:
            documents[host] += count
            characters[host] += size
    largest = sorted(documents, key=lambda host: (-documents[host], host))[:_HOSTS]
    return {h: documents[h] for h in largest}, {h: characters[h] for h in largest}


def _skipped(documents: Sequence[Artifact]) -> Counter[str]:
    found: Counter[str] = Counter()
    for artifact in documents:
        for shard in shards_in(artifact.path / "skipped"):
            reasons = read_frame(artifact.path / "skipped" / f"{shard}.parquet", ("reason",))
            found.update(dict(reasons["reason"].value_counts(sort=False).rows()))
    return found


def _shard(result: dict[str, Any]) -> dict[str, Any]:
    of_split: Counter[str] = Counter()
    for cell in result["cells"]:
        of_split[cell[2] or ""] += cell[6]
    return {
        "name": result["shard"],
        "documents": of_split.total(),
        TRAIN: of_split[TRAIN],
        HELD_OUT: of_split[HELD_OUT],
    }


def _check_sums(manifest: dict[str, Any]) -> None:
    """Whatever way the documents are counted, the sum is the same."""
    for plural in ("decisions", "sources", "licences", "releases"):
        for key in _SUMS:
            assert sum(entry[key] for entry in manifest[plural].values()) == manifest[key], plural
    count = {
        plural: sum(entry["documents"] for entry in manifest[plural].values())
        for plural in ("reasons", "splits")
    }
    kept = manifest["decisions"].get(KEEP, {"documents": 0})["documents"]
    assert count["splits"] == kept, "splits"
    assert count["reasons"] == manifest["documents"] - kept, "reasons"
    assert sum(manifest["languages"].values()) == manifest["documents"], "languages"
    assert sum(shard["documents"] for shard in manifest["shards"]) == manifest["documents"], (
        "shards"
    )


def _check_kept(manifest: dict[str, Any], rules: Policy) -> None:
    kept = {name: entry["documents"] for name, entry in manifest["splits"].items()}
    missing = [name for name in (TRAIN, HELD_OUT) if not kept.get(name)]
    if not missing:
        return
    reasons = sorted(
        ((entry["documents"], name) for name, entry in manifest["reasons"].items()), reverse=True
    )
    counts = ", ".join(f"{count:,} {name}" for count, name in reasons) or "none"
    many = f"of {manifest['documents']:,} documents {sum(kept.values()):,} are kept"
    many += f"; not kept: {counts}"
    if kept:
        fix = f"{many}; {'raise' if missing == [HELD_OUT] else 'lower'} held_out"
        fix += f" (now {number(rules.held_out)}), choose another seed, or add documents"
    else:
        fix = f"{many}; {_way_out(reasons[0][1], rules)}"
    raise DataError(f"no document is left for {' and '.join(missing)}", fix=fix)


def _way_out(reason: str, rules: Policy) -> str:
    limits = {limit.signal: limit for limit in rules.limits}
    if reason in limits:
        limit = limits[reason]
        return (
            f"loosen thresholds.{reason} in the corpus step"
            f" (now minimum {limit.minimum}, maximum {limit.maximum}, from {limit.origin})"
        )
    return {
        "language": f"is the language of the recipe right ({rules.language})? or lower"
        f" minimum_language_confidence (now {number(rules.minimum_language_confidence)})",
        "empty": "try main_content = false in the documents step, or another text_field",
    }.get(reason, "add other documents")


def _examples(
    results: Sequence[dict[str, Any]], out: Path
) -> dict[str, list[tuple[str, str, str]]]:
    """Of each reason the first few documents: id, detail, how the text begins."""
    chosen: dict[str, list[tuple[str, str, str]]] = {}
    for result in results:
        for reason, detail, doc_id, row in result["examples"]:
            found = chosen.setdefault(reason, [])
            if len(found) < _EXAMPLES:
                path = out / "documents" / f"{result['shard']}.parquet"
                text = row_at(path, row, ("text",))["text"]
                found.append((doc_id, detail or "", text[:_EXAMPLE_CHARACTERS]))
    return dict(sorted(chosen.items()))
