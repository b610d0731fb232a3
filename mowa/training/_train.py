"""Training in this process, or in this one of several: from artifacts to a written model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mowa.errors import DataError, UsageError
from mowa.execution import Progress
from mowa.model import TokenizerFacts, build, build_family, load_model
from mowa.training._checkpoint import Checkpoint, Checkpoints
from mowa.training._config import PretrainConfig
from mowa.training._distribution import joined
from mowa.training._export import write_model, write_settings
from mowa.training._held_out import HeldOut
from mowa.training._loop import Data, train
from mowa.training._memory import explained_memory
from mowa.training._order import Stage, TrainingOrder
from mowa.training._plan import PackingPlan
from mowa.training._runtime import choose_device, choose_precision, numerics
from mowa.training._split import TokenSplit
from mowa.workspace import Artifact, Inputs, identity_of, write_text

TRAINED = "trained.json"
"""What `train_here` leaves for the report; written when the model is."""


def train_here(config: PretrainConfig, inputs: Inputs, out: Path, progress: Progress) -> None:
    """Train and write the model into `out`, together with the processes that torchrun started.

    Raises:
        UsageError: Where inputs do not belong together, or the schedule does not fit the data.
        DataError: Where there are no tokens to train on, or a model cannot be read.
        MowaError: Where training diverges or a checkpoint belongs to another run.
        StoppedEarly: Where the run was asked to stop.
    """
    read = _model_to_read(inputs)
    tokenizer = _tokenizer(inputs, read)
    tokens = inputs.all("tokens")
    facts = TokenizerFacts.read(tokenizer)
    splits = [_open(artifact, facts, tokenizer) for artifact in tokens]
    beginning = _beginning(config, read, progress)
    names = [artifact.name for artifact in tokens]
    order = _order(config, splits, names, beginning)
    held_out = [
        HeldOut(
            TokenSplit.open(artifact.path, "held_out"),
            sequence_length=config.sequence_length,
            documents=config.eval_documents or None,
        )
        for artifact in tokens
    ]
    identity: dict[str, Any] = {
        "config": identity_of(config),
        "plan": order.digest(),
        "data": [artifact.fingerprint for artifact in inputs.artifacts],
    }
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    with (
        numerics(threads=config.threads, seed=config.seed) as threads,
        joined(device, shard_processes=config.shard_processes) as (ranks, device),
    ):
        model = _model(config, read, facts)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        progress.say(
            f"{parameters:,} parameters; {order.steps:,} updates of"
            f" {config.global_batch_size:,} tokens; {_epochs(order, splits, names, beginning)}"
        )
        if ranks.is_first:
            write_settings(model, tokenizer, out)
        with explained_memory(config, config.micro_batch_size or 1):
            run = train(
                config,
                model,
                optimizer=config.optimizer_for(new=read is None),
                precision=precision,
                data=Data(order, splits, held_out, names),
                out=out,
                identity=identity,
                threads=threads,
                progress=progress,
                ranks=ranks,
                device=device,
                beginning=beginning,
            )
        write_model(model, tokenizer, out, ranks)
        facts_of_run = {
            **asdict(run),
            "parameters": parameters,
            "optimizer": config.optimizer_for(new=read is None),
            "vocab_size": facts.vocab_size,
            "threads": threads,
            "processes": ranks.world,
            "held_out_documents": sum(each.documents for each in held_out),
            "epochs": {
                name: round(blocks / plan.blocks_per_epoch, 4)
                for name, blocks, plan in zip(
                    names, order.read_until(order.steps), order.plans, strict=True
                )
            },
        }
        if ranks.is_first:
            write_text(out / TRAINED, json.dumps(facts_of_run, indent=1) + "\n")


def _model_to_read(inputs: Inputs) -> Artifact | None:
    models = inputs.all("model")
    if len(models) > 1:
        raise UsageError("reads more than one model", fix="name one of them in `reads`")
    return models[0] if models else None


def _model(config: PretrainConfig, read: Artifact | None, facts: TokenizerFacts) -> Any:
    if read is None:
        if config.family is not None:
            return build_family(config.family, facts, config.seed)
        assert config.architecture is not None
        return build(config.architecture, facts, config.seed)
    model = load_model(read.path)
    if model.config.vocab_size < facts.vocab_size:
        raise UsageError(
            f"the model has embeddings for {model.config.vocab_size:,} tokens, but the tokenizer"
            f" {facts.vocab_size:,}",
            where=read.id,
            fix="give this step tokens that were made with the model's own tokenizer",
        )
    longest = getattr(model.config, "max_position_embeddings", None)
    if longest and config.sequence_length > longest:
        raise UsageError(
            f"sequence_length {config.sequence_length} is longer than the {longest} positions of"
            " the model",
            where=read.id,
        )
    return model


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
    return found


def _order(
    config: PretrainConfig,
    splits: Sequence[TokenSplit],
    names: Sequence[str],
    beginning: Checkpoint | None,
) -> TrainingOrder:
    plans = [
        PackingPlan(split.lengths, sequence_length=config.sequence_length, seed=config.seed)
        for split in splits
    ]
    batch = config.blocks_per_batch
    done = beginning.step if beginning else 0
    if config.steps is not None:
        steps, blocks = config.steps - done, None
        if steps < 1:
            raise UsageError(
                f"steps {config.steps} is not above the {done:,} updates of the checkpoint",
                fix="steps counts all updates, those before the checkpoint too",
            )
    else:
        assert config.epochs is not None
        blocks = max(round(config.epochs * sum(plan.blocks_per_epoch for plan in plans)), 1)
        steps = -(-blocks // batch)
    if config.warmup_steps >= steps + done:
        raise UsageError(
            f"warmup_steps {config.warmup_steps} is not below the number of updates,"
            f" which is {steps} for {config.epochs} epochs of"
            f" {sum(split.tokens for split in splits):,} tokens",
            fix="lower warmup_steps or global_batch_size, or raise epochs",
        )
    before = beginning.state["read"] if beginning else {}
    stages = [
        Stage(round(stage.begin * steps), _weights(stage.weights, names)) for stage in config.stages
    ]
    return TrainingOrder(
        plans,
        blocks_per_batch=batch,
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
    splits: Sequence[TokenSplit],
    names: Sequence[str],
    beginning: Checkpoint | None,
) -> str:
    read = order.read_until(order.steps)
    parts = [
        f"{blocks / plan.blocks_per_epoch:.2f} epochs of {split.tokens:,} tokens"
        + (f" of {name.rpartition('/')[2]}" if len(names) > 1 else "")
        for blocks, plan, split, name in zip(read, order.plans, splits, names, strict=True)
    ]
    return ("going on, in all " if beginning else "") + ", ".join(parts)
