"""Dialogues and preferences become tokens on disk, once before a run (`_conversations` reads them).

What is not used stands with its reason in ``rejected.parquet``, which stays in the artifact.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mowa.errors import DataError
from mowa.inference import Message
from mowa.instructions import Dialogue, DialogueEncoder, EncodedDialogue, Limits, fault_of
from mowa.rights import NOASSERTION
from mowa.training._conversations import INDEX, LEARNT, RENDERED, TOKENS, UNITS
from mowa.workspace import write_text, writing

REJECTED = "rejected.parquet"
_ASKED = 4  # held-out dialogues that a report shows
_AT_ONCE = 512  # dialogues that are encoded together
# How long is too long was said when the set was made; here the row decides.
_OF_ANY_LENGTH = Limits(turn_characters=sys.maxsize, turns=sys.maxsize)

_UNITS = {
    "set": pl.String,
    "id": pl.String,
    "origin": pl.String,
    "weight": pl.Float32,
    "held_out": pl.Boolean,
    "offset": pl.Int64,
    "lengths": pl.List(pl.Int64),
    "positions": pl.Int64,
    "targets": pl.Int64,
}
_REJECTS = {"set": pl.String, "id": pl.String, "reason": pl.String}

Weigh = Callable[[Dialogue], float]


@dataclass(frozen=True)
class Wanted:
    """Which conversations are used, and how.

    Attributes:
        sequence_length: Longest, in positions.
        held_out: Share that is only measured.
        pairs: Preferences, or else dialogues?
        cuts: Cut what is too long at its end; else it is not used.
        weigh: What the loss of a dialogue is multiplied by.
    """

    sequence_length: int
    held_out: float
    weigh: Weigh
    pairs: bool = False
    cuts: bool = False


class _Table:
    """Rows that are added one by one, and held as columns."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._frames: list[pl.DataFrame] = [pl.DataFrame(schema=schema)]
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _AT_ONCE:
            self._close()

    def frame(self) -> pl.DataFrame:
        self._close()
        return pl.concat(self._frames, rechunk=True)

    def _close(self) -> None:
        self._frames.append(pl.DataFrame(self._rows, schema=self._schema))
        self._rows = []


def render_conversations(
    sets: Iterable[tuple[str, Iterable[Dialogue]]],
    encoder: DialogueEncoder,
    vocab_size: int,
    out: Path,
    wanted: Wanted,
) -> None:
    """Write the conversations of `sets`, names and dialogues, below `out`; once.

    Raises:
        DataError: Where none of them can be used.
    """
    if (out / RENDERED).exists():
        return
    partial = out / f".{RENDERED}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    dtype = np.dtype("uint16" if vocab_size <= 1 << 16 else "uint32")
    units, rejected = _Table(_UNITS), _Table(_REJECTS)
    ends: set[int] = set()
    kinds: dict[str, Counter[str]] = {"licences": Counter(), "origins": Counter()}
    asked: list[tuple[str, list[dict[str, str]]]] = []
    count = 0
    with (
        writing(partial / TOKENS) as tokens_path,
        writing(partial / LEARNT) as learnt_path,
        tokens_path.open("wb") as tokens,
        learnt_path.open("wb") as learnt,
    ):
        for name, dialogues in sets:
            for dialogue, result in _encoded(dialogues, encoder, wanted):
                reason = result if isinstance(result, str) else None
                segments = [] if isinstance(result, str) else result
                if not reason:
                    segments, reason = _fitted(segments, wanted)
                if reason:
                    rejected.add({"set": name, "id": dialogue.id, "reason": reason})
                    continue
                for segment in segments:
                    segment.ids.astype(dtype).tofile(tokens)
                    segment.learnt.astype(np.uint8).tofile(learnt)
                    ends |= segment.ends
                units.add(unit := _unit(name, dialogue, segments, count, wanted))
                if unit["held_out"]:
                    asked = sorted([*asked, _question(dialogue)], key=itemgetter(0))[:_ASKED]
                else:
                    kinds["licences"][dialogue.licence or NOASSERTION] += 1
                    kinds["origins"][dialogue.origin] += 1
                count += sum(len(segment.ids) for segment in segments)
    used, refused = units.frame(), rejected.frame()
    reasons = Counter(refused["reason"].to_list())
    if used["held_out"].all():
        raise _nothing_left(reasons, used.height)
    for table, path in ((used, partial / UNITS), (refused, out / REJECTED)):
        with writing(path) as written:
            table.write_parquet(written)
    index = {
        "dtype": dtype.name,
        "tokens": count,
        "ends": sorted(ends),
        "held_out": int(used["held_out"].sum()),
        "rejected": dict(sorted(reasons.items())),
        **{name: dict(sorted(counts.items())) for name, counts in kinds.items()},
        "questions": [turns for _, turns in asked],
    }
    write_text(partial / INDEX, json.dumps(index, indent=1, ensure_ascii=False) + "\n")
    partial.replace(out / RENDERED)


