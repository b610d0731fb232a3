"""The tokenizer step: train a byte-level BPE on a corpus, then measure it on held-out documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mowa.errors import DataError, MowaError
from mowa.execution import Context, Unit
from mowa.tokenizer._build import companions, trainer, untrained
from mowa.tokenizer._config import TokenizerConfig, special_tokens
from mowa.tokenizer._encode import load_tokenizer
from mowa.tokenizer._fertility import fertility
from mowa.tokenizer._report import write_report
from mowa.tokenizer._sample import Sample, draw, lessons
from mowa.workspace import Inputs, Metrics, write_text


@dataclass(frozen=True)
class _Work:
    config: TokenizerConfig
    corpus: Path
    name: str
    sample: dict[str, int] | None = None  # what it was trained on, once that is known


def run(config: TokenizerConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write tokenizer.json with its companions, fertility.json and report.html into `out`.

    Raises:
        MowaError: Where the text supports fewer tokens than `vocab_size`; it says how many.
        DataError: Where the corpus has no training documents.
    """
    corpus = inputs.one("corpus")
    work = _Work(config, corpus.path, corpus.id)
    units = [Unit("train", work)]
    [trained] = context.map(_train_unit, units, out, label="training the tokenizer")
    units = [Unit("fertility", replace(work, sample=trained["sample"]))]
    context.map(_measure_unit, units, out, label="measuring fertility")
    found = json.loads((out / "fertility.json").read_text("utf-8"))
    write_report(found, out / "report.html")
    held_out = found["held_out"]
    return {
        "vocab_size": found["vocab_size"],
        "sample_documents": found["sample"]["documents"],
        "sample_bytes": found["sample"]["bytes"],
        "held_out_documents": held_out["documents"],
        "tokens_per_word": held_out["tokens_per_word"],
        "bytes_per_token": held_out["bytes_per_token"],
        "vocabulary_used": found["vocabulary_used"],
    }


def train(config: TokenizerConfig, texts: Iterator[str]) -> Tokenizer:
    """A tokenizer of at most `config.vocab_size` tokens: fewer where the text supports no more.

    The same texts give the same bytes, in any order and with any number of threads.
    """
    tokenizer = untrained(config)
    tokenizer.train_from_iterator(texts, trainer(config))
    return tokenizer


def _train_unit(work: _Work, out: Path) -> dict[str, Any]:
    config = work.config
    sample = draw(work.corpus, "train", config.sample_bytes)
    reading = _Reading(sample)
    tokenizer = train(config, reading.lessons())
    if not reading.documents:
        raise _nothing_to_learn_from(sample, work)
    size = tokenizer.get_vocab_size()
    if size < config.vocab_size:
        raise MowaError(
            f"the text supports a vocabulary of {size:,} tokens, not of {config.vocab_size:,}",
            where=f"tokenizer trained on {work.name}, {reading.bytes:,} bytes of text",
            fix=f"set vocab_size to {size} or less, add text, or lower min_frequency"
            f" (now {config.min_frequency})",
        )
    files = {"tokenizer.json": tokenizer.to_str(pretty=True) + "\n", **companions(config)}
    for name, text in files.items():
        write_text(out / name, text)
    learned_from = {
        "documents": reading.documents,
        "bytes": reading.bytes,
        "of_documents": sample.documents,
        "of_bytes": sample.bytes,
    }
    return {"sample": learned_from, "files": sorted(files)}


class _Reading:
    """Hands the sampled texts to the trainer and counts them on the way."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self.documents = 0
        self.bytes = 0

    def lessons(self) -> Iterator[str]:
        for frame in self._sample.frames("text"):
            self.documents += frame.height
            self.bytes += int(frame["text"].str.len_bytes().sum())
            for text in frame["text"]:
                yield from lessons(text)


def _nothing_to_learn_from(sample: Sample, work: _Work) -> DataError:
    if not sample.documents:
        return DataError(
            "there are no training documents to learn a vocabulary from",
            where=work.name,
            fix="look at the corpus's report.html for why its documents were not kept",
        )
    return DataError(
        f"none of the {sample.documents:,} training documents falls into a sample of"
        f" {work.config.sample_bytes:,} bytes",
        where=work.name,
        fix="raise sample_bytes",
    )


def _measure_unit(work: _Work, out: Path) -> dict[str, Any]:
    config = work.config
    sample = draw(work.corpus, "held_out", config.held_out_bytes)
    tokenizer = load_tokenizer(out)
    found = {
        "pre_tokenizer": config.pre_tokenizer,
        "special_tokens": special_tokens(config.reserved_tokens),
        "sample": dict(sorted((work.sample or {}).items())),  # the ledger sorts keys too
        **fertility(tokenizer, sample.frames("text", "source")),
    }
    write_text(out / "fertility.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return {"files": ["fertility.json"]}
