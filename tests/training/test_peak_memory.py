"""Memory is that of the run, whatever the process, or the one that started it, did before."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import pretrain

from mowa.training import _memory, _resident
from mowa.training._distribution import Ranks
from mowa.training._memory import find_micro_batch, forget_peak_memory, peak_memory

CPU = torch.device("cpu")
MUCH = 300_000_000

on_linux = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux lets a peak be forgotten"
)


def hold_for_a_moment():
    return int(np.ones(MUCH // 8).sum())


@on_linux
def test_what_a_step_before_held_is_not_counted(world, tmp_path):
    hold_for_a_moment()
    before = peak_memory(CPU)
    metrics = pretrain(world, tmp_path / "out", steps=3)
    assert metrics["peak_memory"] < before - MUCH // 2


@on_linux
def test_the_peak_is_told_until_it_is_forgotten():
    forget_peak_memory(CPU)
    before = peak_memory(CPU)
    hold_for_a_moment()
    assert peak_memory(CPU) > before + MUCH // 2
    forget_peak_memory(CPU)
    assert peak_memory(CPU) < before + MUCH // 2


@on_linux
def test_a_process_does_not_inherit_the_peak_of_the_one_that_started_it():
    code = "from mowa.training._resident import peak_resident_bytes as f; print(f())"
    held = np.ones(MUCH // 8)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert int(found.stdout) < held.nbytes


def test_where_the_system_does_not_say_the_most_so_far_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(_resident, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(_resident, "_CLEAR", tmp_path / "no folder" / "clear_refs")
    _resident.forget_peak()
    assert _resident.peak_resident_bytes() == _resident.resident_bytes() > 50e6


class Gpu:
    """What the search asks of torch.cuda, for a GPU on which a block takes two gigabytes."""

    each, total, already = 2_000_000_000, 40_000_000_000, 3_000_000_000

    def __init__(self):
        self.peak = 0

    def run(self, blocks):
        used = self.already + blocks * self.each
        self.peak = max(self.peak, min(used, self.total))
        if used > self.total:
            raise torch.OutOfMemoryError("CUDA out of memory")

    def empty_cache(self):
        pass

    def reset_peak_memory_stats(self, _=None):
        self.peak = self.already

    def max_memory_allocated(self, _=None):
        return self.peak

    def get_device_properties(self):
        return type("Properties", (), {"total_memory": self.total})


@pytest.fixture
def gpu(monkeypatch):
    made = Gpu()
    monkeypatch.setattr(_memory.torch, "cuda", made)
    return made


@pytest.mark.parametrize(
    ("each", "most", "found"),
    [
        (2_000_000_000, 64, 16),  # 35 of 40 gigabytes; twice that is too much
        (2_100_000_000, 64, 8),  # 16 of them are more than nine tenths
        (2_000_000_000, 4, 4),  # no update has more
        (2_000_000_000, 7, 4),
        (20_000_000_000, 64, 1),
    ],
)
def test_the_largest_power_of_two_that_leaves_a_tenth_free_is_found(gpu, each, most, found):
    gpu.each = each
    assert find_micro_batch(gpu.run, most=most, ranks=Ranks()) == found


def test_one_block_that_does_not_fit_is_an_error(gpu):
    gpu.each = gpu.total
    with pytest.raises(torch.OutOfMemoryError):
        find_micro_batch(gpu.run, most=4, ranks=Ranks())


def test_all_processes_take_what_the_smallest_finds(gpu):
    class Others(Ranks):
        def most(self, value):
            tried.append(value)
            return len(tried) == 3

    tried = []
    assert find_micro_batch(gpu.run, most=64, ranks=Others()) == 4
    assert tried == [False, False, False]


@pytest.mark.parametrize("most", [1, 4, 64])
def test_what_the_search_held_is_not_the_runs_peak(gpu, most):
    find_micro_batch(gpu.run, most=most, ranks=Ranks())
    assert peak_memory(torch.device("cuda")) == gpu.already
    gpu.run(2)
    assert peak_memory(torch.device("cuda")) == gpu.already + 2 * gpu.each
    forget_peak_memory(torch.device("cuda"))
    assert peak_memory(torch.device("cuda")) == gpu.already
