"""Samples: what a model is asked for each item, with shots from the training split before it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mowa.errors import UsageError
from mowa.evaluation._items import LETTERS, Item
from mowa.evaluation._task import Prompt, Task
from mowa.inference import Message, filled

_BETWEEN = "\n\n"


@dataclass(frozen=True)
class Sample:
    """One item as it is asked.

    Attributes:
        id: Of the item.
        prompt: What stands before the answer, without shots; empty for pairs and documents.
        continuations: What is scored after the prompt, one a choice; empty for generations.
        texts: The choices as such, whose characters and bytes lengths are normalised by.
        target: Index of the right choice.
        references: Right answers.
        rule: What else the scorer needs.
        group: What pages break scores down by.
        source: What bears the answer.
        fields: Of the item, for a judge.
    """

    id: str
    prompt: str
    continuations: tuple[str, ...]
    texts: tuple[str, ...]
    target: int | None
    references: tuple[str, ...]
    rule: dict[str, Any] | None
    group: str | None
    source: str | None
    fields: dict[str, str]


def make_sample(task: Task, item: Item) -> Sample:
    """The item as the task's prompt puts it."""
    prompt = task.prompt
    texts = item.choices
    if prompt is None:
        asked, continuations = "", item.choices
    else:
        asked = filled(prompt.template, _fields(prompt, item))
        options = [_option(item, place) for place in range(len(item.choices))]
        continuations = tuple(filled(prompt.answer, option) for option in options)
        if "{letter}" in prompt.answer and "{choice}" not in prompt.answer:
            texts = tuple(option["letter"] for option in options)
    return Sample(
        id=item.id,
        prompt=asked,
        continuations=continuations if task.kind in ("pairs", "choice", "perplexity") else (),
        texts=item.choices if task.generation.extract != "text" else texts,
        target=item.answer,
        references=item.references,
        rule=item.rule,
        group=item.group,
        source=item.source,
        fields=item.fields,
    )


def draw_shots(
    task: Task, train: Sequence[Item] | None, test: Sequence[Item], *, count: int, seed: int
) -> list[tuple[str, str]]:
    """Prompts with their right answers, the same for every item and every model.

    An item whose prompt is that of a test item is never shown.

    Raises:
        UsageError: Where the task has no training split, or too few items in it.
    """
    if not count:
        return []
    if train is None or task.prompt is None:
        raise UsageError(
            f"{task.name} has no training split, and shots never come from the test split",
            fix=f"ask {task.name} with --shots 0",
        )
    asked = {make_sample(task, item).prompt for item in test}
    pool = [
        (sample.prompt, answer_of(task, item))
        for item in sorted(train, key=lambda item: item.id)
        for sample in [make_sample(task, item)]
        if sample.prompt not in asked
    ]
    if len(pool) < count:
        raise UsageError(
            f"{task.name} has {len(pool)} training items that are not in its test split",
            fix=f"ask for at most {len(pool)} shots",
        )
    return random.Random(f"{seed}/{task.data.folder}").sample(pool, count)


def answer_of(task: Task, item: Item) -> str:
    """What a shot shows after the prompt."""
    assert task.prompt is not None
    if item.choices and item.answer is not None:
        fields = _option(item, item.answer)
    else:
        fields = {"answer": item.references[0] if item.references else ""}
    return filled(task.prompt.answer, fields)


def plain_prompt(task: Task, shots: Sequence[tuple[str, str]], prompt: str) -> str:
    """Introduction, shots and prompt as one text, a blank line between them."""
    intro = task.prompt.intro + _BETWEEN if task.prompt and task.prompt.intro else ""
    return intro + "".join(f"{asked}{answer}{_BETWEEN}" for asked, answer in shots) + prompt


def chat_prompt(task: Task, shots: Sequence[tuple[str, str]], prompt: str) -> tuple[Message, ...]:
    """The same as a conversation.

    The introduction stands in the first turn, since some chat templates know no system.
    """
    turns = [
        message
        for asked, answer in shots
        for message in (Message("user", asked), Message("assistant", answer.strip()))
    ]
    turns.append(Message("user", prompt))
    if task.prompt and task.prompt.intro:
        turns[0] = Message("user", task.prompt.intro + _BETWEEN + turns[0].content)
    return tuple(turns)


def _fields(prompt: Prompt, item: Item) -> dict[str, str]:
    options = "\n".join(
        filled(prompt.option, _option(item, place)) for place in range(len(item.choices))
    )
    return {**item.fields, "options": options}


def _option(item: Item, place: int) -> dict[str, str]:
    choice = item.choices[place]
    return {"letter": LETTERS[place], "choice": choice, "answer": choice}
