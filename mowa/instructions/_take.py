"""Which drafts are taken, of those that are the same or nearly so; the files of the artifact."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus import document_id
from mowa.corpus._schema import read_frame
from mowa.corpus.duplicates import SIGNAL
from mowa.instructions._candidates import REJECTED, Place, Rejected
from mowa.instructions._dialogue import Dialogue
from mowa.instructions._drafts import ROWS, SIDES, drafts_path, read_drafts
from mowa.instructions._files import DIALOGUES, from_row, write_dialogues
from mowa.rights import NOASSERTION
from mowa.workspace import write_text, writing

UNKNOWN = "unknown"
_SHOWN = 5  # dialogues in the report
# A shorter answer is no evidence: on one long text many questions are answered with "Tak.", or with
# the same refusal.
_TELLING = 100
_TURNS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 64, 1_001]
_CHARACTERS = [round(10 ** (step / 4), 3) for step in range(33)]
_PLACE = ("place_source", "place_file", "place_row", "place_beginning")


@dataclass(frozen=True)
class TakeWork:
    """What was read.

    Attributes:
        folder: Where drafts and what was rejected so far lie, relative to the artifact.
        parts: Names of the parts of drafts, in order.
        rejected: Names of the files of rejected rows, in order.
        near: Were near duplicates looked for?
        results: What the units that read them returned.
    """

    folder: str
    parts: tuple[str, ...]
    rejected: tuple[str, ...]
    near: bool
    results: tuple[dict[str, Any], ...]


def take(work: TakeWork, out: Path) -> dict[str, Any]:
    """Write `dialogues/`, `rejected.parquet` and `statistics.json`.

    Of dialogues that say the same the first stays; where their questions are near duplicates and
    their answers too, the first of these. Of two that have one id the later gets a new one.
    """
    folder = out / work.folder
    decisions = _decisions(work, folder)
    tally = _Tally()
    with (
        writing(out / "rejected.parquet") as partial,
        pq.ParquetWriter(partial, REJECTED, compression="zstd") as writer,
    ):
        for name in work.rejected:
            writer.write_table(pq.read_table(folder / "rejected" / f"{name}.parquet"))
        late = _Late(writer)
        count = write_dialogues(out, _taken(work, folder, decisions, tally, late))
        late.flush()
    statistics = _statistics(work, tally, late.reasons, count)
    write_text(out / "statistics.json", json.dumps(statistics, ensure_ascii=False, indent=1) + "\n")
    written = sorted(path.name for path in (out / "dialogues").iterdir())
    files = [*(f"dialogues/{name}" for name in written), "rejected.parquet", "statistics.json"]
    return {"files": files, "statistics": statistics, "shown": tally.shown()}


class _Late:
    """Rows of `rejected.parquet` that are duplicates, written some at a time."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self.reasons: Counter[str] = Counter()
        self._writer = writer
        self._rows: list[dict[str, Any]] = []

    def add(self, one: Rejected) -> None:
        self.reasons[one.reason] += 1
        self._rows.append(one.row())
        if len(self._rows) >= ROWS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, REJECTED))
            self._rows.clear()


@dataclass
class _Tally:
    """What is counted of the dialogues that are taken."""

    counts: dict[str, Counter[str]] = field(
        default_factory=lambda: {
            name: Counter() for name in ("origins", "licences", "sources", "languages", "forms")
        }
    )
    turns: Counter[int] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    characters: int = 0
    preferences: int = 0
    renamed: int = 0
    _first: list[tuple[str, str]] = field(default_factory=list)

    def add(self, dialogue: Dialogue, form: str) -> None:
        texts = [turn.content for turn in dialogue.messages]
        texts += [text for text in (dialogue.chosen, dialogue.rejected) if text is not None]
        length = sum(map(len, texts))
        self.counts["origins"][dialogue.origin] += 1
        self.counts["licences"][dialogue.licence or NOASSERTION] += 1
        self.counts["sources"][dialogue.source or UNKNOWN] += 1
        self.counts["languages"][dialogue.language or UNKNOWN] += 1
        self.counts["forms"][form] += 1
        self.turns[_bin(len(texts), _TURNS)] += 1
        self.lengths[_bin(length, _CHARACTERS)] += 1
        self.characters += length
        self.preferences += dialogue.is_preference
        # The ids are as good as drawn: the smallest hashes show no order of the files.
        key = document_id("shown", dialogue.id)
        if len(self._first) < _SHOWN or key < self._first[-1][0]:
            self._first = sorted([*self._first, (key, _as_text(dialogue))])[:_SHOWN]

    def shown(self) -> list[str]:
        """A few dialogues, as text."""
        return [text for _, text in self._first]


