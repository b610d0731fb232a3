"""The step `signals`: what is measured of documents, in columns aligned with them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus._characters import Array, Characters
from mowa.corpus._config import SignalsConfig
from mowa.corpus._counts import counts
from mowa.corpus._language import language_signal
from mowa.corpus._named_signals import measure_named
from mowa.corpus._report import signals_report
from mowa.corpus._schema import read_groups, rows_of, shards_in, write_frame
from mowa.corpus._table import SIGNALS, chosen
from mowa.corpus.duplicates import (
    BoilerplateOptions,
    DuplicateOptions,
    TemplateOptions,
    apply_edits,
    boilerplate,
    buckets_for,
    find_duplicates,
    find_repeated_lines,
    find_templates,
    host_lines,
    known_templates,
    repeated_lines,
    sentence_shapes,
    sketch,
    templated,
    write_lines,
    write_shapes,
    write_sketches,
)
from mowa.corpus.personal import find
from mowa.corpus.quality import Tokens, c4, fineweb, gopher, notice, speakleash, tokens_of
from mowa.corpus.quality._composition import composition
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Unit
from mowa.languages import LanguagePack
from mowa.workspace import Artifact, Inputs, Metrics

# Sketches between the two stages; they are removed when the second has finished.
_SKETCHES = ".sketches"
# An article is a copy of the page of another site that holds it amid other furniture. Of 5,098
# acts, articles of codes, poems and paragraphs of wikis 0.8 joins 53 that are no copies, such as
# two articles of the Criminal Code; 0.85 and 0.9 none.
_CONTAINMENT = 0.9
_FOUND = ("exact_clusters", "exact_copies", "near_clusters", "near_copies")


@dataclass(frozen=True)
class _Work:
    """One shard of documents and what is measured of it."""

    shard: str
    path: Path
    names: tuple[str, ...]
    language: LanguagePack
    config: SignalsConfig
    copies: DuplicateOptions
    lines: BoilerplateOptions
    templates: TemplateOptions


def run(config: SignalsConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `signals/<name>@<revision>/<shard>.parquet`, aligned with the documents by row.

    Raises:
        UsageError: Where no documents are read.
        DataError: Where two of the inputs have a shard of the same name, or one is damaged.
    """
    names = tuple(signal.name for signal in chosen(config.measure))
    files = list(shards_of(inputs.all("documents")))
    named = measure_named(files, config, inputs, out, context)
    buckets = buckets_for(sum(rows_of(path) for _, path in files))
    copies = DuplicateOptions(buckets=buckets, containment=_CONTAINMENT)
    repeated = BoilerplateOptions(buckets=buckets)
    templates = TemplateOptions(buckets=buckets)
    works = [
        _Work(shard, path, names, context.language, config, copies, repeated, templates)
        for shard, path in files
    ]
    units = [Unit(f"shard/{work.shard}", work) for work in works]
    shards = [shard for shard, _ in files]
    if _OF_ALL & set(names):
        lines = [Unit(f"lines/{work.shard}", work) for work in works]
        context.map(count_lines, lines, out, label="lines and sentences")
    if "boilerplate" in names:
        find_repeated_lines(shards, out, context, repeated, _SKETCHES)
    if "templated" in names:
        find_templates(shards, out, context, templates, _SKETCHES)
    results = context.map(measure_shard, units, out, label="signals")
    found: Counter[str] = Counter()
    for result in results:
        found.update(result["languages"])
    duplicates: dict[str, Any] = {}
    if "duplicates" in names:
        duplicates = find_duplicates(shards, out, context, copies, _SKETCHES)
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
        name: [] for name in work.names if name in _MEASURES or name in _OF_ALL
    }
    repeated = repeated_lines(out / _SKETCHES, work.lines) if "boilerplate" in parts else None
    known = known_templates(out / _SKETCHES, work.templates) if "templated" in parts else None
    own = [name for name in parts if name in _MEASURES]
    sketches = []
    documents = 0
    for group in read_groups(work.path, _READ):
        for frame in group.iter_slices(_ROWS):
            documents += frame.height
            measured, bare = _of_both(frame, repeated, known, own, work)
            for name, found in measured.items():
                parts[name].append(found)
            if "duplicates" in work.names:
                # Copies are looked for without what their hosts put around them.
                sketches.append(sketch(bare, work.copies))
    files = []
    for name, found_parts in parts.items():
        signal = SIGNALS[name]
        files.append(f"signals/{signal.folder}/{work.shard}.parquet")
        write_frame(out / files[-1], pl.concat(found_parts), signal.columns)
    if sketches:
        # Not among the files of the ledger, which are there to stay.
        write_sketches(out / _SKETCHES, work.shard, sketches, work.copies)
    found_languages: dict[str, int] = {}
    if "language" in parts:
        spoken = pl.concat([frame.select("language") for frame in parts["language"]])["language"]
        found_languages = dict(sorted(spoken.value_counts(sort=False).rows()))
    return {"files": files, "documents": documents, "languages": found_languages}


