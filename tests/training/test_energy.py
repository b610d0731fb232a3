import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from mowa.execution import _energy
from mowa.execution._energy import EnergyMeter
from mowa.training import _meters


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class NVMLError(Exception):
    pass


class Nvml:
    """What the meter uses of pynvml: millijoules of two GPUs."""

    NVMLError = NVMLError

    def __init__(self):
        self.millijoules = {"GPU-a": 5_000_000, "GPU-b": 7_000_000}
        self.broken = False

    def nvmlInit(self):  # noqa: N802 - NVML's own name
        if self.broken:
            raise NVMLError("no driver")

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        return uuid

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return sorted(self.millijoules)[index]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        if self.broken:
            raise NVMLError("GPU is lost")
        return self.millijoules[handle]


def zone(powercap, folder, name, microjoules, size=262_143_328_850):
    path = powercap / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "max_energy_range_uj").write_text(f"{size}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    return path / "energy_uj"


@pytest.fixture
def clock():
    return Clock()


def test_gpus_are_read_from_nvml(clock):
    nvml = Nvml()
    with EnergyMeter(gpus=["GPU-a", "GPU-b"], watts=900, nvml=nvml, clock=clock) as meter:
        nvml.millijoules = {"GPU-a": 5_400_000, "GPU-b": 7_100_000}
        clock.now += 10
    read = meter.read()
    assert (read.joules, read.seconds, read.how, read.of) == (500.0, 10.0, "nvml", "2 GPUs")
    assert read.watts == 50.0
    assert read.kwh == pytest.approx(500 / 3.6e6)


def test_gpus_may_be_named_by_their_index(clock):
    nvml = Nvml()
    meter = EnergyMeter(gpus=[1], watts=1, nvml=nvml, clock=clock)
    nvml.millijoules["GPU-b"] += 3000
    assert (meter.read().joules, meter.read().of) == (3.0, "1 GPU")


def test_a_gpu_that_nvml_does_not_count_is_estimated_and_not_given_the_processors_energy(
    clock, tmp_path
):
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    nvml = Nvml()
    nvml.broken = True
    meter = EnergyMeter(
        gpus=["GPU-a"], watts=450, watts_are="of the board", powercap=tmp_path, nvml=nvml,
        clock=clock,
    )  # fmt: skip
    clock.now += 2
    read = meter.read()
    assert (read.joules, read.how, read.of) == (900.0, "estimated", "450 W, of the board")


def test_without_pynvml_a_gpu_is_estimated(clock, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(_energy.importlib, "import_module", absent)
    meter = EnergyMeter(gpus=[0], watts=100, clock=clock)
    clock.now += 1
    assert (meter.read().joules, meter.read().how) == (100.0, "estimated")


def test_a_counter_lost_in_the_middle_makes_the_whole_run_an_estimate(clock):
    nvml = Nvml()
    meter = EnergyMeter(gpus=["GPU-a"], watts=10, nvml=nvml, clock=clock)
    nvml.millijoules["GPU-a"] += 10**9
    clock.now += 5
    nvml.broken = True
    read = meter.read()
    assert (read.joules, read.how) == (50.0, "estimated")


def test_a_processor_is_read_from_rapl_with_its_memory_and_nothing_twice(clock, tmp_path):
    package = zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 1_000_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 1_000_000)
    whole = zone(tmp_path, "intel-rapl:2", "psys", 1_000_000)
    (tmp_path / "intel-rapl").mkdir()  # the driver itself, which is no zone
    with EnergyMeter(watts=1, powercap=tmp_path, clock=clock) as meter:
        for path in (package, second, core, memory, whole):
            path.write_text("3000000\n")
    read = meter.read()
    assert (read.joules, read.how, read.of) == (6.0, "rapl", "processor and memory")


def test_a_rapl_counter_that_starts_again_is_counted_on(clock, tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, size=10_000_000)
    meter = EnergyMeter(watts=1, powercap=tmp_path, clock=clock)
    counter.write_text("2000000\n")
    assert meter.read().joules == 3.0
    counter.write_text("9000000\n")
    assert meter.read().joules == 10.0
    counter.write_text("1000000\n")
    assert meter.read().joules == 12.0
    assert meter.read().of == "processor"


@pytest.mark.parametrize("trouble", ["absent", "unreadable", "damaged", "empty"])
def test_rapl_that_cannot_be_read_gives_an_estimate(trouble, clock, tmp_path):
    if trouble != "absent":
        counter = zone(tmp_path, "intel-rapl:0", "package-0", 1)
        counter.unlink()
        if trouble == "unreadable":
            counter.mkdir()  # for root too
        elif trouble == "damaged":
            counter.write_text("many\n")
    meter = EnergyMeter(watts=24, powercap=tmp_path, clock=clock)
    clock.now += 3
    read = meter.read()
    assert (read.joules, read.how) == (72.0, "estimated")


def test_rapl_is_read_between_so_that_no_round_of_its_counter_is_missed(
    clock, tmp_path, monkeypatch
):
    monkeypatch.setattr(_energy, "_READ_EVERY_SECONDS", 0.001)
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    reads, enough = [], threading.Event()
    original = _energy._Rapl.joules

    def counted(self):
        reads.append(1)
        if len(reads) == 5:
            enough.set()
        return original(self)

    monkeypatch.setattr(_energy._Rapl, "joules", counted)
    with EnergyMeter(watts=1, powercap=tmp_path, clock=clock) as meter:
        assert enough.wait(30)
    assert (meter.read().joules, meter.read().how) == (0.0, "rapl")


def test_no_time_is_no_power():
    assert _energy.Energy(0.0, 0.0, "estimated", "").watts == 0.0


def test_gpus_are_found_with_the_installed_module(clock, monkeypatch):
    nvml = Nvml()
    modules = {"pynvml": nvml}
    monkeypatch.setattr(_energy, "importlib", SimpleNamespace(import_module=modules.__getitem__))
    assert EnergyMeter(gpus=[0], watts=1, clock=clock).read().how == "nvml"


def test_the_gpus_that_are_read_are_those_that_torch_sees(monkeypatch):
    """With CUDA_VISIBLE_DEVICES torch's first is not NVML's first."""
    monkeypatch.setattr(
        _meters.torch.cuda, "get_device_properties", lambda n: SimpleNamespace(uuid=f"{n}-b")
    )
    seen = []
    monkeypatch.setattr(
        _meters, "EnergyMeter", lambda *, gpus, **_: seen.extend(gpus) or nullcontext()
    )
    monkeypatch.setattr(_meters.torch.cuda, "get_device_name", lambda _: "unknown")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    model = SimpleNamespace(config=SimpleNamespace(to_dict=dict))
    with _meters.meters(
        model, device=torch.device("cuda"), precision="bf16", world=2, sequence_length=8
    ):
        pass
    assert seen == ["GPU-0-b", "GPU-1-b"]
