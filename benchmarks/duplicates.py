"""How fast and how well are near duplicates found, beside datatrove and beside brute force?

    python benchmarks/duplicates.py TEXTS [--peer] [--sizes 10000 100000] [--json FILE]

TEXTS is a folder of plain texts (`*.txt`). Of them and of pieces of them 5,000 documents are made,
a fifth of which are changed copies. Brute force over the sets of word 5-grams says which pairs are
near duplicates; recall and precision are of the pairs that share a cluster. `--peer` makes a
virtual environment for datatrove in the user's cache and runs its four MinHash stages over the same
documents, with the same bands and rows, on one core; seconds are of the processor.

Each size of `--sizes` is a run over so many documents of 1 kB in a process of its own, a fifth of
them copies: seconds, peak memory and bytes on disk.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mowa.corpus.duplicates import (
    DuplicateOptions,
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


def documents_of(folder: Path, seed: int = 0) -> pl.DataFrame:
    """Documents made of the texts of a folder: heads, pieces, and changed copies of both."""
    generator = random.Random(seed)
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))]
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
        words = re.findall(r"[^\W_]+", text.lower())
        grams = {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}
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


def ours(root: Path, frames: Iterator[pl.DataFrame], options: DuplicateOptions) -> dict[str, Any]:
    """Run the whole search; metrics, seconds of the processor, and bytes on disk."""
    names, sketching = [], 0.0
    for number, frame in enumerate(frames):
        names.append(f"{number:05}")
        start = time.process_time()
        parts = [sketch(part, options) for part in frame.iter_slices(_GROUP)]
        write_sketches(root / "work", names[-1], parts, options)
        sketching += time.process_time() - start
    context = Context(
        language=_PACK, data=root, sources=root, workers=1, ledger=Ledger(root / "ledger.jsonl")
    )
    start = time.process_time()
    metrics = find_duplicates(names, root, context, options, "work")
    finding = time.process_time() - start
    disk = {path.name: _bytes_under(path) for path in sorted((root / "work").iterdir())}
    return {
        "seconds": sketching + finding,
        "sketch_seconds": sketching,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "disk_bytes": disk,
        **metrics,
    }


def _bytes_under(path: Path) -> int:
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(file.stat().st_size for file in files)


def made(folder: Path, count: int, seed: int = 1) -> Iterator[pl.DataFrame]:
    """Shards of documents of 1 kB, of runs of 25 words of the texts; a fifth are copies."""
    generator = random.Random(seed)
    words = " ".join(p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.txt"))).split()
    for start in range(0, count, _SHARD):
        rows: list[str] = []
        for _ in range(min(_SHARD, count - start)):
            if rows and generator.random() < 0.2:
                text = generator.choice(rows[-1000:]).split(" ")
                if generator.random() < 0.5:
                    text[generator.randrange(len(text))] = "zmienione"
                rows.append(" ".join(text))
            else:
                at = [generator.randrange(len(words) - 25) for _ in range(6)]
                rows.append(" ".join(" ".join(words[place : place + 25]) for place in at))
        ids = [f"d{number:09}" for number in range(start, start + len(rows))]
        yield pl.DataFrame({"doc_id": ids, "text": rows})


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


def _quality(folder: Path, root: Path, *, with_peer: bool) -> dict[str, Any]:
    documents, options = documents_of(folder), DuplicateOptions()
    true = true_pairs(documents, options.jaccard)
    row = ours(root / "ours", iter([documents]), options)
    signal = pl.read_parquet(root / "ours/signals/duplicates@2/00000.parquet")
    names = signal["near_cluster"].fill_null(documents["doc_id"])
    clusters = dict(zip(documents["doc_id"], names, strict=True))
    expected = sum(candidate_probability(value, options) for value in true.values()) / len(true)
    megabytes = sum(map(len, documents["text"].to_list())) / 1e6
    result = {
        "documents": documents.height,
        "megacharacters": megabytes,
        "true_pairs": len(true),
        "curve_recall": expected,
        "ours": row | scores(clusters, true),
    }
    result["ours"]["documents_a_second"] = documents.height / row["seconds"]
    if with_peer:
        seconds, clusters = peer(root / "peer", documents)
        result["datatrove"] = {"stages": seconds, "seconds": sum(seconds.values())}
        result["datatrove"] |= scores(clusters, true)
        result["datatrove"]["documents_a_second"] = documents.height / sum(seconds.values())
        result["times_as_fast"] = sum(seconds.values()) / row["seconds"]
    return result


def _in_own_process(arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(
        command, check=True, env=os.environ | _ONE_THREAD, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.one == "quality":
            print(json.dumps(_quality(options.texts, Path(folder), with_peer=options.peer)))
            return
        if options.one:
            frames = made(options.texts, int(options.one))
            print(json.dumps(ours(Path(folder), frames, DuplicateOptions())))
            return
    texts = str(options.texts)
    result: dict[str, Any] = {
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day where it was run
        "python": platform.python_version(),
        "quality": _in_own_process(
            [texts, "--one", "quality", *(["--peer"] if options.peer else [])]
        ),
        "scaling": {},
    }
    for size in options.sizes:
        row = _in_own_process([texts, "--one", str(size)])
        result["scaling"][str(size)] = row
        print(size, json.dumps(row), file=sys.stderr)
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