def _of_both(
    frame: pl.DataFrame,
    repeated: pl.DataFrame | None,
    known: Array | None,
    names: Sequence[str],
    work: _Work,
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """What is measured of documents, and the documents without what their hosts repeat."""
    bare = frame
    seen = seen_bare = _Seen(frame["text"])
    measured = {}
    if repeated is not None:
        cut = boilerplate(frame, repeated, work.lines, characters=seen.characters)
        measured["boilerplate"] = _renamed("boilerplate", cut)
        if cut["edits"].list.len().sum():
            bare = frame.with_columns(apply_edits(frame["text"], cut["edits"]))
            seen_bare = _Seen(bare["text"].str.strip_chars("\n"))
    if known is not None:
        measured["templated"] = templated(seen_bare.characters, known, work.templates)
    for name in names:
        which = seen_bare if name in _OF_BARE else seen
        measured[name] = _measured(name, which, work.language, work.config)
    return measured, bare


def count_lines(work: _Work, out: Path) -> dict[str, Any]:
    """Note the lines of each host in one shard, and the shapes of its sentences.

    Those that are repeated are found among those of all shards.
    """
    lines, shapes = [], []
    none = pl.DataFrame(schema={"text": pl.String, "host": pl.String})
    frames = (
        frame
        for group in read_groups(work.path, ("text", "host"))
        for frame in group.iter_slices(_ROWS)
    )
    for frame in (none, *frames):
        if "boilerplate" in work.names:
            lines.append(host_lines(frame))
        if "templated" in work.names:
            shapes.append(sentence_shapes(frame["text"], work.templates))
    if lines:
        write_lines(out / _SKETCHES, work.shard, lines, work.lines)
    if shapes:
        write_shapes(out / _SKETCHES, work.shard, shapes, work.templates)
    return {}


_READ = ("doc_id", "text", "host")
# Documents measured at a time: tokens of all of them are in memory.
_ROWS = 256


class _Seen:
    """Texts, and what several signals look at of them, made when the first one asks."""

    def __init__(self, texts: pl.Series) -> None:
        self.texts = texts.fill_null("")

    @cached_property
    def characters(self) -> Characters:
        return Characters(self.texts)

    @cached_property
    def tokens(self) -> Tokens:
        return tokens_of(self.texts, self.characters)


def _measured(name: str, seen: _Seen, pack: LanguagePack, config: SignalsConfig) -> pl.DataFrame:
    return _renamed(name, _MEASURES[name](seen, pack, config))


def _renamed(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """With the names of the table, which begin with the signal's where they are not alone."""
    return frame.rename(dict(zip(frame.columns, SIGNALS[name].columns.names, strict=True)))


Measure = Callable[[_Seen, LanguagePack, SignalsConfig], pl.DataFrame]

# What is counted over all documents before each is measured.
_OF_ALL = frozenset(("boilerplate", "templated"))

# What measures documents by themselves, by signal; `duplicates` needs all of them.
_MEASURES: dict[str, Measure] = {
    "counts": lambda seen, pack, _: counts(seen.texts, pack.stop_words, characters=seen.characters),
    "language": lambda seen, _, config: language_signal(seen.texts, config.language_characters),
    "gopher": lambda seen, pack, _: gopher(seen.texts, pack.stop_words, tokens=seen.tokens),
    "c4": lambda seen, pack, _: c4(
        seen.texts, terminal=pack.terminal_punctuation, policy=pack.policy_phrases, paragraphs=True
    ),
    "fineweb": lambda seen, pack, _: fineweb(
        seen.texts, terminal=pack.terminal_punctuation, tokens=seen.tokens
    ),
    "composition": lambda seen, pack, _: composition(seen.texts, pack.letters, tokens=seen.tokens),
    "notice": lambda seen, pack, _: notice(seen.texts, pack.notice_phrases),
    "speakleash": lambda seen, pack, _: speakleash(seen.texts, pack.stop_words, tokens=seen.tokens),
    "personal_data": lambda seen, _, __: find(seen.texts),
}
# What filters look at: the text without what its host puts around it, where that is known.
_OF_BARE = frozenset(("gopher", "fineweb", "composition", "notice"))
