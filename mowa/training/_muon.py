"""torch's Muon in the arithmetic of the run, and on matrices that are divided among processes.

`torch.optim.Muon` orthogonalises in bfloat16 whatever the hardware. A CPU that has to emulate
bfloat16 takes forty times as long for that as for the rest of a step; there float32 is used.

The orthogonalisation needs a whole matrix. Under FSDP2 every process has some rows of each: the
update is put together, one process orthogonalises it, in turns, and every process takes its rows
of the result.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


class Muon(torch.optim.Muon):
    """Muon (Jordan et al. 2024): torch's defaults, state and learning-rate scale.

    Args:
        parameters: Matrices, or matrices in shards (`DTensor`).
        lr: Learning rate.
        weight_decay: Decoupled.
        dtype: In which the update is orthogonalised.
    """

    def __init__(
        self, parameters: list[Tensor], *, lr: float, weight_decay: float, dtype: torch.dtype
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay)
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no closures here
        """Move the matrices by their orthogonalised momentum."""
        assert closure is None
        for group in self.param_groups:
            assert group["adjust_lr_fn"] is None
            assert group["nesterov"]
            for number, parameter in enumerate(group["params"]):
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(parameter.grad)
                momentum = group["momentum"]
                state["momentum_buffer"].lerp_(parameter.grad, 1 - momentum)
                update = parameter.grad.lerp(state["momentum_buffer"], momentum)
                update = self._orthogonalised(update, group, turn=number)
                rows, columns = parameter.shape
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * math.sqrt(max(1.0, rows / columns)))

    def _orthogonalised(self, update: Tensor, group: dict[str, Any], *, turn: int) -> Tensor:
        def compute(matrix: Tensor) -> Tensor:
            return orthogonalised(
                matrix.to(self._dtype), group["ns_coefficients"], group["ns_steps"], group["eps"]
            ).to(matrix.dtype)

        if not isinstance(update, DTensor):
            return compute(update)
        mesh, placements = update.device_mesh, update.placements
        whole = update.full_tensor()
        # The last dimension of the mesh is the one that rows are divided over.
        ranks = mesh.get_group(mesh.ndim - 1)
        owner = turn % dist.get_world_size(ranks)
        result = (
            compute(whole).contiguous()
            if dist.get_rank(ranks) == owner
            else torch.empty_like(whole, memory_format=torch.contiguous_format)
        )
        dist.broadcast(result, group=ranks, group_src=owner)
        return distribute_tensor(result, mesh, placements, src_data_rank=None)


def orthogonalised(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """A matrix with the singular vectors of `matrix` and singular values near one.

    Args:
        matrix: Rows x columns.
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
