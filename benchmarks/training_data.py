"""What the trainers of `training.py` and `training_gpu.py` read: tokens, rows, a first model."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from mowa.corpus._edits import EDITS_TYPE
from mowa.execution import Context, Ledger
from mowa.languages import LanguagePack
from mowa.model import ArchitectureConfig, TokenizerFacts, build
from mowa.sample import read_truth, write_sample
from mowa.tokenizer import TokenizerConfig
from mowa.tokenizer._train import run as run_tokenizer
from mowa.training import TokensConfig, TokenSplit
from mowa.training._order import TrainingOrder
from mowa.training._plan import PackingPlan
from mowa.training._tokens import run as run_tokens
from mowa.workspace import Artifact, Inputs

IGNORED = -100
_HELD_OUT = 20  # one document in so many
_SHARD = 2_000_000  # characters
_LONGEST = 20_000  # characters of a document
_PACK = LanguagePack(
    code="pol",
    code1="pl",
    name="Polish",
    letters="ąćęłńóśźż",
    stop_words=("i",),
    protected=(),
    thresholds={},
)


def texts_of(folders: Sequence[Path], *, sample: int) -> list[str]:
    """Texts of the `*.txt` and `*.xml` files below `folders`; without folders, of Mowa's sample."""
    if not folders:
        with tempfile.TemporaryDirectory() as folder:
            write_sample(Path(folder), size=sample)
            truths = read_truth(Path(folder))
            return [truth.text for truth in truths if truth.kind == "good" and truth.text]
    paths = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in {".txt", ".xml"} and path.stem not in {"SOURCE", "LICENSE"}
    )
    texts = (_text(path) for path in paths)
    # A file may be a whole encyclopaedia: what is held out is measured in short documents.
    return [text[at : at + _LONGEST] for text in texts for at in range(0, len(text), _LONGEST)]


def _text(path: Path) -> str:
    read = path.read_text("utf-8", errors="replace")
    if path.suffix == ".xml":
        try:
            read = "".join(ET.fromstring(read.encode()).itertext())  # noqa: S314 - files that the caller names
        except ET.ParseError:
            return ""
    return re.sub(r"\n\s*\n\s*", "\n\n", read).strip()


def write_corpus(folder: Path, texts: Iterable[str]) -> Artifact:
    """A corpus of `texts`, all of them kept, one in twenty held out."""
    shards: list[list[str]] = [[]]
    held = 0
    for text in texts:
        if held > _SHARD:
            shards, held = [*shards, []], 0
        shards[-1].append(text)
        held += len(text)
    number = 0
    for shard, rows in enumerate(shards):
        count = len(rows)
        nothing = pl.Series([None] * count, dtype=pl.String)
        hashes = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in rows]
        documents = {
            "doc_id": [f"{number + row:08}" for row in range(count)],
            "text": rows,
            "source": ["texts"] * count,
            "host": nothing,
            "content_hash": hashes,
        }
        decisions = {
            "doc_id": documents["doc_id"],
            "decision": ["keep"] * count,
            "reason": nothing,
            "detail": nothing,
            "split": [
                "train" if (number + row) % _HELD_OUT else "held_out" for row in range(count)
            ],
        }
        edits = {"edits": pl.Series([[]] * count, dtype=EDITS_TYPE)}
        for kind, table in (("documents", documents), ("decisions", decisions), ("edits", edits)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            pl.DataFrame(table).write_parquet(folder / kind / f"{shard:05}.parquet")
        number += count
    names = [{"name": f"{shard:05}"} for shard in range(len(shards))]
    (folder / "manifest.json").write_text(json.dumps({"shards": names}), "utf-8")
    return artifact(folder, "corpus")


def make_tokenizer(folder: Path, corpus: Artifact, vocab_size: int, *, unused: int = 0) -> Artifact:
    """A tokenizer trained on the corpus by the step `tokenizer`, and `unused` tokens beside."""
    folder.mkdir(parents=True)
    config = TokenizerConfig(vocab_size=vocab_size)
    run_tokenizer(config, Inputs((corpus,)), folder, _context(folder))
    if unused:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.add_tokens([f"<|unused_{number}|>" for number in range(unused)])
        tokenizer.save(str(folder / "tokenizer.json"))
    return artifact(folder, "tokenizer")


def make_tokens(folder: Path, corpus: Artifact, tokenizer: Artifact) -> Artifact:
    """The corpus as tokens, by the step `tokens`."""
    folder.mkdir(parents=True)
    run_tokens(TokensConfig(), Inputs((corpus, tokenizer)), folder, _context(folder))
    return artifact(folder, "tokens")


def join_documents(folder: Path, tokens: Artifact) -> Artifact:
    """The same tokens with all training documents as one: a row then has nothing to mask."""
    split = TokenSplit.open(tokens.path, "train")
    write_tokens(folder, split.read(0, split.tokens), [split.tokens], tokens)
    return artifact(folder, "tokens")


def write_tokens(
    folder: Path, train: np.ndarray, lengths: Sequence[int], like: Artifact | int
) -> Artifact:
    """A tokens artifact of one shard; what is held out is that of `like`, or the first document.

    Args:
        folder: Where to write.
        train: The tokens of the training documents.
        lengths: Of these documents.
        like: An artifact with the same tokenizer, or the size of the vocabulary.
    """
    if isinstance(like, int):
        held_out = train[: lengths[0]]
        index: dict[str, Any] = {"vocab_size": like, "bos_id": 0, "eos_id": 1, "splits": {}}
        index["dtype"] = train.dtype.name
        _write_split(folder, "held_out", held_out, lengths[:1], index)
    else:
        index = json.loads((like.path / "tokens.json").read_text("utf-8"))
        (folder / "held_out").parent.mkdir(parents=True, exist_ok=True)
        (folder / "held_out").symlink_to(like.path / "held_out")
    _write_split(folder, "train", train, lengths, index)
    (folder / "tokens.json").write_text(json.dumps(index), "utf-8")
    return artifact(folder, "tokens")


def _write_split(
    folder: Path, split: str, tokens: np.ndarray, lengths: Sequence[int], index: dict[str, Any]
) -> None:
    (folder / split).mkdir(parents=True)
    np.save(folder / split / "00000.npy", tokens)
    ends = np.cumsum(lengths)
    count = len(lengths)
    pl.DataFrame(
        {
            "doc_id": [f"{row:08}" for row in range(count)],
            "offset": ends - lengths,
            "length": np.array(lengths, np.int64),
            "bytes": np.array(lengths, np.int64),
            "source": ["texts"] * count,
            "host": pl.Series([None] * count, dtype=pl.String),
        }
    ).write_parquet(folder / split / "00000.documents.parquet")
    totals = {"documents": count, "tokens": len(tokens), "bytes": len(tokens)}
    index["splits"][split] = totals | {"shards": [{"name": "00000", **totals}]}


def write_rows(
    folder: Path, tokens: Artifact, *, steps: int, blocks: int, sequence_length: int, seed: int
) -> None:
    """The rows of a run in its order, as arrays that any trainer can read: `inputs`, `labels`."""
    split = TokenSplit.open(tokens.path, "train")
    plan = PackingPlan(split.lengths, sequence_length=sequence_length, seed=seed)
    order = TrainingOrder([plan], blocks_per_batch=blocks, seed=seed, steps=steps)
    rows = [order.read([split], place) for step in range(steps) for place in order.batch(step)]
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "inputs.npy", np.stack([row.input_ids for row in rows]).astype(np.int32))
    np.save(folder / "labels.npy", np.stack([row.labels for row in rows]).astype(np.int32))


