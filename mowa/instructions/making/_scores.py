"""What judges say: scores of one answer, or of two that are shown in both orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from mowa.errors import UsageError
from mowa.execution import Context
from mowa.inference import Message
from mowa.instructions.making._checks import fault_of_reply
from mowa.instructions.making._config import JudgeConfig
from mowa.instructions.making._desk import Ask, Reply
from mowa.instructions.making._form import NotInForm, read_groups, read_score, without_thoughts
from mowa.instructions.making._prompts import Prompt, read_prompts
from mowa.instructions.making._teacher import Teacher

_SPOKEN = {"system": "System", "user": "Użytkownik", "assistant": "Asystent"}


@dataclass(frozen=True)
class Judge:
    """A judge: who, and by which prompts."""

    teacher: Teacher
    single: Prompt
    pair: Prompt


@dataclass(frozen=True)
class NoScore:
    """What a judge wrote that is no score; the last of the tries is `final`."""

    detail: str
    prompt: str
    reply: Reply
    final: bool


@dataclass(frozen=True)
class Verdict:
    """What one judge said.

    Attributes:
        scores: Of each answer, the mean of all that was said of it; empty where nothing was.
        said: Each score as it was given: in the order shown, for each order.
        nonsense: What was no score.
        counts: What else happened.
    """

    scores: tuple[float, ...] = ()
    said: tuple[tuple[float, ...], ...] = ()
    nonsense: tuple[NoScore, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)


Judging = Generator[Sequence[Ask], Sequence[Reply], list[Verdict]]


@dataclass(frozen=True)
class _Question:
    """One thing to ask a judge: which answers, in which order."""

    judge: int
    order: tuple[int, ...]
    prompt: Prompt
    messages: tuple[Message, ...]


def judge_prompts(
    configs: Sequence[JudgeConfig], context: Context, language: str | None = None
) -> list[tuple[Prompt, Prompt]]:
    """The prompts of each judge, for one answer and for two.

    Args:
        configs: The judges.
        context: Of the step.
        language: That single answers are in, where it is known.

    Raises:
        UsageError: Where one is not as it should be.
    """
    return [
        (
            read_prompts([config.prompt], "score", context.data, language)[0],
            read_prompts([config.pair_prompt], "comparison", context.data)[0],
        )
        for config in configs
    ]


def judges(prompts: Sequence[tuple[Prompt, Prompt]], asked: Sequence[Teacher]) -> list[Judge]:
    """Each judge with its model.

    Raises:
        UsageError: Where two judges are the same model with the same prompts.
    """
    found = [Judge(teacher, *both) for both, teacher in zip(prompts, asked, strict=True)]
    who = [(j.teacher.engine.fingerprint, j.teacher.about(), j.single, j.pair) for j in found]
    if any(one in who[:place] for place, one in enumerate(who)):
        raise UsageError("two judges are the same model with the same prompts")
    return found


def score_answers(
    messages: Sequence[Message], answers: Sequence[str], by: Sequence[Judge], tries: int
) -> Generator[Sequence[Ask], Sequence[Reply], list[Verdict]]:
    """Have each judge score each answer by itself.

    Args:
        messages: What the answers are to.
        answers: They.
        by: The judges.
        tries: How often a judge is asked for one score.
    """
    conversation = spoken(messages)
    questions = [
        _Question(
            place,
            (number,),
            judge.single,
            judge.single.messages(
                {"conversation": conversation, "answer": answer},
                as_json=judge.teacher.config.json_answers,
            ),
        )
        for place, judge in enumerate(by)
        for number, answer in enumerate(answers)
    ]
    return (yield from _verdicts(questions, by, len(answers), tries))


def compare_answers(
    messages: Sequence[Message], answers: tuple[str, str], by: Sequence[Judge], tries: int
) -> Generator[Sequence[Ask], Sequence[Reply], list[Verdict]]:
    """Have each judge score two answers side by side, once in each order.

    Args:
        messages: What the answers are to.
        answers: They.
        by: The judges.
        tries: How often a judge is asked for each order.
    """
    conversation = spoken(messages)
    questions = [
        _Question(
            place,
            order,
            judge.pair,
            judge.pair.messages(
                {
                    "conversation": conversation,
                    "first": answers[order[0]],
                    "second": answers[order[1]],
                },
                as_json=judge.teacher.config.json_answers,
            ),
        )
        for place, judge in enumerate(by)
        for order in ((0, 1), (1, 0))
    ]
    return (yield from _verdicts(questions, by, 2, tries))


def spoken(messages: Sequence[Message]) -> str:
    """The turns as a judge reads them."""
    return "\n".join(f"{_SPOKEN[turn.role]}: {turn.content}" for turn in messages)


def _verdicts(
    questions: Sequence[_Question], by: Sequence[Judge], answers: int, tries: int
) -> Judging:
    scores: dict[int, tuple[float, ...]] = {}
    nonsense: list[tuple[int, NoScore]] = []
    counts: list[Counter[str]] = [Counter() for _ in by]
    for attempt in range(tries):
        todo = [place for place in range(len(questions)) if place not in scores]
        if not todo:
            break
        asks = [
            Ask(by[questions[place].judge].teacher, questions[place].messages, attempt)
            for place in todo
        ]
        replies = yield asks
        for place, reply in zip(todo, replies, strict=True):
            question = questions[place]
            counts[question.judge]["judges asked again"] += attempt > 0
            as_json = by[question.judge].teacher.config.json_answers
            found = _scores(reply, question, as_json=as_json)
            if isinstance(found, tuple):
                scores[place] = found
            else:
                no_score = NoScore(found, question.prompt.name, reply, attempt == tries - 1)
                nonsense.append((question.judge, no_score))
    return [
        Verdict(
            *_means(
                [
                    (question.order, scores.get(place))
                    for place, question in enumerate(questions)
                    if question.judge == judge
                ],
                answers,
            ),
            tuple(one for whose, one in nonsense if whose == judge),
            +counts[judge],
        )
        for judge in range(len(by))
    ]


def _scores(reply: Reply, question: _Question, *, as_json: bool) -> tuple[float, ...] | str:
    """The scores in the order shown, or why there are none."""
    fault = fault_of_reply(reply)
    if fault is not None:
        return " ".join(filter(None, fault))
    labels = question.prompt.labels
    try:
        (group,) = read_groups(without_thoughts(reply.text), labels, as_json=as_json)
        # The first label is the reason.
        return tuple(read_score(group[label]) for label in labels[1:])
    except NotInForm as error:
        return str(error)


def _means(
    said: Sequence[tuple[tuple[int, ...], tuple[float, ...] | None]], answers: int
) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """The mean score of each answer, and the scores as given; nothing where one is missing."""
    given = [scores for _, scores in said if scores is not None]
    if len(given) < len(said):
        return (), tuple(given)
    of_answer: list[list[float]] = [[] for _ in range(answers)]
    for order, scores in said:
        for number, score in zip(order, scores or (), strict=True):
            of_answer[number].append(score)
    return tuple(map(fmean, of_answer)), tuple(given)
