"""What was made, and what was not: dialogues, rejects with their reasons, counts, a report."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mowa.errors import MowaError
from mowa.execution import Context, Journal
from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue, fault_of
from mowa.instructions._files import FOLDER, read_dialogues, to_row, write_dialogues
from mowa.instructions.making._config import Budget
from mowa.instructions.making._desk import Desk, Reply, Usage, Work
from mowa.report import Bars, Figures, Page, Preformatted, Section, Table
from mowa.rights import NOASSERTION, forbids_commerce, forbids_derivatives
from mowa.workspace import Inputs, Metrics, locked, write_text, writing

REJECTED = pa.schema(
    [
        *((name, pa.string()) for name in ("item", "reason", "detail", "model", "prompt")),
        *((name, pa.string()) for name in ("answer", "text", "dialogue")),
        ("final", pa.bool_()),
    ]
)
"""Columns of `rejected.parquet`, named as the attributes of `Reject`."""

# Of what was made, what a person should know before handing it on.
_WARNED: dict[str, Callable[[str | None], bool]] = {
    "under a licence that forbids derivatives": forbids_derivatives,
    "under a licence for non-commercial use": forbids_commerce,
}
_ROWS = 1_024
_SHOWN = 3
_SHOWN_CHARACTERS = 1_200


@dataclass(frozen=True)
class Reject:
    """Something that became no dialogue.

    Attributes:
        item: What was asked about: ``document:start-end``, or the id of a dialogue.
        reason: Why, in few words that are counted.
        detail: What else there is to say.
        model: That answered.
        prompt: Name of the prompt.
        answer: Under which the answer stands in the journal.
        text: What was answered, all of it.
        dialogue: JSON of the dialogue that was not taken over, where there was one.
        final: Is this what became of it? Otherwise it was asked again, or is a further fault.
    """

    item: str
    reason: str
    detail: str = ""
    model: str | None = None
    prompt: str | None = None
    answer: str | None = None
    text: str = ""
    dialogue: str | None = None
    final: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of one item.

    Attributes:
        dialogues: What was made.
        rejects: What was not.
        counts: What else happened, by name.
    """

    dialogues: tuple[Dialogue, ...] = ()
    rejects: tuple[Reject, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)


def rejected(
    item: str,
    reason: str,
    detail: str = "",
    *,
    reply: Reply | None = None,
    prompt: str | None = None,
    dialogue: Dialogue | None = None,
    final: bool = True,
) -> Reject:
    """A reject, with what was answered."""
    return Reject(
        item,
        reason,
        detail,
        reply.model if reply else None,
        prompt,
        reply.id if reply else None,
        reply.text if reply else "",
        json.dumps(to_row(dialogue), ensure_ascii=False) if dialogue else None,
        final,
    )


def made_of(
    works: Iterable[Work[Outcome]],
    budget: Budget,
    out: Path,
    context: Context,
    *,
    total: int,
    what: str,
    title: str,
    about: Sequence[tuple[str, str]],
    unread: Iterable[Outcome] = (),
) -> Metrics:
    """Ask all that `works` ask, and write what comes of them into `out`.

    That is `dialogues/`, `rejected.parquet`, `statistics.json` and `report.html`.

    Args:
        works: One for each of what is asked about, in their order.
        budget: What may be spent.
        out: The folder.
        context: Of the step.
        total: How many works there are.
        what: They are of, for the progress.
        title: Of the report.
        about: What it says of the step: name and value.
        unread: What was rejected before, and has no work.

    Returns:
        What `statistics.json` holds: `dialogues` and `rejected` add up to `parts`.

    Raises:
        StoppedEarly: Where the budget is used up.
    """
    with (
        _journal(context, out) as journal,
        context.progress.task(what, total=total) as advance,
    ):
        desk = Desk(journal, budget, total=total)

        def outcomes() -> Iterator[Outcome]:
            yield from unread
            for outcome in desk.results(works):
                advance(1)
                yield outcome

        return _written(context, out, outcomes(), desk.usage, title=title, about=about)


