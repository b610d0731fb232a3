"""The table of signals: what can be measured of documents, in which columns, by which function."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mowa.corpus._language import LANGUAGE
from mowa.corpus._schema import COUNTS, rows_of, shards_in
from mowa.corpus.duplicates import BOILERPLATE, DUPLICATES
from mowa.corpus.personal import PERSONAL_DATA
from mowa.corpus.quality import C4, FINEWEB, GOPHER, SPEAKLEASH
from mowa.corpus.quality._composition import COMPOSITION
from mowa.errors import DataError, UsageError
from mowa.workspace import Artifact

_FIX = "let the signals step read the same documents as the corpus step"


NEEDED = ("counts", "language", "duplicates")
"""Signals without which nothing can be decided."""


@dataclass(frozen=True)
class Signal:
    """One signal: its name, the number raised whenever its values change, and its columns."""

    name: str
    revision: int
    columns: pa.Schema

    @property
    def folder(self) -> str:
        """Its folder under `signals/`."""
        return f"{self.name}@{self.revision}"


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
        Signal("language", 3, LANGUAGE),
        Signal("duplicates", 2, DUPLICATES),
        *(
            Signal(name, revision, _prefixed(name, columns))
            for name, revision, columns in (
                ("gopher", 1, GOPHER),
                ("c4", 1, C4),
                ("fineweb", 1, FINEWEB),
                ("composition", 1, COMPOSITION),
                ("speakleash", 1, SPEAKLEASH),
                ("boilerplate", 1, BOILERPLATE),
                ("personal_data", 1, PERSONAL_DATA),
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
        if name not in SIGNALS:
            near = difflib.get_close_matches(name, SIGNALS, n=1)
            raise UsageError(
                f"no signal is called {name!r}",
                where="measure",
                fix=f"did you mean {near[0]!r}?" if near else f"choose of: {', '.join(SIGNALS)}",
            )
    return [signal for name, signal in SIGNALS.items() if name in names]


def columns_of(folders: Iterable[str]) -> dict[str, tuple[str, pa.DataType]]:
    """Folder and type of every column that the signals of these folders have, by its name."""
    return {
        field.name: (folder, field.type)
        for folder in folders
        for field in SIGNALS[folder.partition("@")[0]].columns
    }


def numeric(folders: Iterable[str]) -> list[str]:
    """Names of the columns that a threshold can bound."""
    return [
        name
        for name, (_, kind) in columns_of(folders).items()
        if pa.types.is_floating(kind) or pa.types.is_integer(kind)
    ]


def found_in(artifacts: Sequence[Artifact]) -> dict[str, Path]:
    """Where each signal lies, by folder name (``counts@1``), in the order of the table.

    Raises:
        DataError: Where two artifacts measured the same, one was made by another version, or a
            signal is missing that every decision needs.
    """
    found: dict[str, tuple[Artifact, Path]] = {}
    for artifact in artifacts:
        for path in sorted((artifact.path / "signals").iterdir()):
            name, _, revision = path.name.partition("@")
            if name in found:
                raise DataError(
                    f"{found[name][0].id} and {artifact.id} both measured {name}",
                    fix="leave it out of the `measure` of one of them",
                )
            known = SIGNALS.get(name)
            if known is None or known.revision != int(revision):
                wanted = f"this version reads {known.folder}" if known else "it is not known here"
                raise DataError(
                    f"{artifact.id} has {path.name}, {wanted}",
                    where=str(path),
                    fix="remove the artifact and run the recipe again",
                )
            found[name] = (artifact, path)
    for name in NEEDED:
        if name not in found:
            raise DataError(
                f"nothing measured the signal {name!r}",
                where=", ".join(artifact.id for artifact in artifacts),
                fix="add it to the `measure` of a signals step that the corpus step reads",
            )
    return {SIGNALS[name].folder: found[name][1] for name in SIGNALS if name in found}


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
