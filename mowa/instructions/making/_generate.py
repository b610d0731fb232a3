"""The step `generate-dialogues`: passages of a corpus become dialogues that a model writes."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from mowa.execution import Context
from mowa.inference import Message, filled
from mowa.instructions._dialogue import Dialogue
from mowa.instructions.making._checks import (
    copied_line,
    fault_of_licence,
    fault_of_reply,
    invented_quote,
    is_copy,
    other_language,
    refuses,
)
from mowa.instructions.making._config import GenerateDialoguesConfig
from mowa.instructions.making._desk import Ask, Reply, Work
from mowa.instructions.making._details import with_step
from mowa.instructions.making._form import Group, NotInForm, read_groups, without_thoughts
from mowa.instructions.making._made import Outcome, made_of, rejected
from mowa.instructions.making._passages import Passage, choose_passages
from mowa.instructions.making._prompts import Prompt, read_prompts
from mowa.instructions.making._teacher import Teacher, teachers
from mowa.workspace import Inputs, Metrics


def observe(
    config: GenerateDialoguesConfig, context: Context, cache: Path | None
) -> dict[str, Any]:
    """What the outer world adds to the fingerprint: the hash of every prompt."""
    del cache  # prompts are small
    prompts = read_prompts(config.prompts, "dialogues", context.data, config.language)
    return {"prompts": {prompt.name: prompt.digest for prompt in prompts}}


def run(config: GenerateDialoguesConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `dialogues/`, `rejected.parquet`, `statistics.json` and `report.html`.

    Raises:
        UsageError: Where a prompt or a model is not as it should be.
        DataError: Where the corpus has no passage of the length.
        StoppedEarly: Where the budget is used up.
    """
    prompts = read_prompts(config.prompts, "dialogues", context.data, config.language)
    corpus = inputs.one("corpus")
    least, most = config.characters
    passages = choose_passages(corpus.path, config.passages, (least, most), config.seed)
    with teachers([config.model], inputs.all("model")) as (teacher,):
        return made_of(
            (
                generated(passage, prompts[place % len(prompts)], teacher, config)
                for place, passage in enumerate(passages)
            ),
            config.budget,
            out,
            context,
            total=len(passages),
            what="passages",
            title="Generated dialogues",
            about=[("from", corpus.id), ("by", teacher.name)],
        )


def generated(
    passage: Passage, prompt: Prompt, teacher: Teacher, config: GenerateDialoguesConfig
) -> Work[Outcome]:
    """Ask for the dialogues of one passage; again, where nothing came of an answer."""
    forbidden = fault_of_licence(
        passage.licence, required=config.require_licence, derives=config.no_derivatives == "reject"
    )
    if forbidden is not None:
        return Outcome((), (rejected(passage.name, forbidden, passage.licence or ""),))
    fields = {"text": passage.text, "title": passage.title or ""}
    messages = prompt.messages(fields, as_json=teacher.config.json_answers)
    counts: Counter[str] = Counter()
    rejects = []
    for attempt in range(config.tries):
        (reply,) = yield [Ask(teacher, messages, attempt)]
        counts["asked again"] += attempt > 0
        outcome = _read(reply, passage, prompt, teacher, config.language)
        is_last = bool(outcome.dialogues) or attempt == config.tries - 1
        rejects += [replace(one, final=is_last) for one in outcome.rejects]
        if is_last:
            break
    return Outcome(outcome.dialogues, tuple(rejects), +counts)


def _read(
    reply: Reply, passage: Passage, prompt: Prompt, teacher: Teacher, language: str
) -> Outcome:
    """The dialogues in one answer, each looked at by itself."""

    def refused(reason: str, detail: str = "") -> Outcome:
        return Outcome(
            (), (rejected(passage.name, reason, detail, reply=reply, prompt=prompt.name),)
        )

    fault = fault_of_reply(reply)
    if fault is not None:
        return refused(*fault)
    text = without_thoughts(reply.text)
    if line := copied_line(text, prompt.instructions()):
        return refused("copies the prompt", line)
    try:
        groups = read_groups(
            text, prompt.labels, prompt.turns.groups, as_json=teacher.config.json_answers
        )
    except NotInForm as error:
        return refused("not in the form", str(error))
    dialogues, rejects = [], []
    for place, parts in enumerate([groups] if prompt.turns.joined else [[one] for one in groups]):
        found = _fault(parts, passage, prompt, language)
        if found is not None:
            rejects.append(rejected(passage.name, *found, reply=reply, prompt=prompt.name))
            continue
        made = _dialogue(parts, f"{reply.id}/{passage.span.document}/{place}", passage, prompt)
        step = {
            "step": "generate-dialogues",
            "prompt": prompt.name,
            "prompt_digest": prompt.digest,
            "answer": reply.id,
            **teacher.about(),
        }
        dialogues.append(
            replace(made, model=teacher.name, language=language, details=with_step(None, step))
        )
    return Outcome(tuple(dialogues), tuple(rejects))


def _fault(
    parts: list[Group], passage: Passage, prompt: Prompt, language: str
) -> tuple[str, str] | None:
    """Why what stands after the labels makes no dialogue."""
    turns = prompt.turns
    written = [text for group in parts for text in group.values()]
    for group in parts:
        for label, allowed in turns.values.items():
            if group[label].rstrip(".").casefold() not in {one.casefold() for one in allowed}:
                return "not one of the choices", group[label]
    answers = _answers(parts, prompt)
    if any(map(refuses, answers)):
        return "refusal", ""
    for text in written:
        if (quote := invented_quote(text, passage.text)) is not None:
            return "invented quote", quote
    said = "\n".join(answers)
    if turns.ratio is not None:
        ratio = len(said) / len(passage.text)
        if not turns.ratio[0] <= ratio <= turns.ratio[1]:
            return "length does not fit", f"{ratio:.2f} of the passage"
        if is_copy(said, passage.text):
            return "copies the passage", ""
    found = other_language(written, language)
    return None if found is None else ("another language", found)


def _answers(parts: list[Group], prompt: Prompt) -> list[str]:
    """What the assistant says, turn by turn."""
    if prompt.turns.joined:
        return [group[prompt.labels[1]] for group in parts]
    return [filled(prompt.turns.assistant, _values(parts[0], prompt))]


def _values(group: Group, prompt: Prompt) -> Group:
    """The texts of a group, those of closed lists as the list writes them."""
    values = dict(group)
    for label, allowed in prompt.turns.values.items():
        said = group[label].rstrip(".").casefold()
        values[label] = next(one for one in allowed if one.casefold() == said)
    return values


def _dialogue(parts: list[Group], name: str, passage: Passage, prompt: Prompt) -> Dialogue:
    """The turns, with what they have of the document that they stand on."""
    key = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    if prompt.turns.joined:
        questions = [group[prompt.labels[0]] for group in parts]
    else:
        wordings = prompt.turns.user
        wording = wordings[int(key[:8], 16) % len(wordings)]
        questions = [filled(wording, {"text": passage.text, **_values(parts[0], prompt)})]
    messages = tuple(
        Message(role, content)
        for turns in zip(questions, _answers(parts, prompt), strict=True)
        for role, content in zip(("user", "assistant"), turns, strict=True)
    )
    return Dialogue(
        key,
        messages,
        origin="generated",
        licence=passage.licence,
        source=passage.source,
        author=passage.author,
        documents=(passage.span,),
    )
