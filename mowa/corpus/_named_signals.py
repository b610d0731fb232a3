"""Signals that a recipe names: hits of its lists of words, and what its classifiers say.

Each reads the documents by itself, after the signals of the table: a classifier of quality asks
for signals that an earlier step measured, and the classes of one of topics come from its model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus._config import SignalsConfig
from mowa.corpus._schema import read_frame, read_groups, write_frame
from mowa.corpus._table import (
    CLASSIFIER,
    WORD_LISTS,
    Signal,
    check_alignment,
    found_in,
    named_signal,
    write_about,
)
from mowa.corpus.classifiers._model import Model, load
from mowa.corpus.classifiers._score import schema, score
from mowa.corpus.quality._word_lists import (
    Patterns,
    read_word_list,
    word_lists,
    word_lists_schema,
)
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Unit
from mowa.workspace import Artifact, Inputs, digest

_ROWS = 1_024


def observe(config: SignalsConfig, context: Context, cache: Path | None) -> dict[str, Any]:
    """What the outer world adds to the fingerprint: the hash of every list of words."""
    del cache  # lists of words are small
    if not config.word_lists:
        return {}
    return {
        "word_lists": {name: digest(path) for name, path in _list_files(config, context).items()}
    }


def measure_named(
    shards: Sequence[tuple[str, Path]],
    config: SignalsConfig,
    inputs: Inputs,
    out: Path,
    context: Context,
) -> list[Signal]:
    """Write the signals that the recipe names, aligned with the documents.

    Args:
        shards: Name and path of every shard of documents.
        config: Names the lists of words.
        inputs: Hold the classifiers, and the signals that they were trained on.
        out: The folder of the artifact.
        context: Runs the units.

    Raises:
        UsageError: Where there is no such list, or two classifiers have one name.
        DataError: Where a list or a model cannot be read, or a model was trained on a signal that
            the step does not read.
    """
    signals = []
    if config.word_lists:
        files = _list_files(config, context)
        lists = {name: read_word_list(path) for name, path in files.items()}
        about = {
            "lists": {
                name: {"entries": len(entries), "blake2b": digest(files[name])}
                for name, entries in sorted(lists.items())
            }
        }
        signal = named_signal(WORD_LISTS, word_lists_schema(list(lists)), about)
        works = [_ListWork(shard, path, signal, lists) for shard, path in shards]
        units = [Unit(f"{WORD_LISTS}/{work.shard}", work) for work in works]
        context.map(count_words, units, out, label="lists of words")
        signals.append(signal)
    measured = inputs.all("signals")
    found = found_in(measured, needed=()) if measured else {}
    check_alignment(shards, {name: path for name, (_, path) in found.items()})
    for artifact in _by_name(inputs.all("classifier")):
        model = load(artifact.path)
        _check_features(model, artifact, found)
        signal = _signal_of(artifact, model)
        folders = {name: found[name][1] for name in model.signals}
        units = [
            Unit(
                f"{signal.name}/{shard}",
                _ModelWork(shard, path, signal, artifact.path, artifact.fingerprint, folders),
            )
            for shard, path in shards
        ]
        context.map(classify, units, out, label=f"classifier {artifact.name}")
        signals.append(signal)
    for signal in signals:
        write_about(out / "signals", signal)
    return signals


@dataclass(frozen=True)
class _ListWork:
    """One shard of documents and the lists whose words are counted in it."""

    shard: str
    path: Path
    signal: Signal
    lists: Mapping[str, Patterns]


@dataclass(frozen=True)
class _ModelWork:
    """One shard of documents, the classifier, and the signals that it asks for."""

    shard: str
    path: Path
    signal: Signal
    model: Path
    fingerprint: str
    folders: Mapping[str, Path] = field(default_factory=dict)


def count_words(work: _ListWork, out: Path) -> dict[str, Any]:
    """Write the hits of one shard."""
    return _write(
        work.shard,
        work.signal,
        out,
        # A group at a time, which is bounded by its bytes: what looks for the words is built anew.
        [word_lists(group["text"], work.lists) for group in read_groups(work.path, ("text",))],
        lambda: word_lists(pl.Series([], dtype=pl.String), work.lists),
    )


def classify(work: _ModelWork, out: Path) -> dict[str, Any]:
    """Write what the classifier says of one shard."""
    model = _model(work.model, work.fingerprint)
    if model.kind == "quality":
        parts = [score(model, _features(model, work))]
    else:
        parts = [
            score(model, frame)
            for group in read_groups(work.path, ("text",))
            for frame in group.iter_slices(_ROWS)
        ]
    empty = pl.DataFrame({"text": pl.Series([], dtype=pl.String)})
    return _write(work.shard, work.signal, out, parts, lambda: score(model, empty))


def _write(
    shard: str,
    signal: Signal,
    out: Path,
    parts: Sequence[pl.DataFrame],
    empty: Callable[[], pl.DataFrame],
) -> dict[str, Any]:
    frame = pl.concat(parts) if parts else empty()
    frame = frame.rename(dict(zip(frame.columns, signal.columns.names, strict=True)))
    file = f"signals/{signal.folder}/{shard}.parquet"
    write_frame(out / file, frame, signal.columns)
    return {"files": [file]}


@cache
def _model(path: Path, fingerprint: str) -> Model:
    """Read once by each process; by fingerprint, for another may come into its place."""
    del fingerprint
    return load(path)


def _features(model: Model, work: _ModelWork) -> pl.DataFrame:
    """The columns that the model was trained on, by their full names."""
    wanted: dict[str, list[str]] = {}
    for feature in model.features:
        folder, _, column = feature.partition("/")
        wanted.setdefault(folder, []).append(column)
    parts = [
        read_frame(work.folders[folder] / f"{work.shard}.parquet", columns).rename(
            {column: f"{folder}/{column}" for column in columns}
        )
        for folder, columns in wanted.items()
    ]
    return pl.concat(parts, how="horizontal")


def _by_name(classifiers: Sequence[Artifact]) -> list[Artifact]:
    """In the order of the names of their signals, which must differ."""
    names = [_name_of(artifact) for artifact in classifiers]
    for name in names:
        if names.count(name) > 1:
            both = " and ".join(one.id for one in classifiers if _name_of(one) == name)
            raise UsageError(
                f"{both} would both give the signal {name}",
                where="reads",
                fix="give one of the classifiers' steps another name",
            )
    return sorted(classifiers, key=_name_of)


def _name_of(classifier: Artifact) -> str:
    """The name of its signal: that of its step, as a name of columns."""
    return CLASSIFIER + classifier.name.rpartition("/")[2].replace("-", "_")


def _signal_of(artifact: Artifact, model: Model) -> Signal:
    about = {
        "classifier": artifact.name,
        "fingerprint": artifact.fingerprint,
        "kind": model.kind,
        "classes": list(model.classes),
    }
    return named_signal(_name_of(artifact), schema(model.classes), about)


def _check_features(
    model: Model, artifact: Artifact, found: Mapping[str, tuple[Signal, Path]]
) -> None:
    """See that the very signals are read that the model was trained on.

    Raises:
        DataError: Where one is absent, there in another revision, or lacks a column.
    """
    for folder in model.signals:
        if folder in found:
            continue
        name = folder.partition("@")[0]
        others = [other for other in found if other.partition("@")[0] == name]
        raise DataError(
            f"{artifact.id} was trained on {folder}, and the step reads"
            f" {others[0] if others else 'no such signal'}",
            where="reads",
            fix="train the classifier again on a corpus with these signals"
            if others
            else f"read a signals step that measures {name!r} of the same documents",
        )
    for feature in model.features if model.kind == "quality" else ():
        folder, _, column = feature.partition("/")
        if column not in found[folder][0].columns.names:
            raise DataError(
                f"{artifact.id} was trained on {feature}, and {folder} has no such column",
                where="reads",
                fix="train the classifier again on a corpus with these signals",
            )


def _list_files(config: SignalsConfig, context: Context) -> dict[str, Path]:
    files = {name: context.data / path for name, path in config.word_lists.items()}
    for name, path in files.items():
        if not path.is_file():
            raise UsageError(
                f"there is no such list of words: {path}",
                where=f"word_lists.{name}",
                fix="name a file of UTF-8 text, relative to the recipe's data folder",
            )
    return files