def dialogues_in(inputs: Inputs, limit: int | None = None) -> Iterator[Dialogue]:
    """The dialogues of all sets that a step reads, or the first `limit` of them."""
    folders = [artifact.path for artifact in inputs.all("dialogues")]
    return islice(chain.from_iterable(map(read_dialogues, folders)), limit)


@contextmanager
def _journal(context: Context, out: Path) -> Iterator[Journal]:
    """The answers of a step; they outlive its artifact, so that a new build asks none again.

    Another version of the same step waits for them.
    """
    place = _beside(context, out, ".answers.jsonl")
    with locked(place.with_suffix(".lock"), wait=True, say=context.progress.say):
        journal = Journal(place)
        try:
            yield journal
        finally:
            journal.close()


def _written(
    context: Context,
    out: Path,
    outcomes: Iterable[Outcome],
    usage: dict[str, Usage],
    *,
    title: str,
    about: Sequence[tuple[str, str]],
) -> Metrics:
    """Write the outcomes as they come, and what they and `usage` add up to at the end.

    What is no whole dialogue, or was made before, is rejected here. Until all are there they lie
    beside the journal; where the outcomes end with an error, what came before it stays there.
    """
    tally = _Tally()
    stopped: list[MowaError] = []
    folder = _beside(context, out, ".unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    with _rejects(folder / "rejected.parquet") as reject:
        write_dialogues(folder, _accepted(_until_stopped(outcomes, stopped), tally, reject))
    if stopped and not tally.items:
        shutil.rmtree(folder)
        raise stopped[0]
    statistics: Metrics = {
        "items": tally.items,
        "parts": tally.dialogues + sum(tally.reasons.values()),
        "dialogues": tally.dialogues,
        "rejected": sum(tally.reasons.values()),
        "reasons": dict(sorted((+tally.reasons).items())),
        "rows_of_rejects": tally.not_taken,
        "counts": dict(sorted((+tally.counts).items())),
        "licences": dict(sorted(tally.licences.items())),
        "sources": dict(sorted(tally.sources.items())),
        "models": {name: asdict(used) for name, used in sorted(usage.items())},
    }
    text = json.dumps(statistics, ensure_ascii=False, indent=1)
    write_text(folder / "statistics.json", text + "\n")
    _report(statistics, tally, title, about).write(folder / "report.html")
    if stopped:
        error = stopped[0]
        there = f"what is finished so far lies in {folder}, and may be read as any dialogues"
        error.fix = f"{error.fix}; {there}" if error.fix else there
        raise error
    shutil.rmtree(out / FOLDER, ignore_errors=True)
    for name in (FOLDER, "rejected.parquet", "report.html", "statistics.json"):
        shutil.move(folder / name, out / name)
    folder.rmdir()
    return statistics


def _beside(context: Context, out: Path, suffix: str) -> Path:
    """Where what outlives the artifact lies."""
    return (context.cache or out.parent / f"{out.name}.json").with_suffix(suffix)


def _until_stopped(outcomes: Iterable[Outcome], stopped: list[MowaError]) -> Iterator[Outcome]:
    """The outcomes up to an error, which is put into `stopped`."""
    try:
        yield from outcomes
    except MowaError as error:
        stopped.append(error)


@dataclass
class _Tally:
    items: int = 0
    dialogues: int = 0
    not_taken: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    seen: set[bytes] = field(default_factory=set)
    examples: list[Dialogue] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


class _Rejects:
    """Rows on their way into a file."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._rows: list[dict[str, Any]] = []

    def add(self, reject: Reject) -> None:
        self._rows.append(asdict(reject))
        if len(self._rows) == _ROWS:
            self.flush()

    def flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=REJECTED))
        self._rows = []


@contextmanager
def _rejects(path: Path) -> Iterator[_Rejects]:
    with (
        writing(path) as partial,
        pq.ParquetWriter(partial, REJECTED, compression="zstd") as writer,
    ):
        rows = _Rejects(writer)
        yield rows
        rows.flush()


def _accepted(outcomes: Iterable[Outcome], tally: _Tally, reject: _Rejects) -> Iterator[Dialogue]:
    """The dialogues; all else is counted and kept."""
    for outcome in outcomes:
        tally.items += 1
        tally.counts.update(outcome.counts)
        rejects = list(outcome.rejects)
        for dialogue in outcome.dialogues:
            fault = fault_of(dialogue)
            said = _said(dialogue)
            if fault is None and said in tally.seen:
                fault = "made twice"
            if fault is not None:
                rejects.append(rejected(dialogue.id, fault, dialogue=dialogue))
                continue
            tally.seen.add(said)
            tally.dialogues += 1
            tally.licences[dialogue.licence or NOASSERTION] += 1
            for name, says in _WARNED.items():
                tally.counts[name] += says(dialogue.licence)
            tally.sources.update([dialogue.source] if dialogue.source else [])
            if len(tally.examples) < _SHOWN:
                tally.examples.append(dialogue)
            yield dialogue
        for one in rejects:
            tally.not_taken += 1
            tally.reasons[one.reason] += one.final
            if len(tally.rejects) < _SHOWN:
                tally.rejects.append(one)
            reject.add(one)


def _said(dialogue: Dialogue) -> bytes:
    turns = [*(turn.content for turn in dialogue.messages), dialogue.chosen, dialogue.rejected]
    text = "\0".join(" ".join((turn or "").casefold().split()) for turn in turns)
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def _report(
    statistics: Metrics, tally: _Tally, title: str, about: Sequence[tuple[str, str]]
) -> Page:
    figures = Figures(
        [
            ("asked about", f"{statistics['items']:,}"),
            ("dialogues", f"{statistics['dialogues']:,}"),
            ("rejected", f"{statistics['rejected']:,}"),
            *((name, f"{count:,}") for name, count in statistics["counts"].items()),
        ]
    )
    models = [
        [name, *(used[key] for key in ("answers", "prompt_tokens", "tokens", "cost", "kwh"))]
        for name, used in statistics["models"].items()
    ]
    columns = ["model", "answers", "tokens of prompts", "tokens made", "cost", "kWh measured"]
    return Page(
        title,
        ", ".join(f"{name} {value}" for name, value in about),
        [
            Section(
                "What was made",
                [figures, Bars("Rejected, by reason", _most(statistics["reasons"]))],
                note="Every reject stands in rejected.parquet, with its reason and the whole"
                " answer; so does every answer that was asked for again (final is false there)."
                " One answer may hold several dialogues.",
            ),
            Section(
                "What it took",
                [Table(columns, models)],
                note="All answers that went into this set, those of earlier runs too. Energy is"
                " told only where counters of this machine measured it; an endpoint's is unknown.",
            ),
            Section("Licences", [Bars("Dialogues, by licence", _most(statistics["licences"]))]),
            Section("The first dialogues", [Preformatted(_shown(one)) for one in tally.examples]),
            Section(
                "The first rejects",
                [
                    Preformatted(f"{one.reason} {one.detail}\n\n{one.text[:_SHOWN_CHARACTERS]}")
                    for one in tally.rejects
                ],
            ),
        ],
    )


def _most(counts: dict[str, int]) -> list[tuple[str, float]]:
    return [
        (name, float(count))
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _shown(dialogue: Dialogue) -> str:
    turns = list(dialogue.messages)
    if dialogue.chosen is not None:
        turns.append(Message("chosen", dialogue.chosen))
    if dialogue.rejected is not None:
        turns.append(Message("rejected", dialogue.rejected))
    return "\n".join(f"{turn.role}: {turn.content}" for turn in turns)[:_SHOWN_CHARACTERS]
