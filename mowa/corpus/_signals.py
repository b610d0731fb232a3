"""The step `signals`: counts, language and exact duplicates of documents, in aligned columns."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus._config import SignalsConfig
from mowa.corpus._counts import counts
from mowa.corpus._duplicates import clusters, mark_duplicates
from mowa.corpus._language import languages
from mowa.corpus._report import signals_report
from mowa.corpus._schema import COUNTS, HASHES, LANGUAGE, read_groups, shards_in, write_frame
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Unit
from mowa.workspace import Artifact, Inputs, Metrics

# Hashes between the two stages; they are removed when the second has finished.
_HASHES = ".hashes"


@dataclass(frozen=True)
class _Work:
    """One shard of documents and what is measured of it."""

    shard: str
    path: Path
    stop_words: tuple[str, ...]
    language_characters: int


def run(config: SignalsConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `signals/<name>@<revision>/<shard>.parquet`, aligned with the documents by row.

    Raises:
        UsageError: Where no documents are read.
        DataError: Where two of the inputs have a shard of the same name, or one is damaged.
    """
    units = [
        Unit(
            f"shard/{shard}",
            _Work(shard, path, context.language.stop_words, config.language_characters),
        )
        for shard, path in shards_of(inputs.all("documents"))
    ]
    results = context.map(measure_shard, units, out, label="signals")
    hashes = [(unit.work.shard, f"{_HASHES}/{unit.work.shard}.parquet") for unit in units]
    [duplicates] = context.map(
        mark_duplicates, [Unit("duplicates", hashes)], out, label="duplicates"
    )
    shutil.rmtree(out / _HASHES, ignore_errors=True)
    found: Counter[str] = Counter()
    for result in results:
        found.update(result["languages"])
    metrics = {
        "documents": sum(result["documents"] for result in results),
        "languages": dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))),
        "duplicates": duplicates["duplicates"],
        "clusters_of_duplicates": duplicates["clusters"],
    }
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
    """Write `counts@1` and `language@1` of one shard, and the hashes that find duplicates."""
    parts: list[tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]] = []
    for group in read_groups(work.path, ("doc_id", "text")):
        texts = group["text"]
        parts.append(
            (
                counts(texts, work.stop_words),
                languages(texts, work.language_characters),
                group.select("doc_id", clusters(texts)),
            )
        )
    counted, identified, hashed = (pl.concat(list(column)) for column in zip(*parts, strict=True))
    files = [f"signals/{name}/{work.shard}.parquet" for name in ("counts@1", "language@1")]
    write_frame(out / files[0], counted, COUNTS)
    write_frame(out / files[1], identified, LANGUAGE)
    # Not among the files of the ledger, which are there to stay.
    write_frame(out / _HASHES / f"{work.shard}.parquet", hashed, HASHES)
    found = identified["language"].value_counts(sort=False).rows()
    return {"files": files, "documents": counted.height, "languages": dict(sorted(found))}
