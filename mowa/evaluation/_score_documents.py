"""The step `score-documents`: bits per byte of each document by a model, as a signal.

A corpus step that reads it bounds the column ``model_NAME_bits_per_byte``, NAME being the step that
made the model: a model filters the data of the next one.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus._schema import write_frame
from mowa.corpus._signals import shards_of
from mowa.corpus._table import MODEL, Signal, named_signal, write_about
from mowa.errors import DataError
from mowa.evaluation._config import ScoreDocumentsConfig
from mowa.evaluation._measure import stride_of
from mowa.execution import Context, Unit
from mowa.report import Figures, Histogram, Page, Section
from mowa.tokenizer import encode_documents, load_tokenizer
from mowa.workspace import Inputs, Metrics, writing

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from mowa.inference import TorchEngine

COLUMNS = pa.schema([("bits_per_byte", pa.float64()), ("tokens", pa.int64())])

_TOKENS_AT_ONCE = 1 << 17
_SCORED = ".scored"
_BIN = 0.25


@dataclass(frozen=True)
class _Work:
    """One row group of one shard of documents, and the model."""

    shard: str
    path: Path
    group: int
    model: Path
    stride: int | None
    characters: int | None
    device: str

    @property
    def file(self) -> str:
        """Where its scores lie until all of the shard are there."""
        return f"{_SCORED}/{self.shard}-{self.group:05}.parquet"


def run(config: ScoreDocumentsConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `signals/model_NAME@1/<shard>.parquet`, aligned with the documents by row.

    `bits_per_byte` is the negative log2 likelihood of a document's tokens, EOS included and BOS
    excluded, over the UTF-8 bytes of the text that was read; null where that is empty. `tokens` are
    those that were read, BOS and EOS excluded. The model is loaded once, in this process.

    Raises:
        UsageError: Where the stride is longer than the model's window.
        DataError: Where the model gives a likelihood that is not finite.
    """
    model = inputs.one("model")
    name = MODEL + model.name.rpartition("/")[2].replace("-", "_")
    about = {
        "model": model.name,
        "fingerprint": model.fingerprint,
        "characters": config.characters,
        "stride": config.stride,
    }
    signal = named_signal(name, COLUMNS, about)
    works = [
        _Work(shard, path, group, model.path, config.stride, config.characters, config.device)
        for shard, path in shards_of(inputs.all("documents"))
        for group in range(pq.read_metadata(path).num_row_groups)
    ]
    units = [Unit(f"score/{work.shard}/{work.group:05}", work) for work in works]
    try:
        replace(context, workers=1).map(score_group, units, out, label="score documents")
    finally:
        _engine.cache_clear()
    shards = [shard for shard, _ in shards_of(inputs.all("documents"))]
    gathered = [
        Unit(f"gather/{shard}", (signal, shard, [w.file for w in works if w.shard == shard]))
        for shard in shards
    ]
    context.map(gather, gathered, out, label="gather scores")
    shutil.rmtree(out / _SCORED, ignore_errors=True)
    write_about(out / "signals", signal)
    return _summary(signal, shards, out)


def score_group(work: _Work, out: Path) -> dict[str, Any]:
    """Score the documents of one row group.

    What is written here goes when the step ends, so it is not among the files of the ledger.
    """
    with pq.ParquetFile(work.path) as file:
        texts = pl.from_arrow(file.read_row_group(work.group, columns=["text"]))
    assert isinstance(texts, pl.DataFrame)
    read = texts["text"].fill_null("")
    if work.characters is not None:
        read = read.str.head(work.characters)
    engine = _engine(work.model, work.device)
    bos, eos = _ends(work.model)
    sizes = read.str.len_bytes().to_numpy()
    bits, tokens = np.full(len(read), np.nan), np.zeros(len(read), dtype=np.int64)
    stride = stride_of(work.stride, engine.window)
    for rows, documents in _batches(load_tokenizer(work.model), read, sizes):
        tokens[rows] = [len(document) for document in documents]
        whole = [[*bos, *document, *eos] for document in documents]
        likelihoods = engine.loglikelihood(whole, stride=stride)
        if not all(map(math.isfinite, likelihoods)):
            raise DataError(
                "the model gives a likelihood that is not a finite number",
                where=str(work.model),
                fix="look at the loss in the model's report: training may have diverged",
            )
        bits[rows] = np.array(likelihoods) / -math.log(2)
    frame = pl.DataFrame(
        {
            # Beyond the fourth decimal lies how a machine adds up.
            "bits_per_byte": pl.Series(bits / np.maximum(sizes, 1)).round(4).fill_nan(None),
            "tokens": tokens,
        }
    )
    with writing(out / work.file) as partial:
        pq.write_table(frame.to_arrow(), partial)
    return {}