def write_held_out(folder: Path, tokens: Artifact, *, sequence_length: int, documents: int) -> None:
    """Windows of the first held-out documents, one a row, and the bytes of their texts."""
    split = TokenSplit.open(tokens.path, "held_out")
    inputs, labels = [], []
    count = min(documents, split.documents)
    for document in range(count):
        start = int(split.starts[document])
        last = start + int(split.lengths[document]) - 1
        for begin in range(start, last, sequence_length):
            window = split.read(begin, min(begin + sequence_length, last) + 1).astype(np.int32)
            padding = sequence_length - len(window) + 1
            inputs.append(np.pad(window[:-1], (0, padding)))
            labels.append(np.pad(window[1:], (0, padding), constant_values=IGNORED))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "held_out_inputs.npy", np.stack(inputs))
    np.save(folder / "held_out_labels.npy", np.stack(labels))
    size = int(split.text_bytes[:count].sum())
    (folder / "held_out.json").write_text(json.dumps({"bytes": size, "documents": count}))


def write_model(folder: Path, shape: dict[str, Any], tokenizer: Artifact, seed: int) -> int:
    """The model that the trainers begin with; gives its number of parameters."""
    facts = TokenizerFacts.read(tokenizer.path)
    model = build(ArchitectureConfig.model_validate(shape), facts, seed)
    model.save_pretrained(folder)
    return sum(parameter.numel() for parameter in model.parameters())


def artifact(path: Path, kind: str) -> Artifact:
    """A folder as what a step reads."""
    return Artifact(
        path=path,
        kind=kind,
        name=f"benchmark/{kind}",
        version="dev",
        fingerprint=hashlib.blake2b(str(path).encode(), digest_size=16).hexdigest(),
        revision=1,
        config={},
        runtime={},
        inputs=(),
        code={},
        created="",
        seconds=0.0,
        files=(),
        metrics={},
    )


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Any:
    """Note the seconds of the clock and of the processor that a block took."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    seconds[name] = time.perf_counter() - wall
    seconds[f"{name}_processor"] = time.process_time() - processor


def _context(folder: Path) -> Context:
    ledger = Ledger(folder.parent / f"{folder.name}.ledger.jsonl")
    return Context(language=_PACK, data=folder, sources=folder, workers=1, ledger=ledger)
