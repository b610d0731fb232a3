"""How much memory training takes, and how much fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from mowa.errors import MowaError
from mowa.training._distribution import Ranks
from mowa.training._resident import forget_peak, peak_resident_bytes
from mowa.training._trainer_config import TrainerConfig

_FULL = 0.9  # of a GPU's memory: what lies scattered is not all usable


def peak_memory(device: torch.device) -> int:
    """Most bytes since `forget_peak_memory`: of tensors on a GPU, of the process on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return peak_resident_bytes()


def forget_peak_memory(device: torch.device) -> None:
    """Count from now on: what a process did before a run is not the run's."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        forget_peak()


def find_micro_batch(run: Callable[[int], None], *, most: int, ranks: Ranks) -> int:
    """The largest power of two of blocks, up to `most`, that `run` finds memory for on a GPU.

    Args:
        run: Forward and backward with so many blocks.
        most: No update has more.
        ranks: All processes take the smallest that any finds.

    Raises:
        torch.OutOfMemoryError: Where even one block is too much.
    """
    size = 1
    run(size)
    while size * 2 <= most:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        fits = True
        try:
            run(size * 2)
            used = torch.cuda.max_memory_allocated()
            fits = used <= _FULL * torch.cuda.get_device_properties().total_memory
        except torch.OutOfMemoryError:
            fits = False
        if ranks.most(not fits):
            break
        size *= 2
    torch.cuda.empty_cache()
    # What was too much is no part of the run.
    torch.cuda.reset_peak_memory_stats()
    return size


@contextmanager
def explained_memory(config: TrainerConfig, micro: int) -> Iterator[None]:
    """Where memory runs out in the block, say what to change; `micro` blocks are computed at once.

    Raises:
        MowaError: In place of torch's error.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _out_of_memory(error, config, micro) from error


def _out_of_memory(error: BaseException, config: TrainerConfig, micro: int) -> MowaError:
    """What to change, with the numbers of this run."""
    first_line = str(error).strip().partition("\n")[0]
    ways = []
    if micro > 1:
        ways.append(f"set micro_batch_size = {micro // 2} (it is {micro})")
    if not config.activation_checkpointing:
        ways.append("activation_checkpointing = true")
    ways.append(f"a shorter sequence_length than {config.sequence_length:,}")
    ways.append("more processes, which divide weights and optimizer among them")
    return MowaError(f"memory ran out: {first_line}", fix=", ".join(ways[:-1]) + f", or {ways[-1]}")
