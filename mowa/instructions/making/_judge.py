"""The step `judge-dialogues`: what judges think little of goes; preferences are held to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from mowa.execution import Context
from mowa.instructions._dialogue import Dialogue
from mowa.instructions.making._checks import fault_of_licence
from mowa.instructions.making._config import JudgeDialoguesConfig
from mowa.instructions.making._desk import Work
from mowa.instructions.making._details import steps_of, turned_round, with_step
from mowa.instructions.making._made import Outcome, Reject, dialogues_in, made_of, rejected
from mowa.instructions.making._scores import (
    Judge,
    Verdict,
    compare_answers,
    judge_prompts,
    judges,
    score_answers,
)
from mowa.instructions.making._teacher import teachers
from mowa.workspace import Inputs, Metrics


def observe(config: JudgeDialoguesConfig, context: Context, cache: Path | None) -> dict[str, Any]:
    """What the outer world adds to the fingerprint: the hashes of the prompts."""
    del cache  # prompts are small
    return {
        "prompts": [
            [single.digest, pair.digest] for single, pair in judge_prompts(config.judges, context)
        ]
    }


def run(
    config: JudgeDialoguesConfig,
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
    prompts = judge_prompts(config.judges, context)
    with teachers(config.models_asked(), inputs.all("model")) as asked:
        by = judges(prompts, asked)
        return made_of(
            (judged(dialogue, by, config) for dialogue in dialogues_in(inputs)),
            config.budget,
            out,
            context,
            total=sum(1 for _ in dialogues_in(inputs)),
            what="dialogues",
            title="Judged dialogues",
            about=[("by", " and ".join(dict.fromkeys(judge.teacher.name for judge in by)))],
            unread=unread,
        )


def judged(dialogue: Dialogue, by: Sequence[Judge], config: JudgeDialoguesConfig) -> Work[Outcome]:
    """Ask the judges of one dialogue; it is kept, turned round, or rejected."""
    refused = fault_of_licence(dialogue.licence, required=config.require_licence)
    if refused is not None:
        return Outcome((), (rejected(dialogue.id, refused, dialogue=dialogue),))
    if dialogue.is_preference:
        assert dialogue.chosen is not None
        assert dialogue.rejected is not None
        answers = (dialogue.chosen, dialogue.rejected)
        verdicts = yield from compare_answers(dialogue.messages, answers, by, config.tries)
    else:
        *before, last = dialogue.messages
        verdicts = yield from score_answers(before, [last.content], by, config.tries)
    rejects = nonsense_of(dialogue, verdicts)
    counts = sum((verdict.counts for verdict in verdicts), Counter[str]())
    if any(not verdict.scores for verdict in verdicts):
        return Outcome((), with_one_final(rejects, dialogue), counts)
    rejects = [replace(one, final=False) for one in rejects]
    decide = _decide_pair if dialogue.is_preference else _decide
    found = decide(dialogue, verdicts, config, counts)
    if isinstance(found, Reject):
        return Outcome((), (*rejects, found), +counts)
    said = about_verdicts(by, verdicts, pairs=dialogue.is_preference)
    step: dict[str, Any] = {"step": "judge-dialogues", "judges": said}
    is_wrong = dialogue.is_preference and fmean(_gaps(verdicts)) < 0
    if is_wrong:
        counts["turned round"] += 1
        step["turned_round"] = True
    kept = replace(found, details=with_step(found.details, step))
    return Outcome((turned(kept) if is_wrong else kept,), tuple(rejects), +counts)


def turned(dialogue: Dialogue) -> Dialogue:
    """A preference the other way round, with all that belongs to each answer.

    Who wrote the answer that is chosen now is told by the last step that paired or translated;
    where none did, what was said of both stays. No person has reviewed it in this order.
    """
    details = turned_round(dialogue.details)
    origin, model = dialogue.origin, dialogue.model
    for step in steps_of(details):
        if step.get("step") == "pair-dialogues" and isinstance(chosen := step.get("chosen"), dict):
            origin, model = chosen.get("origin", "generated"), chosen.get("model")
        elif step.get("step") == "translate-dialogues":
            origin, model = "translated", step.get("model")
    return replace(
        dialogue,
        chosen=dialogue.rejected,
        rejected=dialogue.chosen,
        origin=origin,
        model=model,
        review="none",
        details=details,
    )


def nonsense_of(dialogue: Dialogue, verdicts: Sequence[Verdict]) -> list[Reject]:
    """A reject for everything that a judge wrote and that is no score."""
    return [
        rejected(
            dialogue.id,
            "judge gives no score",
            one.detail,
            reply=one.reply,
            prompt=one.prompt,
            final=one.final,
        )
        for verdict in verdicts
        for one in verdict.nonsense
    ]


def with_one_final(rejects: Sequence[Reject], dialogue: Dialogue) -> tuple[Reject, ...]:
    """The rejects of a dialogue that is not kept: the first final one stands for it."""
    at = next(place for place, one in enumerate(rejects) if one.final)
    whole = rejected(dialogue.id, "", dialogue=dialogue).dialogue
    return tuple(
        replace(one, final=place == at, dialogue=whole if place == at else None)
        for place, one in enumerate(rejects)
    )


def about_verdicts(
    by: Sequence[Judge], verdicts: Sequence[Verdict], *, pairs: bool
) -> list[dict[str, Any]]:
    """Who said what, for the details of a dialogue."""
    found = []
    for judge, verdict in zip(by, verdicts, strict=True):
        prompt = judge.pair if pairs else judge.single
        found.append(
            {
                "prompt": prompt.name,
                "prompt_digest": prompt.digest,
                "scores": [round(score, 3) for score in verdict.scores],
                "said": [list(scores) for scores in verdict.said],
                "asked_again": verdict.counts["judges asked again"],
                **judge.teacher.about(),
            }
        )
    return found


def _decide(
    dialogue: Dialogue,
    verdicts: Sequence[Verdict],
    config: JudgeDialoguesConfig,
    counts: Counter[str],
) -> Dialogue | Reject:
    scores = [verdict.scores[0] for verdict in verdicts]
    counts["judges disagree"] += len({score >= config.least for score in scores}) > 1
    mean = fmean(scores)
    if mean >= config.least:
        return dialogue
    said = ", ".join(f"{score:g}" for score in scores)
    return rejected(dialogue.id, "judged too low", f"{mean:.2f} ({said})", dialogue=dialogue)


def _decide_pair(
    dialogue: Dialogue,
    verdicts: Sequence[Verdict],
    config: JudgeDialoguesConfig,
    counts: Counter[str],
) -> Dialogue | Reject:
    gaps = _gaps(verdicts)
    said = ", ".join(f"{gap:+g}" for gap in gaps)
    if disagree(gaps):
        counts["judges disagree"] += 1
        return rejected(dialogue.id, "judges disagree", said, dialogue=dialogue)
    gap = fmean(gaps)
    if gap == 0 or abs(gap) < config.gap:
        return rejected(dialogue.id, "tie or small gap", said, dialogue=dialogue)
    return dialogue


def _gaps(verdicts: Sequence[Verdict]) -> list[float]:
    """How much better each judge finds the chosen answer than the rejected one."""
    return [verdict.scores[0] - verdict.scores[1] for verdict in verdicts]


def disagree(gaps: Sequence[float]) -> bool:
    """Does one judge prefer what another thinks the worse?

    Example:
        >>> disagree([2, 1, 0]), disagree([2, -0.5])
        (False, True)
    """
    return max(gaps) > 0 > min(gaps)
