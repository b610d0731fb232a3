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
from mowa.corpus._language import language_signal
from mowa.corpus._named_signals import measure_named
from mowa.corpus._report import signals_report
from mowa.corpus._schema import read_groups, shards_in, write_frame
from mowa.corpus._table import SIGNALS, chosen
from mowa.corpus.duplicates import (
    BoilerplateOptions,
    DuplicateOptions,
    apply_edits,
    boilerplate,
    find_duplicates,
    find_repeated_lines,
    host_lines,
    repeated_lines,
    sketch,
    write_lines,
    write_sketches,
)
from mowa.corpus.personal import find
from mowa.corpus.quality import Tokens, c4, fineweb, gopher, speakleash, tokens_of
from mowa.corpus.quality._composition import composition
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Unit
from mowa.languages import LanguagePack
from mowa.workspace import Artifact, Inputs, Metrics

# Sketches between the two stages; they are removed when the second has finished.
_SKETCHES = ".sketches"
_OPTIONS = DuplicateOptions()
_LINES = BoilerplateOptions()
_FOUND = ("exact_clusters", "exact_copies", "near_clusters", "near_copies")


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
    documents = list(shards_of(inputs.all("documents")))
    named = measure_named(documents, config, inputs, out, context)
    units = [
        Unit(f"shard/{shard}", _Work(shard, path, names, context.language, config))
        for shard, path in documents
    ]
    shards = [unit.work.shard for unit in units]
    if "boilerplate" in names:
        lines = [Unit(f"lines/{unit.work.shard}", unit.work) for unit in units]
        context.map(count_lines, lines, out, label="lines of hosts")
        find_repeated_lines(shards, out, context, _LINES, _SKETCHES)
    results = context.map(measure_shard, units, out, label="signals")
    found: Counter[str] = Counter()
    for result in results:
        found.update(result["languages"])
    duplicates: dict[str, Any] = {}
    if "duplicates" in names:
        duplicates = find_duplicates(shards, out, context, _OPTIONS, _SKETCHES)
    shutil.rmtree(out / _SKETCHES, ignore_errors=True)
    metrics = {
        "documents": sum(result["documents"] for result in results),
        "languages": dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))),
        "signals": [SIGNALS[name].folder for name in names] + [one.folder for one in named],
    }
    metrics |= {name: duplicates[name] for name in _FOUND if name in duplicates}
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
    parts: dict[str, list[pl.DataFrame]] = {
        name: [] for name in work.names if name in _MEASURES or name == "boilerplate"
    }
    repeated = repeated_lines(out / _SKETCHES, _LINES) if "boilerplate" in parts else None
    sketches = []
    documents = 0
    for group in read_groups(work.path, _READ):
        for frame in group.iter_slices(_ROWS):
            documents += frame.height
            bare = frame
            own = [name for name in parts if name in _MEASURES and name not in _OF_BARE]
            measured = measure(frame, own, work.language, work.config)
            if repeated is not None:
                cut = boilerplate(frame, repeated, _LINES)
                measured["boilerplate"] = _renamed("boilerplate", cut)
                bare = frame.with_columns(apply_edits(frame["text"], cut["edits"]))
            own = [name for name in parts if name in _OF_BARE]
            kept = bare.with_columns(pl.col("text").str.strip_chars("\n"))
            measured |= measure(kept, own, work.language, work.config)
            for name, found in measured.items():
                parts[name].append(found)
            if "duplicates" in work.names:
                # Copies are looked for without what their hosts put around them.
                sketches.append(sketch(bare, _OPTIONS))
    files = []
    for name, found_parts in parts.items():
        signal = SIGNALS[name]
        files.append(f"signals/{signal.folder}/{work.shard}.parquet")
        write_frame(out / files[-1], pl.concat(found_parts), signal.columns)
    if sketches:
        # Not among the files of the ledger, which are there to stay.
        write_sketches(out / _SKETCHES, work.shard, sketches, _OPTIONS)
    found_languages: dict[str, int] = {}
    if "language" in parts:
        spoken = pl.concat([frame.select("language") for frame in parts["language"]])["language"]
        found_languages = dict(sorted(spoken.value_counts(sort=False).rows()))
    return {"files": files, "documents": documents, "languages": found_languages}


def count_lines(work: _Work, out: Path) -> dict[str, Any]:
    """Count the lines of each host in one shard, for those that it repeats to be found."""
    lines = [
        host_lines(frame)
        for group in read_groups(work.path, ("text", "host"))
        for frame in group.iter_slices(_ROWS)
    ]
    if not lines:
        lines = [host_lines(pl.DataFrame(schema={"text": pl.String, "host": pl.String}))]
    write_lines(out / _SKETCHES, work.shard, lines)
    return {}


_READ = ("doc_id", "text", "host")
# Documents measured at a time: tokens of all of them are in memory.
_ROWS = 256


def measure(
    frame: pl.DataFrame, names: Sequence[str], pack: LanguagePack, config: SignalsConfig
) -> dict[str, pl.DataFrame]:
    """What the signals of these names say of documents, by name, with the columns of the table.

    Args:
        frame: The column `text`, one row a document.
        names: Which signals.
        pack: The language pack.
        config: What the recipe says.
    """
    texts = frame["text"]
    tokens = tokens_of(texts) if _TOKENISED.intersection(names) else None
    return {name: _renamed(name, _MEASURES[name](texts, tokens, pack, config)) for name in names}


def _renamed(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """With the names of the table, which begin with the signal's where they are not alone."""
    return frame.rename(dict(zip(frame.columns, SIGNALS[name].columns.names, strict=True)))


Measure = Callable[[pl.Series, Tokens | None, LanguagePack, SignalsConfig], pl.DataFrame]

# What measures documents by themselves, by signal; `duplicates` needs all of them.
_MEASURES: dict[str, Measure] = {
    "counts": lambda texts, _, pack, __: counts(texts, pack.stop_words),
    "language": lambda texts, _, __, config: language_signal(texts, config.language_characters),
    "gopher": lambda texts, tokens, pack, _: gopher(texts, pack.stop_words, tokens=tokens),
    "c4": lambda texts, _, pack, __: c4(
        texts, terminal=pack.terminal_punctuation, policy=pack.policy_phrases, paragraphs=True
    ),
    "fineweb": lambda texts, tokens, pack, _: fineweb(
        texts, terminal=pack.terminal_punctuation, tokens=tokens
    ),
    "composition": lambda texts, tokens, pack, _: composition(texts, pack.letters, tokens=tokens),
    "speakleash": lambda texts, tokens, pack, _: speakleash(texts, pack.stop_words, tokens=tokens),
    "personal_data": lambda texts, _, __, ___: find(texts),
}
# What filters look at: the text without what its host puts around it, where that is known.
_OF_BARE = frozenset(("gopher", "fineweb", "composition"))
_TOKENISED = frozenset(("gopher", "fineweb", "composition", "speakleash"))
