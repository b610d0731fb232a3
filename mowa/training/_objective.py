"""What a run learns: in which order, by which loss, and how it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor

from mowa.execution import Progress
from mowa.training._distribution import Ranks
from mowa.training._forward import Forward, Rows
from mowa.training._held_out import HeldOut, bits_per_byte
from mowa.training._order import Place, TrainingOrder
from mowa.training._plan import Block

if TYPE_CHECKING:
    from mowa.training._split import TokenSplit


@dataclass(frozen=True)
class Sizes:
    """What is known of a batch before its first gradient, over all processes.

    Attributes:
        divisor: What the sums of `Objective.loss` are divided by.
        rate: What the learning rate of this update is multiplied by.
        logged: What metrics.jsonl gets of it.
    """

    divisor: float
    rate: float = 1.0
    logged: dict[str, float] = field(default_factory=dict)


class Objective(Protocol):
    """What the loop asks. One is a dataclass of a screen; another is one more of them."""

    @property
    def order(self) -> TrainingOrder:
        """Which block comes when."""

    @property
    def names(self) -> Sequence[str]:
        """Of the streams of the order."""

    @property
    def figures(self) -> Sequence[str]:
        """What `loss` gives besides the loss, by the names it has in metrics.jsonl."""

    def read(self, place: Place) -> Block:
        """The block at a place of the order."""

    def sizes(self, places: Sequence[Place]) -> Sizes:
        """Of the batch of these places."""

    def begin(
        self, forward: Forward, ranks: Ranks, *, micro: int, out: Path, progress: Progress
    ) -> None:
        """What is done with the model as it was read, before its first update."""

    def loss(self, forward: Forward, rows: Rows) -> Tensor:
        """The loss, which is differentiated, and the figures, which are not: sums over `rows`."""

    def measure(self, forward: Forward, ranks: Ranks, *, micro: int) -> dict[str, Any]:
        """On what is held out, by the names it has in metrics.jsonl."""

    def tell(self, measured: dict[str, Any]) -> str:
        """What was measured, as a person reads it."""


@dataclass(frozen=True)
class NextToken:
    """Pretraining: every token of the documents, all of one weight.

    Attributes:
        order: Over `splits`.
        splits: What is read.
        held_out: Of each of them.
        names: Of the token artifacts.
        figures: None.
    """

    order: TrainingOrder
    splits: Sequence[TokenSplit]
    held_out: Sequence[HeldOut]
    names: Sequence[str] = ()
    figures: Sequence[str] = ()

    def read(self, place: Place) -> Block:
        """A block of one of the splits."""
        return self.order.read(self.splits, place)

    def sizes(self, places: Sequence[Place]) -> Sizes:
        """Every token of the batch weighs the same, whichever micro-batch it is in.

        A batch may have no target: the last token of a document, alone in the last block. Its loss
        is 0.
        """
        return Sizes(max(self.order.targets(places), 1))

    def begin(
        self, forward: Forward, ranks: Ranks, *, micro: int, out: Path, progress: Progress
    ) -> None:
        """Nothing."""

    def loss(self, forward: Forward, rows: Rows) -> Tensor:
        """The sum of -ln p over the labels."""
        return forward(rows)[None]  # type: ignore[no-any-return]

    def measure(self, forward: Forward, ranks: Ranks, *, micro: int) -> dict[str, Any]:
        """Bits per byte, in all and by source."""
        measured = bits_per_byte(forward, self.held_out, ranks, micro=micro)
        return {"held_out_bpb": measured.total, "held_out_bpb_by_source": measured.by_source}

    def tell(self, measured: dict[str, Any]) -> str:
        """Bits per byte."""
        value = measured["held_out_bpb"]
        text = "no measure" if value is None else f"{value:.3f} bits per byte"
        return f"{text} on held-out documents"
