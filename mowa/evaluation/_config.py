"""The configuration of steps that score; light, so that a recipe is checked without torch."""

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


class EvaluateConfig(StepConfig):
    """Which tasks models are asked, and how."""

    tasks: list[str] = Field(
        ..., min_length=1, description="names of tasks or of families of tasks, or folders"
    )
    shots: list[int] = Field(
        [0], min_length=1, description="items of the training split that stand before each"
    )
    template: bool = Field(
        False,  # noqa: FBT003 - pydantic takes the default by position
        description="put prompts into the model's chat template",
    )
    limit: int | None = Field(
        None, ge=1, description="ask so many items of each task, the same for every model"
    )
    seed: int = Field(0, ge=0, description="which shots are drawn")
    floors: list[Literal["random", "untrained"]] = Field(
        [],
        description="ask also a model of the same shape with fresh weights (random), or each model"
        " as its training began (untrained)",
    )
    data: str | None = Field(
        None, description="folder with the items of tasks that do not come with Mowa"
    )
    device: Literal["auto", "cpu", "cuda"] = runtime("auto", "where to compute; auto: a GPU if any")


class ScoreDocumentsConfig(StepConfig):
    """How documents are scored by a model, for a filter."""

    stride: int | None = Field(
        None,
        ge=1,
        description="tokens by which the model's window moves over a long document;"
        " half of the model's context where it is not given",
    )
    characters: int | None = Field(
        None,
        ge=1,
        description="score so many characters from the start of each document; all where it is"
        " not given",
    )
    device: Literal["auto", "cpu", "cuda"] = runtime("auto", "where to compute; auto: a GPU if any")
