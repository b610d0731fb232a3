"""Going on from a checkpoint: is it this run's, what has changed since, what is put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from mowa.errors import MowaError
from mowa.training._checkpoint import Checkpoint
from mowa.training._distribution import Ranks
from mowa.training._optimizer import Optimizers


def refuse_other_run(found: Checkpoint, identity: dict[str, Any]) -> None:
    """Raise where the run that wrote it had another configuration, plan or data.

    Raises:
        MowaError: With what differs.
    """
    recorded = found.state["identity"]
    differing = sorted(key for key in identity if recorded.get(key) != identity[key])
    if differing:
        raise MowaError(
            f"checkpoint {found.name} belongs to another run: its {', '.join(differing)} differ",
            where="checkpoints",
            fix="remove this step's unfinished artifact and run again, which trains from the start",
        )


def say_what_changed(
    before: dict[str, Any], now: dict[str, Any], say: Callable[[str], None]
) -> None:
    """Tell of what rounding depends on and is not as it was."""
    changed = [
        f"{key} {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]
    ]
    if changed:
        say(
            f"not as before: {', '.join(changed)}; the result will equal that of an uninterrupted"
            " run up to rounding, not bit by bit"
        )


def tensors_of(
    model: Any, optimizers: Optimizers, ranks: Ranks, device: torch.device
) -> dict[str, Tensor]:
    """All tensors of a checkpoint: weights, moments and the states of random generators."""
    random = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    parameters = dict(model.named_parameters())
    assert ranks.mesh is None or all(isinstance(p, DTensor) for p in parameters.values())
    return {
        **{f"model/{name}": parameter for name, parameter in parameters.items()},
        **{f"optimizer/{name}": value for name, value in optimizers.state().items()},
        **{f"random/{ranks.rank}/{name}": value for name, value in random.items()},
    }


def restore(
    found: Checkpoint, model: Any, optimizers: Optimizers, ranks: Ranks, device: torch.device
) -> None:
    """Read all of them into model, optimizers and generators."""
    optimizers.prepare()
    wanted = tensors_of(model, optimizers, ranks, device)
    names = found.names()
    with torch.no_grad():
        # Another number of processes has other random states; nothing draws from them but dropout.
        read = {
            key: value.detach()
            for key, value in wanted.items()
            if key in names or not key.startswith("random/")
        }
        found.load(read)
    own = f"random/{ranks.rank}/"
    if f"{own}cpu" in read:
        torch.set_rng_state(read[f"{own}cpu"])
    if f"{own}cuda" in read:
        torch.cuda.set_rng_state(read[f"{own}cuda"], device)
