"""Dialogues on their way in: what is looked at in many at once, and why some are not taken."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import pyarrow as pa

from mowa.corpus._language import NOISE, UNDETERMINED, languages
from mowa.corpus._normalise import without_surrogates
from mowa.corpus.personal import BUSINESS, KINDS, find, redact_all
from mowa.inference import Message
from mowa.instructions._config import DialoguesConfig
from mowa.instructions._dialogue import Dialogue, Limits, fault_of

# Letters; of fewer the identifier may be as sure as it likes ("OK?" and "OK" are of any language).
_TELLING = 40

REJECTED = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("beginning", pa.string(), nullable=False),
    ]
)
"""What was not taken: the row's number in its file from 1, why, and how it begins."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dialogue comes from: its row, and how that row begins."""

    source: str | None
    file: str
    row: int
    beginning: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dialogue that may be taken."""

    dialogue: Dialogue
    place: Place
    form: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row, or a dialogue of one, that is not taken."""

    place: Place
    reason: str
    detail: str = ""

    def row(self) -> dict[str, Any]:
        """As a row of `REJECTED`."""
        place = self.place
        texts = {
            "source": place.source,
            "file": place.file,
            "reason": self.reason,
            "detail": self.detail[:1_000],
            "beginning": place.beginning,
        }
        plain = {name: text and without_surrogates(text)[0] for name, text in texts.items()}
        return {**plain, "row": place.row}


def limits_of(config: DialoguesConfig) -> Limits:
    """The limits that the configuration sets."""
    return Limits(config.turn_characters, config.turns, config.require_licence)


def fault_in(candidate: Candidate, limits: Limits) -> Rejected | None:
    """What is wrong with one dialogue by itself."""
    dialogue = candidate.dialogue
    fault = fault_of(dialogue, limits)
    if fault is None and not _is_utf8(dialogue):
        fault = "half of a surrogate pair"
    return Rejected(candidate.place, fault) if fault else None


def looked_at(
    candidates: Sequence[Candidate], config: DialoguesConfig, found: Counter[str]
) -> list[Candidate | Rejected]:
    """The candidates, in order, after their language and their personal data were looked at.

    Args:
        candidates: Without fault.
        config: Which languages are kept, and what is done about personal data.
        found: Personal data are counted here by kind, in those whose language is kept.
    """
    results: list[Candidate | Rejected] = list(_spoken(candidates, config))
    kept = [at for at, one in enumerate(results) if isinstance(one, Candidate)]
    for at, one in zip(
        kept,
        _discreet([one for one in results if isinstance(one, Candidate)], config, found),
        strict=True,
    ):
        results[at] = one
    return results


def without_personal_data(texts: Sequence[str]) -> list[str]:
    """The texts with placeholders for what `mowa.corpus.personal` finds."""
    column = pl.Series(texts, dtype=pl.String)
    return redact_all(column, find(column)["spans"]).to_list()


def exact_key(dialogue: Dialogue) -> str:
    """Hash of what is said, up to case and white space; of the same turns it is the same."""
    turns = [(turn.role, turn.content) for turn in dialogue.messages]
    turns += [("chosen", dialogue.chosen or ""), ("rejected", dialogue.rejected or "")]
    text = json.dumps([(role, " ".join(text.lower().split())) for role, text in turns])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def question_of(dialogue: Dialogue) -> str:
    """All that the user says."""
    return "\n".join(turn.content for turn in dialogue.messages if turn.role == "user")


def answer_of(dialogue: Dialogue) -> str:
    """All that the assistant says, in both answers of a preference."""
    said = [turn.content for turn in dialogue.messages if turn.role == "assistant"]
    return "\n".join([*said, *filter(None, (dialogue.chosen, dialogue.rejected))])


