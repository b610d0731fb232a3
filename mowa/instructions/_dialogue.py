"""A dialogue: what was said, by whom it was made, under which licence, from which documents."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Literal, get_args

from mowa.inference import Message
from mowa.rights import is_licence

Origin = Literal["human", "generated", "translated"]
Review = Literal["none", "accepted", "corrected", "rejected"]

ORIGINS: tuple[Origin, ...] = get_args(Origin)
REVIEWS: tuple[Review, ...] = get_args(Review)
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Span:
    """A piece of a document that a dialogue stands on.

    Attributes:
        document: Its `doc_id` in the corpus.
        start: Where the piece begins, in characters (code points) of the document's text.
        end: Where it ends; the character there is not of it.
    """

    document: str
    start: int
    end: int


@dataclass(frozen=True)
class Dialogue:
    """A conversation, or a preference between two answers to one.

    Attributes:
        id: Unique in its set; survives another import of the same file.
        messages: The turns. A preference's end with the user's; all others' with the assistant's.
        origin: Who made the answers: a person, a model, or a model that translated them.
        licence: SPDX expression; None where it is not known.
        source: Name of the source in the register, or of the set it came from.
        author: Person or body, where there is one to name.
        model: That generated or translated it.
        language: ISO 639-3, where it is known.
        weight: Of its loss in fine-tuning; None leaves it to the origin.
        review: Has a person looked at it?
        documents: What it stands on.
        chosen: The better answer of a preference, None in a dialogue.
        rejected: The worse answer of a preference, None in a dialogue.
        details: JSON of what else is known: prompts, scores of judges, categories.
    """

    id: str
    messages: tuple[Message, ...]
    origin: Origin = "human"
    licence: str | None = None
    source: str | None = None
    author: str | None = None
    model: str | None = None
    language: str | None = None
    weight: float | None = None
    review: Review = "none"
    documents: tuple[Span, ...] = ()
    chosen: str | None = None
    rejected: str | None = None
    details: str | None = None

    @property
    def is_preference(self) -> bool:
        """Two answers to choose from, in place of one."""
        return self.chosen is not None or self.rejected is not None


@dataclass(frozen=True)
class Limits:
    """What a dialogue may be.

    Attributes:
        turn_characters: Longest turn.
        turns: Most turns.
        licence: Must a licence be given?
    """

    turn_characters: int = 100_000
    turns: int = 1_000
    licence: bool = False


def fault_of(dialogue: Dialogue, limits: Limits | None = None) -> str | None:
    """Why `dialogue` cannot be used, in a few words that can be counted; None where it can.

    One system turn may come first; then user and assistant take turns, the user begins.
    """
    limits = limits or Limits()
    faults = chain(_faults_of_turns(dialogue, limits), _faults_of_facts(dialogue, limits))
    return next((fault for is_so, fault in faults if is_so), None)


Faults = Iterator[tuple[bool, str]]


def _faults_of_turns(dialogue: Dialogue, limits: Limits) -> Faults:
    turns = dialogue.messages
    answers = [answer for answer in (dialogue.chosen, dialogue.rejected) if answer is not None]
    texts = [turn.content for turn in turns] + answers
    yield not turns, "no turns"
    yield len(turns) > limits.turns, "too many turns"
    yield any(turn.role not in _ROLES for turn in turns), "unknown role"
    yield any(not text.strip() for text in texts), "empty turn"
    yield any(len(text) > limits.turn_characters for text in texts), "turn too long"
    said = [turn.role for turn in turns[turns[0].role == "system" :]]
    yield "system" in said, "system turn after the first"
    yield not said, "no answer"
    yield said[0] != "user", "the assistant begins"
    yield any(one == other for one, other in pairwise(said)), "two turns in a row"
    if dialogue.is_preference:
        yield len(answers) < 2, "one answer without the other"
        yield answers[0] == answers[1], "chosen and rejected are the same"
        yield said[-1] != "user", "answered already"
    else:
        yield said[-1] != "assistant", "no answer"


def _faults_of_facts(dialogue: Dialogue, limits: Limits) -> Faults:
    weight = dialogue.weight
    yield not dialogue.id, "no id"
    yield dialogue.origin not in ORIGINS, "unknown origin"
    yield dialogue.review not in REVIEWS, "unknown review state"
    if weight is not None:
        yield not (math.isfinite(weight) and weight >= 0), "weight is negative or no number"
    spans = dialogue.documents
    yield any(not 0 <= span.start < span.end for span in spans), "span ends before it begins"
    yield limits.licence and not is_licence(dialogue.licence), "no licence"
