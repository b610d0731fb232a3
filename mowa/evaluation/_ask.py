"""Asking a model: a task's samples become requests, what comes back becomes answers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mowa.errors import DataError
from mowa.evaluation._answers import Answer
from mowa.evaluation._documents import document_loglikelihoods
from mowa.evaluation._sample import Sample, chat_prompt, plain_prompt
from mowa.evaluation._task import Task
from mowa.inference import (
    ChoiceRequest,
    Continuation,
    Engine,
    Generated,
    GenerateRequest,
    Message,
    Unsupported,
    filled,
)

_JUDGE_TOKENS = 1024
_BY_LIKELIHOOD = ("pairs", "choice", "perplexity")


@dataclass(frozen=True)
class _Asked:
    """A sample, and all that the model is given for it."""

    sample: Sample
    prompt: str | tuple[Message, ...]


def ask(
    engine: Engine,
    task: Task,
    samples: Sequence[Sample],
    *,
    shots: Sequence[tuple[str, str]] = (),
    template: bool = False,
) -> Iterator[Answer]:
    """Yield an answer to each sample, as they come.

    Args:
        engine: The model.
        task: What the samples are of.
        samples: What is asked.
        shots: Prompts with their answers, which stand before each.
        template: Put the prompt into the model's chat template.

    Raises:
        Unsupported: Where the engine cannot do what the task needs.
        DataError: Where a likelihood is not a number.
    """
    make = chat_prompt if template and task.prompt is not None else plain_prompt
    asked = [_Asked(sample, make(task, shots, sample.prompt)) for sample in samples]
    if task.kind == "perplexity":
        return _documents(engine, asked)
    if task.kind in _BY_LIKELIHOOD:
        return _choices(engine, asked)
    return _generations(engine, task, asked)


def ask_judge(
    judge: Engine, task: Task, answers: Sequence[Answer], fields: dict[str, dict[str, str]]
) -> Iterator[Answer]:
    """Yield each answer with what the judge wrote of it.

    Args:
        judge: The model that judges.
        task: With the judge's prompt.
        answers: What is judged.
        fields: Of each item, by its id.
    """
    assert task.judge is not None
    requests = [
        GenerateRequest(
            (
                Message(
                    "user",
                    filled(task.judge.template, {**fields[answer.id], "answer": answer.output}),
                ),
            ),
            _JUDGE_TOKENS,
        )
        for answer in answers
    ]
    for index, written in judge.generate_many(requests):
        answer = answers[index]
        yield replace(answer, note=written.text, cost=_added(answer.cost, written.cost))


def _choices(engine: Engine, asked: Sequence[_Asked]) -> Iterator[Answer]:
    requests = [
        ChoiceRequest(*_plain(engine, one.prompt, one.sample.continuations)) for one in asked
    ]
    clock = _Clock()
    for index, found in engine.choice_loglikelihoods(requests):
        request = requests[index]
        yield _scored(asked[index].sample, request, found, clock.lap())


def _documents(engine: Engine, asked: Sequence[_Asked]) -> Iterator[Answer]:
    texts = [one.sample.continuations[0] for one in asked]
    clock = _Clock()
    for index, found in document_loglikelihoods(engine, texts):
        request = ChoiceRequest("", (texts[index],))
        yield _scored(asked[index].sample, request, [found], clock.lap())


def _generations(engine: Engine, task: Task, asked: Sequence[_Asked]) -> Iterator[Answer]:
    # With a chat template the model ends its turn itself; without one it goes on asking.
    requests = [
        GenerateRequest(
            one.prompt,
            task.generation.max_new_tokens,
            task.generation.stop if isinstance(one.prompt, str) else (),
        )
        for one in asked
    ]
    clock = _Clock()
    for index, written in engine.generate_many(requests):
        yield _written(asked[index], written, _shown(engine, asked[index].prompt), clock.lap())


def _scored(
    sample: Sample, request: ChoiceRequest, found: Sequence[Continuation], seconds: float
) -> Answer:
    logprobs = tuple(one.logprob for one in found)
    if len(logprobs) != len(request.choices) or not all(map(math.isfinite, logprobs)):
        raise DataError(
            "the model gives a likelihood that is not a finite number",
            where=f"item {sample.id}",
            fix="look at the model's report: training may have diverged",
        )
    best = max(range(len(logprobs)), key=lambda place: (logprobs[place], -place))
    return replace(
        _begun(sample, request.context, seconds),
        choices=request.choices,
        output=sample.texts[best],
        logprobs=logprobs,
        characters=tuple(len(text) for text in sample.texts),
        bytes=tuple(len(text.encode("utf-8")) for text in sample.texts),
        tokens=tuple(one.tokens for one in found),
        cut=max(one.cut for one in found),
    )


def _written(asked: _Asked, written: Generated, prompt: str, seconds: float) -> Answer:
    return replace(
        _begun(asked.sample, prompt, seconds),
        output=written.text,
        tokens=(written.tokens,),
        cut=written.cut,
        finish=written.finish,
        cost=written.cost,
    )


def _begun(sample: Sample, prompt: str, seconds: float) -> Answer:
    if sample.target is not None:
        target = sample.texts[sample.target]
    else:
        target = sample.references[0] if sample.references else ""
    return Answer(
        id=sample.id,
        group=sample.group,
        prompt=prompt,
        target=target,
        seconds=round(seconds, 6),
        source=sample.source,
        right=sample.target,
        options=() if sample.continuations else sample.texts,
        answers=sample.references,
        rule=sample.rule,
    )


def _plain(
    engine: Engine, prompt: str | tuple[Message, ...], continuations: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Context and choices; after a chat template, which ends the line, no space begins a choice."""
    if isinstance(prompt, str):
        return prompt, continuations
    return engine.apply_template(prompt), tuple(text.lstrip() for text in continuations)


def _shown(engine: Engine, prompt: str | tuple[Message, ...]) -> str:
    if isinstance(prompt, str):
        return prompt
    try:
        return engine.apply_template(prompt)
    except Unsupported:  # an endpoint has a template of its own, which nobody sees
        turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
        return json.dumps(turns, ensure_ascii=False, indent=1)


def _added(a: float | None, b: float | None) -> float | None:
    return a if b is None else (a or 0.0) + b


class _Clock:
    """Seconds since the last lap: items that are computed together share them as they come."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        self._last, seconds = now, now - self._last
        return seconds
