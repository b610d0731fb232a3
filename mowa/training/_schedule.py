"""How the learning rate goes over a run, as a share of its peak."""

from __future__ import annotations

import math
from typing import Literal

ScheduleName = Literal["cosine", "wsd", "linear", "constant"]


def schedule(
    step: int,
    *,
    steps: int,
    warmup: int,
    floor: float,
    name: ScheduleName = "cosine",
    decay_share: float = 0.2,
) -> float:
    """The learning rate of update `step` (from 0) as a share of its peak.

    It rises in a line to the peak, which the update after the warm-up has. Then:

    * ``cosine``: along half a cosine to `floor` at the last update (Loshchilov & Hutter 2017,
      arXiv:1608.03983, without restarts);
    * ``linear``: in a line to `floor` at the last update;
    * ``wsd``: constant, and in a line to `floor` over the last `decay_share` of all updates
      (warm-up, stable, decay: Hu et al. 2024, arXiv:2404.06395; the line as in Hägele et al. 2024,
      arXiv:2405.18392);
    * ``constant``: it stays.
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    last = steps - 1
    if name == "constant":
        return 1.0
    begin = warmup
    if name == "wsd":
        begin = max(last - round(decay_share * steps), warmup)
    way = min(max((step - begin) / max(last - begin, 1), 0.0), 1.0)
    left = (1 + math.cos(math.pi * way)) / 2 if name == "cosine" else 1 - way
    return floor + (1 - floor) * left
