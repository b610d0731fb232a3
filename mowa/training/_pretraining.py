"""What `pretrain` reads and learns: token shards, and a model that is new or read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mowa.errors import DataError, UsageError
from mowa.execution import Progress
from mowa.model import TokenizerFacts, build, build_family
from mowa.training._checkpoint import Checkpoint, Checkpoints
from mowa.training._config import PretrainConfig
from mowa.training._held_out import HeldOut
from mowa.training._objective import NextToken
from mowa.training._order import Stage, TrainingOrder
from mowa.training._plan import PackingPlan
from mowa.training._split import TokenSplit
from mowa.training._task import Task, length_of, model_to_read, read_model
from mowa.workspace import Artifact, Inputs


def pretraining(config: PretrainConfig, inputs: Inputs, _out: Path, progress: Progress) -> Task:
    """The task of a step that does `pretrain`.

    Raises:
        UsageError: Where inputs do not belong together, or the schedule does not fit the data.
        DataError: Where there are no tokens to train on, or a checkpoint cannot be read.
    """
    read = model_to_read(inputs)
    tokenizer = _tokenizer(inputs, read)
    tokens = inputs.all("tokens")
    facts = TokenizerFacts.read(tokenizer)
    splits = [_open(artifact, facts, tokenizer) for artifact in tokens]
    beginning = _beginning(config, read, progress)
    names = [artifact.name for artifact in tokens]
    plans = [
        PackingPlan(split.lengths, sequence_length=config.sequence_length, seed=config.seed)
        for split in splits
    ]
    order = _order(config, plans, names, beginning)
    held_out = [
        HeldOut(
            TokenSplit.open(artifact.path, "held_out"),
            sequence_length=config.sequence_length,
            documents=config.eval_documents or None,
        )
        for artifact in tokens
    ]
    return Task(
        objective=NextToken(order, splits, held_out, names),
        model=lambda: _model(config, read, facts),
        tokenizer=tokenizer,
        facts=facts,
        is_new=read is None,
        epochs=_epochs(order, plans, splits, names, beginning),
        recorded={
            "held_out_documents": sum(each.documents for each in held_out),
            "epochs": {
                name: round(blocks / plan.blocks_per_epoch, 4)
                for name, blocks, plan in zip(
                    names, order.read_until(order.steps), plans, strict=True
                )
            },
        },
        beginning=beginning,
    )


def _model(config: PretrainConfig, read: Artifact | None, facts: TokenizerFacts) -> Any:
    if read is not None:
        return read_model(read, facts.vocab_size, config.sequence_length)
    if config.family is not None:
        return build_family(config.family, facts, config.seed)
    assert config.architecture is not None
    return build(config.architecture, facts, config.seed)


def _tokenizer(inputs: Inputs, read: Artifact | None) -> Path:
    given = inputs.all("tokenizer")
    if len(given) > 1:
        raise UsageError("reads more than one tokenizer", fix="name one of them in `reads`")
    if given:
        return given[0].path
    if read is None:
        raise UsageError("reads no tokenizer", fix="name in `reads` the one that made the tokens")
    return read.path


def _open(artifact: Artifact, facts: TokenizerFacts, tokenizer: Path) -> TokenSplit:
    split = TokenSplit.open(artifact.path, "train")
    if split.vocab_size != facts.vocab_size:
        raise UsageError(
            f"the vocabulary of the tokens is {split.vocab_size:,}, but that of the tokenizer"
            f" {facts.vocab_size:,}",
            where=f"{artifact.id} and {tokenizer}",
            fix="give this step the tokenizer that the tokens were made with",
        )
    split.check_tokenizer(tokenizer)
    if not split.tokens:
        raise DataError("there are no training tokens", where=artifact.id)
    return split


def _beginning(
    config: PretrainConfig, read: Artifact | None, progress: Progress
) -> Checkpoint | None:
    if config.start != "checkpoint":
        return None
    found = (
        Checkpoints(read.path / "checkpoints", cleans=False).latest(progress.say)
        if read is not None
        else None
    )
    if found is None:
        raise UsageError(
            'start = "checkpoint", but '
            + ("no model is read" if read is None else f"{read.id} has no checkpoint"),
            fix="read a model that was trained with keep_optimizer = true",
        )
    of_checkpoint = found.state["optimizer"]
    if config.optimizer not in ("auto", of_checkpoint):
        raise UsageError(
            f"the checkpoint is of a run with {of_checkpoint}, and optimizer is {config.optimizer}",
            fix='leave out optimizer, or begin with the weights alone: start = "weights"',
        )
    return found


def _read_before(beginning: Checkpoint, plans: dict[str, PackingPlan]) -> dict[str, int]:
    """Blocks of each token artifact that are read already, which only the same plan can count.

    One of another name is known by its plan.
    """
    packed: dict[str, str] = beginning.state["plans"]
    read: dict[str, int] = beginning.state["read"]
    elsewhere = {digest: name for name, digest in packed.items() if name not in plans}
    found, other = {}, []
    for name, plan in plans.items():
        digest = plan.digest()
        known = name if name in packed else elsewhere.get(digest)
        if known is None or not read[known]:
            continue
        if packed[known] == digest:
            found[name] = read[known]
        else:
            other.append(name)
    if other:
        raise UsageError(
            f"the checkpoint has read of {', '.join(other)}, which is packed otherwise now: its"
            " documents, sequence_length or seed are not what they were",
            fix="keep them as they were, or begin with the weights alone, without the moments of"
            ' the optimizer: start = "weights"',
        )
    return found


def _order(
    config: PretrainConfig,
    plans: Sequence[PackingPlan],
    names: Sequence[str],
    beginning: Checkpoint | None,
) -> TrainingOrder:
    steps, blocks = length_of(
        config,
        blocks_per_epoch=[plan.blocks_per_epoch for plan in plans],
        tokens=sum(plan.tokens for plan in plans),
        done=beginning.step if beginning else 0,
    )
    before = _read_before(beginning, dict(zip(names, plans, strict=True))) if beginning else {}
    stages = [
        Stage(round(stage.begin * steps), _weights(stage.weights, names)) for stage in config.stages
    ]
    return TrainingOrder(
        plans,
        blocks_per_batch=config.blocks_per_batch,
        seed=config.seed,
        steps=steps,
        blocks=blocks,
        stages=stages,
        read_before=[before.get(name, 0) for name in names],
    )


def _weights(weights: dict[str, float], names: Sequence[str]) -> tuple[float, ...]:
    """In the order of `names`, which are ``recipe/step``; a key is that or the step alone."""
    found = dict.fromkeys(names, 0.0)
    for key, weight in weights.items():
        matching = [name for name in names if key in (name, name.rpartition("/")[2])]
        if len(matching) != 1:
            what = "is not one" if not matching else "could be more than one"
            raise UsageError(
                f"stages: {key!r} {what} of the token artifacts that are read",
                fix=f"they are {', '.join(names)}",
            )
        found[matching[0]] = weight
    return tuple(found.values())


def _epochs(
    order: TrainingOrder,
    plans: Sequence[PackingPlan],
    splits: Sequence[TokenSplit],
    names: Sequence[str],
    beginning: Checkpoint | None,
) -> str:
    read = order.read_until(order.steps)
    parts = [
        f"{blocks / plan.blocks_per_epoch:.2f} epochs of {split.tokens:,} tokens"
        + (f" of {name.rpartition('/')[2]}" if len(names) > 1 else "")
        for blocks, plan, split, name in zip(read, plans, splits, names, strict=True)
    ]
    return ("going on, in all " if beginning else "") + ", ".join(parts)
