"""Texts with planted copies, and a run of the whole search over them."""

import random
from pathlib import Path

import polars as pl
import pytest

from mowa.corpus.duplicates import DuplicateOptions, find_duplicates, sketch, write_sketches
from mowa.execution import Context, Ledger
from mowa.languages import LanguagePack

PACK = LanguagePack(
    code="pol",
    code1="pl",
    name="Polish",
    letters="ą",
    stop_words=("i",),
    protected=(),
    thresholds={},
)


def search(root: Path, frames, options=None, *, workers=1, ledger=None):
    """Run the search over one shard a frame; gives metrics and the rows of all shards."""
    options = options or DuplicateOptions(buckets=4)
    names = [f"{number:05}" for number in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        if not (root / ".hashes" / "rows" / f"{name}.parquet").exists():
            write_sketches(root / ".hashes", name, [sketch(frame, options)], options)
    context = Context(
        language=PACK,
        data=root,
        sources=root,
        workers=workers,
        ledger=ledger or Ledger(root / "ledger.jsonl"),
    )
    metrics = find_duplicates(names, root, context, options, ".hashes")
    rows = pl.concat(
        pl.read_parquet(root / f"signals/duplicates@2/{name}.parquet") for name in names
    )
    return metrics, pl.concat(frames).select("doc_id").hstack(rows)


def words(generator: random.Random, count: int) -> list[str]:
    """So many words of three syllables."""
    syllables = ("ba", "ko", "mi", "ru", "sze", "źdź", "ła", "po", "ni", "to", "wę", "cza")
    return ["".join(generator.choices(syllables, k=3)) for _ in range(count)]


def mutated(generator: random.Random, text: list[str], changes: int) -> list[str]:
    """The text with so many words replaced."""
    text = list(text)
    for place in generator.sample(range(len(text)), changes):
        text[place] = words(generator, 1)[0]
    return text


def planted(seed: int = 0, *, originals: int = 60) -> pl.DataFrame:
    """Originals, each with up to three copies with 0 to 8 words in 200 changed."""
    generator = random.Random(seed)
    rows = []
    for _ in range(originals):
        text = words(generator, 200)
        rows.append(" ".join(text))
        rows.extend(
            " ".join(mutated(generator, text, generator.randrange(9)))
            for _ in range(generator.randrange(4))
        )
    generator.shuffle(rows)
    return pl.DataFrame({"doc_id": [f"d{number:05}" for number in range(len(rows))], "text": rows})


@pytest.fixture(scope="session")
def documents():
    return planted()
