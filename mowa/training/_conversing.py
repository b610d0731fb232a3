"""What `finetune` and `prefer` read and learn: dialogues, in the tokens of the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mowa.errors import UsageError
from mowa.execution import Progress
from mowa.instructions import DialogueEncoder, read_dialogues
from mowa.model import TokenizerFacts
from mowa.training._conversations import Conversations, read_index
from mowa.training._dialogue_config import FinetuneConfig, PreferConfig
from mowa.training._finetuning import Answers
from mowa.training._objective import Objective
from mowa.training._order import TrainingOrder
from mowa.training._preferring import OBJECTIVES, Preferences, Strength
from mowa.training._rendering import Wanted, render_conversations
from mowa.training._task import Task, length_of, model_to_read, read_model
from mowa.training._whole import WholePlan
from mowa.workspace import Artifact, Inputs, write_text


def prepare(config: FinetuneConfig | PreferConfig, inputs: Inputs, out: Path) -> None:
    """Put the dialogues into tokens below `out`, once, and the chat template into `out`.

    Raises:
        UsageError: Where the tokenizer lacks a token that the template needs.
        DataError: Where dialogues cannot be read, or none can be used.
    """
    read = _read(inputs)
    encoder = DialogueEncoder(read.path, config.template)
    if isinstance(config, FinetuneConfig):
        wanted = Wanted(
            config.sequence_length,
            config.held_out,
            weigh=config.weights.of,
            cuts=config.too_long == "cut",
        )
    else:
        wanted = Wanted(config.sequence_length, config.held_out, weigh=lambda _: 1.0, pairs=True)
    sets = ((artifact.name, read_dialogues(artifact.path)) for artifact in inputs.all("dialogues"))
    render_conversations(sets, encoder, TokenizerFacts.read(read.path).vocab_size, out, wanted)
    write_text(out / "chat_template.jinja", encoder.template)


def finetuning(config: FinetuneConfig, inputs: Inputs, out: Path, _progress: Progress) -> Task:
    """The task of a step that does `finetune`, after `prepare`.

    Raises:
        UsageError: Where the schedule does not fit the data.
    """
    packed = _Packed(config, out)
    objective = Answers(
        packed.order,
        packed.plan,
        packed.train,
        packed.held_out,
        packed.measured,
        divides_by=config.normalise,
        batch_tokens=config.global_batch_size if config.adaptive_learning_rate else None,
    )
    return _task(config, inputs, out, packed, objective, what="dialogues")


def preferring(config: PreferConfig, inputs: Inputs, out: Path, _progress: Progress) -> Task:
    """The task of a step that does `prefer`, after `prepare`.

    Raises:
        UsageError: Where the schedule does not fit the data.
    """
    packed = _Packed(config, out)
    objective = Preferences(
        packed.order,
        packed.plan,
        packed.train,
        packed.held_out,
        packed.measured,
        OBJECTIVES[config.objective],
        Strength(*config.strengths()),
    )
    return _task(config, inputs, out, packed, objective, what="pairs")


class _Packed:
    """The conversations of both splits, their plans, and the order of the run."""

    def __init__(self, config: FinetuneConfig | PreferConfig, out: Path) -> None:
        def plan_of(units: Conversations) -> WholePlan:
            return WholePlan(units, sequence_length=config.sequence_length, seed=config.seed)

        self.train = Conversations(out, held_out=False)
        self.held_out = Conversations(out, held_out=True, limit=config.eval_dialogues or None)
        self.plan = plan_of(self.train)
        self.measured = plan_of(self.held_out) if len(self.held_out) else None
        steps, blocks = length_of(
            config, blocks_per_epoch=[self.plan.blocks_per_epoch], tokens=self.plan.tokens
        )
        self.order = TrainingOrder(
            [self.plan],
            blocks_per_batch=config.blocks_per_batch,
            seed=config.seed,
            steps=steps,
            blocks=blocks,
        )


def _task(
    config: FinetuneConfig | PreferConfig,
    inputs: Inputs,
    out: Path,
    packed: _Packed,
    objective: Objective,
    *,
    what: str,
) -> Task:
    read = _read(inputs)
    facts = TokenizerFacts.read(read.path)
    index = read_index(out)
    rows = packed.plan.blocks_per_epoch
    (blocks,) = packed.order.read_until(packed.order.steps)
    return Task(
        objective=objective,
        model=lambda: _model(read, facts, config.sequence_length, index["ends"]),
        tokenizer=read.path,
        facts=facts,
        is_new=False,
        epochs=f"{blocks / rows:.2f} epochs of {len(packed.train):,} {what} in {rows:,} rows",
        recorded={
            "epochs": round(blocks / rows, 4),
            "trained_on": len(packed.train),
            "held_out": index["held_out"],
            **{key: index[key] for key in ("rejected", "licences", "origins")},
            "rows": rows,
            "filled": round(packed.plan.tokens / (rows * config.sequence_length), 4),
            "targets_per_epoch": int(packed.train.targets.sum()),
        },
    )


def _model(read: Artifact, facts: TokenizerFacts, sequence_length: int, ends: Sequence[int]) -> Any:
    model = read_model(read, facts.vocab_size, sequence_length)
    # Whatever writes with it stops where a turn ends.
    for settings in (model.config, model.generation_config):
        known = settings.eos_token_id
        every: Iterable[int | None] = [*(known if isinstance(known, list) else [known]), *ends]
        numbers = sorted({number for number in every if number is not None})
        settings.eos_token_id = numbers[0] if len(numbers) == 1 else numbers
    return model


def _read(inputs: Inputs) -> Artifact:
    read = model_to_read(inputs)
    if read is None:
        raise UsageError("reads no model", fix="name in `reads` the one that is trained further")
    return read
