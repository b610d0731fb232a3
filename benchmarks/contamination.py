"""How fast is a corpus indexed for the search of contamination, and what does the search find?

    python benchmarks/contamination.py TEXTS... [--megabytes 1000] [--unrelated ITEMS...]

TEXTS are folders of plain texts (`*.txt`) and of TEI or other XML, whose marks are taken out. Of
them a corpus of so many megabytes is made: runs of 25 words in another order, every twentieth word
another one, so that most runs of six words are new, as in a corpus of that size. Items are planted
into it: verbatim, wrapped to lines of eight words, and inflected (a third of the words that have
other forms in another form, by Morfeusz's generator); elsewhere the corpus does not have them,
where the texts do not repeat themselves, as acts do. The index is built and searched in processes
of their own, on one core.

The peer is what lm-eval's janitor does, a Python set of 13-grams of lower-case words without
punctuation, over as much of the corpus as `--peer-megabytes` says, for it takes the memory.

`--unrelated` are files or folders of texts that have nothing to do with TEXTS, a line or a JSON
record an item: what is found of them is a false alarm.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from processes import memory
from record import versions, write_record

from mowa.evaluation.contamination import (
    Against,
    ContaminationIndexConfig,
    Item,
    build_index,
    find_items,
)
from mowa.execution import Context, Ledger
from mowa.languages import load

_SHARD_BYTES = 64 << 20
_DOCUMENT_WORDS = 350
_ITEMS = 300  # planted of each kind
_ITEM_WORDS = 24
_INFLECTED = 1 / 3
_TARGET_RECALL, _TARGET_ALARMS = 0.95, 0.001
_ABOUT = {"name": "corpus", "fingerprint": "corpus"}
_ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
_PLANTED = ("verbatim", "wrapped", "inflected")


def words_under(folders: Iterable[Path]) -> list[str]:
    """The words of all texts, with their punctuation."""
    words: list[str] = []
    for folder in folders:
        for path in sorted([*folder.rglob("*.txt"), *folder.rglob("*.xml")]):
            if path.stem in ("SOURCE", "LICENSE"):
                continue
            text = path.read_text("utf-8", errors="replace")
            if path.suffix == ".xml":
                text = re.sub(
                    r"<teiHeader.*?</teiHeader>|<rdf:RDF.*?</rdf:RDF>", "", text, flags=re.DOTALL
                )
                text = re.sub(r"<[^>]+>", " ", text)
            words += text.split()
    return words


def items_of(
    words: Sequence[str], generator: random.Random
) -> tuple[dict[str, list[str]], list[str]]:
    """Passages to plant, by how they are planted, and the words without them."""
    starts = generator.sample(range(0, len(words) - _ITEM_WORDS, _ITEM_WORDS), 3 * _ITEMS)
    passages = [" ".join(words[start : start + _ITEM_WORDS]) for start in starts]
    items = {
        name: passages[place * _ITEMS : (place + 1) * _ITEMS] for place, name in enumerate(_PLANTED)
    }
    rest: list[str] = []
    at = 0
    for start in sorted(starts):
        rest += words[at:start]
        at = start + _ITEM_WORDS
    return items, [*rest, *words[at:]]


def as_planted(name: str, text: str, generator: random.Random) -> str:
    """A passage as it stands in the corpus."""
    words = text.split()
    if name == "wrapped":
        return "\n".join(" ".join(words[at : at + 8]) for at in range(0, len(words), 8))
    if name == "inflected":
        return " ".join(_other_form(word, generator) for word in words)
    return text


def _other_form(word: str, generator: random.Random) -> str:
    """Another form of a word, for one in three that have one."""
    import morfeusz2  # noqa: PLC0415 - only where it is installed

    global _MORFEUSZ  # noqa: PLW0603 - a dictionary of 100 MB, once
    _MORFEUSZ = _MORFEUSZ or morfeusz2.Morfeusz()
    bare = word.strip(string.punctuation + "„”«»…—")
    if not bare.isalpha() or generator.random() > _INFLECTED:
        return word
    readings = [item[2] for item in _MORFEUSZ.analyse(bare) if item[0] == 0]
    readings = [item for item in readings if item[2].partition(":")[0] in _INFLECTS]
    if not readings:
        return word
    _, lemma, tag = generator.choice(readings)[:3]
    kind = tag.partition(":")[0]
    forms = {form[0] for form in _MORFEUSZ.generate(lemma) if form[2].partition(":")[0] == kind}
    forms = {form for form in forms if form.isalpha() and form.lower() != bare.lower()}
    return word.replace(bare, generator.choice(sorted(forms))) if forms else word


_MORFEUSZ: Any = None
_INFLECTS = ("subst", "adj", "fin", "praet", "inf", "ppas", "ger")


def make(folders: Sequence[Path], megabytes: float, corpus: Path, seed: int = 1) -> int:
    """Write the corpus and `items.json` beside it; gives the bytes of its text."""
    generator = random.Random(seed)
    items, words = items_of(words_under(folders), generator)
    plants = [as_planted(name, text, generator) for name, texts in items.items() for text in texts]
    generator.shuffle(plants)
    total = int(megabytes * 1e6)
    (corpus.parent / "items.json").write_text(json.dumps(items, ensure_ascii=False), "utf-8")
    names, written = [], 0
    every = max(1, int(total / (_DOCUMENT_WORDS * 7.3) / (len(plants) + 1)))
    shard: list[str] = []
    size = number = 0
    while written < total or shard:
        if written < total:
            text = _document(words, generator)
            number += 1
            if plants and number % every == 0:
                middle = text.find(" ", len(text) // 2)
                text = f"{text[:middle]}\n{plants.pop()}\n{text[middle:]}"
            shard.append(text)
            length = len(text.encode())
            size, written = size + length, written + length
        if size >= _SHARD_BYTES or written >= total:
            names.append(f"texts-{len(names):05}-000")
            _write_shard(corpus, names[-1], shard)
            shard, size = [], 0
    if plants:
        sys.exit(f"{len(plants)} items found no place: ask for more megabytes")
    manifest = {"shards": [{"name": name} for name in names]}
    (corpus / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return written


def _document(words: Sequence[str], generator: random.Random) -> str:
    text: list[str] = []
    while len(text) < _DOCUMENT_WORDS:
        start = generator.randrange(len(words) - 25)
        text += words[start : start + 25]
    for at in range(generator.randrange(20), len(text), 20):
        text[at] = words[generator.randrange(len(words))]
    return " ".join(text)


def _write_shard(corpus: Path, name: str, texts: Sequence[str]) -> None:
    ids = [f"{name}-{row:08}" for row in range(len(texts))]
    frames = {
        "documents": pl.DataFrame({"doc_id": ids, "text": texts}),
        "decisions": pl.DataFrame({"doc_id": ids}).with_columns(
            decision=pl.lit("keep"), split=pl.lit("train")
        ),
    }
    for folder, frame in frames.items():
        path = corpus / folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path, compression="zstd", row_group_size=4096)


def build(root: Path, lemmas: str) -> dict[str, Any]:
    """Build the index of the corpus under `root`."""
    out = root / f"index-{lemmas}"
    out.mkdir()
    context = Context(
        language=load("pol"), data=root, sources=root, workers=1,
        ledger=Ledger(root / f"{lemmas}.ledger"),
    )  # fmt: skip
    config = ContaminationIndexConfig.model_validate({"lemmas": lemmas})
    start = time.process_time()
    about = build_index(root / "corpus", out, context, config=config, about=_ABOUT)
    return {
        "seconds": time.process_time() - start,
        "peak_bytes": memory(),
        "index_bytes": sum(path.stat().st_size for path in out.rglob("*.npy")),
        **about,
    }


def search(root: Path, lemmas: str, unrelated: Sequence[Path]) -> dict[str, Any]:
    """Look for the planted items and for those that have nothing to do with the corpus."""
    against = Against("corpus", "corpus", root / "corpus", root / f"index-{lemmas}")
    planted = json.loads((root / "items.json").read_text("utf-8"))
    found: dict[str, Any] = {"recall": {}, "alarms": {}}
    start, count = time.process_time(), 0
    for name, texts in planted.items():
        verdicts = find_items([Item(str(i), (text,)) for i, text in enumerate(texts)], [against])
        found["recall"][name] = sum(v.contaminated is True for v in verdicts) / len(verdicts)
        count += len(texts)
    for path in unrelated:
        items = [Item(str(i), (text,)) for i, text in enumerate(_items_in(path))]
        verdicts = find_items(items, [against])
        told = [verdict for verdict in verdicts if verdict.contaminated is not None]
        alarms = [verdict for verdict in told if verdict.contaminated]
        found["alarms"][str(path)] = {
            "items": len(items),
            "judged": len(told),
            "found": len(alarms),
            "texts": [verdict.hits[0].text for verdict in alarms[:3]],
        }
        count += len(items)
    peak = memory()
    return found | {"seconds": time.process_time() - start, "items": count, "peak_bytes": peak}


def _items_in(path: Path) -> Iterator[str]:
    """A line an item; of records, `question` and each of `choices`; of SQuAD files, questions."""
    files = sorted(path.rglob("*.*")) if path.is_dir() else [path]
    for file in files:
        if file.suffix == ".jsonl":
            for line in file.read_text("utf-8").splitlines():
                record = json.loads(line)
                choices = record.get("choices", [])
                yield record["question"]
                yield from choices.values() if isinstance(choices, dict) else choices
        elif file.suffix == ".json":
            for article in json.loads(file.read_text("utf-8"))["data"]:
                for paragraph in article["paragraphs"]:
                    yield from (question["question"] for question in paragraph["qas"])
        elif file.suffix == ".txt" and file.stem not in ("SOURCE", "LICENSE", "license"):
            yield from (line for line in file.read_text("utf-8").splitlines() if line.strip())


def peer(root: Path, megabytes: float) -> dict[str, Any]:
    """A set of 13-grams, document by document, until so many megabytes are in it."""
    gone = str.maketrans("", "", string.punctuation)
    grams: set[str] = set()
    size = 0
    planted = json.loads((root / "items.json").read_text("utf-8"))
    before = memory()
    start = time.process_time()
    for path in sorted((root / "corpus/documents").glob("*.parquet")):
        for text in pl.read_parquet(path)["text"]:
            words = text.lower().translate(gone).split()
            grams.update(" ".join(words[at : at + 13]) for at in range(len(words) - 12))
            size += len(text.encode())
            if size >= megabytes * 1e6:
                break
        if size >= megabytes * 1e6:
            break
    seconds = time.process_time() - start
    peak = memory()
    recall = {}
    for name, texts in planted.items():
        generator = random.Random(2)
        hits = 0
        for text in texts:
            words = as_planted(name, text, generator).lower().translate(gone).split()
            there = {" ".join(words[at : at + 13]) for at in range(len(words) - 12)}
            asked = text.lower().translate(gone).split()
            hits += any(" ".join(asked[at : at + 13]) in there for at in range(len(asked) - 12))
        recall[name] = hits / len(texts)
    return {
        "seconds": seconds,
        "bytes": size,
        "set_bytes": peak - before,
        "recall": recall,
    }


def _in_own_process(arguments: Sequence[str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        check=True,
        env=os.environ | _ONE_THREAD,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _row(
    what: str, unit: str, ours: float, other: float | None = None, target: float | None = None
) -> dict[str, Any]:
    return {
        "what": what,
        "unit": unit,
        "ours": ours,
        "peer": None if other is None else "a Python set of 13-grams",
        "peer_value": other,
        "ratio": ours / other if other else None,
        "target": target,
    }


def rows(
    kind: str, built: dict[str, Any], found: dict[str, Any], other: dict[str, Any]
) -> list[dict[str, Any]]:
    """The figures of one way to take off endings."""
    size, of = built["bytes"], f"{built['bytes'] / 1e6:,.0f} MB, lemmas by {kind}"
    theirs = other["bytes"] / other["seconds"] / 1e6
    result = [
        _row(f"index, {of}", "MB a second of one core", size / built["seconds"] / 1e6, theirs),
        _row(f"peak memory, {of}", "MB", built["peak_bytes"] / 1e6),
        _row(f"size, {of}", "bytes by byte of text", built["index_bytes"] / size,
             other["set_bytes"] / other["bytes"]),
        _row(f"search, {of}", "items a second of one core", found["items"] / found["seconds"]),
        _row(f"peak memory of the search, {of}", "MB", found["peak_bytes"] / 1e6),
    ]  # fmt: skip
    result += [
        _row(f"recall, planted {name}, {of}", "share", share, other["recall"][name],
             _TARGET_RECALL if name != "inflected" or kind == "morfeusz2" else None)
        for name, share in found["recall"].items()
    ]  # fmt: skip
    result += [
        _row(f"false alarms of {about['judged']:,}, {Path(path).name}, {of}", "share",
             about["found"] / max(about["judged"], 1), target=_TARGET_ALARMS)
        for path, about in found["alarms"].items()
    ]  # fmt: skip
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--peer-megabytes", type=float, default=20)
    parser.add_argument("--lemmas", nargs="+", default=["morfeusz2", "prefix", "none"])
    parser.add_argument("--unrelated", type=Path, nargs="*", default=[])
    parser.add_argument("--work", type=Path, help="where to work; the corpus in it is used again")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        task, lemmas = options.one
        root = options.texts[0]
        if task == "build":
            print(json.dumps(build(root, lemmas)))
        elif task == "search":
            print(json.dumps(search(root, lemmas, options.unrelated)))
        else:
            print(json.dumps(peer(root, float(lemmas))))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = options.work or Path(folder)
        if not (root / "corpus/manifest.json").exists():
            root.mkdir(parents=True, exist_ok=True)
            make(options.texts, options.megabytes, root / "corpus")
        other = _in_own_process([str(root), "--one", "peer", str(options.peer_megabytes)])
        results = []
        for kind in options.lemmas:
            built = _in_own_process([str(root), "--one", "build", kind])
            asked = ["--unrelated", *map(str, options.unrelated)] if options.unrelated else []
            found = _in_own_process([str(root), "--one", "search", kind, *asked])
            for path, about in found["alarms"].items():
                for text in about["texts"]:
                    print(f"  found of {Path(path).name}: {text}", file=sys.stderr)
            results += rows(kind, built, found, other)
    for row in results:
        against = f"  {row['ratio']:.2f} x {row['peer_value']:,.3f}" if row["ratio"] else ""
        target = f", target {row['target']}" if row["target"] else ""
        print(f"{row['what']:78} {row['ours']:>12,.4f} {row['unit']}{against}{target}")
    if options.json:
        found = versions(("mowa", "polars", "numpy", "morfeusz2")) | {"peer": "written here"}
        write_record(options.json, found, results)


if __name__ == "__main__":
    main()
