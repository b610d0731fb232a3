"""Fine-tuning: what the assistant says in dialogues, weighted by who made them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from mowa.execution import Progress
from mowa.training._conversations import Conversations
from mowa.training._distribution import Ranks
from mowa.training._forward import Forward, Rows, measuring, stack
from mowa.training._objective import Sizes
from mowa.training._order import Place, TrainingOrder
from mowa.training._plan import Block
from mowa.training._whole import WholePlan


@dataclass(frozen=True)
class Answers:
    """Weighted cross-entropy of the assistant's tokens.

    ``Σ weight · -ln p(token)`` over an update's targets in all processes, divided by their number
    (`tokens`, as in ALLaMo) or by the sum of their weights (`weights`).

    Attributes:
        order: Over `train`.
        plan: The only one of the order.
        train: What is learnt.
        held_out: What is only measured; its plan beside it, None where there is nothing.
        measured: The plan of what is held out.
        divides_by: See above.
        batch_tokens: Positions of an update; given, the learning rate of an update with T targets
            is multiplied by sqrt(T / batch_tokens) (Bielik 7B v0.1, arXiv:2410.18565, section 4).
        names: Of the stream.
        figures: None.
    """

    order: TrainingOrder
    plan: WholePlan
    train: Conversations
    held_out: Conversations
    measured: WholePlan | None
    divides_by: Literal["tokens", "weights"] = "tokens"
    batch_tokens: int | None = None
    names: Sequence[str] = ("dialogues",)
    figures: Sequence[str] = ()

    def read(self, place: Place) -> Block:
        """A row of dialogues."""
        return self.plan.read(self.train, place.block)

    def sizes(self, places: Sequence[Place]) -> Sizes:
        """Targets and their weights in all processes."""
        units = [unit for place in places for unit in self.plan.units_of(place.block)]
        targets = self.train.targets[units]
        count = int(targets.sum())
        weight = float((self.train.weights[units].astype(float) * targets).sum())
        return Sizes(
            count if self.divides_by == "tokens" else weight,
            math.sqrt(count / self.batch_tokens) if self.batch_tokens else 1.0,
            {"targets": count},
        )

    def begin(
        self, forward: Forward, ranks: Ranks, *, micro: int, out: Path, progress: Progress
    ) -> None:
        """Nothing."""

    def loss(self, forward: Forward, rows: Rows) -> Tensor:
        """The weighted sum over the labels."""
        return forward(rows)[None]  # type: ignore[no-any-return]

    def measure(self, forward: Forward, ranks: Ranks, *, micro: int) -> dict[str, Any]:
        """Loss in nats a token, and the share of tokens that are the likeliest; unweighted."""
        if self.measured is None:
            return {"held_out_loss": None, "held_out_accuracy": None}
        sums = torch.zeros(2, dtype=torch.float64)
        with measuring(forward):
            for rows in rows_of(self.measured, self.held_out, forward, ranks, micro=micro):
                judged = forward(rows, "judged")
                sums += judged.double().sum(dim=(1, 2)).cpu()
        loss, hits = ranks.sums(sums.tolist())
        targets = int(self.held_out.targets.sum())
        return {"held_out_loss": loss / targets, "held_out_accuracy": hits / targets}

    def tell(self, measured: dict[str, Any]) -> str:
        """Loss and accuracy."""
        loss, accuracy = measured["held_out_loss"], measured["held_out_accuracy"]
        if loss is None:
            return "nothing is held out"
        return f"{loss:.4f} nats a token and {accuracy:.1%} of tokens right in held-out dialogues"


def rows_of(
    plan: WholePlan, units: Conversations, forward: Forward, ranks: Ranks, *, micro: int
) -> Iterator[Rows]:
    """This process's share of the rows of an epoch, `micro` at a time; as many for each process."""
    count = plan.blocks_per_epoch
    each = -(-count // ranks.world)
    for at in range(0, each, micro):
        numbers = [ranks.rank + ranks.world * index for index in range(at, min(at + micro, each))]
        blocks = [plan.read(units, number) for number in numbers if number < count]
        empty = plan.read(units, 0).emptied()
        blocks += [empty] * (len(numbers) - len(blocks))
        yield stack(blocks, forward.device)
