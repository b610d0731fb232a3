"""How fast and how well are near duplicates found, beside datatrove and beside brute force?

    python benchmarks/duplicates.py TEXTS... [--peer] [--sizes 10000 100000] [--json FILE]

TEXTS are folders of plain texts (`*.txt`). Of them and of pieces of them 5,000 documents are made,
a fifth of which are changed copies. Brute force over the sets of word 5-grams says which pairs are
near duplicates; recall and precision are of the pairs that share a cluster. `--peer` makes a
virtual environment for datatrove in the user's cache and runs its four MinHash stages over the same
documents, with the same bands and rows, on one core; seconds are of the processor.

Each size of `--sizes` is a run over so many documents of 1 kB, pieced together from the texts, a
fifth of them copies of any original before with up to six of 150 words changed. It runs in a
process of its own, which does nothing but search: processor time, peak memory and bytes on disk,
and of the planted copies whose similarity reaches the threshold, how many were found.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from record import versions, write_record

from mowa.corpus.duplicates import (
    DuplicateOptions,
    buckets_for,
    candidate_probability,
    find_duplicates,
    sketch,
    write_sketches,
)
from mowa.execution import Context, Ledger
from mowa.languages import LanguagePack

_DATATROVE = "datatrove[io,processing]==0.10.1"
_DOCUMENTS = 5_000
_SHARD = 10_000
_GROUP = 1_000
_TARGET = 10.0
_ONE_THREAD = {
    "POLARS_MAX_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
}
_PACK = LanguagePack(
    code="pol",
    code1="pl",
    name="Polish",
    letters="ą",
    stop_words=("i",),
    protected=(),
    thresholds={},
)

_PEER = """
import json, sys, time
from pathlib import Path
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.word_tokenizers import load_word_tokenizer

root = Path(sys.argv[1])
config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
load_word_tokenizer("pol").word_tokenize("Na rozgrzewkę.")
read = lambda: JsonlReader(str(root / "texts"))
at = lambda name: str(root / name)
seconds = {}
for name, pipeline, tasks in (
    ("signature", [read(), MinhashDedupSignature(at("sig"), config, "pol")], 1),
    ("buckets", [MinhashDedupBuckets(at("sig"), at("buckets"), config=config)], 14),
    ("cluster", [MinhashDedupCluster(at("buckets"), at("remove"), config=config,
                                     save_cluster_id=True)], 1),
    ("filter", [read(), MinhashDedupFilter(at("remove"), JsonlWriter(at("out")),
                                           load_cluster_ids=True)], 1),
):
    start = time.process_time()
    LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=at("logs/" + name)).run()
    seconds[name] = time.process_time() - start
