"""Small tasks and items for tests, written into a folder as a person would."""

import json
from pathlib import Path

from mowa.evaluation._results import ModelAbout
from mowa.evaluation._task import Task, read_task

HEAD = """
name = "{name}"
title.pl = "Próba"
title.en = "Trial"
about.pl = "Do prób."
about.en = "For tests."
licence = "CC0-1.0"
"""

CHOICE = (
    HEAD
    + """
kind = "choice"
metric = "accuracy"
baseline = 0.25
group = "topic"
[data]
test = "test.jsonl"
train = "train.jsonl"
[prompt]
template = "Pytanie: {{question}}\\nOdpowiedź:"
answer = " {{choice}}"
"""
)

ABOUT = ModelAbout(name="scripted", fingerprint="f" * 32, kind="folder")


def write_jsonl(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def make_task(
    folder: Path,
    toml: str = CHOICE,
    *,
    test: list[dict] | None = None,
    train: list[dict] | None = None,
) -> Task:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.toml").write_text(toml.format(name=folder.name), "utf-8")
    if test is not None:
        write_jsonl(folder / "test.jsonl", test)
    if train is not None:
        write_jsonl(folder / "train.jsonl", train)
    (task,) = read_task(folder / "task.toml")
    return task


def question(number: int, **changes: object) -> dict:
    return {
        "id": f"q{number}",
        "topic": "rzeki" if number % 2 else "góry",
        "question": f"Co ma numer {number}?",
        "choices": ["Wisła", "Odra", f"Tatry {number}", "Bug"],
        "answer": number % 4,
        **changes,
    }
