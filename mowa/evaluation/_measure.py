"""The bits that each held-out document takes: with `xz -9`, an n-gram model, the neural model.

Every function takes the table of documents and gives it back with a column more. The work goes
through the ledger, so that a killed run does not score a document twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mowa.errors import DataError, UsageError
from mowa.evaluation._compress import xz_bits
from mowa.evaluation._config import ScoresConfig
from mowa.evaluation._ngram import NgramModel
from mowa.execution import Context, Unit

if TYPE_CHECKING:
    from mowa.inference import TorchEngine

_TOKENS_A_UNIT = 1 << 17
"""Held-out tokens scored by the model between two lines of the ledger."""

_ABOUT_NGRAM = ("order", "train_documents", "train_tokens", "ngrams", "discounts")


def stride_of(wanted: int | None, window: int) -> int:
    """Tokens by which a window of `window` tokens moves: `wanted`, or else half of it.

    Raises:
        UsageError: Where it is more than the window, so that tokens would be left out.
    """
    if wanted is not None and wanted > window:
        raise UsageError(
            f"a stride of {wanted} tokens is longer than the model's window of {window}",
            where="stride",
            fix=f"choose {window} or less, or leave it out for {max(window // 2, 1)}",
        )
    return wanted or max(window // 2, 1)


def held_out(tokens: Path, limit: int | None) -> tuple[pl.DataFrame, int]:
    """The documents to score, in the order of the tokens, and how many there are in all.

    Columns: index (place in the held-out split), doc_id, tokens, bytes.

    Raises:
        DataError: Where nothing was held out.
    """
    from mowa.training import TokenSplit

    split = TokenSplit.open(tokens, "held_out")
    documents = pl.DataFrame(
        {
            "doc_id": pl.Series(split.doc_ids, dtype=pl.String),
            "tokens": pl.Series(np.asarray(split.lengths, np.int64)),
            "bytes": pl.Series(np.asarray(split.text_bytes, np.int64)),
        }
    ).with_row_index("index")
    if limit is not None:
        documents = documents.sort("doc_id").head(limit).sort("index")
    if not documents["bytes"].sum():
        raise DataError(
            "no document was held out, so there is nothing to score",
            where=str(tokens),
            fix="raise the share of held-out documents in the corpus step",
        )
    return documents, split.documents


def compressed(documents: pl.DataFrame, corpus: Path, out: Path, context: Context) -> pl.DataFrame:
    """Add `source` and `xz_bits`.

    Raises:
        DataError: Where the corpus does not hold these documents, with as many bytes.
    """
    from mowa.corpus import shard_names

    wanted = documents["doc_id"].to_list()
    units = [
        Unit(f"xz/{shard}", {"corpus": str(corpus), "shard": shard, "wanted": wanted})
        for shard in shard_names(corpus)
    ]
    found = pl.DataFrame(
        [
            row
            for result in context.map(_xz_unit, units, out, label="xz -9")
            for row in result["rows"]
        ],
        schema={"doc_id": pl.String, "source": pl.String, "there": pl.Int64, "xz_bits": pl.Int64},
        orient="row",
    )
    joined = documents.join(found, on="doc_id", how="left", maintain_order="left")
    strange = joined.filter(pl.col("there").ne_missing(pl.col("bytes")))
    if strange.height or joined.height != documents.height:
        raise DataError(
            f"{strange.height} held-out documents of the tokens are not those of this corpus",
            where=str(corpus),
            fix="let the scores step read the corpus that the tokens were made from",
        )
    return joined.drop("there")


def _xz_unit(work: dict[str, Any], out: Path) -> dict[str, Any]:  # noqa: ARG001 - writes no file
    from mowa.corpus import kept_documents

    wanted = set(work["wanted"])
    texts = kept_documents(
        Path(work["corpus"]), work["shard"], "held_out", ("doc_id", "source", "text")
    )
    rows = [
        [doc_id, source, len(text.encode()), xz_bits(text)]
        for doc_id, source, text in texts.select("doc_id", "source", "text").iter_rows()
        if doc_id in wanted
    ]
    return {"files": [], "rows": rows}


def ngram_bits(
    documents: pl.DataFrame, tokens: Path, config: ScoresConfig, *, out: Path, context: Context
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Add `ngram_bits`; also says how the n-gram model was made."""
    work = {
        "tokens": str(tokens),
        "indices": documents["index"].to_list(),
        "order": config.ngram_order,
        "max_tokens": config.ngram_max_tokens,
    }
    (result,) = context.map(_ngram_unit, [Unit("ngram", work)], out, label="n-gram model")
    # By name, since a result that comes back from the ledger has its keys in another order.
    about = {key: result[key] for key in _ABOUT_NGRAM}
    return documents.with_columns(pl.Series("ngram_bits", result["bits"], pl.Float64)), about


