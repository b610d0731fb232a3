"""The run: one model asked one task, kept as it goes, written down when it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mowa.errors import UsageError
from mowa.evaluation._answers import Answer
from mowa.evaluation._ask import ask, ask_judge
from mowa.evaluation._items import Item, baseline, fingerprint, read_items
from mowa.evaluation._journal import Journal
from mowa.evaluation._results import (
    RESULT,
    ModelAbout,
    Result,
    Settings,
    make_result,
    read_result,
    refused,
    result_key,
    write_result,
)
from mowa.evaluation._sample import Sample, draw_shots, make_sample
from mowa.evaluation._task import Task
from mowa.inference import Engine, Unsupported
from mowa.workspace import canonical, locked

Advance = Callable[[int, int], None]
"""Is told how many items are done, and how many there are."""


@dataclass(frozen=True)
class Prepared:
    """A task with its items read, ready to be asked of any model.

    Attributes:
        task: The task.
        items: Test items to ask.
        shots: Prompts with their answers.
        fingerprint: Of the task and all its test items.
        settings: How it is asked.
    """

    task: Task
    items: list[Item]
    shots: list[tuple[str, str]]
    fingerprint: str
    settings: Settings

    @property
    def shots_digest(self) -> str:
        """Hash of the shots."""
        text = canonical([list(shot) for shot in self.shots])
        return hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()


def prepare(
    task: Task,
    settings: Settings,
    *,
    data: Path | None = None,
    hub: bool = False,
) -> Prepared:
    """Read a task's items and draw its shots.

    Args:
        task: The task.
        settings: How it is asked.
        data: Folder of the user's data.
        hub: May a hub be asked for items that are not here?

    Raises:
        UsageError: Where a split is missing.
        DataError: Where items are not as they should be.
    """
    test = read_items(task, "test", data=data, hub=hub)
    if test is None:
        raise UsageError(f"{task.name} has no test split", fix="name one in [data] test")
    task = task.model_copy(update={"baseline": round(baseline(task, test), 6)})
    train = read_items(task, "train", data=data, hub=hub) if settings.shots else None
    shots = draw_shots(task, train, test, count=settings.shots, seed=settings.seed)
    return Prepared(task, _some(test, settings.limit), shots, fingerprint(task, test), settings)


def evaluate(
    engine: Engine,
    about: ModelAbout,
    prepared: Prepared,
    out: Path,
    *,
    judge: Engine | None = None,
    advance: Advance | None = None,
) -> tuple[Path, Result]:
    """Ask a model a task, or take the result that is there.

    Args:
        engine: The model.
        about: What the result says of it.
        prepared: The task, with items and shots.
        out: Folder of results; the result's own is named by its key.
        judge: Who judges, for judged tasks.
        advance: Is told how far it is.

    Returns:
        Folder and content of the result.

    Raises:
        MowaError: Where the engine fails; finished items are kept, the same call goes on.
    """
    task, settings = prepared.task, prepared.settings
    key = result_key(about.fingerprint, prepared.fingerprint, settings, prepared.shots_digest)
    folder = out / key
    with locked(out / ".locks" / f"{key}.lock", wait=True):
        if (folder / RESULT).exists():
            found = read_result(folder)
            if found["status"] == "scored" or found["left_out"]:
                return folder, found  # a refusal alone is asked for again
        try:
            answers = _answers(engine, prepared, out / ".partial" / f"{key}.jsonl", judge, advance)
        except Unsupported as error:
            result = refused(
                about, task, settings, error.what, task_fingerprint=prepared.fingerprint
            )
            write_result(folder, result, [], task)
            return folder, result
        result, answers = make_result(
            about,
            task,
            settings,
            answers,
            task_fingerprint=prepared.fingerprint,
            seconds=sum(answer.seconds for answer in answers),
        )
        write_result(folder, result, answers, task)
        (out / ".partial" / f"{key}.jsonl").unlink(missing_ok=True)
    return folder, result


def judge_identity(judge: Engine, url: str, task: Task) -> dict[str, str]:
    """What a judged score depends on: who judges, and the prompt."""
    assert task.judge is not None
    prompt = canonical(task.judge.model_dump(mode="json"))
    return {
        "url": url,
        "model": judge.name,
        "fingerprint": judge.fingerprint,
        "prompt": hashlib.blake2b(prompt.encode("utf-8"), digest_size=8).hexdigest(),
    }


def _answers(
    engine: Engine,
    prepared: Prepared,
    path: Path,
    judge: Engine | None,
    advance: Advance | None,
) -> list[Answer]:
    task = prepared.task
    samples = [make_sample(task, item) for item in prepared.items]
    journal = Journal(path)
    try:
        _ask_the_rest(engine, prepared, samples, journal, advance)
        if task.kind == "judged":
            _judge_the_rest(judge, task, samples, journal)
    finally:
        journal.close()
    return [journal.answers[sample.id] for sample in samples]


def _ask_the_rest(
    engine: Engine,
    prepared: Prepared,
    samples: Sequence[Sample],
    journal: Journal,
    advance: Advance | None,
) -> None:
    rest = [sample for sample in samples if sample.id not in journal.answers]
    done = len(samples) - len(rest)
    if advance:
        advance(done, len(samples))
    for answer in ask(
        engine,
        prepared.task,
        rest,
        shots=prepared.shots,
        template=prepared.settings.template,
    ):
        journal.add(answer)
        done += 1
        if advance:
            advance(done, len(samples))


def _judge_the_rest(
    judge: Engine | None, task: Task, samples: Sequence[Sample], journal: Journal
) -> None:
    if judge is None:
        raise UsageError(
            f"{task.name} needs a judge", fix="name one: --judge https://host/v1#model"
        )
    fields = {sample.id: sample.fields for sample in samples}
    rest = [
        answer
        for sample in samples
        for answer in [journal.answers[sample.id]]
        if answer.note is None and not answer.cut
    ]
    for answer in ask_judge(judge, task, rest, fields):
        journal.add(answer)


def _some(items: Sequence[Item], limit: int | None) -> list[Item]:
    """The same random part of the items for every model, in the order of the data."""
    if limit is None or limit >= len(items):
        return list(items)
    by_hash = sorted(items, key=lambda item: hashlib.blake2b(item.id.encode("utf-8")).digest())
    chosen = {item.id for item in by_hash[:limit]}
    return [item for item in items if item.id in chosen]
