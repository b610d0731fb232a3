"""Where and how exactly a run computes: device, precision, threads, determinism."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mowa.errors import UsageError

# At 10M parameters on two cores with AMX: 4,300 tokens a second with 1,024 of them, 4,750 with
# 2,048; compiled, 4,850 with 1,024, 5,980 with 2,048, 6,380 with 4,096.
_TOKENS_AT_ONCE = {"cpu": 2048, "cuda": 16384}
_COMPILED_FACTOR = 2

# Of `mallopt`, in glibc's malloc.h.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1


def choose_device(wanted: str) -> torch.device:
    """The device that `wanted` (auto, cpu, cuda) means on this machine.

    Raises:
        UsageError: Where a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if wanted == "cuda" and not has_gpu:
        raise UsageError(
            'device = "cuda", but torch sees no GPU here',
            fix='set device = "auto", or install a build of torch with CUDA',
        )
    return torch.device("cuda" if has_gpu and wanted != "cpu" else "cpu")


def choose_precision(wanted: str, device: torch.device) -> str:
    """``fp32`` or ``bf16``: for auto, bf16 where the hardware multiplies it faster than float32.

    On a CPU that takes AVX-512 BF16 or AMX: elsewhere torch emulates bf16, several times slower.
    """
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    fast = torch.cpu._is_avx512_bf16_supported() or has_amx()  # noqa: SLF001 - torch has no public name for it
    return "bf16" if fast else "fp32"


def has_amx() -> bool:
    """Does this CPU multiply tiles of bf16 in hardware?"""
    return bool(torch.cpu._is_amx_tile_supported())  # noqa: SLF001 - torch has no public name for it


@contextmanager
def _keeping_memory() -> Iterator[None]:
    """Let freed memory stay with the process, for the next micro-batch asks for as much again.

    glibc hands large blocks back at once, and the pages of the next ones have to be made anew: 12 %
    of an update. Elsewhere nothing is changed.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is None:
        yield
        return
    set_option(_MMAP_THRESHOLD, 1 << 30)
    set_option(_TRIM_THRESHOLD, (1 << 31) - 1)
    try:
        yield
    finally:
        for option in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
            set_option(option, 128 * 1024)  # as it begins
        ctypes.CDLL(None).malloc_trim(0)


def choose_micro_batch(
    wanted: int | None, sequence_length: int, device: torch.device, *, compiled: bool
) -> int:
    """Blocks that go through the model at once."""
    tokens = _TOKENS_AT_ONCE[device.type] * (_COMPILED_FACTOR if compiled else 1)
    return wanted or max(tokens // sequence_length, 1)


@contextmanager
def numerics(*, threads: int | None, seed: int) -> Iterator[int]:
    """Deterministic torch on a fixed number of threads, yielded; puts the settings back after."""
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined] # set by the module's class
    )
    # cuBLAS is deterministic only with a fixed workspace, and reads this when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads or before[0])
    torch.use_deterministic_algorithms(True, warn_only=True)  # noqa: FBT003 - by position only
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # as above
    with torch.random.fork_rng(), _keeping_memory():
        torch.manual_seed(seed)
        try:
            yield torch.get_num_threads()
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1], warn_only=True)
            torch.utils.deterministic.fill_uninitialized_memory = before[2]  # type: ignore[attr-defined] # as above
