"""The step `translate-dialogues`: turn by turn, with what must not change kept out of the way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mowa.execution import Context
from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue
from mowa.instructions.making._checks import (
    copied_line,
    fault_of_licence,
    fault_of_reply,
    other_language,
)
from mowa.instructions.making._config import TranslateDialoguesConfig
from mowa.instructions.making._desk import Ask, Reply, Work
from mowa.instructions.making._details import with_step
from mowa.instructions.making._form import without_thoughts
from mowa.instructions.making._made import Outcome, dialogues_in, made_of, rejected
from mowa.instructions.making._prompts import Prompt, read_prompts
from mowa.instructions.making._protect import Protected, Unprotected, protect
from mowa.instructions.making._teacher import Teacher, teachers
from mowa.workspace import Inputs, Metrics

_ROLES = {"system": "polecenie systemowe", "user": "użytkownik", "assistant": "asystent"}

# What a short text may be longer than its original, whatever the ratio: "Yes." is "Tak, to prawda."
_MORE = 20

# Fewer may be the same in both languages: names, "OK".
_WORDS = 3

# At the start of a line: what makes it a point of a list, a heading, a quotation, a row of a table.
_MARK = re.compile(r"^[ \t]*(?:([-*+•])|(\d+)[.)]|(#{1,6})|(>)|(\|))(?=\s|\||$)")


def observe(
    config: TranslateDialoguesConfig, context: Context, cache: Path | None
) -> dict[str, Any]:
    """What the outer world adds to the fingerprint: the hash of the prompt."""
    del cache  # a prompt is small
    (prompt,) = read_prompts([config.prompt], "translation", context.data, config.language)
    return {"prompts": {prompt.name: prompt.digest}}


def run(
    config: TranslateDialoguesConfig,
    inputs: Inputs,
    out: Path,
    context: Context,
    unread: Sequence[Outcome] = (),
) -> Metrics:
    """Write `dialogues/`, `rejected.parquet`, `statistics.json` and `report.html`.

    Args:
        config: What is asked, and how.
        inputs: Dialogues, and models.
        out: The folder.
        context: What the run gives.
        unread: Rows of a file beside these dialogues that are none: they are rejects too.

    Raises:
        UsageError: Where the prompt or the model is not as it should be.
        StoppedEarly: Where the budget is used up.
    """
    (prompt,) = read_prompts([config.prompt], "translation", context.data, config.language)
    dialogues = partial(dialogues_in, inputs, config.limit)
    with teachers([config.model], inputs.all("model")) as (teacher,):
        return made_of(
            (translated(dialogue, prompt, teacher, config) for dialogue in dialogues()),
            config.budget,
            out,
            context,
            total=sum(1 for _ in dialogues()),
            what="dialogues",
            title="Translated dialogues",
            about=[("into", config.language), ("by", teacher.name)],
            unread=unread,
        )


def translated(
    dialogue: Dialogue, prompt: Prompt, teacher: Teacher, config: TranslateDialoguesConfig
) -> Work[Outcome]:
    """Ask for all turns at once, then again for those that did not pass.

    A dialogue of which one turn does not pass is rejected whole.
    """
    refused = fault_of_licence(
        dialogue.licence,
        required=config.require_licence,
        derives=config.no_derivatives == "reject",
    )
    if refused is not None:
        return Outcome((), (rejected(dialogue.id, refused, dialogue=dialogue),))
    turns = [_Turn(turn.role, protect(turn.content, config.names)) for turn in dialogue.messages]
    turns += [
        _Turn("assistant", protect(answer, config.names))
        for answer in (dialogue.chosen, dialogue.rejected)
        if answer is not None
    ]
    found = yield from _turns(turns, prompt, teacher, config)
    rejects = [
        rejected(dialogue.id, *fault, reply=reply, prompt=prompt.name, final=False)
        for fault, reply in found.faults
    ]
    if found.texts is None:
        # The first of the last attempt's faults stands for the dialogue.
        fault, reply = found.faults[found.last]
        rejects[found.last] = rejected(
            dialogue.id, *fault, reply=reply, prompt=prompt.name, dialogue=dialogue
        )
        return Outcome((), tuple(rejects), found.counts)
    made = _made(dialogue, found.texts, prompt, teacher, config)
    return Outcome((made,), tuple(rejects), found.counts)


def structure_fault(original: str, text: str, ratio: tuple[float, float]) -> tuple[str, str] | None:
    r"""In what a translation is not built as its original; None where it is.

    Args:
        original: With markers for what stays.
        text: The translation, with the markers.
        ratio: Least and most characters of one of the original.

    Example:
        >>> structure_fault("- one 5\n- two", "- jeden 5\n- dwa", (0.5, 2.0))
        >>> structure_fault("In 1995", "W 1996 r.", (0.5, 2.0))
        ('other numbers', '5 6')
    """
    least, most = (ratio[0] * len(original) - _MORE, ratio[1] * len(original) + _MORE)
    if not least <= len(text) <= most:
        return "length does not fit", f"{len(text):,} characters of {len(original):,}"
    lines, others = _lines(original), _lines(text)
    if len(lines) != len(others):
        return "other lines", f"{len(others)} of {len(lines)}"
    marks, found = list(map(_mark, lines)), list(map(_mark, others))
    if marks != found:
        at = next(place for place, mark in enumerate(marks) if mark != found[place])
        return "other lists or headings", f"line {at + 1}"
    # Digits only: 1,000.5 is 1000,5 or 1 000,5 elsewhere.
    digits = Counter(filter(str.isdecimal, original))
    digits.subtract(filter(str.isdecimal, text))
    if changed := sorted(digit for digit, count in digits.items() if count):
        return "other numbers", " ".join(changed)
    return None


@dataclass(frozen=True)
class _Turn:
    role: str
    protected: Protected


@dataclass(frozen=True)
class _Found:
    """The texts, None where one did not pass; all faults, and the first of the last attempt."""

    texts: list[str] | None
    faults: list[tuple[tuple[str, str], Reply]]
    last: int
    counts: Counter[str]


def _turns(
    turns: Sequence[_Turn], prompt: Prompt, teacher: Teacher, config: TranslateDialoguesConfig
) -> Generator[Sequence[Ask], Sequence[Reply], _Found]:
    texts: dict[int, str] = {}
    for place, turn in enumerate(turns):
        if not turn.protected.has_words:
            texts[place] = turn.protected.restored(turn.protected.text)
    faults: list[tuple[tuple[str, str], Reply]] = []
    last = 0
    counts: Counter[str] = Counter()
    for attempt in range(config.tries):
        todo = [place for place in range(len(turns)) if place not in texts]
        if not todo:
            break
        counts["turns asked again"] += len(todo) if attempt else 0
        asks = [Ask(teacher, _messages(turns[place], prompt), attempt) for place in todo]
        replies = yield asks
        last = len(faults)
        for place, reply in zip(todo, replies, strict=True):
            found = _read(reply, turns[place].protected, prompt, config)
            if isinstance(found, str):
                texts[place] = found
            else:
                faults.append((found, reply))
    whole = [texts[place] for place in range(len(turns))] if len(texts) == len(turns) else None
    return _Found(whole, faults, last, +counts)


def _messages(turn: _Turn, prompt: Prompt) -> tuple[Message, ...]:
    return prompt.messages({"text": turn.protected.text, "role": _ROLES[turn.role]})


def _read(
    reply: Reply, protected: Protected, prompt: Prompt, config: TranslateDialoguesConfig
) -> str | tuple[str, str]:
    """The translation, or why it does not pass."""
    fault = fault_of_reply(reply)
    # A turn that declines may be translated as one that does.
    if fault is not None and fault[0] != "refusal":
        return fault
    text = without_thoughts(reply.text)
    if line := copied_line(text, prompt.instructions()):
        return "copies the prompt", line
    try:
        restored = protected.restored(text)
    except Unprotected as error:
        return "markers do not fit", str(error)
    least, most = config.ratio
    found = structure_fault(protected.text, text, (least, most))
    if found is not None:
        return found
    plain = protected.without_markers(text)
    words = plain.split()
    if len(words) >= _WORDS and words == protected.without_markers(protected.text).split():
        return "not translated", ""
    language = other_language([plain], config.language)
    return restored if language is None else ("another language", language)


def _made(
    dialogue: Dialogue,
    texts: Sequence[str],
    prompt: Prompt,
    teacher: Teacher,
    config: TranslateDialoguesConfig,
) -> Dialogue:
    rest = iter(texts)
    messages = tuple(Message(turn.role, next(rest)) for turn in dialogue.messages)
    original: dict[str, Any] = {
        "id": dialogue.id,
        "language": dialogue.language,
        "origin": dialogue.origin,
        "model": dialogue.model,
        "messages": [[turn.role, turn.content] for turn in dialogue.messages],
        "chosen": dialogue.chosen,
        "rejected": dialogue.rejected,
    }
    step = {
        "step": "translate-dialogues",
        "prompt": prompt.name,
        "prompt_digest": prompt.digest,
        **teacher.about(),
    }
    return replace(
        dialogue,
        id=f"{dialogue.id}-{config.language}",
        messages=messages,
        chosen=None if dialogue.chosen is None else next(rest),
        rejected=None if dialogue.rejected is None else next(rest),
        origin="translated",
        model=teacher.name,
        language=config.language,
        review="none",
        details=with_step(dialogue.details, step, original=original),
    )


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _mark(line: str) -> tuple[int, str] | None:
    """Kind and text of what begins a line; bullets are one kind."""
    found = _MARK.match(line)
    if found is None:
        return None
    kind = found.lastindex or 0
    return kind, "" if kind == 1 else str(found[kind])
