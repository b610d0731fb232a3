"""What of a task's results rests on items that the training corpus has: scores with and without."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.errors import DataError
from mowa.evaluation.contamination._find import SHARE, Against, Item, Verdict, find_items
from mowa.workspace import write_text, writing

Score = dict[str, Any]

_HITS = pa.list_(
    pa.struct(
        [
            ("document", pa.string()),
            ("kind", pa.string()),
            ("text", pa.string()),
            ("share", pa.float64()),
            ("corpus", pa.string()),
        ]
    )
)


def contaminated(
    results: Path,
    corpora: Sequence[Against],
    *,
    texts: Mapping[str, Sequence[str]],
    score: Callable[[pl.DataFrame], Score],
) -> dict[str, Any]:
    """Look for the items of one result in corpora, and write what is found into the result.

    `items.parquet` gets the columns `contaminated` (null where an item is too short to tell) and
    `hits`, `result.json` the block `contamination`. Doing it again writes the same.

    Args:
        results: The folder of one result.
        corpora: Where to look.
        texts: By item, what would give it away (`item_of` makes it of question, answer and
            choices).
        score: The score of some rows of `items.parquet`.

    Returns:
        The block as it was written.

    Raises:
        DataError: Where the result cannot be read, or an item has no texts.
    """
    path = results / "items.parquet"
    try:
        frame = pl.read_parquet(path).drop("contaminated", "hits", strict=False)
        record = json.loads((results / "result.json").read_text("utf-8"))
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"this is not a readable result ({error})", where=str(results)) from error
    items = [_item(row, texts, results) for row in frame.iter_rows(named=True)]
    verdicts = find_items(items, corpora)
    block = summary(frame, verdicts, corpora, score)
    table = frame.to_arrow()
    for name, values, kind in (
        ("contaminated", [verdict.contaminated for verdict in verdicts], pa.bool_()),
        ("hits", [[vars(hit) for hit in verdict.hits] for verdict in verdicts], _HITS),
    ):
        table = table.append_column(name, pa.array(values, kind))
    with writing(path) as partial:
        pq.write_table(table, partial, compression="zstd")
    record["contamination"] = block
    write_text(results / "result.json", json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    return block


def summary(
    items: pl.DataFrame,
    verdicts: Sequence[Verdict],
    corpora: Sequence[Against],
    score: Callable[[pl.DataFrame], Score],
) -> dict[str, Any]:
    """The block `contamination`: how many items are in which corpora, and the scores apart.

    `clean` is the score of the items that were not found, those too short to tell included;
    `dirty` of those that were; null where there are none.
    """
    dirty = np.array([verdict.contaminated is True for verdict in verdicts], dtype=np.bool_)
    kinds = [verdict.hits[0].kind for verdict in verdicts if verdict.hits]
    parts = {"clean": items.filter(~dirty), "dirty": items.filter(dirty)}
    return {
        "corpora": [
            {
                "name": one.name,
                "kind": one.kind,
                "fingerprint": one.fingerprint,
                "hits": sum(one.name in {hit.corpus for hit in each.hits} for each in verdicts),
            }
            for one in corpora
        ],
        "hits": int(dirty.sum()),
        "items": len(verdicts),
        "too_short": sum(verdict.contaminated is None for verdict in verdicts),
        "verbatim": kinds.count("verbatim"),
        "lemmas": kinds.count("lemmas"),
        "share": SHARE,
        **{name: score(part) if part.height else None for name, part in parts.items()},
    }


def item_of(
    id_: str, *, question: str, answer: str | None = None, choices: Sequence[str] = ()
) -> Item:
    """An item by what would give it away: question, question with the answer, each choice.

    Example:
        >>> item_of("1", question="Kto napisał Lalkę?", answer="Prus").texts
        ('Kto napisał Lalkę?', 'Kto napisał Lalkę? Prus')
    """
    both = [f"{question} {answer}"] if question and answer and answer not in question else []
    named = [question, *both, *choices, *([answer] if answer and not question else [])]
    return Item(id_, tuple(dict.fromkeys(text for text in named if text)))


def _item(row: Mapping[str, Any], texts: Mapping[str, Sequence[str]], results: Path) -> Item:
    id_ = str(row["id"])
    if id_ not in texts:
        raise DataError(f"there are no texts of the item {id_}", where=str(results))
    return Item(id_, tuple(texts[id_]))