def is_held_out(dialogue: Dialogue, share: float) -> bool:
    """By a hash of its first question: one that is asked twice is on one side."""
    asked = next((turn.content for turn in dialogue.messages if turn.role == "user"), "")
    number = hashlib.blake2b(asked.strip().encode(), digest_size=8).digest()
    return int.from_bytes(number, "big") < share * 2**64


def _encoded(
    dialogues: Iterable[Dialogue], encoder: DialogueEncoder, wanted: Wanted
) -> Iterator[tuple[Dialogue, list[EncodedDialogue] | str]]:
    """Each dialogue with its segments, or why it is not used, in their order."""
    waiting = iter(dialogues)
    sides = 2 if wanted.pairs else 1
    for batch in iter(lambda: list(islice(waiting, _AT_ONCE)), []):
        faults = [_fault(dialogue, wanted) for dialogue in batch]
        texts = [
            text
            for dialogue, fault in zip(batch, faults, strict=True)
            if not fault
            for text in _conversations_of(dialogue)
        ]
        results = iter(encoder.encode(texts, last_only=wanted.pairs))
        for dialogue, fault in zip(batch, faults, strict=True):
            if fault:
                yield dialogue, fault
                continue
            segments = list(islice(results, sides))
            refused = [segment for segment in segments if isinstance(segment, str)]
            yield dialogue, refused[0] if refused else segments  # type: ignore[misc] # all are encoded then


def _fault(dialogue: Dialogue, wanted: Wanted) -> str | None:
    fault = fault_of(dialogue, _OF_ANY_LENGTH)
    if fault:
        return fault
    if dialogue.is_preference != wanted.pairs:
        return "a dialogue, no preference" if wanted.pairs else "a preference, no dialogue"
    if dialogue.review == "rejected":
        return "rejected in review"
    if not wanted.weigh(dialogue):
        return "its weight is 0"
    return None


def _conversations_of(dialogue: Dialogue) -> list[Sequence[Message]]:
    if not dialogue.is_preference:
        return [dialogue.messages]
    assert dialogue.chosen is not None
    assert dialogue.rejected is not None
    return [
        (*dialogue.messages, Message("assistant", answer))
        for answer in (dialogue.chosen, dialogue.rejected)
    ]


def _fitted(
    segments: list[EncodedDialogue], wanted: Wanted
) -> tuple[list[EncodedDialogue], str | None]:
    """The segments as they are stored, or why they do not fit."""
    # What follows the last token that is learnt teaches nothing.
    segments = [_until(segment, _last(segment) + 1) for segment in segments]
    if sum(len(segment.ids) - 1 for segment in segments) > wanted.sequence_length:
        if not wanted.cuts:
            return [], "too long"
        cut = _until(segments[0], wanted.sequence_length + 1)
        segments = [_until(cut, _last(cut) + 1)]
    if not all(segment.learnt[1:].any() for segment in segments):
        return [], "too long: no answer is left" if wanted.cuts else "nothing is learnt"
    if len(segments) == 2 and np.array_equal(segments[0].ids, segments[1].ids):
        return [], "chosen and rejected have the same tokens"
    return segments, None


def _last(segment: EncodedDialogue) -> int:
    return int(np.flatnonzero(segment.learnt)[-1]) if segment.learnt.any() else 0


def _until(segment: EncodedDialogue, stop: int) -> EncodedDialogue:
    return EncodedDialogue(segment.ids[:stop], segment.learnt[:stop], segment.ends)


def _unit(
    name: str, dialogue: Dialogue, segments: list[EncodedDialogue], offset: int, wanted: Wanted
) -> dict[str, Any]:
    return {
        "set": name,
        "id": dialogue.id,
        "origin": dialogue.origin,
        "weight": wanted.weigh(dialogue),
        "held_out": is_held_out(dialogue, wanted.held_out),
        "offset": offset,
        "lengths": [len(segment.ids) for segment in segments],
        "positions": sum(len(segment.ids) - 1 for segment in segments),
        "targets": sum(int(segment.learnt[1:].sum()) for segment in segments),
    }


def _question(dialogue: Dialogue) -> tuple[str, list[dict[str, str]]]:
    """A hash, and the turns up to the last answer, that answer included."""
    turns = _conversations_of(dialogue)[0]
    text = json.dumps([asdict(turn) for turn in turns], ensure_ascii=False)
    number = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return number, [asdict(turn) for turn in turns]


def _nothing_left(reasons: Counter[str], held_out: int) -> DataError:
    counted = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.most_common(5))
    return DataError(
        f"none of {reasons.total() + held_out:,} dialogues can be trained on"
        + (f"; {held_out:,} are held out" if held_out else "")
        + (f": {counted}" if counted else ""),
        fix="look at the reasons; `template`, `sequence_length` and `held_out` decide most of them",
    )
