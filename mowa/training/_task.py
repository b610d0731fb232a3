"""What each of the steps that train has of its own: what it reads, and what it learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mowa.errors import UsageError
from mowa.model import TokenizerFacts, load_model
from mowa.training._checkpoint import Checkpoint
from mowa.training._objective import Objective
from mowa.training._trainer_config import TrainerConfig
from mowa.workspace import Artifact, Inputs


@dataclass(frozen=True)
class Task:
    """A run before it begins.

    Attributes:
        objective: What is learnt.
        model: Makes or reads the model, on the CPU.
        tokenizer: The folder whose tokenizer the model gets.
        facts: Of that tokenizer.
        is_new: Is the model a new one?
        epochs: How often everything is read, as a person reads it.
        recorded: What trained.json gets of it.
        beginning: The checkpoint of another run that this one goes on from.
    """

    objective: Objective
    model: Callable[[], Any]
    tokenizer: Path
    facts: TokenizerFacts
    is_new: bool
    epochs: str
    recorded: dict[str, Any] = field(default_factory=dict)
    beginning: Checkpoint | None = None


def model_to_read(inputs: Inputs) -> Artifact | None:
    """The model among the inputs, where there is one.

    Raises:
        UsageError: Where there are several.
    """
    models = inputs.all("model")
    if len(models) > 1:
        raise UsageError("reads more than one model", fix="name one of them in `reads`")
    return models[0] if models else None


def read_model(read: Artifact, vocab_size: int, sequence_length: int) -> Any:
    """The model of an artifact, which must know so many tokens and see so far.

    Raises:
        UsageError: Where it does not.
        DataError: Where it cannot be read.
    """
    model = load_model(read.path)
    if model.config.vocab_size < vocab_size:
        raise UsageError(
            f"the model has embeddings for {model.config.vocab_size:,} tokens, but the tokenizer"
            f" {vocab_size:,}",
            where=read.id,
            fix="give this step tokens that were made with the model's own tokenizer",
        )
    longest = getattr(model.config, "max_position_embeddings", None)
    if longest and sequence_length > longest:
        raise UsageError(
            f"sequence_length {sequence_length} is longer than the {longest} positions of"
            " the model",
            where=read.id,
        )
    return model


def length_of(
    config: TrainerConfig, *, blocks_per_epoch: Sequence[int], tokens: int, done: int = 0
) -> tuple[int, int | None]:
    """How many updates a run has, and how many blocks where the last one is smaller.

    Args:
        config: With steps or epochs.
        blocks_per_epoch: Of each stream.
        tokens: Of an epoch.
        done: Updates of an earlier run that this one goes on from.

    Raises:
        UsageError: Where nothing is left to do, or the warm-up is as long as the run.
    """
    if config.steps is not None:
        steps, blocks = config.steps - done, None
        if steps < 1:
            raise UsageError(
                f"steps {config.steps} is not above the {done:,} updates of the checkpoint",
                fix="steps counts all updates, those before the checkpoint too",
            )
    else:
        assert config.epochs is not None
        blocks = max(round(config.epochs * sum(blocks_per_epoch)), 1)
        steps = -(-blocks // config.blocks_per_batch)
    if config.warmup_steps >= steps + done:
        raise UsageError(
            f"warmup_steps {config.warmup_steps} is not below the number of updates,"
            f" which is {steps} for {config.epochs} epochs of {tokens:,} tokens",
            fix="lower warmup_steps or global_batch_size, or raise epochs",
        )
    return steps, blocks
