"""The step `corpus`: a decision about every document, with its reason, and the held-out split."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
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
from mowa.corpus._manifest import DIMENSIONS, manifest_from
from mowa.corpus._policy import Policy
from mowa.corpus._policy import policy as policy_of
from mowa.corpus._report import LENGTH_EDGES, corpus_report
from mowa.corpus._rules import HELD_OUT, KEEP, PERSONAL_DATA_DENSITY, TRAIN, judge, number
from mowa.corpus._rules import decide as decide_frame
from mowa.corpus._schema import DECISIONS, read_frame, write_frame
from mowa.corpus._signals import shards_of
from mowa.corpus._table import SIGNALS, Signal, check_alignment, found_in, full_name, write_about
from mowa.corpus.personal import KINDS
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Unit
from mowa.workspace import Inputs, Metrics, link_or_copy, write_text

_EXAMPLES = 3
_EXAMPLE_CHARACTERS = 200


@dataclass(frozen=True)
class _Work:
    """One shard, where its documents and signals are, and the rules."""

    shard: str
    documents: Path
    signals: dict[str, Path]
    policy: Policy
    set_aside: frozenset[str] = frozenset()
    class_columns: tuple[str, ...] = ()


def run(config: CorpusConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `documents/`, `signals/` (linked), `decisions/`, `edits/` and `manifest.json`.

    Raises:
        UsageError: Where a threshold names no signal, or an input is missing.
        DataError: Where the signals do not belong to the documents, two documents have one id, or
            nothing is kept for training or for evaluation.
    """
    documents = inputs.all("documents")
    shards = list(shards_of(documents))
    found = found_in(inputs.all("signals"))
    signals = [signal for signal, _ in found.values()]
    folders = {name: path for name, (_, path) in found.items()}
    rules = policy_of(config, context.language, signals)
    _check_cuts(config, signals)
    check_alignment(shards, folders)
    _check_ids(shards)
    if config.release == "open":
        _check_open(shards)
    duplicates = folders[SIGNALS["duplicates"].folder]
    counts = folders[SIGNALS["counts"].folder]
    aside = set_aside(shards, duplicates, config.hold_out, near=config.near_duplicates)
    given = tuple(signal.class_column for signal in signals if signal.class_column)
    works = [_Work(shard, path, folders, rules, aside.clusters, given) for shard, path in shards]
    context.map(
        judge_shard, [Unit(f"judge/{work.shard}", work) for work in works], out, label="rules"
    )
    choice = _choose.Work(tuple(shards), duplicates, counts, rules)
    context.map(_choose.choose, [Unit("choose", choice)], out, label="copies")
    units = [Unit(f"decide/{work.shard}", work) for work in works]
    results = context.map(decide_shard, units, out, label="decisions")
    for folder in (".judged", ".chosen"):
        shutil.rmtree(out / folder, ignore_errors=True)
    for signal in signals:
        if signal.about:
            write_about(out / "signals", signal)
    manifest = manifest_from(results, documents, rules, signals)
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


def _check_cuts(config: CorpusConfig, signals: Sequence[Signal]) -> None:
    """The default cuts what was measured; a recipe that names lines to cut means it."""
    measured = {signal.name for signal in signals}
    for name in config.cut_lines if "cut_lines" in config.model_fields_set else ():
        if name not in measured:
            raise UsageError(
                f"{name!r} was not measured, so there are no lines of it to cut",
                where="cut_lines",
                fix=f"add {name!r} to `measure` of the signals step",
            )


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
    cells = whole.group_by(DIMENSIONS).agg(
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
        "classes": {name: _by_class(whole, name) for name in work.class_columns},
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


def _by_class(whole: pl.DataFrame, column: str) -> list[tuple[str, int, int, int]]:
    """Of each class: documents, those kept, and the characters of these."""
    kept = pl.col("decision") == KEEP
    counted = whole.group_by(column).agg(
        pl.len(), kept.sum().alias("kept"), pl.col("characters").filter(kept).sum().alias("size")
    )
    return sorted(counted.drop_nulls(column).rows())


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
        PERSONAL_DATA_DENSITY: "raise personal_data_density in the corpus step, or {} for no limit",
        "empty": "try main_content = false in the documents step, or another text_field",
    }.get(reason, "add other documents")


def _examples(
    results: Sequence[dict[str, Any]], out: Path
) -> dict[str, list[tuple[str, str, str]]]:
    """Of each reason the first few documents: id, detail, how the text begins."""
    chosen: dict[str, list[tuple[str, str, str]]] = {}
    for result in results:
        texts = None  # of the shard, read once and only where an example lies in it
        for reason, detail, doc_id, row in result["examples"]:
            found = chosen.setdefault(reason, [])
            if len(found) < _EXAMPLES:
                if texts is None:
                    path = out / "documents" / f"{result['shard']}.parquet"
                    texts = read_frame(path, ("text",))["text"]
                found.append((doc_id, detail or "", texts[row][:_EXAMPLE_CHARACTERS]))
    return dict(sorted(chosen.items()))
