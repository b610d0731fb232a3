"""torch's Muon, with its matrix products in the arithmetic of the run.

`torch.optim.Muon` orthogonalises in bfloat16 whatever the hardware. A CPU that has to emulate
bfloat16 takes forty times as long for that as for the rest of a step; there float32 is used.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class Float32Muon(torch.optim.Muon):
    """Muon (Jordan et al. 2024) in float32: torch's defaults, state and learning-rate scale."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no closures here
        """Move the matrices by their orthogonalised momentum."""
        assert closure is None
        for group in self.param_groups:
            assert group["adjust_lr_fn"] is None
            assert group["nesterov"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(parameter.grad)
                momentum = group["momentum"]
                state["momentum_buffer"].lerp_(parameter.grad, 1 - momentum)
                update = parameter.grad.lerp(state["momentum_buffer"], momentum)
                update = orthogonalised(
                    update, group["ns_coefficients"], group["ns_steps"], group["eps"]
                )
                rows, columns = parameter.shape
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * math.sqrt(max(1.0, rows / columns)))


def orthogonalised(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """A matrix with the singular vectors of `matrix` and singular values near one.

    Args:
        matrix: Rows x columns, float32.
        coefficients: Of the quintic Newton-Schulz iteration, in the order x, x³, x⁵.
        steps: How many iterations.
        eps: The least norm that is divided by.
    """
    a, b, c = coefficients
    wide = matrix.T if matrix.size(0) > matrix.size(1) else matrix
    wide = wide / wide.norm().clamp(min=eps)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.T if matrix.size(0) > matrix.size(1) else wide
