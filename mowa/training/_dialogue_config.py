"""The configurations of the steps `finetune` and `prefer`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mowa.instructions import Dialogue, TemplateName
from mowa.training._trainer_config import TrainerConfig
from mowa.workspace import StepConfig, runtime

PreferenceName = Literal["dpo", "dpop", "dpop-two-beta"]

# Betas of the two answers, and lambda, as they were published: Rafailov et al. 2023; Pal et al.
# 2024, section 6; ALLaMo's defaults.
_STRENGTHS: dict[PreferenceName, tuple[float, float, float]] = {
    "dpo": (0.1, 0.1, 0.0),
    "dpop": (0.3, 0.3, 50.0),
    "dpop-two-beta": (0.5, 0.1, 50.0),
}


class _DialogueConfig(TrainerConfig):
    """What both steps have beside the trainer's keys."""

    template: TemplateName | None = Field(
        None,
        description="chat template that the model learns and keeps; null: the model's own, or"
        ' "mowa" where it has none',
    )
    held_out: float = Field(
        0.02,
        description="share that is only measured, chosen by a hash of the first question",
        ge=0,
        lt=1,
    )

    eval_dialogues: int = runtime(200, "held-out ones measured, chosen by hash; 0: all", ge=0)
    prompts: list[str] = runtime(
        [], "questions that the finished model answers in the report; none: held-out ones"
    )
    prompt_tokens: int = runtime(200, "most tokens of an answer in the report", ge=1)

    usual_epochs: ClassVar[float] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _some_length(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("steps") is values.get("epochs") is None:
            return values | {"epochs": cls.usual_epochs}
        return values

    @model_validator(mode="after")
    def _needs_muon(self) -> Self:
        if self.muon_learning_rate is not None and self.optimizer != "muon":
            raise ValueError('muon_learning_rate is given, but optimizer is not "muon"')
        return self

    def check_reads(self, kinds: Sequence[str]) -> None:
        """One model."""
        if kinds.count("model") != 1:
            raise ValueError("reads one model: the one that is trained further")


class OriginWeights(StepConfig):
    """What the loss of a dialogue is multiplied by, where its row has no weight of its own."""

    human: float = Field(1.0, description="written by people", ge=0)
    reviewed: float = Field(
        0.7, description="generated or translated, and accepted or corrected by a person", ge=0
    )
    unreviewed: float = Field(0.5, description="generated or translated, and seen by nobody", ge=0)

    def of(self, dialogue: Dialogue) -> float:
        """The weight of `dialogue`: its own, or that of its origin."""
        if dialogue.weight is not None:
            return dialogue.weight
        if dialogue.origin == "human":
            return self.human
        return self.reviewed if dialogue.review in {"accepted", "corrected"} else self.unreviewed


class FinetuneConfig(_DialogueConfig):
    """Teach a model to answer, by dialogues: what the assistant says in them is learnt.

    Dialogues are packed whole into rows of `sequence_length`; a batch is `global_batch_size` tokens
    in such rows.
    """

    epochs: float | None = Field(
        None, description="times that the dialogues are read; 2 where steps is not given", gt=0
    )
    learning_rate: float = Field(1e-4, description="peak learning rate of AdamW", gt=0)
    weight_decay: float = Field(
        0.05, description="decoupled: each update takes learning rate x this off a weight", ge=0
    )
    weights: OriginWeights = Field(
        OriginWeights(), description="what dialogues weigh by their origin"
    )
    normalise: Literal["tokens", "weights"] = Field(
        "tokens",
        description="what an update's weighted losses are divided by: the number of targets in all"
        " processes, or the sum of their weights",
    )
    adaptive_learning_rate: bool = Field(
        False,  # noqa: FBT003 - pydantic takes the default by position
        description="multiply an update's learning rate by sqrt(its targets / global_batch_size)",
    )
    too_long: Literal["reject", "cut"] = Field(
        "reject", description="a dialogue longer than sequence_length: left out, or cut at its end"
    )

    usual_epochs: ClassVar[float] = 2.0


class PreferConfig(_DialogueConfig):
    """Teach a model which of two answers is better, beside itself as it was read."""

    epochs: float | None = Field(
        None, description="times that the pairs are read; 1 where steps is not given", gt=0
    )
    learning_rate: float = Field(1e-6, description="peak learning rate of AdamW", gt=0)
    weight_decay: float = Field(
        0.0, description="decoupled: each update takes learning rate x this off a weight", ge=0
    )
    objective: PreferenceName = Field(
        "dpo",
        description="dpo; dpop: DPO-Positive as published; dpop-two-beta: as ALLaMo computes it",
    )
    beta: float | None = Field(
        None,
        description="how far the model may go from what it was: less for a larger one; null: 0.1"
        " for dpo, 0.3 for dpop, 0.5 for dpop-two-beta",
        gt=0,
    )
    beta_rejected: float | None = Field(
        None, description="of the rejected answer; only dpop-two-beta; null: 0.1", gt=0
    )
    penalty: float | None = Field(
        None,
        description="lambda: what a chosen answer costs that becomes less likely than it was;"
        " not dpo; null: 50",
        ge=0,
    )

    @model_validator(mode="after")
    def _numbers_are_used(self) -> PreferConfig:
        if self.beta_rejected is not None and self.objective != "dpop-two-beta":
            raise ValueError('beta_rejected is given, but objective is not "dpop-two-beta"')
        if self.penalty is not None and self.objective == "dpo":
            raise ValueError('penalty is given, but objective is "dpo", which has none')
        return self

    def strengths(self) -> tuple[float, float, float]:
        """Beta, the beta of the rejected answer, and lambda."""
        beta, rejected, penalty = _STRENGTHS[self.objective]
        beta = beta if self.beta is None else self.beta
        if self.objective != "dpop-two-beta":
            rejected = beta
        elif self.beta_rejected is not None:
            rejected = self.beta_rejected
        return beta, rejected, penalty if self.penalty is None else self.penalty
