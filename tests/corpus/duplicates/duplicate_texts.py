"""Texts with planted copies, and a run of the whole search over them."""

import itertools
import random
import re
from pathlib import Path

import polars as pl

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


def context_in(root: Path, *, workers: int = 1) -> Context:
    """A context whose ledger lies in `root`."""
    return Context(
        language=PACK,
        data=root,
        sources=root,
        workers=workers,
        ledger=Ledger(root / "ledger.jsonl"),
    )


def search(root: Path, frames, options=None, *, workers=1):
    """Run the search over one shard a frame; gives metrics and the rows of all shards."""
    options = options or DuplicateOptions(buckets=4)
    names = [f"{number:05}" for number in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        if not (root / ".hashes" / "rows" / f"{name}.parquet").exists():
            write_sketches(root / ".hashes", name, [sketch(frame, options)], options)
    context = context_in(root, workers=workers)
    metrics = find_duplicates(names, root, context, options, ".hashes")
    rows = pl.concat(
        pl.read_parquet(root / f"signals/duplicates@3/{name}.parquet") for name in names
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


def brute_force(documents: pl.DataFrame, threshold: float) -> dict[frozenset[str], float]:
    """Jaccard similarity of sets of word 5-grams, for all pairs that reach the threshold."""
    sets = {}
    for name, text in documents.select("doc_id", "text").iter_rows():
        found = re.findall(r"\w+", text.lower())
        sets[name] = {tuple(found[at : at + 5]) for at in range(max(1, len(found) - 4))}
    pairs = {}
    for one, two in itertools.combinations(sets, 2):
        similarity = len(sets[one] & sets[two]) / max(len(sets[one] | sets[two]), 1)
        if similarity >= threshold:
            pairs[frozenset((one, two))] = similarity
    return pairs


def pair_scores(rows: pl.DataFrame, true: dict[frozenset[str], float]) -> tuple[float, float]:
    """Recall and precision of pairs that share a cluster, against those that true pairs join."""
    groups = {name: {name} for name in rows["doc_id"]}
    for pair in true:
        one, two = pair
        joined = groups[one] | groups[two]
        for name in joined:
            groups[name] = joined
    wanted = {frozenset(p) for g in groups.values() for p in itertools.combinations(sorted(g), 2)}
    found = {
        frozenset(pair)
        for ids in rows.drop_nulls("near_cluster").group_by("near_cluster").agg("doc_id")["doc_id"]
        for pair in itertools.combinations(ids, 2)
    }
    return len(found & wanted) / max(len(wanted), 1), len(found & wanted) / max(len(found), 1)
