"""What all steps that train a model have: batches, optimizers, arithmetic, checkpoints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mowa.model import LoraConfig
from mowa.training._schedule import ScheduleName
from mowa.workspace import StepConfig, runtime

MUON_LEARNING_RATE = 0.02  # Keller Jordan's, for updates scaled by sqrt(max(1, rows / columns))


class TrainerConfig(StepConfig):
    """How a model is trained, whatever it learns.

    A batch is `global_batch_size` tokens: that many divided by `sequence_length` blocks of the
    packing plan. Weight decay applies to the matrices of the layers and to an output layer of its
    own; not to norms and embeddings, nor to an output layer that is tied to them.
    """

    sequence_length: int = Field(..., description="tokens in a block of the packing plan", ge=2)
    global_batch_size: int = Field(
        ..., description="tokens an update; a multiple of sequence_length", ge=2
    )
    steps: int | None = Field(None, description="updates; give this or epochs", ge=1)
    epochs: float | None = Field(
        None, description="times that the tokens are read; give this or steps", gt=0
    )
    optimizer: Literal["auto", "adamw", "muon"] = Field(
        "auto",
        description="muon: Muon on the matrices of the layers, AdamW on everything else; auto: muon"
        " for a new model, adamw where a model is read",
    )
    learning_rate: float = Field(..., description="peak learning rate of AdamW", gt=0)
    muon_learning_rate: float | None = Field(
        None,
        description=f"peak learning rate of Muon; null: {MUON_LEARNING_RATE}; only with muon",
        gt=0,
    )
    schedule: ScheduleName = Field(
        "cosine", description="of the learning rate after the warm-up; wsd: constant, then a line"
    )
    decay_share: float = Field(
        0.2, description="share of all updates in which wsd falls", gt=0, le=1
    )
    min_lr_ratio: float = Field(
        0.1, description="where the schedule ends, as a share of the peak", ge=0, le=1
    )
    warmup_steps: int = Field(0, description="updates over which the learning rate rises", ge=0)
    weight_decay: float = Field(
        0.1, description="decoupled: each update takes learning rate x this off a weight", ge=0
    )
    betas: list[float] = Field(
        [0.9, 0.95], description="AdamW's two averaging factors", min_length=2, max_length=2
    )
    eps: float = Field(1e-8, description="AdamW's epsilon", gt=0)
    grad_clip: float = Field(
        1.0, description="largest norm of the whole gradient; 0: not clipped", ge=0
    )
    skip_spikes: float | None = Field(
        None,
        description="leave out an update whose loss or gradient norm is so many standard"
        " deviations above the mean of the last 128 (as OLMo's; 6 is usual); null: never",
        gt=0,
    )
    lora: LoraConfig | None = Field(
        None,
        description="train adapters beside the frozen weights of a model that is read; the model"
        " that is written has them merged, and beside it as adapter/ in the form of peft",
    )
    freeze: list[str] = Field(
        [], description='names of parameters that stay as they are; "*" for any characters'
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="of the arithmetic (weights are float32 always); auto: bf16 where the hardware"
        " is faster with it, else fp32; a run goes on in the precision that it began with",
    )
    seed: int = Field(0, description="of the weights, the order of the data and the samples", ge=0)

    device: Literal["auto", "cpu", "cuda"] = runtime("auto", "where to compute; auto: a GPU if any")
    micro_batch_size: int | None = runtime(
        None,
        "blocks that go through the model at once; null: as many as make 2,048 tokens on a CPU,"
        " 16,384 on a GPU, and twice that where it is compiled",
        ge=1,
    )
    compile: bool = runtime(False, "compile the layers and the loss with torch.compile")  # noqa: FBT003
    activation_checkpointing: bool = runtime(
        False,  # noqa: FBT003
        "keep only the inputs of the layers, and compute a layer again for its gradient: a third"
        " more arithmetic for much less memory",
    )
    check_forward: bool = runtime(
        True,  # noqa: FBT003
        "compare loss and gradients of one block with the model's own before training",
    )
    processes: int = runtime(
        1, "processes of this machine that share the model (FSDP2), one a GPU", ge=1
    )
    shard_processes: int | None = runtime(
        None,
        "processes that divide one copy of the model among them (HSDP), such as those of a node;"
        " null: all",
        ge=1,
    )
    threads: int | None = runtime(None, "CPU threads; null: as torch chooses", ge=1)
    checkpoint_every_seconds: float = runtime(
        300.0, "seconds between checkpoints; 0: not by time", ge=0
    )
    checkpoint_every_steps: int | None = runtime(
        None, "updates between checkpoints; null: not by updates", ge=1
    )
    eval_every: int | None = runtime(
        None, "updates between measurements on held-out documents; null: first and last only", ge=1
    )
    log_every: int = runtime(1, "updates between lines of metrics.jsonl", ge=1)
    keep_checkpoints: int = runtime(2, "newest checkpoints that are kept", ge=1)
    keep_checkpoint_every: int | None = runtime(
        None, "updates between checkpoints that are kept for good; null: none", ge=1
    )
    tensorboard: bool = runtime(False, "write the curves for TensorBoard too")  # noqa: FBT003
    keep_optimizer: bool = runtime(
        False,  # noqa: FBT003
        "keep the last checkpoint, with the state of the optimizer, beside the finished model",
    )

    @model_validator(mode="after")
    def _batches_fit(self) -> TrainerConfig:
        if (self.steps is None) == (self.epochs is None):
            given = "neither is given" if self.steps is None else "both are given"
            raise ValueError(f"give exactly one of steps and epochs: {given}")
        if self.global_batch_size % self.sequence_length:
            nearest = max(round(self.global_batch_size / self.sequence_length), 1)
            raise ValueError(
                f"global_batch_size {self.global_batch_size} is not a multiple of sequence_length"
                f" {self.sequence_length}; nearest that is: {nearest * self.sequence_length}"
            )
        if self.steps is not None and self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps {self.warmup_steps} is not below steps {self.steps}")
        if self.muon_learning_rate is not None and self.optimizer == "adamw":
            raise ValueError('muon_learning_rate is given, but optimizer is not "muon"')
        if self.lora is not None and self.optimizer == "muon":
            raise ValueError("lora: adapters are trained with AdamW: leave out optimizer")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be at least 0 and below 1: {self.betas}")
        return self

    def optimizer_for(self, *, new: bool) -> str:
        """``adamw`` or ``muon``, for a new model or one that is read."""
        return self.optimizer if self.optimizer != "auto" else "muon" if new else "adamw"

    @property
    def blocks_per_batch(self) -> int:
        """Blocks of the packing plan in one update."""
        return self.global_batch_size // self.sequence_length
