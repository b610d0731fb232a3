"""Written answers: a letter or a choice that they state, references, or a rule."""

from __future__ import annotations

from collections.abc import Sequence

from mowa.evaluation._answers import Answer
from mowa.evaluation._measures import mean
from mowa.evaluation._rules import accepts, keeps_form
from mowa.evaluation._scorers._choice import class_measures
from mowa.evaluation._scorers._scored import Scored
from mowa.evaluation._scorers._stated import stated_choice, stated_letter
from mowa.evaluation._scorers._words import compared, distance, first_number
from mowa.evaluation._task import Task

_MOST_CHARACTERS = 500  # an answer that is near a reference is not longer


def generate(task: Task, answers: Sequence[Answer]) -> Scored:
    """Accuracy or F1 of what answers state; or the share of answers that are accepted.

    Where rules ask for a form, `form` is the share that has it, whatever it says.
    """
    counts = counted(answers)
    if task.generation.extract != "text":
        return _stated(task, answers, counts)
    exact = [_exact(answer) for answer in answers]
    values = [float(accepted(task, answer)) for answer in answers]
    measures = {"accepted": mean(values)}
    if any(answer.answers for answer in answers):
        measures["exact"] = mean([float(one) for one in exact])
    forms = [form for answer in answers if (form := _form(answer)) is not None]
    if forms:
        measures["form"] = mean([float(form) for form in forms])
    return Scored(list(values), measures, "accepted", counts)


def counted(answers: Sequence[Answer]) -> dict[str, int]:
    """How many answers are empty, and how many were cut off at the most tokens."""
    return {
        "empty": sum(not answer.output.strip() for answer in answers),
        "cut_off": sum(answer.finish == "length" for answer in answers),
    }


def accepted(task: Task, answer: Answer) -> bool:
    """Is the answer right by the item's rule, or else by one of its references?"""
    if answer.rule is not None:
        return accepts(answer.output, answer.rule)
    matches = {"exact": _is, "near": near, "contains": _holds}[task.generation.match]
    return any(matches(answer.output, reference) for reference in answer.answers)


def near(text: str, reference: str) -> bool:
    """The number of the reference, where it has one; else fewer than half of its letters differ.

    Example:
        >>> near("W Krakowie.", "Kraków"), near("w 1410 r.", "1410"), near("Poznań", "Łódź")
        (False, True, False)
    """
    number = first_number(reference)
    if number is not None:
        return first_number(text) == number
    text, reference = compared(text[:_MOST_CHARACTERS]), compared(reference)
    return bool(text) and distance(text, reference) < len(reference) / 2


def _stated(task: Task, answers: Sequence[Answer], counts: dict[str, int]) -> Scored:
    read = stated_letter if task.generation.extract == "letter" else stated_choice
    said = [read(answer.output, answer.options) for answer in answers]
    right = [answer.right if answer.right is not None else -1 for answer in answers]
    values = [float(a == b) for a, b in zip(said, right, strict=True)]
    measures = {"accuracy": mean(values), **class_measures(task, said, right)}
    outputs = {
        answer.id: answer.options[index]
        for answer, index in zip(answers, said, strict=True)
        if index is not None
    }
    counts = {**counts, "unclear": said.count(None)}
    return Scored(list(values), measures, task.metric, counts, outputs)


def _form(answer: Answer) -> bool | None:
    return None if answer.rule is None else keeps_form(answer.output, answer.rule)


def _exact(answer: Answer) -> bool:
    return any(_is(answer.output, reference) for reference in answer.answers)


def _is(text: str, reference: str) -> bool:
    return compared(text) == compared(reference)


def _holds(text: str, reference: str) -> bool:
    wanted = compared(reference)
    return bool(wanted) and f" {wanted} " in f" {compared(text)} "
