"""Several processes that train one model: who they are, and how the model is divided among them.

FSDP2 divides every layer's parameters by rows; a process has all of a layer only while it computes
it. With `shard_processes` fewer than all (HSDP), each such group has a whole model in shards, and
gradients are averaged between the groups. Weights and the gradients' sums are in float32; under
bf16 the layers compute on copies in bfloat16.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

from mowa.errors import UsageError
from mowa.training._forward import Forward

Item = TypeVar("Item")

# A process waits so long for another: writing or reading a checkpoint may take minutes.
_PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; alone without others."""

    rank: int = 0
    world: int = 1
    mesh: DeviceMesh | None = None

    @property
    def is_first(self) -> bool:
        """Does this process speak for all?"""
        return self.rank == 0

    def mine(self, items: Sequence[Item]) -> list[Item]:
        """This process's share of a batch: neighbours, as equal in number as can be."""
        size = -(-len(items) // self.world)
        return list(items[self.rank * size : (self.rank + 1) * size])

    def sums(self, values: Sequence[float]) -> list[float]:
        """The sum of each of `values` over all processes."""
        if self.world == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor, group=_host_group())
        return [float(value) for value in tensor]

    def most(self, value: int) -> int:
        """The largest `value` of any process."""
        if self.world == 1:
            return value
        tensor = torch.tensor(value)
        dist.all_reduce(tensor, dist.ReduceOp.MAX, group=_host_group())
        return int(tensor)

    def sum_tensor(self, tensor: Tensor) -> Tensor:
        """The sum of `tensor` over all processes, in place."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            dist.barrier(group=_host_group())


_groups: dict[str, dist.ProcessGroup] = {}


def _host_group() -> dist.ProcessGroup | None:
    """A group for numbers in the host's memory."""
    return _groups.get("host")


def background_group() -> dist.ProcessGroup | None:
    """A group of its own for what a thread writes beside the training."""
    return _groups.get("background")


@contextmanager
def joined(
    device: torch.device, *, shard_processes: int | None
) -> Iterator[tuple[Ranks, torch.device]]:
    """This process among those that `torchrun` started; yields it and the device that it has.

    Raises:
        UsageError: Where the processes cannot be divided into groups of `shard_processes`.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 and device.type == "cpu":
        yield Ranks(), device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    group = shard_processes or world
    if world % group:
        fitting = ", ".join(str(n) for n in range(1, world + 1) if not world % n)
        raise UsageError(
            f"shard_processes {group} does not divide the {world} processes",
            fix=f"set it to one of {fitting}",
        )
    if "RANK" in os.environ:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    else:
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=HashStore(),
            rank=0,
            world_size=1,
            timeout=_PATIENCE,
        )
    try:
        for name in ("host", "background"):
            _groups[name] = dist.new_group(backend="gloo", timeout=_PATIENCE)
        mesh = (
            init_device_mesh(device.type, (world,), mesh_dim_names=("shard",))
            if group == world
            else init_device_mesh(
                device.type, (world // group, group), mesh_dim_names=("replicate", "shard")
            )
        )
        yield Ranks(dist.get_rank(), world, mesh), device
        dist.barrier(group=_groups["host"])
    finally:
        _groups.clear()
        dist.destroy_process_group()


def share(forward: Forward, ranks: Ranks) -> None:
    """Divide the model of `forward` among the processes; its parameters become shards."""
    if ranks.mesh is None:
        return
    policy = MixedPrecisionPolicy()
    if forward.precision == "bf16":
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for layer in forward.layers:
        fully_shard(layer, mesh=ranks.mesh, mp_policy=policy)
    # Embeddings and output layer in one group: where they are tied they are one parameter.
    fully_shard(forward, mesh=ranks.mesh, mp_policy=policy)


def reduce_gradients_next(forward: Forward, ranks: Ranks, *, wanted: bool) -> None:
    """Are gradients added up among the processes in the next backward pass, or kept for later?"""
    if ranks.mesh is not None:
        assert isinstance(forward, FSDPModule)
        forward.set_requires_gradient_sync(wanted)
