"""The step `signals`: what is measured of documents, in columns aligned with them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus._config import SignalsConfig
from mowa.corpus._counts import counts
from mowa.corpus._duplicates import clusters, mark_duplicates
from mowa.corpus._language import languages
from mowa.corpus._report import signals_report
from mowa.corpus._schema import HASHES, read_groups, shards_in, write_frame
from mowa.corpus._table import SIGNALS, chosen
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Unit
from mowa.languages import LanguagePack
from mowa.workspace import Artifact, Inputs, Metrics

# Hashes between the two stages; they are removed when the second has finished.
_HASHES = ".hashes"


@dataclass(frozen=True)
class _Work:
    """One shard of documents and what is measured of it."""

    shard: str
    path: Path
    names: tuple[str, ...]
    language: LanguagePack
    config: SignalsConfig


def run(config: SignalsConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `signals/<name>@<revision>/<shard>.parquet`, aligned with the documents by row.

    Raises:
        UsageError: Where no documents are read.
        DataError: Where two of the inputs have a shard of the same name, or one is damaged.
    """
    names = tuple(signal.name for signal in chosen(config.measure))
    units = [
        Unit(f"shard/{shard}", _Work(shard, path, names, context.language, config))
        for shard, path in shards_of(inputs.all("documents"))
    ]
    results = context.map(measure_shard, units, out, label="signals")
    found: Counter[str] = Counter()
    for result in results:
        found.update(result["languages"])
    duplicates: dict[str, Any] = {}
    if "duplicates" in names:
        hashes = [(unit.work.shard, f"{_HASHES}/{unit.work.shard}.parquet") for unit in units]
        [duplicates] = context.map(
            mark_duplicates, [Unit("duplicates", hashes)], out, label="duplicates"
        )
        shutil.rmtree(out / _HASHES, ignore_errors=True)
    metrics = {
        "documents": sum(result["documents"] for result in results),
        "languages": dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))),
        "signals": [SIGNALS[name].folder for name in names],
    }
    if duplicates:
        metrics["duplicates"] = duplicates["duplicates"]
        metrics["clusters_of_duplicates"] = duplicates["clusters"]
    signals_report(metrics, out / "report.html")
    return metrics


def shards_of(artifacts: Sequence[Artifact]) -> Iterator[tuple[str, Path]]:
    """Name and path of every shard of documents, in the order of the corpus.

    Raises:
        UsageError: Where there are no documents.
        DataError: Where two artifacts have a shard of the same name.
    """
    if not artifacts:
        raise UsageError("this step reads no documents", fix="add a documents step to its `reads`")
    seen: dict[str, str] = {}
    for artifact in artifacts:
        folder = artifact.path / "documents"
        for shard in shards_in(folder):
            if shard in seen:
                raise DataError(
                    f"{seen[shard]} and {artifact.id} both have a shard {shard}",
                    fix="give the inventory steps of the two different names",
                )
            seen[shard] = artifact.id
            yield shard, folder / f"{shard}.parquet"


def measure_shard(work: _Work, out: Path) -> dict[str, Any]:
    """Write the signals of one shard, and the hashes that find duplicates."""
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in work.names if name in _MEASURES}
    hashes = []
    documents = 0
    for group in read_groups(work.path, _READ):
        documents += group.height
        for name, measured in parts.items():
            measured.append(_MEASURES[name](group, work.language, work.config))
        if "duplicates" in work.names:
            hashes.append(group.select("doc_id", clusters(group["text"])))
    files = []
    for name, measured in parts.items():
        signal = SIGNALS[name]
        files.append(f"signals/{signal.folder}/{work.shard}.parquet")
        write_frame(out / files[-1], pl.concat(measured), signal.columns)
    if hashes:
        # Not among the files of the ledger, which are there to stay.
        write_frame(out / _HASHES / f"{work.shard}.parquet", pl.concat(hashes), HASHES)
    found: dict[str, int] = {}
    if "language" in parts:
        spoken = pl.concat([frame.select("language") for frame in parts["language"]])["language"]
        found = dict(sorted(spoken.value_counts(sort=False).rows()))
    return {"files": files, "documents": documents, "languages": found}


_READ = ("doc_id", "text", "host")

Measure = Callable[[pl.DataFrame, LanguagePack, SignalsConfig], pl.DataFrame]

# What measures a row group of documents, by signal; `duplicates` needs all of them and is not here.
_MEASURES: dict[str, Measure] = {
    "counts": lambda frame, pack, _: counts(frame["text"], pack.stop_words),
    "language": lambda frame, _, config: languages(frame["text"], config.language_characters),
}
