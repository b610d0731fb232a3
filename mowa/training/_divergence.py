"""What is said where a loss, a gradient or a measurement is no number any more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from mowa.errors import DataError, MowaError
from mowa.training._checkpoint import Checkpoints
from mowa.training._objective import Objective

_FIX = (
    "lower learning_rate (and muon_learning_rate), raise warmup_steps, or set"
    ' precision = "fp32"; each makes a new run from the start'
)


def refuse_broken_beginning(measured: dict[str, Any], objective: Objective) -> None:
    """Raise where the model is broken before anything is learnt.

    Raises:
        DataError: Where a measurement is no number.
    """
    if _is_broken(measured.values()):
        raise DataError(
            f"before the first update, the model has {objective.tell(measured)}:"
            " some of its weights are not numbers, or overflow",
            fix='read another copy of the model; where precision is "bf16", try "fp32"',
        )


def refuse_broken_measurement(
    measured: dict[str, Any], objective: Objective, when: str, checkpoints: Checkpoints
) -> None:
    """Raise where the model is broken after an update, before it is saved.

    Args:
        measured: On what is held out.
        objective: Tells it.
        when: Which update, of how many.
        checkpoints: Those before it.

    Raises:
        MowaError: Where a measurement is no number.
    """
    if _is_broken(measured.values()):
        checkpoints.finish()
        raise MowaError(
            f"training diverged: the model has {objective.tell(measured)} after {when};"
            f" it was not saved, and {_last_good(checkpoints)}",
            where=str(checkpoints.folder),
            fix=_FIX,
        )


def refuse_broken_update(loss: float, norm: float, when: str, checkpoints: Checkpoints) -> None:
    """Raise where an update must not be made.

    Args:
        loss: Of its batch.
        norm: Of the whole gradient.
        when: Which update, of how many, at which learning rate.
        checkpoints: Those before it.

    Raises:
        MowaError: Where one of the two is no number.
    """
    if not _is_broken((loss, norm)):
        return
    checkpoints.finish()
    what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {norm}"
    raise MowaError(
        f"training diverged: {what} in {when}; the update was not made, and"
        f" {_last_good(checkpoints)}",
        where=str(checkpoints.folder),
        fix=_FIX,
    )


def _is_broken(values: Iterable[Any]) -> bool:
    return any(
        _is_broken(each.values())
        if isinstance(each, dict)
        else isinstance(each, float) and not math.isfinite(each)
        for each in values
    )


def _last_good(checkpoints: Checkpoints) -> str:
    names = checkpoints.names()
    return f"the last good checkpoint is {names[-1]}" if names else "there is no checkpoint yet"