def _is_utf8(dialogue: Dialogue) -> bool:
    values = [value for value in vars(dialogue).values() if isinstance(value, str)]
    values += [turn.content for turn in dialogue.messages]
    values += [span.document for span in dialogue.documents]
    try:
        for value in values:
            value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _spoken(candidates: Sequence[Candidate], config: DialoguesConfig) -> list[Candidate | Rejected]:
    """Named by their language where they do not say it; rejected in one that is not kept."""
    # Answers first: what is trained on must be in the language, a question may quote another.
    texts = [f"{answer_of(one.dialogue)}\n{question_of(one.dialogue)}" for one in candidates]
    spoken = languages(pl.Series(texts, dtype=pl.String), config.language_characters)
    results: list[Candidate | Rejected] = []
    for one, text, (code, confidence) in zip(candidates, texts, spoken.iter_rows(), strict=True):
        sure = (
            confidence >= config.minimum_language_confidence
            and code not in (UNDETERMINED, NOISE)
            and sum(map(str.isalpha, text[: 10 * _TELLING])) >= _TELLING
        )
        if config.languages and sure and code not in config.languages:
            results.append(Rejected(one.place, "other language", f"{code} {confidence:.2f}"))
            continue
        language = one.dialogue.language or (code if sure else None)
        results.append(replace(one, dialogue=replace(one.dialogue, language=language)))
    return results


def _discreet(
    candidates: Sequence[Candidate], config: DialoguesConfig, found: Counter[str]
) -> list[Candidate | Rejected]:
    texts = [_texts(one.dialogue) for one in candidates]
    owners = [at for at, own in enumerate(texts) for _ in own]
    column = pl.Series([text for own in texts for text in own], dtype=pl.String)
    data = find(column)
    for kind in KINDS:
        found[kind] += int(data[kind].sum())
    touched = dict.fromkeys(owners[at] for at in (data["total"] > 0).arg_true())
    if not touched or config.personal_data == "keep":
        return list(candidates)
    results: list[Candidate | Rejected] = list(candidates)
    if config.personal_data == "reject":
        persons = {owners[at] for at in (data["personal"] > 0).arg_true()}
        for at in persons:
            kinds = _kinds(data, [row for row, owner in enumerate(owners) if owner == at])
            results[at] = Rejected(candidates[at].place, "personal data", kinds)
        return results
    masked = redact_all(column, data["spans"]).to_list()
    starts = [0]
    for own in texts:
        starts.append(starts[-1] + len(own))
    for at in touched:
        one = candidates[at]
        new = replace(one, dialogue=_with_texts(one.dialogue, masked[starts[at] : starts[at + 1]]))
        # Two answers that differed in a number only are the same now.
        results[at] = fault_in(new, limits_of(config)) or new
    return results


def _kinds(data: pl.DataFrame, rows: Sequence[int]) -> str:
    counts = data[list(rows)].select(kind for kind in KINDS if kind not in BUSINESS).sum()
    return ", ".join(kind for kind, count in counts.row(0, named=True).items() if count)


def _texts(dialogue: Dialogue) -> list[str]:
    """Every text in which personal data may stand, in the order of `_with_texts`."""
    turns = [turn.content for turn in dialogue.messages]
    answers = [answer for answer in (dialogue.chosen, dialogue.rejected) if answer is not None]
    return [*turns, *answers, *_details(dialogue).values()]


def _with_texts(dialogue: Dialogue, texts: Sequence[str]) -> Dialogue:
    rest = iter(texts)
    turns = tuple(Message(turn.role, next(rest)) for turn in dialogue.messages)
    chosen = None if dialogue.chosen is None else next(rest)
    rejected = None if dialogue.rejected is None else next(rest)
    details = dialogue.details
    if texts_of := _details(dialogue):
        known = json.loads(details or "{}")
        known |= {name: next(rest) for name in texts_of}
        details = json.dumps(known, ensure_ascii=False)
    return replace(dialogue, messages=turns, chosen=chosen, rejected=rejected, details=details)


def _details(dialogue: Dialogue) -> dict[str, str]:
    """The texts in the details of a dialogue, where these are an object."""
    try:
        known = json.loads(dialogue.details or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {name: value for name, value in known.items() if isinstance(value, str)}
