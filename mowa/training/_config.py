"""The configuration of the step `pretrain`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from mowa.model import ArchitectureConfig, FamilyConfig
from mowa.training._trainer_config import TrainerConfig
from mowa.workspace import StepConfig, runtime


class StageConfig(StepConfig):
    """From a share of the updates on, other weights of the token artifacts that are read."""

    begin: float = Field(
        0.0, description="share of the updates after which the stage begins", ge=0, lt=1
    )
    weights: dict[str, float] = Field(
        ..., description="share of each token artifact, by the name of its step", min_length=1
    )

    @model_validator(mode="after")
    def _some_weight(self) -> StageConfig:
        if any(weight < 0 for weight in self.weights.values()) or not sum(self.weights.values()):
            raise ValueError(f"weights must be 0 or more, and one of them more: {self.weights}")
        return self


class PretrainConfig(TrainerConfig):
    """Train a causal language model on token shards: a new one, or one that is read."""

    architecture: ArchitectureConfig | None = Field(
        None, description="shape of a new Llama model; not where a model is read"
    )
    family: FamilyConfig | None = Field(
        None,
        description="a new model of another family that transformers has, in place of architecture",
    )
    start: Literal["weights", "checkpoint"] = Field(
        "weights",
        description="where a model is read. weights: a new run from its weights; checkpoint: go on"
        " with the moments of the optimizer and the place in the data that the model's last"
        " checkpoint has (keep_optimizer), for a longer run or a branch",
    )
    stages: list[StageConfig] = Field(
        [],
        description="weights of the token artifacts from some share of the updates on; without"
        " stages each is read in proportion to its tokens",
    )

    eval_documents: int = runtime(200, "held-out documents measured, chosen by hash; 0: all", ge=0)
    prompts: list[str] = runtime([], "beginnings that the finished model continues in the report")
    prompt_tokens: int = runtime(100, "length of each continuation in tokens", ge=1)

    @model_validator(mode="after")
    def _fits_together(self) -> PretrainConfig:
        if self.architecture and self.sequence_length > self.architecture.context:
            raise ValueError(
                f"sequence_length {self.sequence_length} is longer than architecture.context"
                f" {self.architecture.context}"
            )
        if self.architecture and self.family:
            raise ValueError("give one of architecture and family, not both")
        begins = [stage.begin for stage in self.stages]
        if begins and (begins[0] != 0 or any(a >= b for a, b in pairwise(begins))):
            raise ValueError(f"stages must begin at 0 and each after the one before: {begins}")
        return self

    def check_reads(self, kinds: Sequence[str]) -> None:
        """A new model needs a shape and a tokenizer; one that is read has both."""
        reads_model = "model" in kinds
        if kinds.count("model") > 1 or kinds.count("tokenizer") > 1:
            raise ValueError("reads more than one model or tokenizer")
        if not reads_model and "tokenizer" not in kinds:
            raise ValueError("reads no tokenizer: name the one that made the tokens")
        if reads_model and (self.architecture or self.family):
            raise ValueError("reads a model, which has its shape: leave out architecture")
        if not reads_model and not (self.architecture or self.family):
            raise ValueError("architecture is missing: the shape of the new model")
        if self.lora is not None and not reads_model:
            raise ValueError("lora: adapters stand beside a model that is read: name one in reads")
        if self.start == "checkpoint" and not reads_model:
            raise ValueError('start = "checkpoint" goes on from a model: name one in reads')