def gather(work: tuple[Signal, str, Sequence[str]], out: Path) -> dict[str, Any]:
    """Put the scores of one shard into one file."""
    signal, shard, files = work
    parts = [pl.read_parquet(out / file) for file in files]
    empty = pl.DataFrame(schema={"bits_per_byte": pl.Float64, "tokens": pl.Int64})
    frame = pl.concat([empty, *parts])
    frame = frame.rename(dict(zip(frame.columns, signal.columns.names, strict=True)))
    file = f"signals/{signal.folder}/{shard}.parquet"
    write_frame(out / file, frame, signal.columns)
    return {"files": [file]}


def _batches(
    tokenizer: Tokenizer, texts: pl.Series, sizes: npt.NDArray[Any]
) -> Iterator[tuple[list[int], list[list[int]]]]:
    """Rows of texts that are not empty and their tokens, some 100,000 bytes at a time."""
    rows, filled = [], 0
    for row in np.flatnonzero(sizes).tolist():
        rows.append(row)
        filled += int(sizes[row])
        if filled >= _TOKENS_AT_ONCE:
            yield rows, encode_documents(tokenizer, texts[rows].to_list())
            rows, filled = [], 0
    if rows:
        yield rows, encode_documents(tokenizer, texts[rows].to_list())


@lru_cache(maxsize=1)
def _engine(model: Path, device: str) -> TorchEngine:
    from mowa.inference import TorchEngine

    return TorchEngine.load(model, device=device)


def _ends(model: Path) -> tuple[list[int], list[int]]:
    """BOS and EOS of a model; where it has no BOS, documents begin behind an EOS, as in training.

    Raises:
        DataError: Where the model has neither, so that a first token has no probability.
    """
    path = model / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
        bos, eos = config.get("bos_token_id"), config.get("eos_token_id")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(
            f"the model's configuration cannot be read ({error})", where=str(path)
        ) from error
    eos = eos[0] if isinstance(eos, list) and eos else eos
    first = bos if bos is not None else eos
    if not isinstance(first, int):
        raise DataError("the model has neither BOS nor EOS", where=str(path))
    return [first], [eos] if isinstance(eos, int) else []


def _summary(signal: Signal, shards: Sequence[str], out: Path) -> Metrics:
    bits_name, tokens_name = signal.columns.names
    frame = pl.concat(
        pl.read_parquet(out / f"signals/{signal.folder}/{shard}.parquet") for shard in shards
    )
    known = frame[bits_name].drop_nulls()
    quantiles = {
        f"bits_per_byte_{int(share * 100):02}": known.quantile(share) for share in (0.05, 0.5, 0.95)
    }
    metrics: Metrics = {
        "documents": frame.height,
        "empty": frame.height - len(known),
        "tokens": int(frame[tokens_name].sum()),
        "signals": [signal.folder],
        **quantiles,
    }
    blocks: list[Any] = [
        Figures([(k, f"{v:,}") for k, v in metrics.items() if k != "signals" and v is not None])
    ]
    if len(known):
        values = known.to_numpy()
        first, last = int(values.min() / _BIN), int(values.max() / _BIN) + 1
        edges = [index * _BIN for index in range(first, last + 1)]
        places = np.clip((values / _BIN).astype(int) - first, 0, last - first - 1)
        counts = np.bincount(places, minlength=last - first).tolist()
        blocks.append(Histogram("Documents", edges, counts, "bits per byte"))
    note = f"Bound `{bits_name}` in the `thresholds` of a corpus step that reads this signal."
    page = Page(
        "Documents by a model", signal.about["model"], [Section("Scores", blocks, note=note)]
    )
    page.write(out / "report.html")
    return metrics
