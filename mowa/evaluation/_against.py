"""Results against corpora: which items stand in them, and the scores without those."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mowa.evaluation._answers import Answer
from mowa.evaluation._evaluate import Prepared
from mowa.evaluation._intervals import score
from mowa.evaluation._items import Item
from mowa.evaluation._results import Result, as_numbers, read_result
from mowa.evaluation._scorers import measured
from mowa.evaluation._task import Task
from mowa.evaluation.contamination import contaminated, item_of
from mowa.inference import fields_of

if TYPE_CHECKING:
    import polars as pl

    from mowa.evaluation.contamination import Against


def look_for(folder: Path, prepared: Prepared, corpora: Sequence[Against]) -> Result:
    """Look for a result's items in corpora; the result is written anew, with what was found.

    Args:
        folder: Of the result.
        prepared: The task, with its items.
        corpora: Where to look; a result that has no score, or no corpora, stays as it is, and so
            does that of a model that has read nothing, a floor.
    """
    result = read_result(folder)
    has_read = result["model"].get("trained_tokens") != 0
    if not corpora or not has_read or result["status"] != "scored":
        return result
    task = prepared.task
    texts = {item.id: texts_of(task, item) for item in prepared.items}

    def of_rows(rows: pl.DataFrame) -> dict[str, Any]:
        kept = [Answer.from_dict(row) for row in rows.iter_rows(named=True)]
        return as_numbers(score(measured(task, [one for one in kept if one.value is not None])))

    contaminated(folder, corpora, texts=texts, score=of_rows)
    return read_result(folder)


def texts_of(task: Task, item: Item) -> tuple[str, ...]:
    """What gives an item away where a corpus has it: never the words of the prompt itself.

    Of a pair that is the good sentence, since the bad one stands nowhere; of a question what its
    prompt shows, with the answer and without, and the choices.
    """
    if task.kind in ("pairs", "perplexity"):
        return (item.choices[0],)
    assert task.prompt is not None
    shown = [
        item.fields[name] for name in sorted(fields_of(task.prompt.template) & set(item.fields))
    ]
    right = item.choices[item.answer] if item.choices and item.answer is not None else None
    answers = item.references or ((right,) if right else ())
    texts: list[str] = []
    for text in shown:
        for answer in answers or (None,):
            texts += item_of(item.id, question=text, answer=answer, choices=item.choices).texts
    return tuple(dict.fromkeys(texts))
