"""The configuration of the scores step; light, so that a recipe is checked without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mowa.workspace import StepConfig, runtime


class ScoresConfig(StepConfig):
    """How held-out documents are scored."""

    stride: int | None = Field(
        None,
        ge=1,
        description="tokens by which the model's window moves over a long document;"
        " half of the model's context where it is not given",
    )
    max_documents: int | None = Field(
        None,
        ge=1,
        description="score at most so many held-out documents, those with the smallest doc_id"
        " (a hash, so they are a random sample); all where it is not given",
    )
    ngram_order: int = Field(5, ge=1, le=8, description="order of the n-gram model")
    ngram_max_tokens: int = Field(
        20_000_000,
        ge=1,
        description="train the n-gram model on whole documents up to so many tokens;"
        " it takes about 150 bytes of memory a token",
    )
    bootstrap_samples: int = Field(
        1000, ge=10, description="resamples of the documents behind each interval"
    )
    seed: int = Field(0, ge=0, description="seed of the resampling")
    device: Literal["auto", "cpu", "cuda"] = runtime("auto", "where to compute; auto: a GPU if any")
