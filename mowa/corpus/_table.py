"""The table of signals: what can be measured of documents, in which columns.

Columns of most signals are fixed here. Those of word lists, of trained classifiers and of language
models come from what a recipe names: such a signal says in `signal.json`, beside its shards, what
it is.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from mowa.corpus._language import LANGUAGE
from mowa.corpus._schema import COUNTS, rows_of, shards_in
from mowa.corpus.duplicates import BOILERPLATE, DUPLICATES, TEMPLATED
from mowa.corpus.personal import PERSONAL_DATA
from mowa.corpus.quality import C4, FINEWEB, GOPHER, NOTICE, SPEAKLEASH
from mowa.corpus.quality._composition import COMPOSITION
from mowa.errors import DataError, UsageError
from mowa.workspace import Artifact, write_text

_FIX = "let the signals step read the same documents as the corpus step"


NEEDED = ("counts", "language", "duplicates")
"""Signals without which nothing can be decided."""


WORD_LISTS = "word_lists"
CLASSIFIER = "classifier_"
"""What the names of signals of classifiers begin with."""
MODEL = "model_"
"""What the names of signals of language models begin with."""

ABOUT = "signal.json"
_NAMED_REVISION = 1  # of named signals; raised whenever their values change
_MOST_BYTES = 4 << 20  # of signal.json; one of 2,000 classes has half a MiB
_TYPES = {"string": pa.string(), "int64": pa.int64(), "double": pa.float64()}


@dataclass(frozen=True)
class Signal:
    """One signal.

    Attributes:
        name: Its name.
        revision: Raised whenever its values change.
        columns: Its columns; in all of a corpus no two have one name.
        about: Of a signal that a recipe names: what it was made with.
    """

    name: str
    revision: int
    columns: pa.Schema
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Its folder under `signals/`."""
        return f"{self.name}@{self.revision}"

    @property
    def class_column(self) -> str | None:
        """The column with the class of a document, where the signal gives one."""
        if self.name.startswith(CLASSIFIER):
            return f"{self.name}_label"
        return "speakleash_quality" if self.name == "speakleash" else None

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that it gives, in their order."""
        if self.name == "speakleash":
            return ("HIGH", "MEDIUM", "LOW")
        return tuple(self.about.get("classes", ()))


def full_name(signal: str, column: str) -> str:
    """The name of a column in the files: it begins with its signal's, so that no other has it.

    Example:
        >>> full_name("gopher", "words"), full_name("boilerplate", "boilerplate_lines")
        ('gopher_words', 'boilerplate_lines')
    """
    alone = signal in NEEDED or column.startswith(signal)
    return column if alone else f"{signal}_{column}"


def _prefixed(name: str, columns: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_name(full_name(name, field.name)) for field in columns])


SIGNALS = {
    signal.name: signal
    for signal in (
        Signal("counts", 1, COUNTS),
        Signal("language", 4, LANGUAGE),
        Signal("duplicates", 3, DUPLICATES),
        *(
            Signal(name, revision, _prefixed(name, columns))
            for name, revision, columns in (
                ("gopher", 2, GOPHER),
                ("c4", 1, C4),
                ("fineweb", 2, FINEWEB),
                ("composition", 2, COMPOSITION),
                ("notice", 1, NOTICE),
                ("speakleash", 1, SPEAKLEASH),
                ("boilerplate", 2, BOILERPLATE),
                ("templated", 1, TEMPLATED),
                ("personal_data", 2, PERSONAL_DATA),
            )
        ),
    )
}


def chosen(names: Sequence[str]) -> list[Signal]:
    """The signals of these names, in the order of the table.

    Raises:
        UsageError: Where a name is not in the table.
    """
    for name in names:
        if name == WORD_LISTS:
            raise UsageError(
                "lists of words are measured where there are any",
                where="measure",
                fix="leave it out, and name lists in `word_lists`",
            )
        if name not in SIGNALS:
            near = difflib.get_close_matches(name, SIGNALS, n=1)
            raise UsageError(
                f"no signal is called {name!r}",
                where="measure",
                fix=f"did you mean {near[0]!r}?" if near else f"choose of: {', '.join(SIGNALS)}",
            )
    return [signal for name, signal in SIGNALS.items() if name in names]


def numeric(signals: Iterable[Signal]) -> list[str]:
    """Names of the columns that a threshold can bound."""
    return [
        column.name
        for signal in signals
        for column in signal.columns
        if pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    ]


def named_signal(name: str, columns: pa.Schema, about: Mapping[str, Any]) -> Signal:
    """A signal of word lists, of a classifier or of a model; its columns begin with its name."""
    return Signal(name, _NAMED_REVISION, _prefixed(name, columns), about)


def write_about(signals: Path, signal: Signal) -> str:
    """Say beside the shards of a signal what it is; gives the path of the file in the artifact."""
    columns = {column.name: str(column.type) for column in signal.columns}
    record = {"signal": signal.folder, "columns": columns, "about": dict(signal.about)}
    text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    write_text(signals / signal.folder / ABOUT, text)
    return f"signals/{signal.folder}/{ABOUT}"


def signal_at(folder: Path) -> Signal:
    """The signal that lies in a folder such as ``signals/counts@1``.

    Raises:
        DataError: Where it is not known here, was made by another version, or does not say what it
            is.
    """
    name, _, revision = folder.name.partition("@")
    known = SIGNALS.get(name)
    own = name == WORD_LISTS or name.startswith((CLASSIFIER, MODEL))
    wanted = known.revision if known else _NAMED_REVISION
    if (known is None and not own) or revision != str(wanted):
        reads = f"this version reads {name}@{wanted}" if known or own else "it is not known here"
        raise DataError(
            f"there is {folder.name}, {reads}",
            where=str(folder),
            fix="remove the artifact and run the recipe again",
        )
    return known or _described(folder)


def _described(folder: Path) -> Signal:
    path = folder / ABOUT
    try:
        text = path.read_bytes()[: _MOST_BYTES + 1]
        record = json.loads(text) if len(text) <= _MOST_BYTES else {}
        columns = pa.schema([(str(k), _TYPES[kind]) for k, kind in record["columns"].items()])
        about, told = dict(record["about"]), record["signal"]
        classes = all(isinstance(name, str) for name in about.get("classes", []))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _undescribed(path, f"{type(error).__name__}: {error}") from error
    if told != folder.name or not classes:
        raise _undescribed(path, f"it is of {told!r}" if classes else "its classes are no names")
    name, _, revision = folder.name.partition("@")
    return Signal(name, int(revision), columns, about)


def _undescribed(path: Path, why: str) -> DataError:
    return DataError(
        f"the signal does not say what it is ({why})",
        where=str(path),
        fix="`mowa verify` finds damaged artifacts; remove the artifact and run the recipe again",
    )


def found_in(
    artifacts: Sequence[Artifact], needed: Sequence[str] = NEEDED
) -> dict[str, tuple[Signal, Path]]:
    """Each signal and where it lies, by folder name (``counts@1``), in the order of the table.

    Signals that recipes name come last, by name.

    Raises:
        DataError: Where two artifacts measured the same, one was made by another version, a
            signal of `needed` is missing, or two signals have a column of one name.
    """
    found: dict[str, tuple[Artifact, Signal, Path]] = {}
    for artifact in artifacts:
        for path in sorted((artifact.path / "signals").iterdir()):
            signal = signal_at(path)
            if signal.name in found:
                raise DataError(
                    f"{found[signal.name][0].id} and {artifact.id} both measured {signal.name}",
                    fix="leave it out of the `measure` of one of them",
                )
            found[signal.name] = (artifact, signal, path)
    for name in needed:
        if name not in found:
            raise DataError(
                f"nothing measured the signal {name!r}",
                where=", ".join(artifact.id for artifact in artifacts),
                fix="add it to the `measure` of a signals step that the corpus step reads",
            )
    order = [*(name for name in SIGNALS if name in found), *sorted(set(found) - set(SIGNALS))]
    columns: dict[str, str] = {}
    for name in order:
        for column in found[name][1].columns.names:
            if column in columns:
                raise DataError(
                    f"the signals {columns[column]} and {name} both have a column {column}",
                    fix="give one of the classifiers' steps another name",
                )
            columns[column] = name
    return {found[name][1].folder: found[name][1:] for name in order}


def check_alignment(shards: Sequence[tuple[str, Path]], folders: Mapping[str, Path]) -> None:
    """See that every signal has the shards and the rows of the documents.

    Raises:
        DataError: Where one was measured of other documents.
    """
    need = {shard for shard, _ in shards}
    rows = {shard: rows_of(path) for shard, path in shards}
    for name, folder in folders.items():
        have = set(shards_in(folder))
        if have != need:
            raise DataError(
                f"the signals were not measured of these documents: {name} has other shards"
                f" ({', '.join(sorted(have ^ need)[:3])})",
                where=str(folder),
                fix=_FIX,
            )
        for shard in sorted(need):
            measured = rows_of(folder / f"{shard}.parquet")
            if measured != rows[shard]:
                raise DataError(
                    f"the signals were not measured of these documents: {name} has"
                    f" {measured:,} rows, the documents {rows[shard]:,}",
                    where=f"shard {shard}",
                    fix=_FIX,
                )
