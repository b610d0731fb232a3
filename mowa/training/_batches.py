"""The batches of a run, read beside the training, and divided among its processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from mowa.training._distribution import Ranks
from mowa.training._forward import Rows, stack
from mowa.training._objective import Objective, Sizes


@dataclass(frozen=True)
class Batch:
    """One update: its sizes in all processes, and the micro-batches of this one."""

    sizes: Sizes
    passes: list[Rows]


def read_batch(
    objective: Objective, step: int, *, micro: int, ranks: Ranks, device: torch.device
) -> Batch:
    """The batch of update `step`, in micro-batches of `micro` blocks."""
    places = objective.order.batch(step)
    blocks = [objective.read(place) for place in ranks.mine(places)]
    # Every process makes as many passes: FSDP's sums need all of them.
    size = -(-len(places) // ranks.world)
    shape = blocks[0] if blocks else objective.read(places[0])
    blocks += [shape.emptied()] * (size - len(blocks))
    return Batch(
        objective.sizes(places),
        [stack(blocks[at : at + micro], device) for at in range(0, len(blocks), micro)],
    )


def example_of(objective: Objective, count: int, device: torch.device) -> Rows:
    """The first `count` blocks of the run; their tokens all weigh the same."""
    read = [objective.read(objective.order.place(number)) for number in range(count)]
    return replace(stack(read, device), weights=None)


@contextmanager
def ahead(read: Callable[[int], Batch], steps: range) -> Iterator[Iterator[Batch]]:
    """What `read` gives for each of `steps`; the next is read while one is computed."""
    with ThreadPoolExecutor(1) as pool:

        def batches() -> Iterator[Batch]:
            following = pool.submit(read, steps[0]) if steps else None
            for step in steps:
                assert following is not None
                ready = following.result()
                following = pool.submit(read, step + 1) if step + 1 in steps else None
                yield ready

        yield batches()