(root / "seconds.json").write_text(json.dumps(seconds))
"""


def documents_of(folders: Iterable[Path], seed: int = 0) -> pl.DataFrame:
    """Documents made of the texts: heads, pieces, and changed copies of both."""
    generator = random.Random(seed)
    texts = _texts(folders)
    heads = [text[:4_000] for text in texts]
    pieces = [
        text[at : at + 1_500] for text in texts for at in range(4_000, len(text) - 1_500, 1_500)
    ]
    generator.shuffle(pieces)
    originals = (heads + pieces)[: _DOCUMENTS * 4 // 5]
    vocabulary = sorted(set(" ".join(originals).split()))
    copies = [_changed(generator, text, vocabulary) for text in originals[: _DOCUMENTS // 5]]
    rows = originals + copies
    generator.shuffle(rows)
    ids = [f"d{number:05}" for number in range(len(rows))]
    return pl.DataFrame({"doc_id": ids, "text": rows})


def _changed(generator: random.Random, text: str, vocabulary: list[str]) -> str:
    words = text.split()
    for at in generator.sample(range(len(words)), int(len(words) * generator.random() * 0.06)):
        words[at] = generator.choice(vocabulary)
    cut = generator.randrange(len(words) // 5)
    return " ".join(words[cut:] if generator.random() < 0.3 else words)


def true_pairs(documents: pl.DataFrame, threshold: float) -> dict[tuple[str, str], float]:
    """Jaccard similarity of all pairs that reach the threshold, through shared word 5-grams."""
    holders: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    sizes = {}
    for name, text in documents.iter_rows():
        grams = _grams(text)
        sizes[name] = len(grams)
        for gram in grams:
            holders[gram].append(name)
    common: Counter[tuple[str, str]] = Counter()
    for names in holders.values():
        if len(names) > 1:
            common.update(itertools.combinations(sorted(names), 2))
    found = {(a, b): n / (sizes[a] + sizes[b] - n) for (a, b), n in common.items()}
    return {pair: value for pair, value in found.items() if value >= threshold}


def scores(clusters: dict[str, Any], true: dict[tuple[str, str], float]) -> dict[str, float]:
    """Recall and precision of pairs that share a cluster; precision also of pairs joined by others.

    `joined_precision` counts a pair as right too where true pairs lead from one to the other.
    """
    members = defaultdict(list)
    for name, cluster in clusters.items():
        members[cluster].append(name)
    found = {
        pair for names in members.values() for pair in itertools.combinations(sorted(names), 2)
    }
    above = {name: name for pair in true for name in pair}

    def root(name: str) -> str:
        while above.get(name, name) != name:
            name = above[name]
        return name

    for one, two in true:
        above[root(one)] = root(two)
    joined = sum(root(one) == root(two) for one, two in found)
    return {
        "pairs": len(found),
        "recall": len(found & true.keys()) / len(true),
        "precision": len(found & true.keys()) / max(len(found), 1),
        "joined_precision": joined / max(len(found), 1),
    }


class _Timed(Context):
    """A context that notes the processor seconds of each stage."""

    def map(self, function: Any, units: Any, out: Path, *, label: str) -> list[dict[str, Any]]:
        start = time.process_time()
        results = super().map(function, units, out, label=label)
        _STAGES[label.partition(": ")[2]] = time.process_time() - start
        return results


_STAGES: dict[str, float] = {}


def ours(root: Path, frames: Iterable[pl.DataFrame], options: DuplicateOptions) -> dict[str, Any]:
    """Run the whole search; metrics, seconds of the processor, and bytes on disk."""
    names, start = [], time.process_time()
    for number, frame in enumerate(frames):
        names.append(f"{number:05}")
        parts = [sketch(part, options) for part in frame.iter_slices(_GROUP)]
        write_sketches(root / "work", names[-1], parts, options)
    _STAGES["sketch"] = time.process_time() - start
    context = _Timed(
        language=_PACK, data=root, sources=root, workers=1, ledger=Ledger(root / "ledger.jsonl")
    )
    metrics = find_duplicates(names, root, context, options, "work")
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    disk = {path.name: _bytes_under(path) for path in sorted((root / "work").iterdir())}
    return {
        "seconds": seconds,
        "stages": dict(_STAGES),
        "peak_bytes": peak,
        "disk_bytes": disk,
        **metrics,
    }


def _bytes_under(path: Path) -> int:
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(file.stat().st_size for file in files)


def _texts(folders: Iterable[Path]) -> list[str]:
    paths = [path for folder in folders for path in sorted(folder.glob("*.txt"))]
    return [path.read_text(encoding="utf-8") for path in paths if path.stem != "SOURCE"]


def make(folders: Iterable[Path], count: int, root: Path, seed: int = 1) -> None:
    """Write shards of documents of 1 kB, of runs of 25 words of the texts; a fifth are copies.

    `planted/` holds of each changed copy what it was made of, and how similar the two are.
    """
    generator = random.Random(seed)
    words = " ".join(_texts(folders)).split()
    # Copies are made of any original before, so that families are no larger in a larger corpus.
    originals: list[tuple[str, list[int]]] = []
    for name in ("texts", "planted"):
        (root / name).mkdir(parents=True)
    for start in range(0, count, _SHARD):
        rows, planted = [], []
        for number in range(start, min(start + _SHARD, count)):
            doc_id = f"d{number:09}"
            if originals and generator.random() < 0.2:
                original, places = generator.choice(originals)
                before = [word for place in places for word in words[place : place + 25]]
                changes, text = generator.randrange(7), list(before)
                for at in generator.sample(range(len(text)), changes):
                    text[at] = generator.choice(words)
                if changes:
                    planted.append((doc_id, original, text, before))
            else:
                places = [generator.randrange(len(words) - 25) for _ in range(6)]
                text = [word for place in places for word in words[place : place + 25]]
                originals.append((doc_id, places))
            rows.append((doc_id, " ".join(text)))
        shard = f"{start // _SHARD:05}.parquet"
        pl.DataFrame(rows, ("doc_id", "text"), orient="row").write_parquet(root / "texts" / shard)
        pl.DataFrame(
            [(a, b, _jaccard(" ".join(x), " ".join(y))) for a, b, x, y in planted],
            {"doc_id": pl.String, "original": pl.String, "similarity": pl.Float64},
            orient="row",
        ).write_parquet(root / "planted" / shard)


def _jaccard(one: str, two: str) -> float:
    a, b = _grams(one), _grams(two)
    return len(a & b) / len(a | b)


def _grams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+", text.lower())
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


def scaled(root: Path) -> dict[str, Any]:
    """Search the shards that `make` wrote, and see which of the planted copies were found."""
    shards = sorted((root / "texts").iterdir())
    count = pl.scan_parquet(shards).select(pl.len()).collect().item()
    options = DuplicateOptions(buckets=buckets_for(count))
    row = ours(root / "ours", (pl.read_parquet(shard) for shard in shards), options)
    clusters = pl.concat(
        pl.read_parquet(shard, columns=["doc_id"]).hstack(
            pl.read_parquet(root / f"ours/signals/duplicates@3/{shard.name}")
        )
        for shard in shards
    ).select("doc_id", "near_cluster")
    planted = pl.read_parquet(root / "planted/*.parquet").filter(
        pl.col("similarity") >= options.jaccard
    )
    pairs = planted.join(clusters, on="doc_id").join(
        clusters.rename({"doc_id": "original"}), on="original", suffix="_original"
    )
    found = (pairs["near_cluster"] == pairs["near_cluster_original"]).fill_null(value=False)
    curve = [candidate_probability(value, options) for value in pairs["similarity"]]
    return row | {
        "planted": pairs.height,
        "planted_recall": found.mean(),
        "curve_recall": sum(curve) / len(curve),
        "documents": count,
    }


def peer(root: Path, documents: pl.DataFrame) -> tuple[dict[str, float], dict[str, Any]]:
    """Seconds of datatrove's stages, and the cluster of each document as far as it kept it."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mowa-bench/datatrove"
    python = home / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", _DATATROVE, "spacy"], check=True)
    (root / "texts").mkdir(parents=True)
    lines = (json.dumps({"id": name, "text": text}) for name, text in documents.iter_rows())
    (root / "texts/00000.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    environment = os.environ | _ONE_THREAD
    environment.pop("PYTHONPATH", None)
    subprocess.run(
        [python, "-c", _PEER, root], check=True, env=environment, stderr=subprocess.DEVNULL
    )
    return json.loads((root / "seconds.json").read_text()), _peer_clusters(root, documents)


def _peer_clusters(root: Path, documents: pl.DataFrame) -> dict[str, Any]:
    names = documents["doc_id"].to_list()
    clusters = {name: name for name in names}
    raw = (root / "remove/000000.clusters").read_bytes()
    for index, cluster in np.frombuffer(raw, dtype="<u4").reshape(-1, 2).tolist():
        clusters[names[index]] = f"cluster {cluster}"
    return clusters


def quality(folders: Iterable[Path], root: Path, *, with_peer: bool) -> dict[str, Any]:
    """Speed, recall and precision over 5,000 documents, of datatrove too."""
    documents, options = documents_of(folders), DuplicateOptions()
    true = true_pairs(documents, options.jaccard)
    row = ours(root / "ours", [documents], options)
    signal = pl.read_parquet(root / "ours/signals/duplicates@3/00000.parquet")
    names = signal["near_cluster"].fill_null(documents["doc_id"])
    clusters = dict(zip(documents["doc_id"], names, strict=True))
    expected = sum(candidate_probability(value, options) for value in true.values()) / len(true)
    result: dict[str, Any] = {
        "documents": documents.height,
        "characters": documents["text"].str.len_chars().sum(),
        "true_pairs": len(true),
        "curve_recall": expected,
        "ours": row | scores(clusters, true),
    }
    if with_peer:
        seconds, clusters = peer(root / "peer", documents)
        result["peer"] = {"stages": seconds, "seconds": sum(seconds.values())}
        result["peer"] |= scores(clusters, true)
    return result


def _in_own_process(arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(
        command, check=True, env=os.environ | _ONE_THREAD, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _rows_of_quality(found: dict[str, Any]) -> list[dict[str, Any]]:
    mine, other = found["ours"], found.get("peer")
    what = f"{found['documents']:,} documents, {found['true_pairs']:,} true pairs"
    rows = [
        _row(
            f"near duplicates, {found['documents']:,} documents of"
            f" {found['characters'] / 1e6:.1f} million characters",
            "documents a second of one core",
            found["documents"] / mine["seconds"],
            found["documents"] / other["seconds"] if other else None,
            target=_TARGET,
        )
    ]
    rows += [
        _row(f"{name}, {what}", "share", mine[key], other[key] if other else None)
        for name, key in (
            ("recall", "recall"),
            ("precision", "precision"),
            ("precision, joined pairs counted", "joined_precision"),
        )
    ]
    return [*rows, _row(f"recall that the curve expects, {what}", "share", found["curve_recall"])]


def _rows_of_size(found: dict[str, Any]) -> list[dict[str, Any]]:
    count, of = found["documents"], f"{found['documents']:,} documents of 1 kB"
    stages = [
        _row(f"stage {stage}, {of}", "microseconds a document", seconds / count * 1e6)
        for stage, seconds in found["stages"].items()
    ]
    disk = [
        _row(f"disk, {name}, {of}", "bytes a document", size / count)
        for name, size in found["disk_bytes"].items()
    ]
    return [
        _row(f"all stages, {of}", "microseconds a document", found["seconds"] / count * 1e6),
        _row(f"peak memory, {of}", "MB", found["peak_bytes"] / 1e6),
        _row(f"pairs compared, {of}", "a document", found["candidates"] / count),
        _row(f"recall of {found['planted']:,} planted copies, {of}", "share",
             found["planted_recall"]),
        _row(f"recall that the curve expects, {of}", "share", found["curve_recall"]),
        *stages,
        *disk,
    ]  # fmt: skip


def _row(
    what: str, unit: str, ours: float, peer: float | None = None, target: float | None = None
) -> dict[str, Any]:
    return {
        "what": what,
        "unit": unit,
        "ours": ours,
        "peer": _DATATROVE if peer is not None else None,
        "peer_value": peer,
        "ratio": ours / peer if peer else None,
        "target": target,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if options.one == "quality":
            print(json.dumps(quality(options.texts, root, with_peer=options.peer)))
            return
        if options.one:
            print(json.dumps(scaled(options.texts[0])))
            return
        texts = [str(path) for path in options.texts]
        asked = [*texts, "--one", "quality", *(["--peer"] if options.peer else [])]
        results = _rows_of_quality(_in_own_process(asked))
        for size in options.sizes:
            made = root / str(size)
            make(options.texts, size, made)
            results += _rows_of_size(_in_own_process([str(made), "--one", "size"]))
            shutil.rmtree(made)
    for row in results:
        against = f"  {row['ratio']:.2f} x {row['peer_value']:,.3f}" if row["peer"] else ""
        target = f", target {row['target']}" if row["target"] else ""
        print(f"{row['what']:64} {row['ours']:>12,.3f} {row['unit']}{against}{target}")
    if options.json:
        found = versions(("mowa", "polars", "numpy", "pyarrow")) | {"peer": _DATATROVE}
        write_record(options.json, found, results)


if __name__ == "__main__":
    main()
