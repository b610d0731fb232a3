"""The step `pair-dialogues`: several models answer the same prompts; best and worst make a pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from mowa.execution import Context
from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue
from mowa.instructions.making._checks import fault_of_licence, fault_of_reply, other_language
from mowa.instructions.making._config import PairDialoguesConfig
from mowa.instructions.making._desk import Ask, Reply, Work
from mowa.instructions.making._details import with_step
from mowa.instructions.making._form import without_thoughts
from mowa.instructions.making._judge import (
    about_verdicts,
    disagree,
    nonsense_of,
    with_one_final,
)
from mowa.instructions.making._made import Outcome, Reject, dialogues_in, made_of, rejected
from mowa.instructions.making._scores import (
    Judge,
    Verdict,
    judge_prompts,
    judges,
    score_answers,
)
from mowa.instructions.making._teacher import Teacher, teachers
from mowa.workspace import Inputs, Metrics


def observe(config: PairDialoguesConfig, context: Context, cache: Path | None) -> dict[str, Any]:
    """What the outer world adds to the fingerprint: the hashes of the judges' prompts."""
    del cache  # prompts are small
    return {
        "prompts": [
            [single.digest] for single, _ in judge_prompts(config.judges, context, config.language)
        ]
    }


def run(
    config: PairDialoguesConfig,
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
        UsageError: Where a prompt or a model is not as it should be.
        StoppedEarly: Where the budget is used up.
    """
    prompts = judge_prompts(config.judges, context, config.language)
    with teachers(config.models_asked(), inputs.all("model")) as asked:
        models, by = asked[: len(config.models)], judges(prompts, asked[len(config.models) :])
        questions = partial(dialogues_in, inputs, config.limit)
        return made_of(
            (paired(dialogue, models, by, config) for dialogue in questions()),
            config.budget,
            out,
            context,
            total=sum(1 for _ in questions()),
            what="prompts",
            title="Preferences",
            about=[("between", " and ".join(dict.fromkeys(model.name for model in models)))],
            unread=unread,
        )


@dataclass(frozen=True)
class _Answer:
    """An answer that may be chosen, and what is said of it: its origin, its model and more."""

    text: str
    about: dict[str, Any]


def paired(
    dialogue: Dialogue, models: Sequence[Teacher], by: Sequence[Judge], config: PairDialoguesConfig
) -> Work[Outcome]:
    """Have all models answer, the judges score, and make a preference of best and worst."""
    fault, detail = fault_of_licence(dialogue.licence, required=config.require_licence), ""
    if fault is None and dialogue.language not in (None, config.language):
        # Answers to it would be in its language, and rejected when they are paid for.
        fault, detail = "another language", f"the question is in {dialogue.language}"
    if fault is not None:
        return Outcome((), (rejected(dialogue.id, fault, detail, dialogue=dialogue),))
    messages, given = _prompt_of(dialogue)
    answers, rejects = yield from _answers(dialogue, messages, given, models, config)
    if len(answers) < 2:
        detail = f"{len(answers)} of {len(models) * config.samples + config.with_given}"
        final = rejected(dialogue.id, "too few answers", detail, dialogue=dialogue)
        return Outcome((), (*rejects, final))
    if not by:
        made = _preference(dialogue, answers[0], answers[-1], {})
        return Outcome((made,), tuple(rejects))
    texts = [answer.text for answer in answers]
    verdicts = yield from score_answers(messages, texts, by, config.tries)
    nonsense = nonsense_of(dialogue, verdicts)
    counts = sum((verdict.counts for verdict in verdicts), Counter[str]())
    if any(not verdict.scores for verdict in verdicts):
        return Outcome((), (*rejects, *with_one_final(nonsense, dialogue)), counts)
    rejects += [replace(one, final=False) for one in nonsense]
    found = _decide(dialogue, answers, by, verdicts, config.gap)
    if isinstance(found, Reject):
        counts["judges disagree"] += found.reason == "judges disagree"
        return Outcome((), (*rejects, found), +counts)
    return Outcome((found,), tuple(rejects), +counts)


def _prompt_of(dialogue: Dialogue) -> tuple[tuple[Message, ...], str | None]:
    """The turns up to the user's last, and the answer to it."""
    if dialogue.is_preference:
        return dialogue.messages, dialogue.chosen
    return dialogue.messages[:-1], dialogue.messages[-1].content


def _answers(
    dialogue: Dialogue,
    messages: tuple[Message, ...],
    given: str | None,
    models: Sequence[Teacher],
    config: PairDialoguesConfig,
) -> Generator[Sequence[Ask], Sequence[Reply], tuple[list[_Answer], list[Reject]]]:
    """What can be chosen from: answers that are some, in the language, each text once."""
    asks = [Ask(model, messages, sample) for model in models for sample in range(config.samples)]
    replies = yield asks
    found = []
    if config.with_given and given is not None:
        said = {"given": True, "origin": dialogue.origin, "model": dialogue.model}
        found.append(_Answer(given, said))
    rejects = []
    for ask, reply in zip(asks, replies, strict=True):
        text = without_thoughts(reply.text)
        # One that declines may be the worse answer, or the better.
        fault = fault_of_reply(reply)
        if fault is None or fault[0] == "refusal":
            language = other_language([text], config.language)
            fault = None if language is None else ("another language", language)
        if fault is None and text in [answer.text for answer in found]:
            fault = ("answered the same", "")
        if fault is not None:
            rejects.append(rejected(dialogue.id, *fault, reply=reply, final=False))
            continue
        about = {"origin": "generated", **ask.teacher.about(), "answer": reply.id}
        found.append(_Answer(text, about))
    return found, rejects


def _decide(
    dialogue: Dialogue,
    answers: Sequence[_Answer],
    by: Sequence[Judge],
    verdicts: Sequence[Verdict],
    gap: float,
) -> Dialogue | Reject:
    means = [fmean(verdict.scores[place] for verdict in verdicts) for place in range(len(answers))]
    best, worst = means.index(max(means)), means.index(min(means))
    gaps = [verdict.scores[best] - verdict.scores[worst] for verdict in verdicts]
    said = ", ".join(f"{mean:g}" for mean in means)
    if disagree(gaps):
        return rejected(dialogue.id, "judges disagree", said, dialogue=dialogue)
    if best == worst or means[best] - means[worst] < gap:
        return rejected(dialogue.id, "tie or small gap", said, dialogue=dialogue)
    scores = {
        "judges": about_verdicts(by, verdicts, pairs=False),
        "scores": [round(mean, 3) for mean in means],
    }
    return _preference(dialogue, answers[best], answers[worst], scores)


def _preference(
    dialogue: Dialogue,
    best: _Answer,
    worst: _Answer,
    scores: dict[str, Any],
) -> Dialogue:
    step = {"step": "pair-dialogues", "chosen": best.about, "rejected": worst.about, **scores}
    return replace(
        dialogue,
        id=f"{dialogue.id}-pair",
        messages=_prompt_of(dialogue)[0],
        chosen=best.text,
        rejected=worst.text,
        origin=best.about["origin"],
        model=best.about["model"],
        review="none",
        details=with_step(dialogue.details, step),
    )
