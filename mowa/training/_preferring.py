"""Preferences: of two answers to one question the better one becomes likelier, the other less.

Every objective is a function of four summed log-probabilities: those that the model in training and
the model as it was read (the reference) give to the chosen and to the rejected answer. Another one
is another function in `OBJECTIVES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mowa.execution import Progress
from mowa.training._conversations import Conversations
from mowa.training._distribution import Ranks
from mowa.training._finetuning import rows_of
from mowa.training._forward import Forward, Rows, measuring, stack
from mowa.training._objective import Sizes
from mowa.training._order import Place, TrainingOrder
from mowa.training._plan import Block
from mowa.training._whole import WholePlan
from mowa.workspace import writing

REFERENCE = "reference"
_ROWS = 64  # of a part of the reference: what a killed run computes again at most


class LogProbabilities(NamedTuple):
    """Of answers, summed over their tokens, each of one shape."""

    chosen: Tensor
    rejected: Tensor
    reference_chosen: Tensor
    reference_rejected: Tensor


class Strength(NamedTuple):
    """How strongly a preference pulls.

    Attributes:
        beta: Of the log-ratios; of the chosen answer's alone where `beta_rejected` differs.
        beta_rejected: Of the rejected answer's log-ratio.
        penalty: Lambda: what a chosen answer costs that is less likely than under the reference.
    """

    beta: float
    beta_rejected: float
    penalty: float


def dpo(given: LogProbabilities, by: Strength) -> tuple[Tensor, Tensor]:
    """Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290, equation 7).

    Returns:
        ``-ln σ(margin)`` of each pair, and its margin, ``β (ln-ratio chosen - ln-ratio rejected)``.
    """
    margin = by.beta * (_ratio_chosen(given) - _ratio_rejected(given))
    return -functional.logsigmoid(margin), margin


def dpop(given: LogProbabilities, by: Strength) -> tuple[Tensor, Tensor]:
    """DPO-Positive (Pal et al. 2024, "Smaug", arXiv:2402.13228, equation 3).

    The penalty stands inside β:
    ``-ln σ(β (ln-ratio chosen - ln-ratio rejected - λ max(0, -ln-ratio chosen)))``.

    Returns:
        The loss of each pair, and its margin without the penalty.
    """
    margin = by.beta * (_ratio_chosen(given) - _ratio_rejected(given))
    return -functional.logsigmoid(margin - by.beta * by.penalty * _shortfall(given)), margin


def dpop_two_beta(given: LogProbabilities, by: Strength) -> tuple[Tensor, Tensor]:
    """DPO-Positive as ALLaMo computes it: each answer has its own β, the penalty none.

    ``-ln σ(β_chosen · ln-ratio chosen - β_rejected · ln-ratio rejected - λ max(0, -ln-ratio
    chosen))``; with equal betas it is `dpop` with λ / β in place of λ.

    Returns:
        The loss of each pair, and its margin without the penalty.
    """
    margin = by.beta * _ratio_chosen(given) - by.beta_rejected * _ratio_rejected(given)
    return -functional.logsigmoid(margin - by.penalty * _shortfall(given)), margin


Preference = Callable[[LogProbabilities, Strength], tuple[Tensor, Tensor]]

OBJECTIVES: dict[str, Preference] = {"dpo": dpo, "dpop": dpop, "dpop-two-beta": dpop_two_beta}


def _ratio_chosen(given: LogProbabilities) -> Tensor:
    return given.chosen - given.reference_chosen


def _ratio_rejected(given: LogProbabilities) -> Tensor:
    return given.rejected - given.reference_rejected


def _shortfall(given: LogProbabilities) -> Tensor:
    return functional.relu(given.reference_chosen - given.chosen)


@dataclass(frozen=True)
class Preferences:
    """The mean over an update's pairs, in all processes, of one of `OBJECTIVES`.

    Attributes:
        order: Over `train`.
        plan: The only one of the order.
        train: What is learnt.
        held_out: What is only measured.
        measured: Its plan; None where there is nothing.
        function: Of `OBJECTIVES`.
        strength: Its numbers.
        names: Of the stream.
        figures: Means over the update's pairs: margin, the share of pairs with a margin above 0,
            and the two summed log-probabilities.
    """

    order: TrainingOrder
    plan: WholePlan
    train: Conversations
    held_out: Conversations
    measured: WholePlan | None
    function: Preference
    strength: Strength
    names: Sequence[str] = ("preferences",)
    figures: Sequence[str] = ("margin", "accuracy", "chosen_logps", "rejected_logps")

    def read(self, place: Place) -> Block:
        """A row of pairs: the chosen answer of each, and behind it the rejected one."""
        return self.plan.read(self.train, place.block)

    def sizes(self, places: Sequence[Place]) -> Sizes:
        """Every pair weighs the same."""
        pairs = sum(len(self.plan.units_of(place.block)) for place in places)
        return Sizes(pairs, logged={"pairs": pairs})

    def begin(
        self, forward: Forward, ranks: Ranks, *, micro: int, out: Path, progress: Progress
    ) -> None:
        """Let the reference be known of every pair, computed once and read from then on."""
        for split, units, plan in (
            ("train", self.train, self.plan), ("held-out", self.held_out, self.measured),
        ):  # fmt: skip
            if plan is not None:
                # Of the held-out ones another run may measure more.
                folder = out / REFERENCE / f"{split}-{len(units)}"
                compute_reference(plan, units, forward, ranks, micro, folder, progress)
                units.reference = read_reference(plan, len(units), folder)

    def loss(self, forward: Forward, rows: Rows) -> Tensor:
        """Loss and figures, summed over the pairs of `rows`."""
        assert rows.reference is not None
        sums, tokens = _by_segment(-forward(rows, "tokens"), rows)
        chosen, rejected = _sides(sums)
        reference_chosen, reference_rejected = _sides(rows.reference)
        given = LogProbabilities(chosen, rejected, reference_chosen, reference_rejected)
        losses, margins = self.function(given, self.strength)
        found = torch.stack(
            [losses, *(x.detach() for x in (margins, (margins > 0).float(), chosen, rejected))]
        )
        is_pair = _sides(tokens)[0] > 0
        return (found * is_pair).sum(dim=(1, 2))

    def measure(self, forward: Forward, ranks: Ranks, *, micro: int) -> dict[str, Any]:
        """The same on the pairs that are held out."""
        names = [f"held_out_{name}" for name in ("loss", *self.figures)]
        if self.measured is None:
            return dict.fromkeys(names)
        sums = torch.zeros(len(names), dtype=torch.float64)
        with measuring(forward):
            for rows in rows_of(self.measured, self.held_out, forward, ranks, micro=micro):
                sums += self.loss(forward, rows).double().cpu()
        means = [each / len(self.held_out) for each in ranks.sums(sums.tolist())]
        return dict(zip(names, means, strict=True))

    def tell(self, measured: dict[str, Any]) -> str:
        """Loss and the share of pairs in their order."""
        loss, accuracy = measured["held_out_loss"], measured["held_out_accuracy"]
        if loss is None:
            return "nothing is held out"
        return f"held-out loss {loss:.4f}, {accuracy:.1%} of held-out pairs in their order"


def compute_reference(  # noqa: PLR0917 - all of them are what is computed, and where
    plan: WholePlan,
    units: Conversations,
    forward: Forward,
    ranks: Ranks,
    micro: int,
    folder: Path,
    progress: Progress,
) -> None:
    """Write the summed log-probabilities of all pairs below `folder`, a file for `_ROWS` rows.

    A file that is there is not made again: it is of the model as it was read.
    """
    count = -(-plan.blocks_per_epoch // _ROWS)
    todo = [number for number in range(count) if not _part(folder, number).exists()]
    # Nobody writes before all have looked.
    ranks.wait()
    mine = todo[ranks.rank :: ranks.world]
    if not todo:
        return
    with (
        measuring(forward),
        progress.task(f"reference, {folder.name}", total=count, done=count - len(todo)) as advance,
    ):
        for turn in range(-(-len(todo) // ranks.world)):
            # Who has no part left computes the first again: all make as many passes.
            number = mine[turn] if turn < len(mine) else todo[0]
            found = _scores(plan, units, forward, number, micro)
            if turn < len(mine):
                with writing(_part(folder, number)) as path, path.open("wb") as file:
                    np.save(file, found, allow_pickle=False)
            advance(min(ranks.world, len(todo) - turn * ranks.world))
    ranks.wait()


def read_reference(plan: WholePlan, count: int, folder: Path) -> NDArray[np.float32]:
    """What `compute_reference` wrote: pairs x (chosen, rejected)."""
    found = np.zeros((count, 2), np.float32)
    for number in range(-(-plan.blocks_per_epoch // _ROWS)):
        units = [unit for row in _rows_of_part(plan, number) for unit in plan.units_of(row)]
        found[units] = np.load(_part(folder, number), allow_pickle=False)
    return found


def _part(folder: Path, number: int) -> Path:
    return folder / f"{number:05}.npy"


def _rows_of_part(plan: WholePlan, number: int) -> range:
    return range(number * _ROWS, min((number + 1) * _ROWS, plan.blocks_per_epoch))


def _scores(
    plan: WholePlan, units: Conversations, forward: Forward, number: int, micro: int
) -> NDArray[np.float32]:
    """Of the pairs of a part, row after row."""
    numbers = _rows_of_part(plan, number)
    found = []
    for at in range(0, _ROWS, micro):
        blocks = [plan.read(units, row) for row in numbers[at : at + micro]]
        # Parts are of one length to all processes, the last one too.
        blocks += [plan.read(units, 0).emptied()] * (min(micro, _ROWS - at) - len(blocks))
        rows = stack(blocks, forward.device)
        sums, tokens = _by_segment(-forward(rows, "tokens"), rows)
        is_pair = _sides(tokens)[0] > 0
        found.append(torch.stack(_sides(sums), dim=-1)[is_pair].cpu().numpy())
    return np.concatenate(found)


def _by_segment(values: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """Sums of `values`, and the number of labels, of the segments of each row by their number.

    Both of the shape of `values`: no row has more segments than positions. What has no label, as
    padding, adds nothing.
    """
    at = rows.segments.clamp(min=0)
    sums = torch.zeros_like(values).scatter_add(1, at, values)
    labelled = (rows.labels >= 0).to(values.dtype)
    return sums, torch.zeros_like(values).scatter_add(1, at, labelled)


def _sides(by_segment: Tensor) -> tuple[Tensor, Tensor]:
    """Chosen and rejected, each rows x pairs."""
    even = by_segment.shape[1] // 2 * 2
    return by_segment[:, 0:even:2], by_segment[:, 1:even:2]