def _ngram_unit(work: dict[str, Any], out: Path) -> dict[str, Any]:  # noqa: ARG001 - writes no file
    from mowa.training import TokenSplit

    train = TokenSplit.open(Path(work["tokens"]), "train")
    ends = np.cumsum(np.asarray(train.lengths, np.int64))
    count = max(1, int(np.searchsorted(ends, work["max_tokens"], side="right")))
    used = int(ends[:count][-1]) if len(ends) else 0
    model = NgramModel.train(
        train.read(0, used), train.lengths[:count], vocab_size=train.vocab_size, order=work["order"]
    )
    documents = _read(Path(work["tokens"]), work["indices"])
    return {
        "files": [],
        "bits": [round(model.bits(document), 3) for document in documents],
        "order": model.order,
        "train_documents": min(count, len(ends)),
        "train_tokens": used,
        "ngrams": model.ngrams,
        "discounts": [[round(d, 6) for d in discounts] for discounts in model.discounts],
    }


def model_bits(
    documents: pl.DataFrame,
    tokens: Path,
    model: Path,
    *,
    stride: int,
    device: str,
    out: Path,
    context: Context,
) -> pl.DataFrame:
    """Add `model_bits`. The model is loaded once, in this process, with all its threads.

    Raises:
        DataError: Where the model gives a likelihood that is not finite.
    """
    unit_of = (documents["tokens"].cum_sum() - documents["tokens"]) // _TOKENS_A_UNIT
    units = [
        Unit(
            f"model/{number:05d}",
            {
                "model": str(model),
                "tokens": str(tokens),
                "indices": documents.filter(unit_of == start)["index"].to_list(),
                "stride": stride,
                "device": device,
            },
        )
        for number, start in enumerate(unit_of.unique().sort())
    ]
    try:
        results = replace(context, workers=1).map(_model_unit, units, out, label="model")
    finally:
        _engine.cache_clear()
    bits = [bits for result in results for bits in result["bits"]]
    return documents.with_columns(pl.Series("model_bits", bits, pl.Float64))


def _model_unit(work: dict[str, Any], out: Path) -> dict[str, Any]:  # noqa: ARG001 - writes no file
    documents = _read(Path(work["tokens"]), work["indices"])
    engine = _engine(work["model"], work["device"])
    likelihoods = engine.loglikelihood(
        [document.tolist() for document in documents], stride=work["stride"]
    )
    if len(likelihoods) != len(documents) or not all(map(math.isfinite, likelihoods)):
        raise DataError(
            "the model gives a likelihood that is not a finite number",
            where=work["model"],
            fix="look at the loss in the model's report: training may have diverged",
        )
    return {"files": [], "bits": [round(-value / math.log(2), 3) for value in likelihoods]}


@lru_cache(maxsize=1)
def _engine(model: str, device: str) -> TorchEngine:
    from mowa.inference import TorchEngine

    return TorchEngine.load(Path(model), device=device)


def _read(tokens: Path, indices: Sequence[int]) -> list[Any]:
    """Token ids of the held-out documents at `indices`."""
    from mowa.training import TokenSplit

    split = TokenSplit.open(tokens, "held_out")
    return [
        split.read(int(split.starts[i]), int(split.starts[i] + split.lengths[i])) for i in indices
    ]
