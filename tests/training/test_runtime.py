import resource
import sys

import pytest
import torch

from mowa.errors import UsageError
from mowa.training._runtime import (
    choose_device,
    choose_micro_batch,
    choose_precision,
    numerics,
)

CPU = torch.device("cpu")


def test_settings_of_torch_come_back_after_a_run():
    torch.manual_seed(3)
    before = (torch.get_num_threads(), torch.get_rng_state())
    with numerics(threads=1, seed=5) as threads:
        assert threads == torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        first = torch.rand(3)
    with numerics(threads=None, seed=5) as threads:
        assert threads == before[0]
        assert torch.equal(torch.rand(3), first)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def pages_made_anew():
    """For 64 MB that are asked for, written, and given back."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(1 << 24).fill_(1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told to keep memory")
def test_freed_memory_stays_with_the_process_while_it_trains_and_no_longer():
    with numerics(threads=1, seed=5):
        kept = [pages_made_anew() for _ in range(12)]
    given_back = [pages_made_anew() for _ in range(4)]
    assert sum(kept[-4:]) * 4 < sum(given_back)


@pytest.mark.parametrize(
    ("avx", "amx", "expected"),
    [(True, False, "bf16"), (False, True, "bf16"), (False, False, "fp32")],
)
def test_auto_is_bf16_only_where_the_cpu_multiplies_it(monkeypatch, avx, amx, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert choose_precision("auto", CPU) == expected
    assert choose_precision("fp32", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"


def test_the_device_is_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == CPU
    with pytest.raises(UsageError, match="no GPU"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == CPU
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert choose_precision("auto", torch.device("cuda")) == "fp32"


def test_micro_batches_fill_a_budget_of_tokens():
    gpu = torch.device("cuda")
    assert choose_micro_batch(None, 512, CPU, compiled=False) == 4
    assert choose_micro_batch(None, 512, CPU, compiled=True) == 8
    assert choose_micro_batch(None, 4096, CPU, compiled=True) == 1
    assert choose_micro_batch(None, 512, gpu, compiled=False) == 32
    assert choose_micro_batch(3, 512, CPU, compiled=True) == 3