def _decisions(work: TakeWork, folder: Path) -> pl.DataFrame:
    """For each draft, in order: `reason` (null where it is taken), `first`, `renamed`."""
    frame = pl.concat([_keys(work, folder, part) for part in work.parts] or [_no_keys()])
    frame = frame.with_row_index("at").with_columns(
        same=pl.col("exact").is_first_distinct().not_(),
        first_same=pl.col("id").first().over("exact"),
    )
    rest = frame.filter(~pl.col("same")).with_columns(
        near=pl.col("pair").is_first_distinct().not_(),
        first_near=pl.col("id").first().over("pair"),
    )
    kept = rest.filter(~pl.col("near")).with_columns(
        renamed=pl.col("id").is_first_distinct().not_()
    )
    return (
        frame.join(rest.select("at", "near", "first_near"), on="at", how="left")
        .join(kept.select("at", "renamed"), on="at", how="left")
        .sort("at")
        .select(
            reason=pl.when("same")
            .then(pl.lit("exact duplicate"))
            .when("near")
            .then(pl.lit("near duplicate")),
            first=pl.when("same").then("first_same").otherwise("first_near"),
            renamed=pl.col("renamed").fill_null(value=False),
        )
    )


def _keys(work: TakeWork, folder: Path, part: str) -> pl.DataFrame:
    """Id, hash of what is said, and hash of the pair of clusters, of each draft of a part."""
    frame = read_frame(drafts_path(folder, part), ("id", "exact", "answer_characters"))
    frame = frame.with_columns(pl.col("exact").hash())
    if not work.near:
        return frame.select("id", "exact", pair="exact")
    alone = pl.int_range(frame.height).cast(pl.String)
    clusters = {}
    for side in SIDES:
        path = folder / side / "signals" / SIGNAL / f"{part}.parquet"
        clusters[side] = read_frame(path, ("near_cluster",))["near_cluster"]
    return (
        frame.with_columns(**clusters)
        .with_columns(answers=pl.when(pl.col("answer_characters") >= _TELLING).then("answers"))
        .with_columns(pl.col(side).fill_null(pl.lit(f"{part}/") + alone) for side in SIDES)
        .with_columns(pair=pl.struct(*SIDES).hash())
        .select("id", "exact", "pair")
    )


def _no_keys() -> pl.DataFrame:
    return pl.DataFrame(schema={"id": pl.String, "exact": pl.UInt64, "pair": pl.UInt64})


def _taken(
    work: TakeWork, folder: Path, decisions: pl.DataFrame, tally: _Tally, late: _Late
) -> Iterator[Dialogue]:
    drafts = (row for part in work.parts for row in read_drafts(folder, part))
    for row, (reason, first, renamed) in zip(drafts, decisions.iter_rows(), strict=True):
        place = Place(*(row[name] for name in _PLACE))
        if reason is not None:
            late.add(Rejected(place, reason, f"of {first}"))
            continue
        dialogue = from_row({name: row[name] for name in DIALOGUES.names})
        if renamed:
            tally.renamed += 1
            own = document_id(place.source or "", f"{place.file}#{place.row}#{dialogue.id}")
            dialogue = replace(dialogue, id=f"{dialogue.id}#{own[:12]}")
        tally.add(dialogue, row["form"])
        yield dialogue


def _statistics(work: TakeWork, tally: _Tally, late: Counter[str], count: int) -> dict[str, Any]:
    files = [file for result in work.results for file in result["files_read"]]
    rejected: Counter[str] = Counter(late)
    personal: Counter[str] = Counter()
    for result in work.results:
        rejected.update(result["reasons"])
        personal.update(result["personal"])
    total = {
        name: sum(file[name] for file in files)
        for name in ("rows", "joined", "broken", "candidates", "unbound")
    }
    assert total["candidates"] + total["broken"] == count + rejected.total(), "a row was lost"
    return {
        **total,
        "dialogues": count,
        "preferences": tally.preferences,
        "characters": tally.characters,
        "renamed": tally.renamed,
        "rejected": _ordered(rejected),
        "personal_data": _ordered(personal),
        **{name: _ordered(counted) for name, counted in tally.counts.items()},
        "files": files,
        "histograms": {
            "turns": {"edges": _TURNS, "counts": _bins(tally.turns, _TURNS)},
            "characters": {"edges": _CHARACTERS, "counts": _bins(tally.lengths, _CHARACTERS)},
        },
    }


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _bin(value: int, edges: Sequence[float]) -> int:
    """The number of the bin; the last holds what is beyond the edges too."""
    return min(bisect_right(edges, value), len(edges) - 1) - 1


def _bins(counts: Counter[int], edges: Sequence[float]) -> list[int]:
    return [counts[number] for number in range(len(edges) - 1)]


def _as_text(dialogue: Dialogue) -> str:
    turns = [(turn.role, turn.content) for turn in dialogue.messages]
    turns += [("chosen", dialogue.chosen or ""), ("rejected", dialogue.rejected or "")]
    return "\n\n".join(f"{role}: {text[:1_000]}" for role, text in turns if text)
